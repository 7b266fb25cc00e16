/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Runs of pages, large pages, marks and cursors as a CPU sees them: its own accessed and dirty bits, its own
 * translations that must be gone after each call.
 */
#include "user_code.h"

#define PAGE  ((uint64_t)KEEL_PAGE_SIZE)
#define LARGE UINT64_C(512) /* pages of a 2 MiB one */
#define BASE  (UINT64_C(1) << 30)
#define RW    (KEEL_READ | KEEL_WRITE)
#define PF_WRITE_PRESENT                                                                                     \
    UINT64_C(7) /* error code of a user's write to a page that is there (Intel SDM vol. 3A, 4.7) */
#define PF_WRITE_ABSENT UINT64_C(6)

static struct user_space user;
static keel_segment_t segment;

static bool begin(uint64_t frame_count)
{
    CHECK(user_space_open(&user));
    CHECK_OK(keel_segment_alloc(frame_count, LARGE, &segment));
    return segment.value != 0;
}

static void end(void)
{
    CHECK_OK(keel_segment_release(segment));
    segment.value = 0;
    user_space_close(&user);
}

/* User code writes to `va`. Answers 0, or the error code of the page fault. */
static uint64_t store(uint64_t va)
{
    struct keel_user_regs regs = user_regs_at(USER_STORE_XMM);
    struct keel_user_event event;
    regs.rdi = va;
    user_run_to_event(&regs, &event);
    if (event.reason == KEEL_USER_SYSCALL) {
        return 0;
    }
    CHECK_VALUE(event.reason == KEEL_USER_EXCEPTION && event.vector == 14, event.vector);
    CHECK_VALUE(event.address == va, event.address);
    return event.error;
}

static struct keel_mapping query(uint64_t va)
{
    struct keel_mapping mapping = {0};
    CHECK_OK(keel_space_query(user.space, va, &mapping));
    return mapping;
}

static void A1_large_page_serves_user_code(void)
{
    uint64_t number = 0;
    if (!begin(2 * LARGE)) {
        return;
    }
    CHECK_OK(keel_space_map_segment(user.space, BASE, segment, 0, 2 * LARGE, RW));
    CHECK_VALUE(query(BASE).page_count == LARGE, query(BASE).page_count);
    CHECK(query(BASE).accessed == 0 && query(BASE).dirty == 0);
    for (uint64_t i = 0; i < 2 * LARGE; i += 73) {
        CHECK_VALUE(store(BASE + i * PAGE + 64) == 0, i);
    }
    CHECK(query(BASE).accessed == 1 && query(BASE).dirty == 1);
    CHECK_OK(keel_space_unmap(user.space, BASE, 2 * LARGE, &number));
    CHECK_VALUE(number == 2 * LARGE, number);
    CHECK(store(BASE + 64) == PF_WRITE_ABSENT);
    end();
}

static void A2_part_of_a_large_page_is_withdrawn(void)
{
    uint64_t number = 0;
    if (!begin(LARGE)) {
        return;
    }
    CHECK_OK(keel_space_map_segment(user.space, BASE, segment, 0, LARGE, RW));
    CHECK(store(BASE + 5 * PAGE) == 0); /* now the CPU has it cached */
    CHECK_OK(keel_space_protect(user.space, BASE + 5 * PAGE, 2, KEEL_READ, &number));
    CHECK(store(BASE + 5 * PAGE) == PF_WRITE_PRESENT);
    CHECK(store(BASE + 6 * PAGE) == PF_WRITE_PRESENT);
    CHECK(store(BASE + 4 * PAGE) == 0 && store(BASE + 7 * PAGE) == 0);
    CHECK_OK(keel_space_unmap(user.space, BASE + 6 * PAGE, 3, &number));
    CHECK_VALUE(number == 3, number);
    CHECK(store(BASE + 6 * PAGE) == PF_WRITE_ABSENT && store(BASE + 8 * PAGE) == PF_WRITE_ABSENT);
    CHECK(store(BASE + 9 * PAGE) == 0 && store(BASE + 511 * PAGE) == 0);
    end();
}

static void A2_marks_come_again_after_aging(void)
{
    uint64_t number = 0;
    if (!begin(LARGE)) {
        return;
    }
    CHECK_OK(keel_space_map_segment(user.space, BASE, segment, 0, 3, RW));
    for (unsigned round = 0; round < 3; round++) {
        CHECK(store(BASE) == 0);
        CHECK(query(BASE).dirty == 1 && query(BASE + PAGE).dirty == 0);
        CHECK_OK(keel_space_age(user.space, BASE, 3, KEEL_ACCESSED | KEEL_DIRTY, &number));
        CHECK_VALUE(number == 1, number);
        CHECK(query(BASE).dirty == 0 && query(BASE).accessed == 0);
    }
    end();
}

static void A1_promoted_page_goes_on_serving(void)
{
    uint64_t number = 0;
    if (!begin(LARGE)) {
        return;
    }
    for (uint64_t i = 0; i < LARGE; i++) {
        CHECK_OK(keel_space_map_segment(user.space, BASE + i * PAGE, segment, i, 1, RW));
    }
    CHECK(store(BASE + 100 * PAGE) == 0);
    uint64_t before = frames_free();
    CHECK_OK(keel_space_promote(user.space, BASE, LARGE, &number));
    CHECK_VALUE(number == LARGE, number);
    CHECK(frames_free() == before + 1);
    CHECK(query(BASE).page_count == LARGE && query(BASE).dirty == 1);
    CHECK(store(BASE + 100 * PAGE) == 0 && store(BASE + 511 * PAGE) == 0);
    CHECK_OK(keel_space_protect(user.space, BASE, LARGE, KEEL_READ, &number));
    CHECK(store(BASE + 100 * PAGE) == PF_WRITE_PRESENT);
    end();
}

