/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Access to user memory (A6, M4): every limit to the byte, rights, and a page-fault handler that maps,
 * withdraws, lies and leaves. On the real machine the CPU judges, and every refusal comes back through a
 * fixup.
 */
#include "check.h"

#define PAGE      KEEL_PAGE_SIZE
#define LAST_PAGE (KEEL_USER_END - PAGE)
#define HOLE      UINT64_C(0x600000) /* a mapped page between two that are not */
#define SPAN      40u
#define RW        (KEEL_READ | KEEL_WRITE)

enum behaviour { REFUSE, MAP, LIE, MAP_AND_UNMAP_FIRST, LEAVE_SPACE, SLEEP_AND_MAP, EXIT };

static keel_space_t space;
static enum behaviour behaviour;
static uint32_t handler_calls;
static uint64_t handler_va;
static uint32_t handler_access;

static void map_new(uint64_t va, uint32_t rights)
{
    keel_frame_t frame = {0};
    CHECK_OK(keel_frame_alloc(&frame));
    CHECK_OK(keel_space_map(space, va, frame, rights));
    CHECK_OK(keel_frame_release(frame));
}

static void unmap(uint64_t va)
{
    uint64_t unmapped = 0;
    CHECK_OK(keel_space_unmap(space, va, 1, &unmapped));
    CHECK_VALUE(unmapped == 1, unmapped);
}

static void check_audit(void)
{
    uint32_t violations = 1;
    CHECK_OK(keel_audit(&violations));
    CHECK_VALUE(violations == 0, violations);
}

static uint32_t handle(void *context, uint64_t va, uint32_t access)
{
    (void)context;
    handler_calls++;
    handler_va = va;
    handler_access = access;
    check_audit(); /* inside an access that failed: user memory is closed meanwhile */
    switch (behaviour) {
    case MAP_AND_UNMAP_FIRST:
        unmap(HOLE);
        break;
    case LEAVE_SPACE:
        CHECK_OK(keel_space_activate((keel_space_t){0}));
        return 1;
    case SLEEP_AND_MAP:
        CHECK_OK(keel_task_sleep(20000000)); /* longer than a tick: others run with user memory closed */
        break;
    case EXIT:
        (void)keel_task_exit(3);
        break;
    case LIE:
        return 1;
    case REFUSE:
        return 0;
    case MAP:
        break;
    }
    map_new(va, RW);
    return 1;
}

static void open_space(enum behaviour how)
{
    behaviour = how;
    handler_calls = 0;
    CHECK_OK(keel_space_create(&space));
    CHECK_OK(keel_space_activate(space));
    map_new(HOLE, RW);
}

static void close_space(void)
{
    CHECK_OK(keel_space_activate((keel_space_t){0}));
    CHECK_OK(keel_space_release(space));
}

/* Copies of every length that begin or end up to SPAN bytes inside or outside of the mapped page. */
static void A6_copies_stop_at_the_first_byte_out_of_reach(void)
{
    static unsigned char out[SPAN], in[SPAN];
    open_space(REFUSE);
    for (uint32_t i = 0; i < SPAN; i++) {
        out[i] = (unsigned char)(i + 1);
    }
    for (uint64_t inside = 0; inside <= SPAN; inside++) {
        for (size_t size = 1; size <= SPAN; size++) {
            uint64_t va = HOLE + PAGE - inside;
            keel_status_t expected = size <= inside ? KEEL_OK : KEEL_E_FAULT;
            for (uint32_t i = 0; i < SPAN; i++) {
                in[i] = 0;
            }
            CHECK_STATUS(expected, keel_user_write(va, out, size));
            CHECK_STATUS(expected, keel_user_read(va, in, size));
            size_t moved = size < inside ? size : (size_t)inside;
            for (size_t i = 0; i < SPAN; i++) {
                CHECK_VALUE(in[i] == (i < moved ? i + 1 : 0), i);
            }
            expected = inside == 0 ? KEEL_OK : KEEL_E_FAULT;
            CHECK_STATUS(expected, keel_user_read(HOLE - inside, in, SPAN));
        }
    }
    close_space();
}

