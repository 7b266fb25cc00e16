/* SPDX-License-Identifier: BSD-2-Clause
 *
 * I/O memory: who may have which bytes, and what can be mapped of them (core/io_memory.c, api/io_memory.c).
 */
#include "core/io_memory.h"

#include "core/frame.h"
#include "core/mapping.h"
#include "core/space.h"
#include "support.h"

#define PAGE   ((uint64_t)KEEL_PAGE_SIZE)
#define BASE   ((uint64_t)HOSTED_IO_BASE)
#define END    (BASE + HOSTED_IO_SIZE)
#define PAGES  (HOSTED_IO_SIZE / PAGE)
#define VA     UINT64_C(0x40000000)
#define LARGE  UINT64_C(512)
#define RW     (KEEL_READ | KEEL_WRITE)
#define CACHED KEEL_CACHE_UNCACHED

static keel_io_memory_t acquire(uint64_t address, uint64_t size)
{
    keel_io_memory_t io = {0};
    CHECK_OK(keel_io_memory_acquire(address, size, CACHED, &io));
    return io;
}

static keel_status_t try(uint64_t address, uint64_t size)
{
    keel_io_memory_t io = {0};
    keel_status_t status = keel_io_memory_acquire(address, size, CACHED, &io);
    if (status == KEEL_OK) {
        CHECK_OK(keel_io_memory_release(io));
    }
    return status;
}

static void unmap(keel_space_t space, uint64_t page_count, uint64_t expected)
{
    uint64_t unmapped = 0;
    CHECK_OK(keel_space_unmap(space, VA, page_count, &unmapped));
    CHECK_EQUAL(unmapped, expected);
}

static struct keel_mapping query(keel_space_t space, uint64_t va)
{
    struct keel_mapping mapping = {0};
    CHECK_OK(keel_space_query(space, va, &mapping));
    return mapping;
}

static void D5_only_what_the_machine_offers_is_acquired(void)
{
    CHECK_STATUS(try(BASE, HOSTED_IO_SIZE), KEEL_OK);
    CHECK_STATUS(try(BASE, 1), KEEL_OK);
    CHECK_STATUS(try(END - 1, 1), KEEL_OK);
    CHECK_STATUS(try(BASE - 1, 1), KEEL_E_DENIED);
    CHECK_STATUS(try(BASE - 1, 2), KEEL_E_DENIED);
    CHECK_STATUS(try(END - 1, 2), KEEL_E_DENIED);
    CHECK_STATUS(try(END, 1), KEEL_E_DENIED);
    CHECK_STATUS(try(0, PAGE), KEEL_E_DENIED);
    CHECK_STATUS(try(0, END), KEEL_E_DENIED);
    CHECK_STATUS(try(UINT64_C(0xfee00000), PAGE), KEEL_E_DENIED);
    CHECK_STATUS(try(UINT64_MAX, 1), KEEL_E_DENIED);
    CHECK_STATUS(try(0, UINT64_MAX), KEEL_E_DENIED);
}

static void D5_bad_ranges_and_policies_are_refused(void)
{
    keel_io_memory_t io = {0};
    CHECK_STATUS(try(BASE, 0), KEEL_E_INVALID);
    CHECK_STATUS(try(UINT64_MAX, 2), KEEL_E_INVALID);
    CHECK_STATUS(try(BASE, UINT64_MAX), KEEL_E_INVALID);
    CHECK_STATUS(try(BASE, UINT64_MAX - BASE + 2), KEEL_E_INVALID);
    CHECK_STATUS(keel_io_memory_acquire(BASE, PAGE, KEEL_CACHE_WRITE_BACK, &io), KEEL_E_INVALID);
    CHECK_STATUS(keel_io_memory_acquire(BASE, PAGE, KEEL_CACHE_UNCACHED + 1, &io), KEEL_E_INVALID);
    CHECK_STATUS(keel_io_memory_acquire(BASE, PAGE, UINT32_MAX, &io), KEEL_E_INVALID);
    CHECK_STATUS(try(BASE, PAGE), KEEL_OK);
}

/* A memory map that calls a byte of the device's window RAM: then nothing of it is offered. */
static const struct hal_region ram_there[] = {{0, UINT64_C(4) << 20, HAL_REGION_USABLE},
                                              {BASE + 5 * PAGE + 7, 1, HAL_REGION_UNUSABLE}};
