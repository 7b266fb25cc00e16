/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The page-fault handler of keel/fault.h: what it is told, and what it can do about it, honest or not (P2,
 * A6, M4).
 */
#include <string.h>

#include "core/task.h"
#include "support.h"

#define RW   (KEEL_READ | KEEL_WRITE)
#define PAGE KEEL_PAGE_SIZE
#define BASE UINT64_C(0x40000)

static keel_space_t space, other_space;
static uint32_t (*play)(uint64_t va, uint32_t access); /* the handler of this test */
static unsigned calls, depth, deepest;
static uint64_t last_va;
static uint32_t last_access;
static int context_of_handler;

static uint32_t handle(void *context, uint64_t va, uint32_t access)
{
    CHECK(context == &context_of_handler);
    CHECK(va % PAGE == 0 && va >= KEEL_USER_START && va < KEEL_USER_END);
    CHECK(access == KEEL_READ || access == KEEL_WRITE);
    calls++;
    last_va = va;
    last_access = access;
    depth++;
    deepest = depth > deepest ? depth : deepest;
    uint32_t answer = play(va, access);
    depth--;
    return answer;
}

static void map_new(keel_space_t where, uint64_t va, uint32_t rights)
{
    keel_frame_t frame = unit_frame();
    CHECK_OK(keel_space_map(where, va, frame, rights));
    CHECK_OK(keel_frame_release(frame));
}

static void unmap(keel_space_t where, uint64_t va)
{
    uint64_t unmapped = 0;
    CHECK_OK(keel_space_unmap(where, va, 1, &unmapped));
}

/* An empty active space, and `handler` for its faults. */
static void begin(uint32_t (*handler)(uint64_t va, uint32_t access))
{
    const struct keel_fault_handler given = {.context = &context_of_handler, .handle = handle};
    play = handler;
    calls = depth = deepest = 0;
    space = unit_space();
    CHECK_OK(keel_space_activate(space));
    CHECK_OK(keel_fault_handler_inject(&given));
}

static void end(void)
{
    CHECK_OK(keel_space_activate((keel_space_t){0}));
    CHECK_OK(keel_space_release(space));
}

static uint32_t answer_no(uint64_t va, uint32_t access)
{
    (void)va;
    (void)access;
    return 0;
}

static uint32_t map_it(uint64_t va, uint32_t access)
{
    map_new(space, va, access == KEEL_WRITE ? RW : KEEL_READ);
    return 1;
}

static uint32_t allow_it(uint64_t va, uint32_t access)
{
    uint64_t changed = 0;
    (void)access;
    CHECK_OK(keel_space_protect(space, va, 1, RW, &changed));
    return 1;
}

/* A page that is there, but not for this access, is the handler's affair at the first try. */
static void P2_handler_is_asked_for_a_right(void)
{
    begin(allow_it);
    map_new(space, BASE, KEEL_READ);
    CHECK_OK(keel_user_store(BASE, 8, 3));
    CHECK(calls == 1 && last_va == BASE && last_access == KEEL_WRITE);
    end();
}

static void P2_handler_is_injected_once(void)
{
    struct keel_fault_handler given = {.context = NULL, .handle = NULL};
    CHECK_STATUS(keel_fault_handler_inject(NULL), KEEL_E_INVALID);
    CHECK_STATUS(keel_fault_handler_inject(&given), KEEL_E_INVALID);
    begin(answer_no);
    given.handle = handle;
    CHECK_STATUS(keel_fault_handler_inject(&given), KEEL_E_EXISTS);
    end();
}

static void A6_handler_maps_on_demand(void)
{
    static unsigned char out[3 * PAGE], in[3 * PAGE];
    uint64_t value = 0;
    begin(map_it);
    memset(out, 'k', sizeof out);
    CHECK_OK(keel_user_write(BASE + 100, out, 2 * PAGE));
    CHECK_EQUAL(calls, 3);
    CHECK(last_va == BASE + 2 * PAGE && last_access == KEEL_WRITE);
    CHECK_OK(keel_user_read(BASE + 100, in, 2 * PAGE));
    CHECK_EQUAL(calls, 3); /* all there by now */
    CHECK(memcmp(in, out, 2 * PAGE) == 0);
    CHECK_OK(keel_user_load(BASE + 3 * PAGE - 8, 8, &value));
    CHECK_EQUAL(value, 0);
    CHECK_OK(keel_user_load(BASE + 3 * PAGE + 16, 4, &value));
    CHECK(calls == 4 && last_va == BASE + 3 * PAGE && last_access == KEEL_READ);
    CHECK_OK(keel_user_store(BASE + 5 * PAGE - 4, 4, 3));
    CHECK(calls == 5 && last_va == BASE + 4 * PAGE && last_access == KEEL_WRITE);
    CHECK_OK(keel_user_cas(BASE + 5 * PAGE, 8, 0, 3, &value));
    CHECK(calls == 6 && last_va == BASE + 5 * PAGE && last_access == KEEL_WRITE);
    CHECK_OK(keel_user_cas(KEEL_USER_END - 8, 8, 1, 3, &value));
    CHECK(calls == 7 && last_va == KEEL_USER_END - PAGE);
    CHECK_OK(keel_user_read_string(BASE + 3 * PAGE - 50, in, sizeof in, &value));
    CHECK(calls == 7 && value == 0);
    end();
}

