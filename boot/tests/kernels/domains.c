/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A device with a domain of its own: QEMU's `edu` and two more of them, driven by calls alone as any driver
 * would, and told to reach for what it must not: another device's memory, what was unmapped, what it may only
 * read, code, page tables (D1, D2). Every attempt must leave memory as it was, and what is mapped must work
 * all the while. The boot log says who tried what.
 *
 * On the real machine only, since that has the device. By hand it looks up where kernel memory is, so as to
 * aim there.
 */
#include "by_hand.h"
#include "check.h"

#define MS    UINT64_C(1000000)
#define PAGE  ((uint64_t)KEEL_PAGE_SIZE)
#define BYTES 64u

/* --- The device (QEMU, docs/specs/edu.txt) --- */

enum {
    EDU_VENDOR = 0x1234,
    EDU_DEVICE = 0x11e8,
    EDU_SOURCE = 0x80,
    EDU_DESTINATION = 0x88,
    EDU_COUNT = 0x90,
    EDU_COMMAND = 0x98,
    EDU_BUFFER = 0x40000, /* the device's own memory, as it sees it */
    EDU_START = 1,
    EDU_TO_MEMORY = 2,
};

struct edu {
    keel_pci_device_t device;
    keel_io_memory_t registers;
};
static struct edu edu, other;

/* The next one that nobody has. */
static void open_edu(struct edu *opened)
{
    uint32_t count = 0;
    CHECK_OK(keel_pci_device_count(&count));
    for (uint32_t index = 0; index < count; index++) {
        struct keel_pci_device_info info = {0};
        CHECK_OK(keel_pci_device_info(index, &info));
        if (info.vendor_id == EDU_VENDOR && info.device_id == EDU_DEVICE &&
            keel_pci_device_acquire(index, &opened->device) == KEEL_OK) {
            CHECK_OK(
                keel_pci_bar_acquire(opened->device, 0, 0, PAGE, KEEL_CACHE_UNCACHED, &opened->registers));
            CHECK_OK(keel_dma_enable(opened->device, 0));
            return;
        }
    }
    CHECK(false);
}

static void close_edu(struct edu *closed)
{
    CHECK_OK(keel_io_memory_release(closed->registers));
    CHECK_OK(keel_pci_device_release(closed->device));
}

static uint64_t edu_read(const struct edu *of, uint64_t offset)
{
    uint64_t value = 0;
    CHECK_OK(keel_io_memory_read(of->registers, offset, 8, &value));
    return value;
}

static void edu_write(const struct edu *of, uint64_t offset, uint64_t value)
{
    CHECK_OK(keel_io_memory_write(of->registers, offset, 8, value));
}

/* Copies between the device's memory and an address of its own. */
static void transfer(const struct edu *of, uint64_t address, bool to_memory)
{
    edu_write(of, EDU_SOURCE, to_memory ? EDU_BUFFER : address);
    edu_write(of, EDU_DESTINATION, to_memory ? address : EDU_BUFFER);
    edu_write(of, EDU_COUNT, BYTES);
    edu_write(of, EDU_COMMAND, to_memory ? EDU_START | EDU_TO_MEMORY : EDU_START);
    for (uint32_t i = 0; i < 100 && (edu_read(of, EDU_COMMAND) & EDU_START) != 0; i++) {
        CHECK_OK(keel_task_sleep(20 * MS));
    }
    CHECK((edu_read(of, EDU_COMMAND) & EDU_START) == 0);
}

/* --- Memory --- */

static keel_segment_t segment_of(uint8_t byte)
{
    keel_segment_t segment = {0};
    uint8_t bytes[BYTES];
    for (uint32_t i = 0; i < BYTES; i++) {
        bytes[i] = byte;
    }
    CHECK_OK(keel_segment_alloc(1, 1, &segment));
    CHECK_OK(keel_segment_write(segment, 0, bytes, sizeof(bytes)));
    return segment;
}

/* All of its bytes that a transfer reaches. */
static bool holds(keel_segment_t segment, uint8_t byte)
{
    uint8_t bytes[BYTES];
    CHECK_OK(keel_segment_read(segment, 0, bytes, sizeof(bytes)));
    for (uint32_t i = 0; i < BYTES; i++) {
        if (bytes[i] != byte) {
            return false;
        }
    }
    return true;
}

