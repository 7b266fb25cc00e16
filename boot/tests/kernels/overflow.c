/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Kernel stack overflows (T3): a client's recursion without end, or one frame larger than the stack and its
 * guard. The right end of this kernel is the machine's report of an overflow in the task by its name; any
 * other end is a failure, and reaching the end of keel_main is status 0, which the tests do not accept.
 *
 * Command line: "frame" for the large frame; "large" for the recursion on the largest stack there is.
 */
#include "check.h"

/* Reaches over the guard below the stack into the stack of another task, on either machine (stacks of 16 KiB
 * and of 64 KiB by default, each above a guard of that size): only a probe of each page on the way can see
 * it. */
#define FRAME_SIZE (136u << 10)
#define BYSTANDERS 12u
#define FOREVER_NS (UINT64_C(1) << 60)

/* Each level keeps something on the stack for later, so that no compiler turns the recursion into a loop. It
 * would end after 2^64 levels. */
static uint64_t T3_recurse(volatile uint64_t *above)
{
    volatile uint64_t level[16];
    level[0] = above[0] + 1;
    level[1] = level[0] != 0 ? T3_recurse(level) : 0;
    return level[0] + level[1];
}

/* Touches the byte at `index` of a frame that is all there, because the index is not known before. */
static void T3_large_frame(uint64_t index)
{
    volatile uint8_t frame[FRAME_SIZE];
    frame[index] = 1;
    CHECK(frame[index] == 0);
}

static void deep(uint64_t argument)
{
    volatile uint64_t level[1] = {argument};
    level[0] = T3_recurse(level);
}

static void wide(uint64_t argument)
{
    T3_large_frame(argument);
}

/* No default stack has room for this. */
static void roomy(uint64_t argument)
{
    volatile uint8_t frame[FRAME_SIZE];
    for (size_t i = 0; i < sizeof(frame); i += KEEL_PAGE_SIZE) {
        frame[i] = (uint8_t)argument;
    }
    CHECK(frame[0] == frame[KEEL_PAGE_SIZE]);
}

static void run_large(const char *name, void (*entry)(uint64_t argument))
{
    struct keel_task_options options = {.entry = entry, .stack_size = KEEL_TASK_STACK_SIZE_MAX};
    keel_task_t task = {0};
    for (size_t i = 0; i < KEEL_TASK_NAME_MAX && name[i] != '\0'; i++) {
        options.name[i] = name[i];
    }
    CHECK_OK(keel_task_spawn(&options, &task));
    CHECK(task_finish(task) == 0);
}

/* What lies below the stack of the task that overflows: other tasks' stacks. */
static void bystander(uint64_t argument)
{
    (void)keel_task_sleep(argument);
}

static void T3_overflow_is_reported(void)
{
    for (uint32_t i = 0; i < BYSTANDERS; i++) {
        (void)task_start("bystander", bystander, FOREVER_NS);
    }
    if (option_given("frame")) {
        (void)task_run("wide", wide, option_number("index=", 0));
    } else if (option_given("large")) {
        run_large("roomy", roomy);
        run_large("deep", deep);
    } else {
        (void)task_run("deep", deep, 0);
    }
}

int32_t keel_main(void)
{
    static const struct test tests[] = {TEST(T3_overflow_is_reported)};
    return tests_run("overflow", tests, COUNT_OF(tests));
}
