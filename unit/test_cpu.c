/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/cpu.c: who a CPU is and where a call comes from (H4).
 */
#include "core/cpu.h"

#include "support.h"

static unsigned early_context;

static void look_early(void)
{
    early_context = cpu_context();
}

static void H4_context_is_early_before_tasks_and_task_in_them(void)
{
    CHECK_EQUAL(early_context, CONTEXT_EARLY);
    CHECK_EQUAL(cpu_context(), CONTEXT_TASK);
    CHECK(hal_irq_enabled()); /* asking leaves interrupts as they were */
    bool interrupts = hal_irq_disable();
    CHECK_EQUAL(cpu_context(), CONTEXT_TASK);
    CHECK(!hal_irq_enabled());
    hal_irq_restore(interrupts);
}

static void H4_context_is_idle_without_a_task(void)
{
    bool interrupts = hal_irq_disable();
    struct cpu *cpu = cpu_this();
    struct task *task = cpu->current;
    cpu_set_current(cpu, NULL);
    CHECK_EQUAL(cpu_context(), CONTEXT_IDLE);
    struct keel_boot_info info;
    CHECK_STATUS(keel_boot_info(&info), KEEL_E_CONTEXT);
    uint32_t outer = cpu_policy_enter();
    CHECK_EQUAL(cpu_context(), CONTEXT_POLICY);
    cpu_policy_leave(outer);
    CHECK_EQUAL(cpu_context(), CONTEXT_IDLE);
    cpu_set_current(cpu, task);
    outer = cpu_policy_enter();
    CHECK_STATUS(keel_task_yield(), KEEL_E_CONTEXT);
    cpu_policy_leave(outer);
    CHECK_EQUAL(cpu_context(), CONTEXT_TASK);
    hal_irq_restore(interrupts);
}

static void H4_every_cpu_is_online_before_the_client_runs(void)
{
    CHECK_EQUAL(cpu_online_mask(), 0xff);
    for (unsigned id = 0; id < 8; id++) {
        CHECK_EQUAL(atomic_u32_peek(&cpu_at(id)->online), 1);
    }
}

static void H4_cpu_current_is_in_range(void)
{
    uint32_t cpu = UINT32_MAX;
    CHECK_OK(keel_cpu_current(&cpu));
    CHECK(cpu < 8);
    CHECK_STATUS(keel_cpu_current(NULL), KEEL_E_INVALID);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(H4_context_is_early_before_tasks_and_task_in_them, .early = look_early),
        UNIT(H4_context_is_idle_without_a_task),
        UNIT(H4_every_cpu_is_online_before_the_client_runs, .config.cpu_count = 8, .seeds = 20),
        UNIT(H4_cpu_current_is_in_range, .config.cpu_count = 8),
    };
    return unit_main(tests, argc, argv);
}