static keel_dma_t map(const struct edu *of, keel_segment_t segment, uint32_t direction, uint64_t *address)
{
    struct keel_dma_info info = {0};
    keel_dma_t dma = {0};
    CHECK_OK(keel_dma_map(of->device, segment, 0, 1, direction, &dma));
    CHECK_OK(keel_dma_info(dma, &info));
    *address = info.address;
    return dma;
}

/* What is mapped works: the device takes the bytes from one segment to another. */
static bool copies(const struct edu *of, uint8_t byte)
{
    uint64_t from_address, to_address;
    keel_segment_t from = segment_of(byte), to = segment_of(0);
    keel_dma_t source = map(of, from, KEEL_DMA_TO_DEVICE, &from_address);
    keel_dma_t destination = map(of, to, KEEL_DMA_FROM_DEVICE, &to_address);
    transfer(of, from_address, false);
    transfer(of, to_address, true);
    bool copied = holds(to, byte);
    CHECK_OK(keel_dma_release(source));
    CHECK_OK(keel_dma_release(destination));
    CHECK_OK(keel_segment_release(from));
    CHECK_OK(keel_segment_release(to));
    return copied;
}

/* --- Tests --- */

static void D1_device_copies_what_is_mapped(void)
{
    for (uint32_t round = 0; round < 3; round++) {
        CHECK_VALUE(copies(&edu, (uint8_t)(0x41 + round)), round);
        CHECK_VALUE(copies(&other, (uint8_t)(0x61 + round)), round);
    }
}

static void D1_what_may_only_be_read_is_not_written(void)
{
    uint64_t address;
    keel_segment_t segment = segment_of(0x5a);
    CHECK(copies(&edu, 0x11));
    keel_dma_t dma = map(&edu, segment, KEEL_DMA_TO_DEVICE, &address);
    transfer(&edu, address, true);
    CHECK(holds(segment, 0x5a));
    CHECK_OK(keel_dma_release(dma));
    CHECK_OK(keel_segment_release(segment));
    CHECK(copies(&edu, 0x12));
}

/* Waited for, or flushed with others: what the device knew of it is forgotten. */
static void D2_what_was_unmapped_is_not_reached(void)
{
    uint64_t address;
    for (uint32_t later = 0; later < 2; later++) {
        keel_segment_t segment = segment_of(0x5a);
        keel_dma_t dma = map(&edu, segment, KEEL_DMA_BOTH, &address);
        transfer(&edu, address, false);
        CHECK_OK(later == 0 ? keel_dma_release(dma) : keel_dma_release_later(dma));
        CHECK_OK(keel_dma_flush(edu.device));
        CHECK_OK(keel_segment_write(segment, 0, "z", 1));
        transfer(&edu, address, true);
        CHECK_OK(keel_segment_write(segment, 0, "Z", 1));
        CHECK(holds(segment, 0x5a));
        CHECK_OK(keel_segment_release(segment));
    }
    CHECK(copies(&edu, 0x21));
}

/* By the address that the other knows it by, and by where it is. */
static void D1_other_devices_memory_is_not_reached(void)
{
    uint64_t address, more;
    struct keel_segment_info info = {0};
    keel_segment_t segment = segment_of(0x5a), second = segment_of(0x5b);
    keel_dma_t first = map(&other, segment, KEEL_DMA_BOTH, &address);
    keel_dma_t dma = map(&other, second, KEEL_DMA_BOTH, &more);
    CHECK_OK(keel_segment_info(segment, &info));
    CHECK(copies(&edu, 0x31));
    transfer(&edu, address, true);
    transfer(&edu, more, true);
    transfer(&edu, info.address, true);
    CHECK(holds(segment, 0x5a));
    CHECK(holds(second, 0x5b));
    transfer(&other, address, false);
    transfer(&other, more, true);
    CHECK(holds(second, 0x5a));
    CHECK_OK(keel_dma_release(first));
    CHECK_OK(keel_dma_release(dma));
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_segment_release(second));
}

