/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/task.c and the calls of keel/task.h.
 */
#include "core/task.h"

#include <string.h>

#include "core/frame.h"
#include "support.h"

static atomic_u32_t go, seen;

static void reset(void)
{
    atomic_u32_init(&go, 0);
    atomic_u32_init(&seen, 0);
}

static void exit_with(uint64_t status)
{
    CHECK_OK(keel_task_exit((int32_t)status));
    CHECK_NEVER("a task came back from its exit");
}

static void just_return(uint64_t argument)
{
    (void)argument;
}

static void T9_join_gives_the_exit_status(void)
{
    CHECK(unit_join(unit_spawn(exit_with, 42)) == 42);
    CHECK(unit_join(unit_spawn(exit_with, UINT32_MAX)) == -1);
    CHECK(unit_join(unit_spawn(just_return, 0)) == 0);
}

static void spawn_arguments_are_checked(const struct keel_task_options *options, keel_status_t expected)
{
    keel_task_t task = {11};
    CHECK_STATUS(keel_task_spawn(options, &task), expected);
    CHECK_EQUAL(task.value, 11);
}

static void P2_spawn_refuses_bad_options(void)
{
    struct keel_task_options options = {.entry = just_return};
    spawn_arguments_are_checked(NULL, KEEL_E_INVALID);
    CHECK_STATUS(keel_task_spawn(&options, NULL), KEEL_E_INVALID);
    for (unsigned bit = 0; bit < 32; bit++) {
        options.flags = UINT32_C(1) << bit;
        spawn_arguments_are_checked(&options, KEEL_E_INVALID);
    }
    options.flags = 0;
    for (unsigned cpu = 2; cpu < 64; cpu++) { /* two are online */
        options.affinity = UINT64_C(1) << cpu;
        spawn_arguments_are_checked(&options, KEEL_E_INVALID);
    }
    options.affinity = 0;
    options.stack_size = KEEL_TASK_STACK_SIZE_MAX + 1;
    spawn_arguments_are_checked(&options, KEEL_E_INVALID);
    options.stack_size = UINT64_MAX;
    spawn_arguments_are_checked(&options, KEEL_E_INVALID);
    options.stack_size = 0;
    options.entry = NULL;
    spawn_arguments_are_checked(&options, KEEL_E_INVALID);
}

static void T3_stack_has_the_pages_that_were_asked_for(void)
{
    static const uint64_t least = HAL_STACK_PAGES * HAL_PAGE_SIZE, most = KEEL_TASK_STACK_SIZE_MAX;
    const uint64_t sizes[] = {0, 1, least - 1, least, least + 1, most - HAL_PAGE_SIZE, most};
    struct keel_task_options options = {.entry = just_return};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        keel_task_t task = {0};
        uint64_t pages = (sizes[i] + HAL_PAGE_SIZE - 1) / HAL_PAGE_SIZE;
        options.stack_size = sizes[i];
        CHECK_OK(keel_task_spawn(&options, &task));
        const struct task *made = (const struct task *)object_slot_of(OBJECT_TASK, task.value);
        CHECK_EQUAL(made->area.page_count, sizes[i] > least ? pages : HAL_STACK_PAGES);
        CHECK_AUDIT();
        CHECK(unit_join(task) == 0);
    }
}

static void H1_task_info_and_names_are_bounded(void)
{
    struct keel_task_info info;
    struct keel_task_options options = {.entry = just_return, .priority = 7};
    keel_task_t task = {0};
    memset(options.name, 'n', sizeof options.name); /* no terminator */
    CHECK_OK(keel_task_spawn(&options, &task));
    memset(&info, 0xee, sizeof info);
    CHECK_OK(keel_task_info(task, &info));
    CHECK(memchr(info.name, '\0', sizeof info.name) == &info.name[KEEL_TASK_NAME_MAX]);
    CHECK_EQUAL(info.priority, 7);
    CHECK_EQUAL(info.affinity, UINT64_MAX);
    CHECK_EQUAL(info.reserved, 0);
    CHECK_OK(keel_task_set_priority(task, UINT32_MAX));
    CHECK_OK(keel_task_set_affinity(task, UINT64_C(0x8000000000000001)));
    CHECK_STATUS(keel_task_set_affinity(task, UINT64_C(1) << 63), KEEL_E_INVALID);
    CHECK_OK(keel_task_info(task, &info));
    CHECK_EQUAL(info.priority, UINT32_MAX);
    CHECK_EQUAL(info.affinity, UINT64_C(0x8000000000000001));
    CHECK_OK(keel_task_set_affinity(task, 0));
    int32_t status = 1;
    CHECK_OK(keel_task_join(task, &status));
    CHECK_OK(keel_task_info(task, &info));
    CHECK_EQUAL(info.state, KEEL_TASK_DEAD);
    CHECK(info.exit_status == 0 && info.switches >= 1);
    CHECK_OK(keel_task_release(task));
    CHECK_STATUS(keel_task_info(task, &info), KEEL_E_BAD_HANDLE);
}

