/* SPDX-License-Identifier: BSD-2-Clause
 *
 * I/O memory reached by calls (core/io_memory.c, api/io_memory.c): memory that keeps what is written, and
 * devices behind BARs.
 */
#include "core/io_memory.h"

#include "support.h"

#define PAGE ((uint64_t)KEEL_PAGE_SIZE)
#define BASE ((uint64_t)HOSTED_IO_BASE)
#define NEAR ((uint32_t)HOSTED_PCI_BASE)

static keel_io_memory_t acquire(uint64_t address, uint64_t size, uint32_t cache)
{
    keel_io_memory_t io = {0};
    CHECK_OK(keel_io_memory_acquire(address, size, cache, &io));
    return io;
}

static uint64_t read(keel_io_memory_t io, uint64_t offset, uint32_t width)
{
    uint64_t value = 77;
    CHECK_OK(keel_io_memory_read(io, offset, width, &value));
    return value;
}

/* The widest access reaches no further than the range, wherever that begins and ends. */
static void try_accesses(uint64_t first, uint64_t size)
{
    uint64_t value = 77;
    keel_io_memory_t io = acquire(BASE + first, size, KEEL_CACHE_UNCACHED);
    for (uint64_t offset = 0; offset < 17; offset++) {
        for (uint32_t width = 0; width <= 16; width++) {
            bool known = width == 1 || width == 2 || width == 4 || width == 8;
            bool fits = known && offset + width <= size && (first + offset) % width == 0;
            CHECK_STATUS(keel_io_memory_read(io, offset, width, &value), fits ? KEEL_OK : KEEL_E_INVALID);
            CHECK_STATUS(keel_io_memory_write(io, offset, width, 0), fits ? KEEL_OK : KEEL_E_INVALID);
        }
    }
    CHECK_STATUS(keel_io_memory_read(io, 0, UINT32_MAX, &value), KEEL_E_INVALID);
    CHECK_STATUS(keel_io_memory_read(io, UINT64_MAX, 1, &value), KEEL_E_INVALID);
    CHECK_STATUS(keel_io_memory_read(io, UINT64_MAX - 7, 8, &value), KEEL_E_INVALID);
    CHECK_STATUS(keel_io_memory_read(io, 0 - first, 1, &value), first == 0 ? KEEL_OK : KEEL_E_INVALID);
    CHECK_OK(keel_io_memory_release(io));
}

static void D5_accesses_stay_inside(void)
{
    for (uint64_t first = 0; first < 9; first++) {
        for (uint64_t size = 1; size <= 16; size += size < 9 ? 1 : 7) {
            try_accesses(first, size);
            try_accesses(PAGE - first, size); /* and over the border of a page */
        }
    }
    CHECK_STATUS(keel_io_memory_write((keel_io_memory_t){0}, 0, 1, 0), KEEL_E_BAD_HANDLE);
}

static void D5_values_are_cut_to_the_width(void)
{
    keel_io_memory_t io = acquire(BASE + PAGE - 8, 24, KEEL_CACHE_UNCACHED);
    CHECK_OK(keel_io_memory_write(io, 8, 8, UINT64_C(0x1122334455667788)));
    CHECK_EQUAL(read(io, 8, 8), UINT64_C(0x1122334455667788));
    CHECK_OK(keel_io_memory_write(io, 9, 1, UINT64_C(0xffffffffffffffaa)));
    CHECK_EQUAL(read(io, 8, 2), 0xaa88);
    CHECK_OK(keel_io_memory_write(io, 10, 2, UINT64_C(0xffffffffffffbbbb)));
    CHECK_OK(keel_io_memory_write(io, 12, 4, UINT64_C(0xffffffffcccccccc)));
    CHECK_EQUAL(read(io, 8, 4), 0xbbbbaa88);
    CHECK_EQUAL(read(io, 12, 4), 0xcccccccc);
    CHECK_EQUAL(read(io, 15, 1), 0xcc);
    CHECK_EQUAL(read(io, 0, 8), 0);
    CHECK_EQUAL(read(io, 16, 8), 0);
    CHECK_OK(keel_io_memory_release(io));
}