static void A3_cursor_edits_what_user_code_uses(void)
{
    keel_cursor_t cursor;
    struct keel_mapping mapping;
    uint64_t number = 0;
    if (!begin(LARGE)) {
        return;
    }
    CHECK_OK(keel_cursor_open(user.space, BASE, LARGE, &cursor));
    CHECK_OK(keel_cursor_map_segment(cursor, segment, 0, 4, RW));
    CHECK(store(BASE + 3 * PAGE) == 0);
    CHECK_STATUS(KEEL_E_BUSY, keel_space_unmap(user.space, BASE, 1, &number));
    CHECK_OK(keel_cursor_jump(cursor, BASE + PAGE));
    CHECK_OK(keel_cursor_unmap(cursor, 2, &number));
    CHECK(store(BASE + PAGE) == PF_WRITE_ABSENT);
    CHECK_OK(keel_cursor_find_next(cursor, 10, &mapping));
    CHECK_VALUE(mapping.va == BASE + 3 * PAGE && mapping.dirty == 1, mapping.va);
    CHECK_OK(keel_cursor_close(cursor));
    CHECK_OK(keel_space_unmap(user.space, BASE, LARGE, &number));
    CHECK_VALUE(number == 2, number);
    end();
}

/* The one range that the machine offers: the VGA's memory, or the hosted machine's device. */
static keel_io_memory_t acquire_device(uint32_t cache, uint64_t *address)
{
    static const uint64_t candidates[] = {0xa0000, UINT64_C(1) << 40};
    keel_io_memory_t io = {0};
    for (size_t i = 0; i < COUNT_OF(candidates) && io.value == 0; i++) {
        *address = candidates[i];
        (void)keel_io_memory_acquire(*address, 4 * PAGE + 1, cache, &io);
    }
    CHECK(io.value != 0);
    return io;
}

/* User code reads `va`. Answers whether that worked. */
static bool load(uint64_t va)
{
    struct keel_user_regs regs = user_regs_at(USER_LOAD_XMM);
    struct keel_user_event event;
    regs.rdi = va;
    user_run_to_event(&regs, &event);
    return event.reason == KEEL_USER_SYSCALL;
}

/* What a read answers is the device's affair. */
static void use_device(uint32_t cache)
{
    uint64_t number = 0, address = 0;
    keel_io_memory_t io = acquire_device(cache, &address);
    CHECK_STATUS(KEEL_E_INVALID, keel_space_map_io(user.space, BASE, io, 4, 1, RW));
    CHECK_STATUS(KEEL_E_DENIED, keel_space_map_io(user.space, BASE, io, 0, 1, KEEL_READ | KEEL_EXEC));
    CHECK_OK(keel_space_map_io(user.space, BASE, io, 1, 2, RW));
    CHECK_VALUE(query(BASE).cache == cache, query(BASE).cache);
    CHECK_VALUE(query(BASE).address == address + PAGE, query(BASE).address);
    CHECK(store(BASE) == 0 && store(BASE + 2 * PAGE - 32) == 0);
    CHECK(load(BASE) && load(BASE + PAGE));
    CHECK_VALUE(store(BASE + 2 * PAGE) == PF_WRITE_ABSENT, 0);
    CHECK(query(BASE).dirty == 1);
    CHECK_OK(keel_io_memory_release(io));
    CHECK_OK(keel_space_protect(user.space, BASE, 1, KEEL_READ, &number));
    CHECK(store(BASE) == PF_WRITE_PRESENT && load(BASE));
    CHECK_OK(keel_space_unmap(user.space, BASE, 2, &number));
    CHECK_VALUE(number == 2, number);
    CHECK(store(BASE) == PF_WRITE_ABSENT);
}

static void A5_io_memory_serves_user_code(void)
{
    if (!begin(1)) {
        return;
    }
    use_device(KEEL_CACHE_UNCACHED);
    use_device(KEEL_CACHE_WRITE_THROUGH); /* the range came back */
    use_device(KEEL_CACHE_WRITE_COMBINING);
    end();
}

static void D5_nothing_else_is_offered(void)
{
    /* RAM, what lies beside the VGA's memory, I/O APIC, HPET, remapping hardware, local APIC, configuration
     * space where chipsets have it, firmware. */
    static const uint64_t addresses[] = {
        0,          0x1000,     0x9f000,    0xc0000,    0xf0000,    0x100000,   0x2000000,  0x7ff00000,
        0xb0000000, 0xe0000000, 0xfec00000, 0xfed00000, 0xfed90000, 0xfed91000, 0xfee00000, 0xffff0000,
    };
    keel_io_memory_t io;
    for (size_t i = 0; i < COUNT_OF(addresses); i++) {
        CHECK_STATUS(KEEL_E_DENIED, keel_io_memory_acquire(addresses[i], 4, KEEL_CACHE_UNCACHED, &io));
    }
    CHECK_STATUS(KEEL_E_DENIED, keel_io_memory_acquire(0x9ffff, 2, KEEL_CACHE_UNCACHED, &io));
    CHECK_STATUS(KEEL_E_DENIED, keel_io_memory_acquire(0xbffff, 2, KEEL_CACHE_UNCACHED, &io));
}

int32_t keel_main(void)
{
    static const struct test tests[] = {
        TEST(A1_large_page_serves_user_code),      TEST(A2_part_of_a_large_page_is_withdrawn),
        TEST(A2_marks_come_again_after_aging),     TEST(A1_promoted_page_goes_on_serving),
        TEST(A3_cursor_edits_what_user_code_uses), TEST(A5_io_memory_serves_user_code),
        TEST(D5_nothing_else_is_offered),
    };
    return tests_run("mapping", tests, COUNT_OF(tests));
}
