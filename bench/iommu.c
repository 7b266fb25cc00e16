/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What it costs to map memory for a device and to take it away again: ./keel bench iommu. On the real
 * machine, where QEMU lets the time stamp counter count instructions; those of the remapping unit itself do
 * not count. Each number is the difference of N and 2 N operations, divided by N.
 */
#include <stdbool.h>

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

static uint64_t counter(void)
{
    uint32_t low, high;
    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

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
    uint64_t map, release;
};

/* Of so many pairs; with `later`, what the flushes of full batches take is in the releases. */
static struct cost run(const struct measure *measure, keel_segment_t segment, uint32_t count)
{
    struct cost cost = {0, 0};
    for (uint32_t i = 0; i < count; i++) {
        keel_dma_t dma = {0};
        uint64_t begin = counter();
        EXPECT_OK(keel_dma_map(device, segment, 0, measure->pages, KEEL_DMA_BOTH, &dma));
        uint64_t middle = counter();
        EXPECT_OK(measure->later ? keel_dma_release_later(dma) : keel_dma_release(dma));
        cost.release += counter() - middle;
        cost.map += middle - begin;
    }
    return cost;
}

static void print(const struct measure *measure, const struct cost *cost)
{
    struct text text;
    text_begin(&text);
    text_add(&text, measure->name);
    text_add(&text, ": map ");
    text_add_number(&text, cost->map, 10);
    text_add(&text, ", release ");
    text_add_number(&text, cost->release, 10);
    text_add(&text, ", both ");
    text_add_number(&text, cost->map + cost->release, 10);
    text_print(&text, "iommu");
}

static void measure_one(const struct measure *measure)
{
    keel_segment_t segment = {0};
    uint64_t begin, looks = 0;
    EXPECT_OK(keel_segment_alloc(measure->pages, measure->alignment, &segment));
    (void)run(measure, segment, BATCHED); /* tables are made once */
    for (uint32_t i = 0; i < OPERATIONS; i++) {
        begin = counter();
        looks += counter() - begin;
    }
    struct cost once = run(measure, segment, OPERATIONS), twice = run(measure, segment, 2 * OPERATIONS);
    struct cost cost = {(twice.map - once.map - looks) / OPERATIONS,
                        (twice.release - once.release - looks) / OPERATIONS};
    print(measure, &cost);
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
