/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/window.c: kernel stacks and their guards (T3), torn down everywhere before reuse (A2).
 */
#include "core/window.h"

#include <string.h>

#include "hal/context.h"
#include "hal/mmu.h"
#include "support.h"

#define STACK_BYTES (HAL_STACK_PAGES * HAL_PAGE_SIZE)

static void T3_every_stack_has_a_guard_as_large_below_it(void)
{
    for (uint32_t slot = 0; slot < object_slots(OBJECT_TASK); slot++) {
        uint64_t base = window_stack_base(slot);
        uint32_t found = UINT32_MAX;
        CHECK(window_guard_slot(base - 1, &found) && found == slot);
        CHECK(window_guard_slot(base - STACK_BYTES, &found) && found == slot);
        CHECK(!window_guard_slot(base, &found));
        CHECK(!window_guard_slot(base + STACK_BYTES - 1, &found));
        CHECK(slot == 0 || window_stack_base(slot - 1) + STACK_BYTES <= base - STACK_BYTES);
    }
    uint32_t found;
    uint64_t end = window_stack_base(object_slots(OBJECT_TASK) - 1) + STACK_BYTES;
    CHECK(!window_guard_slot(HAL_WINDOW_BASE - 1, &found));
    CHECK(!window_guard_slot(end, &found));
    CHECK(!window_guard_slot(UINT64_MAX, &found));
    CHECK(!window_guard_slot(0, &found));
}

static void T3_guard_names_its_owner_within_the_buffer(void)
{
    keel_task_t self = {0};
    char name[8];
    CHECK_OK(keel_task_self(&self));
    uint64_t guard = window_stack_base((uint32_t)handle_slot(self.value)) - 1;
    memset(name, 'x', sizeof name);
    CHECK(hal_upcall_guard_owner(guard, name, sizeof name));
    CHECK(strcmp(name, "main") == 0);
    memset(name, 'x', sizeof name);
    CHECK(hal_upcall_guard_owner(guard, name, 3));
    CHECK(strcmp(name, "ma") == 0 && name[3] == 'x');
    CHECK(!hal_upcall_guard_owner(guard, name, 0));
    CHECK(!hal_upcall_guard_owner(guard + 1, name, sizeof name));
    CHECK_OK(keel_task_release(self));
}

/* Deep enough for every build; the compiler cannot turn it into a loop. */
static unsigned dig(volatile unsigned char *above, unsigned depth)
{
    volatile unsigned char here[512];
    here[0] = (unsigned char)(above[0] + 1);
    return depth == 0 ? here[0] : dig(here, depth - 1) + here[0];
}

static void overflow(uint64_t argument)
{
    volatile unsigned char start[1] = {(unsigned char)argument};
    CHECK(dig(start, 100000) == 0);
}

static void T3_stack_overflow_is_reported_with_the_owner(void)
{
    unit_join(unit_spawn(overflow, 1));
    CHECK_NEVER("a task went on after its stack overflowed");
}

static void T3_stack_overflow_of_the_first_task(void)
{
    overflow(1);
}

static void sleeper(uint64_t argument)
{
    CHECK_OK(keel_task_sleep(argument));
}

static void A2_stacks_come_and_go(void)
{
    keel_task_t tasks[6];
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned i = 0; i < 6; i++) {
            tasks[i] = unit_spawn(sleeper, 1000 * (i ^ round));
        }
        for (unsigned i = 0; i < 6; i++) {
            CHECK(unit_join(tasks[i]) == 0);
        }
        CHECK_AUDIT();
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(T3_every_stack_has_a_guard_as_large_below_it),
        UNIT(T3_guard_names_its_owner_within_the_buffer),
        UNIT(T3_stack_overflow_is_reported_with_the_owner, .end = HOSTED_FAULT, .message = "other"),
        UNIT(T3_stack_overflow_of_the_first_task, .end = HOSTED_FAULT, .message = "main"),
        UNIT(A2_stacks_come_and_go, .seeds = 20),
    };
    return unit_main(tests, argc, argv);
}
