/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the tests of works share: a work that counts its runs, and an interrupt whose handler queues it.
 */
#ifndef UNIT_WORK_SCRIPT_H
#define UNIT_WORK_SCRIPT_H

#include "core/sched.h"
#include "core/work.h"
#include "support.h"

#define MS UINT64_C(1000000)

static atomic_u32_t ran;
static keel_work_t work;
static keel_timer_t timer;

static inline keel_work_t make_work(void (*handler)(void *), void *context)
{
    keel_work_t made = {0};
    const struct keel_work_options options = {.handler = handler, .context = context};
    CHECK_OK(keel_work_create(&options, &made));
    return made;
}

static inline void begin(void (*handler)(void *))
{
    atomic_u32_init(&ran, 0);
    work = make_work(handler, NULL);
}

static inline uint32_t count_ran(void)
{
    return atomic_u32_load_acquire(&ran);
}

static inline void run(void *context)
{
    (void)context;
    CHECK_EQUAL(cpu_context(), CONTEXT_SOFT);
    CHECK(hal_irq_enabled());
    CHECK_STATUS(keel_task_yield(), KEEL_E_CONTEXT);
    CHECK_STATUS(keel_task_exit(0), KEEL_E_CONTEXT);
    atomic_u32_fetch_add(&ran, 1);
}

static inline void queue(void *context)
{
    (void)context;
    uint32_t before = count_ran();
    CHECK_EQUAL(cpu_context(), CONTEXT_INTERRUPT);
    CHECK_OK(keel_work_schedule(work));
    CHECK_EQUAL(count_ran(), before); /* not yet */
}

/* Has `handler` called by an interrupt soon. */
static inline void interrupt_soon(void (*handler)(void *))
{
    const struct keel_timer_options options = {.handler = handler};
    CHECK_OK(keel_timer_create(&options, &timer));
    CHECK_OK(keel_timer_arm(timer, 0));
    CHECK_OK(keel_timer_release(timer)); /* it is armed: it stays */
}

#endif