static void A6_ranges_end_at_the_last_byte(void)
{
    unsigned char bytes[8] = {0};
    uint64_t value = 0, length = 0;
    open_space(REFUSE);
    map_new(KEEL_USER_START, RW);
    map_new(LAST_PAGE, RW);
    CHECK_OK(keel_user_write(KEEL_USER_END - 8, "abcdefg", 8));
    CHECK_OK(keel_user_read(KEEL_USER_END - 1, bytes, 1));
    CHECK_STATUS(KEEL_E_FAULT, keel_user_read(KEEL_USER_END - 1, bytes, 2));
    CHECK_STATUS(KEEL_E_FAULT, keel_user_read(KEEL_USER_END, bytes, 1));
    CHECK_STATUS(KEEL_E_FAULT, keel_user_read(KEEL_USER_START - 1, bytes, 2));
    CHECK_STATUS(KEEL_E_FAULT, keel_user_read(UINT64_MAX, bytes, 8));
    CHECK_STATUS(KEEL_E_FAULT, keel_user_read(UINT64_MAX - 7, bytes, 8));
    CHECK_STATUS(KEEL_E_FAULT, keel_user_write(UINT64_C(0xffff800000000000), bytes, 8));
    CHECK_STATUS(KEEL_E_FAULT, keel_user_write(UINT64_C(0xffffffff80000000), bytes, 8));
    CHECK_OK(keel_user_read(UINT64_MAX, bytes, 0));
    CHECK_OK(keel_user_read_string(KEEL_USER_END - 8, bytes, 8, &length));
    CHECK_VALUE(length == 7 && bytes[6] == 'g', length);
    CHECK_OK(keel_user_write(KEEL_USER_END - 1, "h", 1));
    CHECK_STATUS(KEEL_E_LIMIT, keel_user_read_string(KEEL_USER_END - 8, bytes, 8, &length));
    CHECK_STATUS(KEEL_E_FAULT, keel_user_read_string(KEEL_USER_END - 4, bytes, 8, &length));
    CHECK_OK(keel_user_load(KEEL_USER_END - 8, 8, &value));
    CHECK_VALUE(value == UINT64_C(0x6867666564636261), value);
    CHECK_STATUS(KEEL_E_FAULT, keel_user_load(KEEL_USER_END, 8, &value));
    CHECK_STATUS(KEEL_E_FAULT, keel_user_cas(KEEL_USER_START - 8, 8, 0, 0, &value));
    CHECK_VALUE(handler_calls == 0, handler_calls);
    close_space();
}

static void A6_single_accesses_obey_the_rights(void)
{
    uint64_t value = 9;
    open_space(REFUSE);
    map_new(HOLE + PAGE, KEEL_READ);
    CHECK_OK(keel_user_store(HOLE, 8, UINT64_C(0x1122334455667788)));
    CHECK_OK(keel_user_load(HOLE + 4, 4, &value));
    CHECK_VALUE(value == 0x11223344, value);
    CHECK_OK(keel_user_cas(HOLE, 4, 0x55667788, 0xffffffff, &value));
    CHECK_VALUE(value == 0x55667788, value);
    CHECK_OK(keel_user_cas(HOLE, 4, 1, 2, &value));
    CHECK_VALUE(value == 0xffffffff, value);
    CHECK_OK(keel_user_cas(HOLE, 8, UINT64_C(0x11223344ffffffff), 5, &value));
    CHECK_OK(keel_user_load(HOLE, 8, &value));
    CHECK_VALUE(value == 5, value);
    CHECK_OK(keel_user_load(HOLE + PAGE, 8, &value));
    CHECK_STATUS(KEEL_E_FAULT, keel_user_store(HOLE + PAGE, 8, 1));
    CHECK_STATUS(KEEL_E_FAULT, keel_user_cas(HOLE + PAGE, 8, 0, 1, &value));
    CHECK_STATUS(KEEL_E_FAULT, keel_user_cas(HOLE + PAGE, 4, 1, 2, &value)); /* would store nothing */
    CHECK_STATUS(KEEL_E_FAULT, keel_user_write(HOLE + PAGE - 4, "1234567", 8));
    CHECK_OK(keel_user_load(HOLE + PAGE, 8, &value));
    CHECK_VALUE(value == 0, value);
    CHECK_STATUS(KEEL_E_INVALID, keel_user_load(HOLE + 2, 4, &value));
    CHECK_STATUS(KEEL_E_INVALID, keel_user_cas(HOLE + PAGE - 4, 8, 0, 0, &value));
    close_space();
}

