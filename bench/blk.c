/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What it costs to read a virtio disk by the driver of services/, one request after the other: ./keel bench
 * blk. QEMU lets the time stamp counter count instructions; those of the device do not count.
 *
 * The disk answers in the host's time. A CPU that idled meanwhile would have QEMU's clock leap from timer to
 * timer, until requests time out; so there is always something to do: a task that yields, whose turns do not
 * count. Whether a request is done before the driver has had to wait is up to the host: both kinds are told
 * apart.
 */
#include <stdatomic.h>
#include <stdbool.h>

#include "counters.h"
#include "keel/keel.h"
#include "services/defaults.h"
#include "services/virtio_blk.h"
#include "text.h"

enum { REQUESTS = 1000, TURNS = 16, SECTOR = SERVICES_VIRTIO_BLK_SECTOR, SECTORS_MAX = 32 };

static struct services_virtio_blk disk;
static uint8_t buffer[SECTORS_MAX * SECTOR];
static _Atomic uint64_t idle; /* instructions of the task that yields, and of its yields */
static _Atomic bool ends;

static uint64_t ticks(void)
{
    struct counters counters;
    counters_read(&counters);
    return counters.values[0];
}

/* In the shortest turn nobody else ran, nor in one that is hardly longer; of others so much is its own. */
static void stay_busy(uint64_t argument)
{
    uint64_t last = ticks(), least = UINT64_MAX / 2;
    (void)argument;
    while (!ends) {
        (void)keel_task_yield();
        uint64_t now = ticks(), turn = now - last;
        least = turn < least ? turn : least;
        idle += turn < 2 * least ? turn : least;
        last = now;
    }
}

/* Requests of one kind. */
struct kind {
    uint64_t count, least, sum;
};

static void add(struct kind *kind, uint64_t cost)
{
    kind->least = kind->count == 0 || cost < kind->least ? cost : kind->least;
    kind->sum += cost;
    kind->count++;
}

static void print(const char *name, const char *how, const struct kind *kind)
{
    struct text text;
    uint64_t mean = kind->count != 0 ? kind->sum / kind->count : 0;
    text_begin(&text);
    text_add(&text, name);
    text_add(&text, how);
    text_add_number(&text, kind->count, 10);
    text_add(&text, " requests, instructions for each: least ");
    text_add_number(&text, kind->least, 10);
    text_add(&text, ", mean ");
    text_add_number(&text, mean, 10);
    text_add(&text, "; in a million instructions: ");
    text_add_number(&text, mean != 0 ? 1000000 / mean : 0, 10);
    text_print(&text, "blk");
}

static bool measure(const char *name, uint64_t sectors)
{
    struct kind waited = {0}, at_once = {0};
    uint64_t sector = 0;
    for (unsigned i = 0; i < REQUESTS; i++) {
        uint64_t begin = ticks(), before = idle;
        sector = sector + sectors <= disk.sector_count ? sector : 0;
        if (services_virtio_blk_read(&disk, sector, buffer, sectors) != KEEL_OK) {
            return false;
        }
        uint64_t passed = idle - before;
        add(passed != 0 ? &waited : &at_once, ticks() - begin - passed);
        sector += sectors;
    }
    print(name, ", waited for: ", &waited);
    print(name, ", done at the first look: ", &at_once);
    return true;
}

int32_t keel_main(void)
{
    const struct keel_task_options options = {.entry = stay_busy, .name = "busy"};
    keel_task_t task;
    uint32_t index = 0;
    int32_t status;
    if (services_inject_defaults() != KEEL_OK ||
        services_virtio_find(SERVICES_VIRTIO_BLOCK, 0, &index) != KEEL_OK ||
        keel_task_spawn(&options, &task) != KEEL_OK || services_virtio_blk_open(&disk, index) != KEEL_OK) {
        return 1;
    }
    for (unsigned i = 0; i < TURNS; i++) {
        (void)keel_task_yield(); /* the other task has had turns of its own */
    }
    bool well = measure("512 B", 1) && measure("16 KiB", SECTORS_MAX);
    services_virtio_blk_close(&disk);
    ends = true;
    return keel_task_join(task, &status) == KEEL_OK && well ? 0 : 1;
}
