/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Timers, see core/timer.h.
 */
#include "core/timer.h"

#include "core/assert.h"
#include "core/interrupt.h"
#include "core/wait.h"

keel_status_t timer_make(void (*handler)(void *context), void *context, uint64_t *handle)
{
    struct timer *timer = (struct timer *)object_claim(OBJECT_TIMER);
    if (timer == NULL) {
        return KEEL_E_LIMIT;
    }
    deadline_init(&timer->deadline, DEADLINE_TIMER);
    timer->handler = handler;
    timer->context = context;
    atomic_u32_init(&timer->running, 0);
    *handle = object_handle(OBJECT_TIMER, &timer->object);
    ref_publish(&timer->object.ref, 1, true);
    return KEEL_OK;
}

void timer_put(struct timer *timer)
{
    if (ref_put(&timer->object.ref)) {
        CORE_ASSERT(timer->deadline.place == 0 && atomic_u32_peek(&timer->running) == 0);
        ref_finish(&timer->object.ref);
    }
}

keel_status_t timer_arm(struct timer *timer, uint64_t delay)
{
    keel_status_t status = ref_get_more(&timer->object.ref);
    if (status != KEEL_OK) {
        return status;
    }
    bool interrupts = hal_irq_disable();
    uint64_t time = wait_deadline(delay > TIMER_DELAY_MIN ? delay : TIMER_DELAY_MIN);
    bool was_armed = deadline_set(&timer->deadline, time);
    hal_irq_restore(interrupts);
    if (was_armed) {
        timer_put(timer); /* it has its reference */
    }
    return KEEL_OK;
}

keel_status_t timer_cancel(struct timer *timer)
{
    bool interrupts = hal_irq_disable();
    bool was_armed = deadline_remove(&timer->deadline);
    hal_irq_restore(interrupts);
    if (was_armed) {
        timer_put(timer);
        return KEEL_OK;
    }
    return atomic_u32_load_acquire(&timer->running) != 0 ? KEEL_E_BUSY : KEEL_E_NOT_FOUND;
}

void timer_expire(struct timer *timer)
{
    atomic_u32_fetch_add(&timer->running, 1);
}

void timer_run(struct timer *timer)
{
    struct interrupt_frame outer;
    interrupt_enter(&outer);
    timer->handler(timer->context);
    interrupt_leave(&outer);
    atomic_u32_fetch_sub(&timer->running, 1);
    timer_put(timer);
}
