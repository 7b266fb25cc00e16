/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Races between an access to user memory and another CPU that changes what it reaches, every schedule within
 * the stated number of preemptions.
 */
#include <string.h>

#include "race.h"
#include "support.h"

#define PAGE KEEL_PAGE_SIZE
#define RW   (KEEL_READ | KEEL_WRITE)

static keel_space_t space;

static void map_new(uint64_t va)
{
    keel_frame_t frame = unit_frame();
    CHECK_OK(keel_space_map(space, va, frame, RW));
    CHECK_OK(keel_frame_release(frame));
}

static void open_space(void)
{
    space = unit_space();
    map_new(PAGE);
    map_new(2 * PAGE);
    CHECK_OK(keel_space_activate(space));
}

static void unmap_second(uint64_t argument)
{
    uint64_t unmapped = 0;
    (void)argument;
    race_wait();
    CHECK_OK(keel_space_unmap(space, 2 * PAGE, 1, &unmapped)); /* frees the frame: the machine checks it */
    CHECK_EQUAL(unmapped, 1);
    race_done();
}

/* The copy reaches the page as long as it may and never afterwards. */
static void A6_explore_copy_against_unmap(void)
{
    static const char text[4] = "abcd";
    char back[4] = "";
    open_space();
    keel_task_t other = race_start(unmap_second, 0);
    keel_status_t status = keel_user_write(2 * PAGE - 2, text, 4);
    CHECK(status == KEEL_OK || status == KEEL_E_FAULT);
    race_finish(other);
    CHECK_OK(keel_user_read(2 * PAGE - 2, back, 2));
    CHECK(memcmp(back, "ab", 2) == 0);
    CHECK_STATUS(keel_user_read(2 * PAGE, back, 1), KEEL_E_FAULT);
    CHECK_OK(keel_space_release(space));
}

/* Moves the NUL of a string across a page boundary, forwards and back. */
static void move_nul(uint64_t argument)
{
    (void)argument;
    CHECK_OK(keel_space_activate(space));
    race_wait();
    CHECK_OK(keel_user_write(2 * PAGE - 2, "cde", 4));
    CHECK_OK(keel_user_write(2 * PAGE - 2, "\0xyz", 4));
    race_done();
}

static void M4_explore_string_against_writer(void)
{
    char text[6] = "......";
    uint64_t length = 0;
    open_space();
    CHECK_OK(keel_user_write(2 * PAGE - 3, "b\0xyz", 5));
    keel_task_t other = race_start(move_nul, 0);
    keel_status_t status = keel_user_read_string(2 * PAGE - 3, text, 6, &length);
    race_finish(other);
    CHECK_OK(status);
    CHECK(length < 6 && text[length] == '\0' && strlen(text) == length);
    for (uint64_t i = length + 1; i < 6; i++) {
        CHECK_EQUAL((unsigned char)text[i], '.');
    }
    CHECK_OK(keel_space_activate((keel_space_t){0}));
    CHECK_OK(keel_space_release(space));
}

static uint32_t map_again(void *context, uint64_t va, uint32_t access)
{
    keel_frame_t frame = unit_frame();
    (void)context;
    (void)access;
    keel_status_t status = keel_space_map(space, va, frame, RW);
    CHECK(status == KEEL_OK || status == KEEL_E_EXISTS);
    CHECK_OK(keel_frame_release(frame));
    return 1;
}

/* A handler that brings back what another CPU takes away: the access succeeds in every schedule. */
static void P2_explore_handler_against_unmap(void)
{
    const struct keel_fault_handler handler = {.context = NULL, .handle = map_again};
    uint64_t found = 1;
    open_space();
    CHECK_OK(keel_fault_handler_inject(&handler));
    keel_task_t other = race_start(unmap_second, 0);
    CHECK_OK(keel_user_cas(2 * PAGE, 8, 0, 1, &found));
    CHECK_EQUAL(found, 0);
    race_finish(other);
    CHECK_OK(keel_space_release(space));
}

static void load_unmapped(uint64_t argument)
{
    uint64_t value = 1;
    (void)argument;
    CHECK_OK(keel_space_activate(space));
    race_wait();
    keel_status_t status = keel_user_load(3 * PAGE, 8, &value);
    CHECK(status == KEEL_E_FAULT || (status == KEEL_OK && value == 0));
    race_done();
}

/* A fault finds the whole handler or none. */
static void P2_explore_fault_against_injection(void)
{
    const struct keel_fault_handler handler = {.context = NULL, .handle = map_again};
    open_space();
    keel_task_t other = race_start(load_unmapped, 0);
    CHECK_OK(keel_fault_handler_inject(&handler));
    race_finish(other);
    CHECK_OK(keel_space_activate((keel_space_t){0}));
    CHECK_OK(keel_space_release(space));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        EXPLORE(A6_explore_copy_against_unmap, 2),
        EXPLORE(M4_explore_string_against_writer, 2),
        EXPLORE(P2_explore_handler_against_unmap, 2),
        EXPLORE(P2_explore_fault_against_injection, 2),
    };
    return unit_main(tests, argc, argv);
}