static void A6_handler_maps_the_rest_of_a_string(void)
{
    char in[16] = "";
    uint64_t length = 0;
    begin(map_it);
    map_new(space, BASE, RW);
    CHECK_OK(keel_user_write(BASE + PAGE - 3, "abc", 3));
    CHECK_OK(keel_user_read_string(BASE + PAGE - 3, in, sizeof in, &length));
    CHECK(length == 3 && strcmp(in, "abc") == 0);
    CHECK(calls == 1 && last_va == BASE + PAGE && last_access == KEEL_READ);
    end();
}

/* Changes what was copied already: the copy must not look at it again, and what it wrote stays changed. */
static uint32_t change_the_past(uint64_t va, uint32_t access)
{
    CHECK_OK(keel_user_write(BASE, "XXXX", 4));
    return map_it(va, access);
}

static void M4_copies_go_on_where_they_stopped(void)
{
    static unsigned char buffer[2 * PAGE];
    uint64_t length = 0;
    begin(change_the_past);
    map_new(space, BASE, RW);
    memset(buffer, 'o', sizeof buffer);
    CHECK_OK(keel_user_write(BASE, buffer, PAGE));
    memset(buffer, 0, sizeof buffer);
    CHECK_OK(keel_user_read(BASE, buffer, 2 * PAGE));
    CHECK(calls == 1 && buffer[0] == 'o' && buffer[3] == 'o' && buffer[PAGE] == 0);
    unmap(space, BASE + PAGE);
    CHECK_OK(keel_user_write(BASE, buffer, 2 * PAGE));
    CHECK_EQUAL(calls, 2);
    CHECK_OK(keel_user_read(BASE, buffer, 5));
    CHECK(memcmp(buffer, "XXXXo", 5) == 0);
    unmap(space, BASE + PAGE);
    CHECK_OK(keel_user_write(BASE, "oooo", 4));
    CHECK_OK(keel_user_read_string(BASE, buffer, sizeof buffer, &length));
    CHECK(calls == 3 && length == PAGE && memcmp(buffer, "ooooo", 5) == 0);
    end();
}

static uint32_t lie(uint64_t va, uint32_t access)
{
    (void)va;
    (void)access;
    return 1;
}

/* Every kind of access, of a page that nobody maps. */
static void check_each_access(unsigned calls_of_each)
{
    char buffer[8] = "";
    uint64_t value = 0;
    calls = 0;
    CHECK_STATUS(keel_user_read(BASE, buffer, 8), KEEL_E_FAULT);
    CHECK_EQUAL(calls, calls_of_each);
    CHECK_STATUS(keel_user_write(BASE, buffer, 8), KEEL_E_FAULT);
    CHECK_EQUAL(calls, 2 * calls_of_each);
    CHECK_STATUS(keel_user_read_string(BASE, buffer, 8, &value), KEEL_E_FAULT);
    CHECK_EQUAL(calls, 3 * calls_of_each);
    CHECK_STATUS(keel_user_load(BASE, 8, &value), KEEL_E_FAULT);
    CHECK_EQUAL(calls, 4 * calls_of_each);
    CHECK_STATUS(keel_user_store(BASE, 8, 1), KEEL_E_FAULT);
    CHECK_EQUAL(calls, 5 * calls_of_each);
    CHECK_STATUS(keel_user_cas(BASE, 8, 1, 2, &value), KEEL_E_FAULT);
    CHECK_EQUAL(calls, 6 * calls_of_each);
}

static void P2_handler_that_lies_is_asked_so_often_and_no_more(void)
{
    begin(lie);
    check_each_access(KEEL_FAULT_TRIES_MAX);
    end();
}

static uint32_t odd_answer;

static uint32_t answer_oddly(uint64_t va, uint32_t access)
{
    (void)va;
    (void)access;
    return odd_answer;
}

static void P2_any_other_answer_is_a_no(void)
{
    static const uint32_t answers[] = {0, 2, 3, 0x101, 0x80000001, UINT32_MAX};
    begin(answer_oddly);
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        odd_answer = answers[i];
        check_each_access(1);
    }
    end();
}