static void P2_handler_maps_on_demand(void)
{
    static unsigned char bytes[2 * KEEL_PAGE_SIZE];
    uint64_t value = 0, length = 0;
    open_space(MAP);
    CHECK_OK(keel_user_write(HOLE + PAGE - 3, "abcdefghijk", 12)); /* the first word lies across the border */
    CHECK_VALUE(handler_calls == 1 && handler_va == HOLE + PAGE && handler_access == KEEL_WRITE, handler_va);
    unmap(HOLE + PAGE);
    CHECK_OK(keel_user_read_string(HOLE + PAGE - 3, bytes, 12, &length));
    CHECK_VALUE(length == 3 && handler_calls == 2 && handler_access == KEEL_READ, length);
    CHECK_OK(keel_user_read(HOLE + PAGE + 5, bytes, sizeof bytes));
    CHECK_VALUE(handler_calls == 4 && handler_va == HOLE + 3 * PAGE, handler_va);
    CHECK_OK(keel_user_load(HOLE + 4 * PAGE, 4, &value));
    CHECK_OK(keel_user_store(HOLE + 5 * PAGE, 8, 7));
    CHECK_OK(keel_user_cas(HOLE + 6 * PAGE, 8, 0, 7, &value));
    CHECK_VALUE(handler_calls == 7 && handler_access == KEEL_WRITE, handler_calls);
    check_audit();
    close_space();
}

static void P2_handler_withdraws_lies_and_sleeps(void)
{
    static unsigned char bytes[2 * KEEL_PAGE_SIZE];
    uint64_t value = 0;
    open_space(MAP_AND_UNMAP_FIRST);
    CHECK_OK(keel_user_read(HOLE, bytes, sizeof bytes));
    behaviour = LIE;
    handler_calls = 0;
    CHECK_STATUS(KEEL_E_FAULT, keel_user_cas(HOLE, 8, 0, 1, &value));
    CHECK_VALUE(handler_calls == KEEL_FAULT_TRIES_MAX, handler_calls);
    behaviour = SLEEP_AND_MAP;
    CHECK_OK(keel_user_write(HOLE + PAGE - 8, bytes, 8));
    behaviour = LEAVE_SPACE;
    CHECK_STATUS(KEEL_E_FAULT, keel_user_read(HOLE + 2 * PAGE, bytes, 8));
    CHECK_STATUS(KEEL_E_BUSY, keel_user_read(HOLE, bytes, 8));
    close_space();
}

static void die_in_the_handler(uint64_t argument)
{
    uint64_t value = argument;
    CHECK_OK(keel_space_activate(space));
    (void)keel_user_load(HOLE - PAGE, 8, &value);
}

static void P2_handler_exits_the_task(void)
{
    open_space(EXIT);
    CHECK(task_run("doomed", die_in_the_handler, 0) == 3);
    close_space();
}

/* Breaks the pointer rule (keel/keel.h): the buffer is the kernel's, and nothing is mapped there. That is no
 * fault of user memory, so no fixup covers it: the kernel stops, and says where. */
static void A6_wild_buffer(void)
{
    unsigned char *wild = (unsigned char *)(uintptr_t)UINT64_C(0xffffff0000000000);
    open_space(MAP);
    (void)keel_user_read(HOLE, wild, 8);
}

int32_t keel_main(void)
{
    static const struct test tests[] = {
        TEST(A6_copies_stop_at_the_first_byte_out_of_reach),
        TEST(A6_ranges_end_at_the_last_byte),
        TEST(A6_single_accesses_obey_the_rights),
        TEST(P2_handler_maps_on_demand),
        TEST(P2_handler_withdraws_lies_and_sleeps),
        TEST(P2_handler_exits_the_task),
    };
    const struct keel_fault_handler handler = {.context = NULL, .handle = handle};
    if (keel_fault_handler_inject(&handler) != KEEL_OK) {
        return 1;
    }
    if (option_given("wild")) {
        A6_wild_buffer();
        return 0;
    }
    return tests_run("usercopy", tests, COUNT_OF(tests));
}