static const struct hal_region registers_there[] = {{0, UINT64_C(4) << 20, HAL_REGION_USABLE},
                                                    {BASE, PAGE, HAL_REGION_MMIO}};

static void D5_what_the_map_calls_ram_is_not_offered(void)
{
    CHECK_STATUS(try(BASE, 1), KEEL_E_DENIED);
}

static void D5_what_the_map_calls_registers_is_offered(void)
{
    CHECK_STATUS(try(BASE, 1), KEEL_OK);
}

static void D5_ranges_are_exclusive_to_the_byte(void)
{
    keel_io_memory_t middle = acquire(BASE + 100, 50);
    CHECK_STATUS(try(BASE + 100, 50), KEEL_E_BUSY);
    CHECK_STATUS(try(BASE + 99, 2), KEEL_E_BUSY);
    CHECK_STATUS(try(BASE + 149, 1), KEEL_E_BUSY);
    CHECK_STATUS(try(BASE + 120, 1), KEEL_E_BUSY);
    CHECK_STATUS(try(BASE, HOSTED_IO_SIZE), KEEL_E_BUSY);
    CHECK_STATUS(try(BASE, 100), KEEL_OK);
    CHECK_STATUS(try(BASE + 150, PAGE), KEEL_OK);
    CHECK_OK(keel_io_memory_release(middle));
    CHECK_STATUS(try(BASE + 100, 50), KEEL_OK);
}

static void D5_range_comes_back_with_the_last_reference(void)
{
    keel_io_memory_t io = acquire(BASE, PAGE);
    CHECK_OK(keel_io_memory_ref(io));
    CHECK_OK(keel_io_memory_release(io));
    CHECK_STATUS(try(BASE, PAGE), KEEL_E_BUSY);
    CHECK_OK(keel_io_memory_release(io));
    CHECK_STATUS(keel_io_memory_release(io), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(try(BASE, PAGE), KEEL_OK);
}

static void M8_ranges_run_out(void)
{
    static keel_io_memory_t io[512];
    uint32_t slots = object_slots(OBJECT_IO_MEMORY);
    for (uint32_t i = 0; i < slots; i++) {
        io[i] = acquire(BASE + i, 1);
    }
    CHECK_STATUS(try(BASE + slots, 1), KEEL_E_LIMIT);
    for (uint32_t i = 0; i < slots; i++) {
        CHECK_OK(keel_io_memory_release(io[i]));
    }
    CHECK_STATUS(try(BASE + slots, 1), KEEL_OK);
}

static void A5_info_counts_whole_pages(void)
{
    static const struct {
        uint64_t offset, size, first, count;
    } cases[] = {
        {0, 1, 0, 0},
        {0, PAGE - 1, 0, 0},
        {0, PAGE, 0, 1},
        {0, PAGE + 1, 0, 1},
        {1, PAGE, PAGE, 0},
        {1, 2 * PAGE - 2, PAGE, 0},
        {1, 2 * PAGE - 1, PAGE, 1},
        {PAGE - 1, PAGE + 1, PAGE, 1},
        {PAGE - 1, PAGE, PAGE, 0},
        {0, HOSTED_IO_SIZE, 0, PAGES},
        {HOSTED_IO_SIZE - 1, 1, HOSTED_IO_SIZE, 0},
        {HOSTED_IO_SIZE - PAGE - 1, PAGE + 1, HOSTED_IO_SIZE - PAGE, 1},
    };
    keel_space_t space = unit_space();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct keel_io_memory_info info = {.reserved = 9};
        keel_io_memory_t io = acquire(BASE + cases[i].offset, cases[i].size);
        CHECK_OK(keel_io_memory_info(io, &info));
        CHECK_EQUAL(info.address, BASE + cases[i].offset);
        CHECK_EQUAL(info.size, cases[i].size);
        CHECK_EQUAL(info.first_page, BASE + cases[i].first);
        CHECK_EQUAL(info.page_count, cases[i].count);
        CHECK_EQUAL(info.cache, CACHED);
        CHECK_EQUAL(info.reserved, 0);
        CHECK_STATUS(keel_space_map_io(space, VA, io, 0, cases[i].count + 1, RW), KEEL_E_INVALID);
        CHECK_STATUS(keel_space_map_io(space, VA, io, cases[i].count, 1, RW), KEEL_E_INVALID);
        if (cases[i].count > 0) {
            CHECK_OK(keel_space_map_io(space, VA, io, 0, cases[i].count, RW));
            CHECK_EQUAL(query(space, VA).address, BASE + cases[i].first);
            unmap(space, PAGES, cases[i].count);
        }
        CHECK_OK(keel_io_memory_release(io));
    }
    CHECK_OK(keel_space_release(space));
}

