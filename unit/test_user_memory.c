/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/user_memory.c and the calls of keel/user_memory.h, without a page-fault handler
 * (test_fault_handler.c).
 */
#include <string.h>

#include "support.h"

#define RW        (KEEL_READ | KEEL_WRITE)
#define RX        (KEEL_READ | KEEL_EXEC)
#define LAST_PAGE (KEEL_USER_END - KEEL_PAGE_SIZE)
#define ONES      UINT64_MAX

static keel_space_t space;
static atomic_u32_t ready, stop;

static void map_new(uint64_t va, uint32_t rights)
{
    keel_frame_t frame = unit_frame();
    CHECK_OK(keel_space_map(space, va, frame, rights));
    CHECK_OK(keel_frame_release(frame));
}

/* A space with a first and a last page, and one in the middle that cannot be written; active. */
static void open_space(void)
{
    space = unit_space();
    map_new(KEEL_USER_START, RW);
    map_new(0x10000, RX);
    map_new(LAST_PAGE, RW);
    CHECK_OK(keel_space_activate(space));
}

static void close_space(void)
{
    CHECK_OK(keel_space_activate((keel_space_t){0}));
    CHECK_OK(keel_space_release(space));
}

static void check_single(uint64_t va, uint32_t width, keel_status_t expected)
{
    uint64_t value = 0;
    CHECK_STATUS(keel_user_load(va, width, &value), expected);
    CHECK_STATUS(keel_user_store(va, width, 1), expected);
    CHECK_STATUS(keel_user_cas(va, width, 1, 2, &value), expected);
}

static void A6_single_accesses_know_their_limits(void)
{
    static const uint32_t widths[] = {0, 1, 2, 3, 5, 6, 7, 9, 16, 0x104, UINT32_MAX};
    check_single(KEEL_USER_START, 8, KEEL_E_BUSY);
    open_space();
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        check_single(KEEL_USER_START, widths[i], KEEL_E_INVALID);
    }
    for (uint32_t width = 4; width <= 8; width += 4) {
        for (uint64_t off = 0; off < 16; off++) {
            keel_status_t inside = off % width == 0 ? KEEL_OK : KEEL_E_INVALID;
            keel_status_t outside = off % width == 0 ? KEEL_E_FAULT : KEEL_E_INVALID;
            check_single(KEEL_USER_START + off, width, inside);
            check_single(LAST_PAGE + 16 + off, width, inside);
            check_single(KEEL_USER_END + off, width, outside);
            check_single(0x8000 + off, width, outside); /* unmapped */
        }
        check_single(KEEL_USER_END - width, width, KEEL_OK);
        check_single(KEEL_USER_START - width, width, KEEL_E_FAULT);
        check_single(0, width, KEEL_E_FAULT);
        check_single(0 - (uint64_t)width, width, KEEL_E_FAULT);
        check_single(UINT64_C(0xffff800000000000), width, KEEL_E_FAULT);
    }
    close_space();
}

static void A6_single_accesses_refuse_what_does_not_fit(void)
{
    uint64_t value = 7;
    open_space();
    CHECK_STATUS(keel_user_store(KEEL_USER_START, 4, UINT64_C(1) << 32), KEEL_E_INVALID);
    CHECK_STATUS(keel_user_cas(KEEL_USER_START, 4, UINT64_C(1) << 32, 0, &value), KEEL_E_INVALID);
    CHECK_STATUS(keel_user_cas(KEEL_USER_START, 4, 0, UINT64_C(1) << 32, &value), KEEL_E_INVALID);
    CHECK_EQUAL(value, 7);
    CHECK_STATUS(keel_user_load(KEEL_USER_START, 8, NULL), KEEL_E_INVALID);
    CHECK_STATUS(keel_user_cas(KEEL_USER_START, 8, 0, 1, NULL), KEEL_E_INVALID);
    CHECK_OK(keel_user_load(KEEL_USER_START, 8, &value));
    CHECK_EQUAL(value, 0);
    close_space();
}