/* 1 GiB by one entry: the device reaches its last bytes, and no longer than it is mapped. */
static void D1_large_memory(void)
{
    const uint64_t page_count = UINT64_C(1) << 18, last = page_count * PAGE - BYTES;
    uint8_t bytes[BYTES] = {0};
    struct keel_dma_info info = {0};
    keel_segment_t segment = {0};
    keel_dma_t dma = {0};
    CHECK_OK(keel_segment_alloc(page_count, page_count, &segment));
    CHECK_OK(keel_dma_map(edu.device, segment, 0, page_count, KEEL_DMA_BOTH, &dma));
    CHECK_OK(keel_dma_info(dma, &info));
    for (uint32_t i = 0; i < BYTES; i++) {
        bytes[i] = 0x35;
    }
    CHECK_OK(keel_segment_write(segment, 0, bytes, sizeof(bytes)));
    transfer(&edu, info.address, false);
    transfer(&edu, info.address + last, true);
    CHECK_OK(keel_segment_read(segment, last, bytes, sizeof(bytes)));
    for (uint32_t i = 0; i < BYTES; i++) {
        CHECK_VALUE(bytes[i] == 0x35, i);
    }
    CHECK_OK(keel_dma_release(dma));
    CHECK_OK(keel_segment_write(segment, last, "z", 1));
    transfer(&edu, info.address + last, true);
    CHECK_OK(keel_segment_read(segment, last, bytes, 1));
    CHECK(bytes[0] == 'z');
    CHECK_OK(keel_segment_release(segment));
}

static uint64_t physical_of(const volatile void *where)
{
    uint64_t va = (uint64_t)(uintptr_t)where;
    uint64_t entry = *leaf_of(va);
    CHECK_VALUE((entry & ENTRY_PRESENT) != 0 && (entry & ENTRY_LARGE) == 0, entry);
    return (entry & ENTRY_ADDRESS) + va % PAGE;
}

/* The device writes there; answers whether it is as before. */
static bool survives(const volatile uint8_t *seen, uint64_t physical)
{
    uint8_t before[BYTES];
    bool same = true;
    for (uint32_t i = 0; i < BYTES; i++) {
        before[i] = seen[i];
    }
    CHECK(copies(&edu, 0xee));
    transfer(&edu, physical, true);
    for (uint32_t i = 0; i < BYTES; i++) {
        same = same && seen[i] == before[i];
    }
    return same;
}

static void D1_code_and_page_tables_are_not_reached(void)
{
    const volatile uint8_t *code = (const volatile uint8_t *)(uintptr_t)survives;
    uint64_t kernel_half = page_root() + PAGE / 2;
    CHECK(survives(code, physical_of(code)));
    CHECK(survives((const volatile uint8_t *)(uintptr_t)(LINEAR_BASE + kernel_half), kernel_half));
}

/* An address that the log can be asked for; the records are looked at every half second. QEMU 7.2's model of
 * AMD's unit never logs any ("untold" on the command line). */
static void D8_attempts_are_counted(void)
{
    struct keel_dma_state state = {0};
    CHECK_OK(keel_task_sleep(600 * MS));
    transfer(&edu, UINT64_C(0x3456789000), false);
    CHECK_OK(keel_task_sleep(600 * MS));
    CHECK_OK(keel_dma_state(edu.device, &state));
    if (!option_given("untold")) {
        CHECK_VALUE(state.faults >= 2 && state.fault_address == UINT64_C(0x3456789000), state.fault_address);
    }
    CHECK_VALUE(state.enabled == 1 && state.cut_off == 0, state.faults);
}

static void D3_disabled_device_reaches_nothing(void)
{
    uint64_t address;
    keel_segment_t segment = segment_of(0x5a);
    keel_dma_t dma = map(&edu, segment, KEEL_DMA_BOTH, &address);
    CHECK_OK(keel_dma_disable(edu.device));
    transfer(&edu, address, true);
    CHECK(holds(segment, 0x5a));
    CHECK_OK(keel_dma_release(dma));
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_dma_enable(edu.device, 0));
    CHECK(copies(&edu, 0x41));
}

int32_t keel_main(void)
{
    static const struct test tests[] = {
        TEST(D1_device_copies_what_is_mapped),         TEST(D1_what_may_only_be_read_is_not_written),
        TEST(D2_what_was_unmapped_is_not_reached),     TEST(D1_other_devices_memory_is_not_reached),
        TEST(D1_code_and_page_tables_are_not_reached), TEST(D8_attempts_are_counted),
        TEST(D3_disabled_device_reaches_nothing),      TEST(D1_large_memory),
    };
    open_edu(&edu);
    open_edu(&other);
    CHECK(copies(&edu, 1) && copies(&other, 2)); /* their tables are made once */
    int32_t status = tests_run("domains", tests, COUNT_OF(tests));
    close_edu(&edu);
    close_edu(&other);
    return status;
}