static void A5_page_of_two_ranges_is_mapped_by_neither(void)
{
    keel_space_t space = unit_space();
    keel_io_memory_t low = acquire(BASE, PAGE + 16), high = acquire(BASE + PAGE + 16, 2 * PAGE - 16);
    CHECK_STATUS(keel_space_map_io(space, VA, low, 0, 2, RW), KEEL_E_INVALID);
    CHECK_STATUS(keel_space_map_io(space, VA, low, 1, 1, RW), KEEL_E_INVALID);
    CHECK_STATUS(keel_space_map_io(space, VA, high, 1, 1, RW), KEEL_E_INVALID);
    CHECK_STATUS(keel_space_map_io(space, VA, high, UINT64_MAX, 2, RW), KEEL_E_INVALID);
    CHECK_STATUS(keel_space_map_io(space, VA, high, 0, 0, RW), KEEL_E_INVALID);
    CHECK_OK(keel_space_map_io(space, VA, low, 0, 1, RW));
    CHECK_OK(keel_space_map_io(space, VA + PAGE, high, 0, 1, RW));
    CHECK_EQUAL(query(space, VA).address, BASE);
    CHECK_EQUAL(query(space, VA + PAGE).address, BASE + 2 * PAGE);
    CHECK_AUDIT();
    unmap(space, 2, 2);
    CHECK_OK(keel_io_memory_release(low));
    CHECK_OK(keel_io_memory_release(high));
    CHECK_OK(keel_space_release(space));
}

static void A5_map_refuses_what_it_must(void)
{
    keel_space_t space = unit_space();
    keel_frame_t frame = unit_frame();
    keel_io_memory_t io = acquire(BASE, 4 * PAGE);
    CHECK_STATUS(keel_space_map_io(space, VA + 1, io, 0, 1, RW), KEEL_E_INVALID);
    CHECK_STATUS(keel_space_map_io(space, 0, io, 0, 1, RW), KEEL_E_INVALID);
    CHECK_STATUS(keel_space_map_io(space, KEEL_USER_END, io, 0, 1, RW), KEEL_E_INVALID);
    CHECK_STATUS(keel_space_map_io(space, KEEL_USER_END - PAGE, io, 0, 2, RW), KEEL_E_INVALID);
    CHECK_STATUS(keel_space_map_io(space, VA, io, 0, 0, RW), KEEL_E_INVALID);
    CHECK_STATUS(keel_space_map_io(space, VA, io, 2, 3, RW), KEEL_E_INVALID);
    CHECK_STATUS(keel_space_map_io(space, VA, io, 0, 1, KEEL_WRITE), KEEL_E_INVALID);
    CHECK_STATUS(keel_space_map_io(space, VA, io, 0, 1, 8), KEEL_E_INVALID);
    CHECK_STATUS(keel_space_map_io(space, VA, io, 0, 1, KEEL_READ | KEEL_EXEC), KEEL_E_DENIED);
    CHECK_STATUS(keel_space_map_io(space, VA, io, 0, 1, RW | KEEL_EXEC), KEEL_E_DENIED);
    CHECK_OK(keel_space_map(space, VA + 2 * PAGE, frame, RW));
    CHECK_STATUS(keel_space_map_io(space, VA, io, 0, 3, RW), KEEL_E_EXISTS);
    CHECK_OK(keel_space_map_io(space, VA, io, 0, 2, RW));
    CHECK_STATUS(keel_space_map(space, VA, frame, RW), KEEL_E_EXISTS);
    CHECK_STATUS(keel_space_map_io(space, VA, io, 2, 1, RW), KEEL_E_EXISTS);
    unmap(space, 3, 3);
    CHECK_OK(keel_io_memory_release(io));
    CHECK_OK(keel_frame_release(frame));
    CHECK_OK(keel_space_release(space));
}