static void A6_single_accesses_touch_their_width_alone(void)
{
    uint64_t value = 0, all = ONES;
    open_space();
    CHECK_OK(keel_user_write(KEEL_USER_START, &all, 8));
    CHECK_OK(keel_user_load(KEEL_USER_START, 4, &value));
    CHECK_EQUAL(value, UINT32_MAX);
    CHECK_OK(keel_user_store(KEEL_USER_START + 4, 4, 5));
    CHECK_OK(keel_user_load(KEEL_USER_START, 8, &value));
    CHECK_EQUAL(value, UINT64_C(0x5ffffffff));
    CHECK_OK(keel_user_cas(KEEL_USER_START, 4, UINT32_MAX, 9, &value));
    CHECK_EQUAL(value, UINT32_MAX);
    CHECK_OK(keel_user_cas(KEEL_USER_START, 4, UINT32_MAX, 10, &value)); /* found something else */
    CHECK_EQUAL(value, 9);
    CHECK_OK(keel_user_cas(KEEL_USER_START, 8, UINT64_C(0x500000009), ONES - 1, &value));
    CHECK_EQUAL(value, UINT64_C(0x500000009));
    CHECK_OK(keel_user_load(KEEL_USER_START, 8, &value));
    CHECK_EQUAL(value, ONES - 1);
    close_space();
}

static void A6_cas_needs_the_right_to_write(void)
{
    uint64_t value = 3;
    open_space();
    CHECK_OK(keel_user_load(0x10000, 8, &value));
    CHECK_EQUAL(value, 0);
    CHECK_STATUS(keel_user_store(0x10000, 8, 1), KEEL_E_FAULT);
    CHECK_STATUS(keel_user_cas(0x10000, 8, 0, 1, &value), KEEL_E_FAULT);
    CHECK_STATUS(keel_user_cas(0x10000, 8, 1, 2, &value), KEEL_E_FAULT); /* would store nothing */
    CHECK_STATUS(keel_user_cas(0x10000, 4, 1, 2, &value), KEEL_E_FAULT);
    CHECK_EQUAL(value, 0);
    close_space();
}

/* Strings of which the last byte before `end` is the NUL, or would have been; behind it lies nothing, or
 * nothing is asked for. */
static void check_strings_before(uint64_t end, bool nul)
{
    unsigned char out[64], in[80];
    uint64_t got = 0;
    memset(out, 'a', sizeof out);
    out[sizeof out - 1] = nul ? '\0' : 'a';
    CHECK_OK(keel_user_write(end - sizeof out, out, sizeof out));
    for (uint64_t length = 0; length < 12; length++) {
        uint64_t va = end - 1 - length;
        for (size_t size = 0; size < 16; size++) {
            keel_status_t expected = size <= length ? KEEL_E_LIMIT : nul ? KEEL_OK : KEEL_E_FAULT;
            expected = size == length + 1 && !nul ? KEEL_E_LIMIT : expected;
            memset(in, 'x', sizeof in);
            got = 77;
            CHECK_STATUS(keel_user_read_string(va, in, size, &got), expected);
            CHECK_EQUAL(got, expected == KEEL_OK ? length : 77);
            size_t moved = size < length + 1 ? size : (size_t)length + 1;
            CHECK(memcmp(in, out + sizeof out - 1 - length, moved) == 0);
            CHECK_EQUAL(in[moved], 'x');
        }
    }
}

static void A6_strings_end_at_their_nul(void)
{
    unsigned char byte = 0;
    uint64_t length = 0;
    CHECK_STATUS(keel_user_read_string(KEEL_USER_START, &byte, 1, &length), KEEL_E_BUSY);
    open_space();
    check_strings_before(KEEL_USER_END, true);
    check_strings_before(KEEL_USER_END, false);
    check_strings_before(KEEL_USER_START + KEEL_PAGE_SIZE, true);
    check_strings_before(KEEL_USER_START + KEEL_PAGE_SIZE, false);
    map_new(KEEL_USER_START + KEEL_PAGE_SIZE, RW);
    check_strings_before(KEEL_USER_START + KEEL_PAGE_SIZE + 7, true);
    CHECK_STATUS(keel_user_read_string(KEEL_USER_START - 1, &byte, 1, &length), KEEL_E_FAULT);
    CHECK_STATUS(keel_user_read_string(KEEL_USER_END, &byte, 1, &length), KEEL_E_FAULT);
    CHECK_STATUS(keel_user_read_string(UINT64_MAX, &byte, 1, &length), KEEL_E_FAULT);
    CHECK_STATUS(keel_user_read_string(0x8000, &byte, 1, &length), KEEL_E_FAULT);
    CHECK_STATUS(keel_user_read_string(0x8000, &byte, 0, &length), KEEL_E_LIMIT);
    CHECK_STATUS(keel_user_read_string(KEEL_USER_START, NULL, 1, &length), KEEL_E_INVALID);
    CHECK_STATUS(keel_user_read_string(KEEL_USER_START, &byte, 1, NULL), KEEL_E_INVALID);
    close_space();
}

