/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The driver of a virtio entropy source (services/virtio_rng.c, services/virtio_channel.c) against sources
 * that lie: whatever they say, it comes back as a status, or as bytes that the source says it has written.
 */
#include <string.h>

#include "services/virtio_rng.h"
#include "support.h"
#include "virtio_script.h"

#define BYTES     1000u
#define UNTOUCHED 0x77

static uint8_t first[BYTES], second[BYTES];
static struct services_virtio_rng rng;
static struct hosted_entropy source;

/* Each unit test has a machine of its own, but these are the process's. */
static void prepare(enum hosted_virtio_lie lie)
{
    source.virtio = (struct hosted_virtio){.lie = lie};
    memset(first, UNTOUCHED, BYTES);
    memset(second, UNTOUCHED, BYTES);
}

static keel_status_t open_source(void)
{
    return services_virtio_rng_open(&rng, virtio_index(SERVICES_VIRTIO_ENTROPY));
}

/* Neither left out nor in a row of one value. */
static bool looks_random(const uint8_t *bytes, unsigned size)
{
    unsigned same = 0;
    for (unsigned i = 0; i < size; i++) {
        same += bytes[i] == UNTOUCHED;
    }
    return same < size / 32 + 2;
}

static void D7_entropy_is_all_that_was_asked_for(void)
{
    static struct services_virtio_rng other;
    prepare(HOSTED_VIRTIO_HONEST);
    CHECK_OK(open_source());
    CHECK_STATUS(services_virtio_rng_open(&other, virtio_index(SERVICES_VIRTIO_ENTROPY)), KEEL_E_BUSY);
    CHECK_STATUS(services_virtio_rng_open(&other, 0), KEEL_E_UNSUPPORTED);
    CHECK_OK(services_virtio_rng_read(&rng, first, 0));
    CHECK(first[0] == UNTOUCHED);
    CHECK_OK(services_virtio_rng_read(&rng, first, BYTES - 1)); /* many requests, more than rings have */
    CHECK(looks_random(first, BYTES - 1));
    CHECK(first[BYTES - 1] == UNTOUCHED);
    CHECK_OK(services_virtio_rng_read(&rng, second, BYTES));
    CHECK(looks_random(second, BYTES));
    CHECK(memcmp(first, second, 16) != 0);
    services_virtio_rng_close(&rng);
    CHECK_STATUS(services_virtio_rng_read(&rng, first, 1), KEEL_E_BAD_HANDLE);
    CHECK_OK(open_source());
    services_virtio_rng_close(&rng);
    CHECK_AUDIT();
}

static void read_some(uint64_t argument)
{
    uint8_t *to = argument == 0 ? first : second;
    for (unsigned i = 0; i < 5; i++) {
        CHECK_OK(services_virtio_rng_read(&rng, to + (size_t)i * 100, 100));
    }
}

static void D7_entropy_serves_several_tasks(void)
{
    prepare(HOSTED_VIRTIO_HONEST);
    CHECK_OK(open_source());
    keel_task_t other = unit_spawn(read_some, 1);
    read_some(0);
    CHECK(unit_join(other) == 0);
    CHECK(looks_random(first, 500) && looks_random(second, 500));
    services_virtio_rng_close(&rng);
}

static void D7_sources_that_are_none_are_not_opened(void)
{
    for (unsigned i = 0; i < VIRTIO_COUNT(virtio_closed); i++) {
        prepare(virtio_closed[i].lie);
        CHECK_STATUS(open_source(), virtio_closed[i].status);
        CHECK_STATUS(services_virtio_rng_read(&rng, first, 1), KEEL_E_BAD_HANDLE);
    }
    CHECK_AUDIT();
}

static void D7_entropy_that_is_lied_about(void)
{
    for (unsigned i = 0; i < VIRTIO_COUNT(virtio_answers); i++) {
        prepare(virtio_answers[i].lie);
        source.virtio.honest = UINT32_MAX;
        CHECK_OK(open_source());
        CHECK_OK(services_virtio_rng_read(&rng, first, 1));
        source.virtio.honest = 0;
        CHECK_STATUS(services_virtio_rng_read(&rng, second, 1), virtio_answers[i].status);
        CHECK_EQUAL(second[0], UNTOUCHED); /* nothing came back */
        source.virtio.honest = UINT32_MAX;
        CHECK_STATUS(services_virtio_rng_read(&rng, second, 1), KEEL_E_BUSY);
        services_virtio_rng_close(&rng);
    }
    CHECK_OK(open_source()); /* another chance */
    CHECK_OK(services_virtio_rng_read(&rng, second, 1));
    services_virtio_rng_close(&rng);
    CHECK_AUDIT();
}

static void D7_sources_that_are_only_slow_or_wild_serve(void)
{
    static const enum hosted_virtio_lie lies[] = {HOSTED_VIRTIO_SILENT,    HOSTED_VIRTIO_NO_MESSAGE,
                                                  HOSTED_VIRTIO_ODD_QUEUE, HOSTED_VIRTIO_HUGE_QUEUE,
                                                  HOSTED_VIRTIO_SCRIBBLE,  HOSTED_VIRTIO_WILD};
    for (unsigned i = 0; i < VIRTIO_COUNT(lies); i++) {
        prepare(lies[i]);
        CHECK_OK(open_source());
        CHECK_EQUAL(rng.channel.queue.size, 1);
        CHECK(rng.channel.handler.value != 0 || lies[i] == HOSTED_VIRTIO_NO_MESSAGE);
        CHECK_OK(services_virtio_rng_read(&rng, first, 100));
        CHECK(looks_random(first, 100));
        services_virtio_rng_close(&rng);
        CHECK_AUDIT();
    }
}

static void D7_source_that_says_anything(void)
{
    unsigned opened = 0, served = 0, refused = 0;
    prepare(HOSTED_VIRTIO_HONEST);
    for (unsigned i = 0; i < 50; i++) {
        if (services_virtio_rng_open(&rng, 0) != KEEL_OK) {
            continue;
        }
        opened++;
        for (unsigned j = 0; j < 4; j++) {
            keel_status_t status = services_virtio_rng_read(&rng, first, 30);
            served += status == KEEL_OK;
            refused += status == KEEL_E_MALFORMED || status == KEEL_E_TIMEOUT;
        }
        services_virtio_rng_close(&rng);
        CHECK_AUDIT();
    }
    CHECK(opened > 10 && served > 10 && refused > 10);
}

#define SOURCE(name) UNIT(name, .config.entropy = &source)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(D7_entropy_is_all_that_was_asked_for, .config.entropy = &source, .seeds = 2),
        UNIT(D7_entropy_serves_several_tasks, .config.entropy = &source, .seeds = 4),
        SOURCE(D7_sources_that_are_none_are_not_opened),
        UNIT(D7_entropy_that_is_lied_about, .config.entropy = &source, .config.step_limit = 1 << 24),
        SOURCE(D7_sources_that_are_only_slow_or_wild_serve),
        UNIT(D7_source_that_says_anything, .config.entropy = &source, .config.pci = &moody_function,
             .config.pci_count = 1, .config.step_limit = 1 << 28),
    };
    make_moody(&hosted_entropy_function, &source.virtio);
    return unit_main(tests, argc, argv);
}