/* No page is reached in two ways, whoever has the rest of it. */
static void A5_pages_in_part_are_reached_uncached(void)
{
    keel_io_memory_t low = acquire(BASE, 2048, KEEL_CACHE_WRITE_COMBINING);
    keel_io_memory_t high = acquire(BASE + 2048, PAGE, KEEL_CACHE_WRITE_THROUGH);
    keel_io_memory_t whole = acquire(BASE + 2 * PAGE - 8, PAGE + 16, KEEL_CACHE_WRITE_THROUGH);
    CHECK_EQUAL(hosted_io_policy(BASE), HAL_CACHE_WRITE_BACK);
    (void)read(low, 2047, 1);
    CHECK_EQUAL(hosted_io_policy(BASE), HAL_CACHE_UNCACHED);
    CHECK_OK(keel_io_memory_write(high, 0, 8, 1));
    CHECK_EQUAL(hosted_io_policy(BASE), HAL_CACHE_UNCACHED);
    CHECK_OK(keel_io_memory_write(high, 2048, 8, 1));
    CHECK_EQUAL(hosted_io_policy(BASE + PAGE), HAL_CACHE_UNCACHED);
    CHECK_OK(keel_io_memory_write(whole, 0, 8, 1));
    CHECK_EQUAL(hosted_io_policy(BASE + PAGE), HAL_CACHE_UNCACHED);
    CHECK_OK(keel_io_memory_write(whole, 8, 8, 1));
    CHECK_EQUAL(hosted_io_policy(BASE + 2 * PAGE), HAL_CACHE_WRITE_THROUGH);
    (void)read(whole, PAGE, 8);
    CHECK_EQUAL(hosted_io_policy(BASE + 2 * PAGE), HAL_CACHE_WRITE_THROUGH);
    (void)read(whole, PAGE + 8, 8);
    CHECK_EQUAL(hosted_io_policy(BASE + 3 * PAGE), HAL_CACHE_UNCACHED);
    CHECK_OK(keel_io_memory_release(whole));
    whole = acquire(BASE + 2 * PAGE, PAGE, KEEL_CACHE_WRITE_COMBINING);
    (void)read(whole, 0, 1);
    CHECK_EQUAL(hosted_io_policy(BASE + 2 * PAGE), HAL_CACHE_WRITE_COMBINING);
    CHECK_OK(keel_io_memory_release(whole));
    CHECK_OK(keel_io_memory_release(low));
    CHECK_OK(keel_io_memory_release(high));
}

/* --- Devices --- */

static struct recorder {
    unsigned accesses, bar, width;
    uint64_t offset, value, answer;
} recorder;

static void forget(void *context)
{
    *(struct recorder *)context = (struct recorder){.answer = UINT64_MAX};
}

static uint64_t answer(void *context, const struct hosted_pci_function *function, unsigned bar,
                       uint64_t offset, unsigned width)
{
    struct recorder *to = context;
    *to = (struct recorder){to->accesses + 1, bar, width, offset, function->device_id, to->answer};
    return to->answer;
}

static void record(void *context, const struct hosted_pci_function *function, unsigned bar, uint64_t offset,
                   unsigned width, uint64_t value)
{
    (void)answer(context, function, bar, offset, width);
    ((struct recorder *)context)->value = value;
}

static const struct hosted_device recording = {forget, answer, record, &recorder};
static const struct hosted_pci_function recorded[] = {{.device = 5,
                                                       .vendor_id = 0x6666,
                                                       .device_id = 9,
                                                       .command = 2,
                                                       .bars = {NEAR, 0, NEAR + 0x4000},
                                                       .masks = {0xfffff000, 0, 0xffffff00},
                                                       .device_model = &recording}};

static void D7_devices_see_each_access_once(void)
{
    keel_pci_device_t device = {0};
    keel_io_memory_t io = {0};
    CHECK_OK(keel_pci_device_acquire(0, &device));
    CHECK_OK(keel_pci_bar_acquire(device, 2, 16, 32, KEEL_CACHE_UNCACHED, &io));
    CHECK_EQUAL(read(io, 4, 2), 0xffff); /* what is too wide of its answer is left out */
    CHECK_EQUAL(recorder.accesses, 1);
    CHECK(recorder.bar == 2 && recorder.offset == 20 && recorder.width == 2 && recorder.value == 9);
    CHECK_OK(keel_io_memory_write(io, 31, 1, 0x1ff));
    CHECK_EQUAL(recorder.accesses, 2);
    CHECK(recorder.bar == 2 && recorder.offset == 47 && recorder.width == 1 && recorder.value == 0xff);
    CHECK_STATUS(keel_io_memory_write(io, 32, 1, 0), KEEL_E_INVALID);
    CHECK_EQUAL(recorder.accesses, 2);
    CHECK_OK(keel_io_memory_release(io));
    CHECK_OK(keel_pci_device_release(device));
}

static void D7_devices_answer_what_they_like(void)
{
    keel_pci_device_t device = {0};
    keel_io_memory_t io = {0};
    unsigned changes = 0;
    CHECK_OK(keel_pci_device_acquire(HOSTED_PCI_NOISE, &device));
    CHECK_OK(keel_pci_bar_acquire(device, 2, 0, 64, KEEL_CACHE_UNCACHED, &io));
    for (uint64_t i = 0, last = 0; i < 20; i++) {
        uint64_t value = read(io, 8, 4);
        CHECK(value <= UINT32_MAX);
        changes += value != last;
        last = value;
    }
    CHECK(changes > 10);
    CHECK_OK(keel_io_memory_release(io));
    CHECK_OK(keel_pci_device_release(device));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(D5_accesses_stay_inside),
        UNIT(D5_values_are_cut_to_the_width),
        UNIT(A5_pages_in_part_are_reached_uncached),
        UNIT(D7_devices_see_each_access_once, .config.pci = recorded, .config.pci_count = 1),
        UNIT(D7_devices_answer_what_they_like),
    };
    return unit_main(tests, argc, argv);
}
