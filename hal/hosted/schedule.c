/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Scheduling points. Most pass by counting down a budget: the number of points until the next thing can
 * happen (the strategy decides again, a timer rings, the step limit is reached). When it is used up, the
 * point is settled: virtual time advances, timers ring, interrupts are delivered, and perhaps another CPU
 * runs.
 */
#include "hal/atomic.h"
#include "schedule.h"

#include "explore.h"
#include "report.h"
#include "state.h"
#include "store_buffer.h"
#include "strategy.h"

/* Virtual time that passes at least when a lone CPU spins for something that only time can bring. */
#define SPIN_TIME UINT64_C(1000)

/* User code runs at one instruction a nanosecond, and no longer than this before other CPUs get a turn. */
#define USER_SLICE_MAX UINT64_C(20000)

void schedule_prepare(void)
{
    machine.budget = 0;
    machine.budget_granted = 0;
    machine.time = 0;
    strategy_prepare();
}

void schedule_hurry(void)
{
    schedule_settle();
    machine.budget = 0;
    machine.budget_granted = 0;
}

uint64_t schedule_now(void)
{
    return machine.time + (machine.budget_granted - machine.budget) * MACHINE_POINT_TIME;
}

void schedule_settle(void)
{
    uint64_t used = machine.budget_granted - machine.budget;
    machine.time += used * MACHINE_POINT_TIME;
    machine.result.points += used;
    machine.until_switch -= used < machine.until_switch ? used : machine.until_switch;
    machine.budget_granted = machine.budget;

    for (unsigned i = 0; i < machine.config.cpu_count; i++) {
        struct cpu *cpu = &machine.cpus[i];
        if (cpu->deadline <= machine.time) {
            cpu->deadline = UINT64_MAX;
            cpu->timer_pending = true;
            explore_disturb();
        }
    }
}

static uint64_t next_deadline(void)
{
    uint64_t deadline = UINT64_MAX;
    for (unsigned i = 0; i < machine.config.cpu_count; i++) {
        if (machine.cpus[i].online && machine.cpus[i].deadline < deadline) {
            deadline = machine.cpus[i].deadline;
        }
    }
    return deadline;
}

/* Points that may pass unobserved. At least one, for the one that asks. */
static void grant(void)
{
    uint64_t budget = machine.until_switch ? machine.until_switch : 1;
    uint64_t deadline = next_deadline();
    uint64_t left = machine.config.step_limit - machine.result.points;
    if (deadline != UINT64_MAX && (deadline - machine.time) / MACHINE_POINT_TIME < budget) {
        budget = (deadline - machine.time) / MACHINE_POINT_TIME + 1;
    }
    machine.budget = budget < left ? budget : left;
    machine.budget_granted = machine.budget;
}

/* Lets `next` run; returns when somebody lets this CPU run again. */
static void switch_to(struct cpu *next)
{
    struct cpu *cpu = machine.current;
    if (next == cpu) {
        return;
    }
    machine.current = next;
    machine.budget = 0;
    machine.budget_granted = 0;
    fiber_switch(cpu->fiber, &cpu->stack_pointer, next->fiber, next->stack_pointer, false);
}

/* Nobody can go on but by the passing of time. `spinning`: the current CPU would notice. */
static void pass_time(bool spinning)
{
    uint64_t deadline = next_deadline();
    if (deadline == UINT64_MAX && !spinning) {
        machine_end(HOSTED_DEADLOCK, 1, "every CPU waits and nothing can wake one");
    }
    if (deadline == UINT64_MAX) {
        deadline = machine.time + SPIN_TIME;
    }
    if (machine.time < deadline) {
        machine.time = deadline;
    }
    schedule_settle();
}

static void give_way(void)
{
    struct cpu *cpu = machine.current;
    stores_perform(cpu);
    struct cpu *next = strategy_give_way();
    if (next) {
        explore_relaxes();
        switch_to(next);
    } else if (!cpu->irq_on || !cpu_interrupted(cpu)) { /* what is pending comes before anything later */
        pass_time(true);
    }
}

static void check_step_limit(void)
{
    if (machine.result.points >= machine.config.step_limit) {
        machine_end(HOSTED_STEP_LIMIT, 1, "the kernel does not come to an end");
    }
}

static void settle_point(const struct explore_point *point)
{
    machine.result.points++;
    machine.time += MACHINE_POINT_TIME;
    if (machine.until_switch) {
        machine.until_switch--;
    }
    schedule_settle();
    if (machine.frozen) {
        grant();
        return;
    }

    check_step_limit();
    explore_arrive(point);
    if (point->kind == HAL_POINT_RELAX) {
        give_way();
    } else if (machine.until_switch == 0) {
        switch_to(strategy_decide());
    }
    cpu_deliver();
    explore_perform(point);
    grant();
}

void hosted_point(enum hal_point_kind kind, const volatile void *address)
{
    if (machine.budget > 1 && kind != HAL_POINT_RELAX) {
        machine.budget--;
    } else if (machine.running) {
        settle_point(&(struct explore_point){kind, address, __builtin_return_address(0)});
    }
    stores_before(kind);
}

void schedule_wait(void)
{
    struct cpu *cpu = machine.current;
    stores_perform(cpu);
    cpu->waiting = true;
    machine.result.points++;
    schedule_settle();
    check_step_limit();
    explore_waits(__builtin_return_address(0));
    while (!cpu_interrupted(cpu)) {
        struct cpu *next = strategy_give_way();
        if (next) {
            switch_to(next);
        } else {
            pass_time(false);
        }
    }
    cpu->waiting = false;
    schedule_hurry();
}

uint64_t schedule_user_slice(void)
{
    uint64_t deadline = machine.current->deadline;
    uint64_t now = schedule_now();
    uint64_t slice = deadline > now ? deadline - now : 1;
    return slice < USER_SLICE_MAX ? slice : USER_SLICE_MAX;
}

void schedule_user_time(uint64_t time)
{
    explore_disturb(); /* user code did whatever it did */
    schedule_settle();
    machine.result.points++;
    machine.time += time;
    schedule_settle();
    check_step_limit();
    struct cpu *next = strategy_give_way();
    if (next) {
        switch_to(next);
    }
    schedule_hurry();
}
