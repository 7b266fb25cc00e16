/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A binary heap, see core/deadline.h. Each deadline knows its place, so that it can be taken out from the
 * middle. Places count from 0; what a deadline keeps is one more.
 */
#include "core/deadline.h"

#include <stddef.h>

#include "core/assert.h"
#include "core/cpu.h"
#include "core/frame.h"
#include "core/irq.h"
#include "core/timer.h"
#include "core/wait.h"

static struct spinlock lock;
static struct deadline **heap;
static uint32_t count;
/* The CPU whose timer rings when the earliest deadline passes, or before: the one that added it, or to which
 * it was the next one when that CPU's timer rang. Idle CPUs need no timer besides. */
static unsigned keeper;

void deadline_init(struct deadline *deadline, enum deadline_kind kind)
{
    *deadline = (struct deadline){.kind = kind, .time = UINT64_MAX, .place = 0};
}

bool deadlines_init(void)
{
    uint64_t slots = (uint64_t)object_slots(OBJECT_TASK) + object_slots(OBJECT_TIMER) + HAL_IRQ_SOURCES_MAX;
    uint64_t size = slots * sizeof(struct deadline *);
    struct frame *first;
    spinlock_init(&lock);
    count = 0;
    keeper = 0;
    if (frame_alloc(FRAME_OBJECT, (size + HAL_PAGE_SIZE - 1) >> HAL_PAGE_SHIFT, 1, &first) != KEEL_OK) {
        return false;
    }
    heap = hal_phys_object(frame_address(first));
    return true;
}

static void put(uint32_t place, struct deadline *deadline)
{
    heap[place] = deadline;
    deadline->place = place + 1;
}

/* Puts the deadline at `place`, which is free, or as far above it as it belongs. */
static void rise(uint32_t place, struct deadline *deadline)
{
    while (place > 0 && heap[(place - 1) / 2]->time > deadline->time) {
        put(place, heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(place, deadline);
}

/* The same downwards. */
static void sink(uint32_t place, struct deadline *deadline)
{
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child + 1 < count && heap[child + 1]->time < heap[child]->time) {
            child++;
        }
        if (child >= count || heap[child]->time >= deadline->time) {
            break;
        }
        put(place, heap[child]);
        place = child;
    }
    put(place, deadline);
}

/* The last one of the heap takes the place of the one that leaves. */
static void take_out(struct deadline *deadline)
{
    uint32_t place = deadline->place - 1;
    CORE_ASSERT(place < count && heap[place] == deadline);
    deadline->place = 0;
    count--;
    if (place == count) {
        return;
    }
    struct deadline *last = heap[count];
    if (place > 0 && last->time < heap[(place - 1) / 2]->time) {
        rise(place, last);
    } else {
        sink(place, last);
    }
}

static void acquire(void)
{
    bool interrupts = spinlock_acquire(&lock);
    CORE_ASSERT(!interrupts);
}

bool deadline_set(struct deadline *deadline, uint64_t time)
{
    acquire();
    bool was_in = deadline->place != 0;
    if (was_in) {
        take_out(deadline);
    }
    deadline->time = time;
    count++;
    rise(count - 1, deadline);
    if (heap[0] == deadline) {
        keeper = hal_cpu_id();
        cpu_timer_by(time);
    }
    spinlock_release_irq_off(&lock);
    return was_in;
}

bool deadline_remove(struct deadline *deadline)
{
    acquire();
    bool was_in = deadline->place != 0;
    if (was_in) {
        take_out(deadline);
    }
    spinlock_release_irq_off(&lock);
    return was_in;
}

static struct timer *timer_of(struct deadline *deadline)
{
    return (struct timer *)(void *)((char *)deadline - offsetof(struct timer, deadline));
}

static void expire_wait(struct deadline *deadline)
{
    wait_expire((struct task *)(void *)((char *)deadline - offsetof(struct task, wait.deadline)));
}

static struct irq_line *line_of(struct deadline *deadline)
{
    return (struct irq_line *)(void *)((char *)deadline - offsetof(struct irq_line, deadline));
}

/* Passes those whose time has come as far as the next one that calls handlers; answers that, NULL if there is
 * none. */
static struct deadline *expire_to_handler(uint64_t now)
{
    while (count > 0 && heap[0]->time <= now) {
        struct deadline *deadline = heap[0];
        take_out(deadline);
        if (deadline->kind == DEADLINE_TIMER) {
            timer_expire(timer_of(deadline));
        }
        if (deadline->kind != DEADLINE_WAIT) {
            return deadline;
        }
        expire_wait(deadline);
    }
    return NULL;
}

static void call_handlers(struct deadline *deadline)
{
    if (deadline->kind == DEADLINE_TIMER) {
        timer_run(timer_of(deadline));
    } else {
        irq_line_ring(line_of(deadline));
    }
}

/* What handlers set meanwhile is after `now`, so this ends. */
uint64_t deadline_expire(uint64_t now)
{
    acquire();
    struct deadline *deadline = expire_to_handler(now);
    while (deadline != NULL) {
        spinlock_release_irq_off(&lock);
        call_handlers(deadline);
        acquire();
        deadline = expire_to_handler(now);
    }
    uint64_t next = count > 0 && keeper == hal_cpu_id() ? heap[0]->time : UINT64_MAX;
    spinlock_release_irq_off(&lock);
    return next;
}