static void A5_mappings_keep_the_range(void)
{
    keel_space_t space = unit_space();
    keel_io_memory_t io = acquire(BASE, 3 * PAGE);
    CHECK_OK(keel_space_map_io(space, VA, io, 0, 3, RW));
    CHECK_OK(keel_space_map_io(space, VA + 3 * PAGE, io, 2, 1, KEEL_READ));
    CHECK_OK(keel_io_memory_release(io));
    CHECK_STATUS(keel_io_memory_release(io), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(keel_space_map_io(space, VA, io, 0, 1, RW), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(try(BASE, 1), KEEL_E_BUSY);
    CHECK_AUDIT();
    unmap(space, 3, 3);
    CHECK_STATUS(try(BASE, 1), KEEL_E_BUSY);
    CHECK_OK(keel_space_release(space)); /* and the last mapping with it */
    CHECK_STATUS(try(BASE, 3 * PAGE), KEEL_OK);
}

static void A5_mappings_say_what_they_are(void)
{
    static const uint32_t policies[] = {KEEL_CACHE_WRITE_COMBINING, KEEL_CACHE_WRITE_THROUGH,
                                        KEEL_CACHE_UNCACHED};
    keel_space_t space = unit_space();
    uint64_t count = 0;
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        keel_io_memory_t io = {0};
        CHECK_OK(keel_io_memory_acquire(BASE + PAGE, PAGE, policies[i], &io));
        CHECK_OK(keel_space_map_io(space, VA, io, 0, 1, RW));
        CHECK_EQUAL(query(space, VA).cache, policies[i]);
        CHECK_EQUAL(query(space, VA).address, BASE + PAGE);
        CHECK_EQUAL(query(space, VA).page_count, 1);
        CHECK_EQUAL(query(space, VA).rights, RW);
        CHECK_OK(keel_space_protect(space, VA, 1, KEEL_READ, &count));
        CHECK_EQUAL(query(space, VA).cache, policies[i]);
        CHECK_EQUAL(query(space, VA).rights, KEEL_READ);
        CHECK_AUDIT();
        unmap(space, 1, 1);
        CHECK_OK(keel_io_memory_release(io));
    }
    CHECK_OK(keel_space_release(space));
}

static void A5_protect_never_makes_it_code(void)
{
    keel_space_t space = unit_space();
    keel_frame_t frame = unit_frame();
    keel_io_memory_t io = acquire(BASE, PAGE);
    uint64_t count = 7;
    CHECK_OK(keel_space_map(space, VA, frame, KEEL_READ));
    CHECK_OK(keel_space_map_io(space, VA + LARGE * PAGE, io, 0, 1, RW));
    CHECK_STATUS(keel_space_protect(space, VA, 2 * LARGE, KEEL_READ | KEEL_EXEC, &count), KEEL_E_DENIED);
    CHECK_EQUAL(count, 7);
    CHECK_EQUAL(query(space, VA).rights, KEEL_READ);
    CHECK_OK(keel_space_protect(space, VA, LARGE, KEEL_READ | KEEL_EXEC, &count));
    CHECK_EQUAL(query(space, VA).rights, KEEL_READ | KEEL_EXEC);
    CHECK_EQUAL(query(space, VA + LARGE * PAGE).rights, RW);
    unmap(space, 2 * LARGE, 2);
    CHECK_OK(keel_io_memory_release(io));
    CHECK_OK(keel_frame_release(frame));
    CHECK_OK(keel_space_release(space));
}

/* The device's memory is what the mapping reaches, by each way that user memory is reached. */
static void A5_user_memory_reaches_the_device(void)
{
    keel_space_t space = unit_space();
    keel_io_memory_t io = acquire(BASE + 3 * PAGE, 2 * PAGE);
    uint64_t word = UINT64_C(0x1122334455667788), found = 0;
    CHECK_OK(keel_space_activate(space));
    CHECK_OK(keel_space_map_io(space, VA, io, 0, 2, RW));
    CHECK_OK(keel_user_write(VA + PAGE - 4, &word, sizeof word));
    CHECK_OK(keel_user_read(VA + PAGE - 4, &found, sizeof found));
    CHECK_EQUAL(found, word);
    CHECK_OK(keel_user_store(VA + 8, 8, 5));
    CHECK_OK(keel_user_cas(VA + 8, 8, 5, 6, &found));
    CHECK_OK(keel_user_load(VA + 8, 8, &found));
    CHECK_EQUAL(found, 6);
    CHECK(query(space, VA).dirty == 1 && query(space, VA).accessed == 1);
    unmap(space, 1, 1);
    CHECK_STATUS(keel_user_read(VA + 8, &found, sizeof found), KEEL_E_FAULT);
    CHECK_OK(keel_space_map_io(space, VA, io, 1, 1, KEEL_READ));
    CHECK_STATUS(keel_user_write(VA, &word, sizeof word), KEEL_E_FAULT);
    CHECK_OK(keel_user_load(VA, 4, &found));
    CHECK_EQUAL(found, UINT64_C(0x11223344));
    CHECK_OK(keel_space_activate((keel_space_t){0}));
    CHECK_OK(keel_space_release(space));
    CHECK_OK(keel_io_memory_release(io));
}

static void A5_cursor_maps_it_too(void)
{
    keel_space_t space = unit_space();
    keel_io_memory_t io = acquire(BASE, 3 * PAGE + 1);
    keel_cursor_t cursor = {0};
    struct keel_mapping mapping = {0};
    uint64_t count = 0;
    CHECK_OK(keel_cursor_open(space, VA, 3, &cursor));
    CHECK_STATUS(keel_cursor_map_io(cursor, io, 0, 4, RW), KEEL_E_INVALID);
    CHECK_STATUS(keel_cursor_map_io(cursor, io, 3, 1, RW), KEEL_E_INVALID);
    CHECK_STATUS(keel_cursor_map_io(cursor, io, 0, 1, KEEL_READ | KEEL_EXEC), KEEL_E_DENIED);
    CHECK_OK(keel_cursor_map_io(cursor, io, 1, 2, RW));
    CHECK_OK(keel_cursor_jump(cursor, VA + PAGE));
    CHECK_STATUS(keel_cursor_map_io(cursor, io, 1, 2, RW), KEEL_E_EXISTS);
    CHECK_OK(keel_cursor_query(cursor, &mapping));
    CHECK_EQUAL(mapping.address, BASE + 2 * PAGE);
    CHECK_STATUS(keel_cursor_protect(cursor, 1, KEEL_READ | KEEL_EXEC, &count), KEEL_E_DENIED);
    CHECK_STATUS(keel_space_map_io(space, VA, io, 0, 1, RW), KEEL_E_BUSY);
    CHECK_OK(keel_cursor_jump(cursor, VA));
    CHECK_OK(keel_cursor_unmap(cursor, 3, &count));
    CHECK_EQUAL(count, 2);
    CHECK_OK(keel_cursor_close(cursor));
    CHECK_OK(keel_io_memory_release(io));
    CHECK_OK(keel_space_release(space));
}

static keel_cursor_t theirs;
static keel_io_memory_t their_io;

static void use_their_cursor(uint64_t argument)
{
    (void)argument;
    CHECK_STATUS(keel_cursor_map_io(theirs, their_io, 0, 1, RW), KEEL_E_DENIED);
}

static void A3_cursor_of_another_task_maps_nothing(void)
{
    keel_space_t space = unit_space();
    their_io = acquire(BASE, PAGE);
    CHECK_OK(keel_cursor_open(space, VA, 1, &theirs));
    unit_join(unit_spawn(use_their_cursor, 0));
    CHECK_OK(keel_cursor_close(theirs));
    CHECK_OK(keel_io_memory_release(their_io));
    CHECK_OK(keel_space_release(space));
}

/* Where a large page would fit, small ones stand, and stay. */
static void A5_large_pages_are_for_frames(void)
{
    keel_space_t space = unit_space();
    keel_io_memory_t io = acquire(BASE, HOSTED_IO_SIZE);
    uint64_t count = 9;
    CHECK_OK(keel_space_map_io(space, VA, io, 0, LARGE, RW));
    CHECK_EQUAL(query(space, VA).page_count, 1);
    CHECK_OK(keel_space_promote(space, VA, LARGE, &count));
    CHECK_EQUAL(count, 0);
    CHECK_EQUAL(query(space, VA + PAGE).page_count, 1);
    CHECK_EQUAL(query(space, VA + PAGE).cache, CACHED);
    unmap(space, 1, 1);
    unmap(space, LARGE, LARGE - 1);
    CHECK_OK(keel_io_memory_release(io));
    CHECK_OK(keel_space_release(space));
}

static void M8_map_without_memory_maps_nothing(void)
{
    static keel_frame_t taken[4096];
    unsigned count = 0;
    keel_space_t space = unit_space();
    keel_io_memory_t io = acquire(BASE, 2 * PAGE);
    while (count < 4096 && keel_frame_alloc(&taken[count]) == KEEL_OK) {
        count++;
    }
    for (unsigned missing = 3; missing > 0; missing--) { /* three tables are wanted */
        CHECK_STATUS(keel_space_map_io(space, VA, io, 0, 2, RW), KEEL_E_NO_MEMORY);
        CHECK_AUDIT();
        CHECK_OK(keel_frame_release(taken[--count]));
    }
    CHECK_OK(keel_space_map_io(space, VA, io, 0, 2, RW));
    while (count > 0) {
        CHECK_OK(keel_frame_release(taken[--count]));
    }
    CHECK_OK(keel_space_release(space));
    CHECK_OK(keel_io_memory_release(io));
    CHECK_STATUS(try(BASE, 2 * PAGE), KEEL_OK);
}

static struct io_memory *object_of(keel_io_memory_t io)
{
    return (struct io_memory *)object_slot_of(OBJECT_IO_MEMORY, io.value);
}

static void M6_references_of_mappings_are_all_or_nothing(void)
{
    keel_space_t space = unit_space();
    keel_io_memory_t io = acquire(BASE, 4 * PAGE);
    struct ref *ref = &object_of(io)->object.ref;
    uint64_t word = atomic_u64_load_relaxed(&ref->word);
    /* With the call's own, two more references are left. */
    atomic_u64_store_relaxed(&ref->word, (word & ~(uint64_t)REF_COUNT_MAX) | (REF_COUNT_MAX - 3));
    CHECK_STATUS(keel_space_map_io(space, VA, io, 0, 4, RW), KEEL_E_LIMIT);
    CHECK_EQUAL(ref_word_count(atomic_u64_load_relaxed(&ref->word)), REF_COUNT_MAX - 3);
    CHECK_OK(keel_space_map_io(space, VA, io, 0, 2, RW));
    unmap(space, 4, 2);
    atomic_u64_store_relaxed(&ref->word, word);
    CHECK_OK(keel_io_memory_release(io));
    CHECK_OK(keel_space_release(space));
}

static struct space *space_of(keel_space_t space)
{
    return (struct space *)object_slot_of(OBJECT_SPACE, space.value);
}

/* Writes an entry by hand in the place of the mapping at VA; answers the one before. */
static uint64_t plant(keel_space_t space, uint64_t entry)
{
    struct hal_pte_slot slot;
    range_look(space_of(space), VA, &slot);
    uint64_t before = hal_pte_exchange(&slot, 0);
    hal_pte_exchange(&slot, entry);
    return before;
}

static void audit_sees(keel_space_t space, uint64_t entry, const char *what)
{
    uint64_t before = plant(space, entry);
    CHECK(unit_audit() > 0);
    CHECK(unit_console_contains(what));
    plant(space, before);
}

/* Entries that nobody's calls make: neither audit overlooks them. The machine objects to those that break its
 * own rules when they are written; it is told not to end the run. */
static void A5_audit_sees_damage(void)
{
    const unsigned rw = HAL_PROT_USER | HAL_PROT_READ | HAL_PROT_WRITE;
    keel_space_t space = unit_space();
    keel_io_memory_t io = acquire(BASE, PAGE);
    hal_paddr_t free_page = hal_paddr(BASE + PAGE);
    CHECK_OK(keel_space_map_io(space, VA, io, 0, 1, RW));
    audit_sees(space, hal_pte_leaf(free_page, rw) | hal_pte_io_bits(HAL_CACHE_UNCACHED),
               "A5: a user mapping leads to I/O memory that nobody has");
    audit_sees(space, hal_pte_leaf(hal_paddr(BASE), rw) | hal_pte_io_bits(HAL_CACHE_WRITE_THROUGH),
               "A5: a mapping caches I/O memory in another way");
    CHECK_AUDIT();
    object_of(io)->object.ref.handles.value += 1;
    CHECK(unit_audit() > 0);
    CHECK(unit_console_contains("M6: a range of I/O memory has fewer references"));
    object_of(io)->object.ref.handles.value -= 1;
    CHECK_OK(keel_space_release(space));
    CHECK_OK(keel_io_memory_release(io));
}

static void A4_audit_sees_code(void)
{
    keel_space_t space = unit_space();
    keel_io_memory_t io = acquire(BASE, PAGE);
    CHECK_OK(keel_space_map_io(space, VA, io, 0, 1, RW));
    audit_sees(space,
               hal_pte_leaf(hal_paddr(BASE), HAL_PROT_USER | HAL_PROT_READ | HAL_PROT_EXEC) |
                   hal_pte_io_bits(HAL_CACHE_UNCACHED),
               "A4: a mapping of I/O memory is executable");
    CHECK_OK(keel_space_release(space));
    CHECK_OK(keel_io_memory_release(io));
}

/* RAM by the back door: the mark alone does not make a frame I/O memory. */
static void A5_machine_sees_ram_marked_as_io(void)
{
    keel_space_t space = unit_space();
    keel_io_memory_t io = acquire(BASE, PAGE);
    CHECK_OK(keel_space_map_io(space, VA, io, 0, 1, RW));
    audit_sees(space,
               hal_pte_leaf(hal_paddr(16 * PAGE), HAL_PROT_USER | HAL_PROT_READ) |
                   hal_pte_io_bits(HAL_CACHE_UNCACHED),
               "A5");
    CHECK_OK(keel_space_release(space));
    CHECK_OK(keel_io_memory_release(io));
}

static void A1_audit_sees_uncached_ram(void)
{
    keel_space_t space = unit_space();
    keel_frame_t frame = unit_frame();
    CHECK_OK(keel_space_map(space, VA, frame, KEEL_READ));
    struct keel_mapping mapping = query(space, VA);
    audit_sees(space,
               hal_pte_leaf(hal_paddr(mapping.address), HAL_PROT_USER | HAL_PROT_READ) |
                   (hal_pte_io_bits(HAL_CACHE_UNCACHED) & HAL_PTE_CACHE),
               "A1: RAM is not cached write-back");
    CHECK_OK(keel_space_release(space));
    CHECK_OK(keel_frame_release(frame));
}

/* A mapping without a reference: the machine sees that the range ends under it. */
static void A5_machine_sees_a_range_end_while_mapped(void)
{
    keel_space_t space = unit_space();
    keel_frame_t frame = unit_frame();
    keel_io_memory_t io = acquire(BASE, PAGE);
    CHECK_OK(keel_space_map(space, VA, frame, KEEL_READ));
    CHECK_OK(keel_space_activate(space));
    uint64_t before = plant(space, hal_pte_leaf(hal_paddr(BASE), HAL_PROT_USER | HAL_PROT_READ) |
                                       hal_pte_io_bits(HAL_CACHE_UNCACHED));
    CHECK_OK(keel_io_memory_release(io));
    plant(space, before);
    CHECK_OK(keel_space_activate((keel_space_t){0}));
    CHECK_OK(keel_space_release(space));
    CHECK_OK(keel_frame_release(frame));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(D5_only_what_the_machine_offers_is_acquired),
        UNIT(D5_bad_ranges_and_policies_are_refused),
        UNIT(D5_what_the_map_calls_ram_is_not_offered, .config.regions = ram_there, .config.region_count = 2),
        UNIT(D5_what_the_map_calls_registers_is_offered, .config.regions = registers_there,
             .config.region_count = 2),
        UNIT(D5_ranges_are_exclusive_to_the_byte),
        UNIT(D5_range_comes_back_with_the_last_reference),
        UNIT(M8_ranges_run_out),
        UNIT(A5_info_counts_whole_pages),
        UNIT(A5_page_of_two_ranges_is_mapped_by_neither),
        UNIT(A5_map_refuses_what_it_must),
        UNIT(A5_mappings_keep_the_range),
        UNIT(A5_mappings_say_what_they_are),
        UNIT(A5_protect_never_makes_it_code),
        UNIT(A5_user_memory_reaches_the_device),
        UNIT(A5_cursor_maps_it_too),
        UNIT(A3_cursor_of_another_task_maps_nothing),
        UNIT(A5_large_pages_are_for_frames),
        UNIT(M8_map_without_memory_maps_nothing),
        UNIT(M6_references_of_mappings_are_all_or_nothing),
        UNIT(A5_audit_sees_damage),
        UNIT(A4_audit_sees_code, .violation = "A5"),
        UNIT(A5_machine_sees_ram_marked_as_io, .violation = "A5"),
        UNIT(A1_audit_sees_uncached_ram, .violation = "A1"),
        UNIT(A5_machine_sees_a_range_end_while_mapped, .violation = "M1"),
    };
    return unit_main(tests, argc, argv);
}
