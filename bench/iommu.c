/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What it costs to map memory for a device and to take it away again: ./keel bench iommu. The real machine
 * counts instructions, without those of the remapping unit itself; the hosted one counts what that is told.
 * Each number is the difference of N and 2 N operations, divided by N.
 */
#include <stdbool.h>

#include "counters.h"
#include "keel/keel.h"
#include "text.h"

enum { OPERATIONS = 256, BATCHED = KEEL_DMA_BATCH };

static keel_pci_device_t device;
static bool failed;

static void expect(bool holds)
{
    failed = failed || !holds;
}

#define EXPECT_OK(call) expect((call) == KEEL_OK)

/* The first that can have DMA; its own registers are never touched. */
static bool find_device(void)
{
    uint32_t count = 0;
    EXPECT_OK(keel_pci_device_count(&count));
    for (uint32_t index = 0; index < count; index++) {
        if (keel_pci_device_acquire(index, &device) != KEEL_OK) {
            continue;
        }
        if (keel_dma_enable(device, 0) == KEEL_OK) {
            return true;
        }
        EXPECT_OK(keel_pci_device_release(device));
    }
    return false;
}

struct measure {
    const char *name;
    uint64_t pages, alignment;
    bool later;
};

struct cost {
    struct counters map, release;
};

static void add(struct counters *sum, const struct counters *begin, const struct counters *end)
{
    for (unsigned i = 0; i < COUNTERS_MAX; i++) {
        sum->values[i] += end->values[i] - begin->values[i];
    }
}

/* Of so many pairs; with `later`, what the flushes of full batches take is in the releases. */
static struct cost run(const struct measure *measure, keel_segment_t segment, uint32_t count)
{
    struct cost cost = {0};
    for (uint32_t i = 0; i < count; i++) {
        keel_dma_t dma = {0};
        struct counters begin = {0}, middle = {0}, end = {0};
        counters_read(&begin);
        EXPECT_OK(keel_dma_map(device, segment, 0, measure->pages, KEEL_DMA_BOTH, &dma));
        counters_read(&middle);
        EXPECT_OK(measure->later ? keel_dma_release_later(dma) : keel_dma_release(dma));
        counters_read(&end);
        add(&cost.map, &begin, &middle);
        add(&cost.release, &middle, &end);
    }
    return cost;
}

/* What looking at the counters so often counts. */
static struct counters run_empty(uint32_t count)
{
    struct counters sum = {0};
    for (uint32_t i = 0; i < count; i++) {
        struct counters begin = {0}, end = {0};
        counters_read(&begin);
        counters_read(&end);
        add(&sum, &begin, &end);
    }
    return sum;
}

/* Of one operation; what is not whole is cut off after three digits. */
static void add_share(struct text *text, const char *what, uint64_t sum)
{
    uint64_t rest = sum % OPERATIONS;
    text_add(text, what);
    text_add_number(text, sum / OPERATIONS, 10);
    for (unsigned digit = 0; digit < 3 && rest != 0; digit++) {
        text_add(text, digit == 0 ? "." : "");
        text_add_number(text, rest * 10 / OPERATIONS, 10);
        rest = rest * 10 % OPERATIONS;
    }
}

static void print(const struct measure *measure, unsigned counter, uint64_t map, uint64_t release)
{
    struct text text;
    text_begin(&text);
    text_add(&text, measure->name);
    text_add(&text, ", ");
    text_add(&text, counter_names[counter]);
    add_share(&text, ": map ", map);
    add_share(&text, ", release ", release);
    add_share(&text, ", both ", map + release);
    text_print(&text, "iommu");
}

static void measure_one(const struct measure *measure)
{
    keel_segment_t segment = {0};
    EXPECT_OK(keel_segment_alloc(measure->pages, measure->alignment, &segment));
    (void)run(measure, segment, BATCHED); /* tables are made once */
    struct counters looks = run_empty(OPERATIONS);
    struct cost once = run(measure, segment, OPERATIONS), twice = run(measure, segment, 2 * OPERATIONS);
    for (unsigned i = 0; counter_names[i] != NULL; i++) {
        print(measure, i, twice.map.values[i] - once.map.values[i] - looks.values[i],
              twice.release.values[i] - once.release.values[i] - looks.values[i]);
    }
    EXPECT_OK(keel_segment_release(segment));
}

int32_t keel_main(void)
{
    static const struct measure measures[] = {
        {"4 KiB, waiting", 1, 1, false},
        {"4 KiB, in batches", 1, 1, true},
        {"64 KiB, waiting", 16, 1, false},
        {"64 KiB, in batches", 16, 1, true},
        {"2 MiB, waiting", 512, 512, false},
        {"2 MiB, in batches", 512, 512, true},
        {"2 MiB in pages, waiting", 511, 512, false},
        {"2 MiB in pages, in batches", 511, 512, true},
    };
    if (!find_device()) {
        return 1;
    }
    for (uint32_t i = 0; i < sizeof(measures) / sizeof(measures[0]); i++) {
        measure_one(&measures[i]);
    }
    EXPECT_OK(keel_pci_device_release(device));
    return failed ? 1 : 0;
}