/* One byte of progress and the tries count anew. */
static uint32_t map_at_the_last_try(uint64_t va, uint32_t access)
{
    return calls % KEEL_FAULT_TRIES_MAX == 0 ? map_it(va, access) : 1;
}

static void P2_tries_count_for_each_byte(void)
{
    static unsigned char buffer[3 * PAGE];
    begin(map_at_the_last_try);
    CHECK_OK(keel_user_read(BASE, buffer, 3 * PAGE));
    CHECK_EQUAL(calls, 3 * KEEL_FAULT_TRIES_MAX);
    end();
}

static uint32_t fault_again(uint64_t va, uint32_t access)
{
    char byte = 0;
    (void)access;
    CHECK_STATUS(keel_user_read(va + PAGE, &byte, 1), KEEL_E_FAULT);
    return 0;
}

static void P2_handlers_nest_so_deep_and_no_deeper(void)
{
    begin(fault_again);
    for (unsigned i = 0; i < 3; i++) {
        check_each_access(KEEL_FAULT_DEPTH_MAX);
    }
    CHECK_EQUAL(deepest, KEEL_FAULT_DEPTH_MAX);
    end();
}

static uint32_t fault_again_and_lie(uint64_t va, uint32_t access)
{
    fault_again(va, access);
    return 1;
}

/* The worst that a handler can do: every try at every depth. */
static void P2_handlers_that_nest_and_lie_come_to_an_end(void)
{
    uint64_t value = 0;
    unsigned expected = 0;
    begin(fault_again_and_lie);
    for (unsigned i = 0; i < KEEL_FAULT_DEPTH_MAX; i++) {
        expected = (expected + 1) * KEEL_FAULT_TRIES_MAX;
    }
    CHECK_STATUS(keel_user_load(BASE, 8, &value), KEEL_E_FAULT);
    CHECK_EQUAL(calls, expected);
    end();
}

static uint32_t change_space(uint64_t va, uint32_t access)
{
    (void)va;
    (void)access;
    CHECK_OK(keel_space_activate(other_space));
    return 1;
}

static void A6_copy_goes_on_in_the_space_that_is_active_then(void)
{
    static unsigned char buffer[2 * PAGE];
    begin(change_space);
    other_space = unit_space();
    map_new(space, BASE, RW);
    map_new(other_space, BASE, RW);
    map_new(other_space, BASE + PAGE, RW);
    memset(buffer, 'n', sizeof buffer);
    CHECK_OK(keel_user_write(BASE, buffer, sizeof buffer));
    CHECK_EQUAL(calls, 1);
    CHECK_OK(keel_user_read(BASE, buffer, sizeof buffer));
    CHECK(buffer[0] == 0 && buffer[PAGE - 1] == 0 && buffer[PAGE] == 'n' && buffer[2 * PAGE - 1] == 'n');
    CHECK_OK(keel_space_release(other_space));
    end();
}

static uint32_t leave_space(uint64_t va, uint32_t access)
{
    (void)va;
    (void)access;
    CHECK_OK(keel_space_activate((keel_space_t){0}));
    return 1;
}

static void A6_copy_fails_where_no_space_is_active_then(void)
{
    uint64_t value = 0;
    begin(leave_space);
    CHECK_STATUS(keel_user_read(BASE, &value, 8), KEEL_E_FAULT);
    CHECK_STATUS(keel_user_read(BASE, &value, 8), KEEL_E_BUSY);
    CHECK_EQUAL(calls, 1);
    CHECK_OK(keel_space_activate(space));
    CHECK_STATUS(keel_user_cas(BASE, 8, 0, 1, &value), KEEL_E_FAULT);
    CHECK_STATUS(keel_user_store(BASE, 8, 1), KEEL_E_BUSY);
    end();
}

/* Takes away what was copied, and the space with it. */
static uint32_t unmap_the_past(uint64_t va, uint32_t access)
{
    unmap(space, BASE);
    CHECK_OK(keel_space_release(space)); /* the task's own reference is the last one now */
    map_new(other_space, va, access == KEEL_WRITE ? RW : KEEL_READ);
    CHECK_OK(keel_space_activate(other_space));
    return 1;
}

static void P2_handler_unmaps_what_is_being_copied(void)
{
    static unsigned char buffer[2 * PAGE];
    begin(unmap_the_past);
    other_space = unit_space();
    map_new(space, BASE, RW);
    CHECK_OK(keel_user_read(BASE, buffer, sizeof buffer));
    CHECK_EQUAL(calls, 1);
    CHECK_STATUS(keel_space_activate(space), KEEL_E_BAD_HANDLE);
    space = other_space;
    end();
}

static uint32_t sleep_and_map(uint64_t va, uint32_t access)
{
    CHECK_OK(keel_task_sleep(1000));
    CHECK_OK(keel_task_yield());
    return map_it(va, access);
}