static void T4_self_can_be_named_but_not_joined(void)
{
    keel_task_t self = {0};
    struct keel_task_info info;
    int32_t status = 0;
    CHECK_OK(keel_task_self(&self));
    CHECK_OK(keel_task_info(self, &info));
    CHECK_EQUAL(info.state, KEEL_TASK_RUNNING);
    CHECK(strcmp(info.name, "main") == 0);
    CHECK_STATUS(keel_task_join(self, &status), KEEL_E_BUSY);
    CHECK_STATUS(keel_task_join(self, NULL), KEEL_E_INVALID);
    CHECK_OK(keel_task_release(self));
    CHECK_STATUS(keel_task_release(self), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(keel_task_self(NULL), KEEL_E_INVALID);
}

static void wait_for_go(uint64_t argument)
{
    (void)argument;
    unit_await(&go);
    atomic_u32_fetch_add(&seen, 1);
}

static void T4_task_lives_on_when_nobody_holds_it(void)
{
    reset();
    keel_task_t task = unit_spawn(wait_for_go, 0);
    CHECK_OK(keel_task_release(task));
    CHECK_STATUS(keel_task_release(task), KEEL_E_BAD_HANDLE);
    atomic_u32_store_release(&go, 1);
    unit_settle();
    CHECK_EQUAL(atomic_u32_load_acquire(&seen), 1);
}

static void joiner(uint64_t task)
{
    int32_t status = 0;
    CHECK_OK(keel_task_join((keel_task_t){task}, &status));
    CHECK(status == 5);
    atomic_u32_fetch_add(&seen, 1);
}

static void exit_on_go(uint64_t status)
{
    unit_await(&go);
    CHECK_OK(keel_task_exit((int32_t)status));
}

static void T9_every_joiner_wakes_before_and_after_death(void)
{
    reset();
    keel_task_t joiners[3];
    keel_task_t task = unit_spawn(exit_on_go, 5);
    for (unsigned i = 0; i < 3; i++) {
        joiners[i] = unit_spawn(joiner, task.value);
    }
    CHECK_OK(keel_task_yield());
    atomic_u32_store_release(&go, 1);
    for (unsigned i = 0; i < 3; i++) {
        CHECK(unit_join(joiners[i]) == 0);
    }
    joiner(task.value);
    CHECK_EQUAL(atomic_u32_load_acquire(&seen), 4);
    CHECK_OK(keel_task_release(task));
}

static void hold_a_space(uint64_t argument)
{
    keel_space_t space = unit_space();
    keel_frame_t frame = unit_frame();
    CHECK_OK(keel_space_map(space, 0x1000, frame, KEEL_READ));
    CHECK_OK(keel_space_activate(space));
    CHECK_OK(keel_space_release(space));
    CHECK_OK(keel_frame_release(frame));
    CHECK_OK(keel_task_exit((int32_t)argument));
}

static void T4_exit_lets_go_of_the_active_space(void)
{
    CHECK(unit_join(unit_spawn(hold_a_space, 3)) == 3);
}

static void M8_full_task_table_is_a_limit_and_recovers(void)
{
    static keel_task_t tasks[64];
    reset();
    uint32_t slots = object_slots(OBJECT_TASK);
    const struct keel_task_options options = {.entry = wait_for_go, .name = "filler"};
    keel_task_t more = {5};
    for (uint32_t i = 1; i < slots; i++) {
        tasks[i] = unit_spawn(wait_for_go, 0);
    }
    CHECK_STATUS(keel_task_spawn(&options, &more), KEEL_E_LIMIT);
    CHECK_EQUAL(more.value, 5);
    atomic_u32_store_release(&go, 1);
    for (uint32_t i = 1; i < slots; i++) {
        CHECK(unit_join(tasks[i]) == 0);
    }
    unit_settle();
    CHECK(unit_join(unit_spawn(just_return, 0)) == 0);
}

static void P2_keel_main_status_reaches_the_outside(void)
{
    CHECK_OK(keel_power_off(17));
    CHECK_NEVER("power off came back");
}

static void P2_restart_reaches_the_outside(void)
{
    CHECK_OK(keel_restart(3));
    CHECK_NEVER("restart came back");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(T9_join_gives_the_exit_status, .seeds = 20),
        UNIT(P2_spawn_refuses_bad_options),
        UNIT(T3_stack_has_the_pages_that_were_asked_for),
        UNIT(H1_task_info_and_names_are_bounded, .seeds = 5),
        UNIT(T4_self_can_be_named_but_not_joined),
        UNIT(T4_task_lives_on_when_nobody_holds_it, .seeds = 20),
        UNIT(T9_every_joiner_wakes_before_and_after_death, .seeds = 60, .config.cpu_count = 3),
        UNIT(T4_exit_lets_go_of_the_active_space, .seeds = 20),
        UNIT(M8_full_task_table_is_a_limit_and_recovers, .config.ram_size = 4 << 20, .seeds = 5),
        UNIT(P2_keel_main_status_reaches_the_outside, .status = 17),
        UNIT(P2_restart_reaches_the_outside, .end = HOSTED_RESTART),
    };
    return unit_main(tests, argc, argv);
}