/* A program that changes its memory all the time: one word is all zeroes or all ones, and a string of zeroes
 * and 'a's moves its NUL. */
static void changing_program(void *context, struct keel_user_regs *regs, struct keel_user_event *event)
{
    uint64_t word = regs->rax % 2 == 0 ? 0 : ONES;
    char text[8] = "aaaaaaa";
    (void)context;
    text[regs->rax++ % 8] = '\0';
    if (hosted_user_access(KEEL_USER_START, &word, 8, HOSTED_WRITE, event)) {
        hosted_user_access(KEEL_USER_START + KEEL_PAGE_SIZE - 4, text, 8, HOSTED_WRITE, event);
    }
}

static void run_program(uint64_t argument)
{
    struct keel_user_regs regs = {.rip = KEEL_USER_START};
    struct keel_user_event event = {0};
    (void)argument;
    CHECK_OK(keel_space_activate(space));
    atomic_u32_store_release(&ready, 1);
    while (atomic_u32_load_acquire(&stop) == 0) {
        CHECK_OK(keel_user_run(&regs, &event));
        CHECK_EQUAL(event.reason, KEEL_USER_INTERRUPT);
    }
}

static void M4_one_call_sees_one_state_of_each_byte(void)
{
    atomic_u32_init(&ready, 0);
    atomic_u32_init(&stop, 0);
    open_space();
    map_new(KEEL_USER_START + KEEL_PAGE_SIZE, RW);
    keel_task_t other = unit_spawn(run_program, 0);
    unit_await(&ready);
    for (unsigned i = 0; i < 200; i++) {
        uint64_t word = 1, found = 1, length = 0;
        char text[9] = "bbbbbbbb";
        CHECK_OK(keel_user_load(KEEL_USER_START, 8, &word));
        CHECK(word == 0 || word == ONES);
        CHECK_OK(keel_user_cas(KEEL_USER_START, 8, 0, 0, &found));
        CHECK(found == 0 || found == ONES);
        /* Across a page boundary, and between its halves the program may run: but what is returned ends with
         * the NUL that was returned. */
        keel_status_t status = keel_user_read_string(KEEL_USER_START + KEEL_PAGE_SIZE - 4, text, 8, &length);
        CHECK(status == KEEL_OK || status == KEEL_E_LIMIT);
        if (status == KEEL_OK) {
            CHECK(length < 8 && strlen(text) == length && (length == 7 || text[length + 1] == 'b'));
        }
    }
    atomic_u32_store_release(&stop, 1);
    CHECK(unit_join(other) == 0);
    close_space();
}

#define INCREMENTS 20u

static void increment(uint64_t argument)
{
    (void)argument;
    CHECK_OK(keel_space_activate(space));
    for (unsigned i = 0; i < INCREMENTS; i++) {
        uint64_t seen = 0, found = 1;
        CHECK_OK(keel_user_load(KEEL_USER_START, 8, &seen));
        while (keel_user_cas(KEEL_USER_START, 8, seen, seen + 1, &found) == KEEL_OK && found != seen) {
            seen = found;
        }
        CHECK_EQUAL(found, seen);
    }
}

static void M4_compare_and_exchange_is_one_step(void)
{
    uint64_t value = 0;
    open_space();
    keel_task_t first = unit_spawn(increment, 0), second = unit_spawn(increment, 1);
    CHECK(unit_join(first) == 0);
    CHECK(unit_join(second) == 0);
    CHECK_OK(keel_user_load(KEEL_USER_START, 8, &value));
    CHECK_EQUAL(value, 2 * INCREMENTS);
    close_space();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(A6_single_accesses_know_their_limits),
        UNIT(A6_single_accesses_refuse_what_does_not_fit),
        UNIT(A6_single_accesses_touch_their_width_alone),
        UNIT(A6_cas_needs_the_right_to_write),
        UNIT(A6_strings_end_at_their_nul),
        UNIT(M4_one_call_sees_one_state_of_each_byte, .seeds = 10, .config.user_engine = HOSTED_USER_SCRIPT,
             .config.user_script = changing_program),
        UNIT(M4_compare_and_exchange_is_one_step, .seeds = 10),
    };
    return unit_main(tests, argc, argv);
}