static void P2_handler_sleeps(void)
{
    uint64_t value = 1;
    begin(sleep_and_map);
    CHECK_OK(keel_user_load(BASE, 8, &value));
    CHECK(calls == 1 && value == 0);
    end();
}

static uint32_t exit_task(uint64_t va, uint32_t access)
{
    (void)va;
    (void)access;
    keel_task_exit(5);
    CHECK_NEVER("an exited task goes on");
    return 1;
}

static void die_in_the_handler(uint64_t argument)
{
    char byte = 0;
    (void)argument;
    CHECK_OK(keel_space_activate(space));
    keel_user_read(BASE, &byte, 1);
    CHECK_NEVER("an exited task goes on");
}

static void P2_handler_exits_the_task(void)
{
    begin(exit_task);
    for (unsigned i = 0; i < 6; i++) {
        CHECK_EQUAL((uint64_t)unit_join(unit_spawn(die_in_the_handler, i)), 5);
    }
    CHECK_EQUAL(calls, 6);
    end();
}

static jmp_buf way_out;

static uint32_t jump_out(uint64_t va, uint32_t access)
{
    (void)va;
    (void)access;
    longjmp(way_out, 1);
}

/* A handler that never returns to its caller's plan counts as one that the task is inside of. */
static void P2_handler_that_jumps_out_uses_up_its_depth(void)
{
    uint64_t value = 0;
    begin(jump_out);
    for (volatile unsigned i = 0; i < KEEL_FAULT_DEPTH_MAX; i++) {
        if (setjmp(way_out) == 0) {
            keel_user_load(BASE, 8, &value);
            CHECK_NEVER("it jumped out");
        }
    }
    CHECK_STATUS(keel_user_load(BASE, 8, &value), KEEL_E_FAULT);
    CHECK_EQUAL(calls, KEEL_FAULT_DEPTH_MAX);
    end();
}

/* Of what no access of keel/user_memory.h to a user's page does, the handler hears nothing. */
static void P2_handler_hears_of_user_copies_only(void)
{
    char buffer[8] = "";
    uint64_t value = 0;
    struct keel_user_regs regs = {.rip = BASE};
    struct keel_user_event event = {0};
    begin(lie);
    do {
        CHECK_OK(keel_user_run(&regs, &event));
    } while (event.reason == KEEL_USER_INTERRUPT);
    CHECK(event.reason == KEEL_USER_EXCEPTION && event.vector == 14);
    CHECK_STATUS(keel_user_read(KEEL_USER_START - 1, buffer, 8), KEEL_E_FAULT);
    CHECK_STATUS(keel_user_read(KEEL_USER_END - 7, buffer, 8), KEEL_E_FAULT);
    CHECK_STATUS(keel_user_write(UINT64_MAX - 3, buffer, 8), KEEL_E_FAULT);
    CHECK_STATUS(keel_user_read_string(0, buffer, 8, &value), KEEL_E_FAULT);
    CHECK_STATUS(keel_user_load(0, 8, &value), KEEL_E_FAULT);
    CHECK_STATUS(keel_user_cas(KEEL_USER_END, 8, 0, 0, &value), KEEL_E_FAULT);
    CHECK_STATUS(keel_user_load(BASE + 1, 8, &value), KEEL_E_INVALID);
    CHECK_OK(keel_user_read(0, buffer, 0));
    CHECK_OK(keel_space_activate((keel_space_t){0}));
    CHECK_STATUS(keel_user_read(BASE, buffer, 8), KEEL_E_BUSY);
    CHECK_EQUAL(calls, 0);
    end();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(P2_handler_is_injected_once),
        UNIT(P2_handler_is_asked_for_a_right),
        UNIT(A6_handler_maps_on_demand),
        UNIT(A6_handler_maps_the_rest_of_a_string),
        UNIT(M4_copies_go_on_where_they_stopped),
        UNIT(P2_handler_that_lies_is_asked_so_often_and_no_more),
        UNIT(P2_any_other_answer_is_a_no),
        UNIT(P2_tries_count_for_each_byte),
        UNIT(P2_handlers_nest_so_deep_and_no_deeper),
        UNIT(P2_handlers_that_nest_and_lie_come_to_an_end),
        UNIT(A6_copy_goes_on_in_the_space_that_is_active_then),
        UNIT(A6_copy_fails_where_no_space_is_active_then),
        UNIT(P2_handler_unmaps_what_is_being_copied),
        UNIT(P2_handler_sleeps, .seeds = 5),
        UNIT(P2_handler_exits_the_task, .seeds = 5),
        UNIT(P2_handler_that_jumps_out_uses_up_its_depth),
        UNIT(P2_handler_hears_of_user_copies_only),
    };
    return unit_main(tests, argc, argv);
}
