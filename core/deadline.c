/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A binary heap of waiting tasks, see core/deadline.h. Each task knows its place, so that it can be taken out
 * from the middle. Places count from 0; what a task keeps is one more.
 */
#include "core/deadline.h"

#include "core/assert.h"
#include "core/cpu.h"
#include "core/frame.h"
#include "core/sched.h"

static struct spinlock lock;
static struct task **heap;
static uint32_t count;
/* The CPU whose timer rings when the earliest deadline passes, or before: the one that added it, or to which
 * it was the next one when that CPU's timer rang. Idle CPUs need no timer besides. */
static unsigned keeper;

bool deadline_init(void)
{
    uint64_t size = (uint64_t)object_slots(OBJECT_TASK) * sizeof(*heap);
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

static void put(uint32_t place, struct task *task)
{
    heap[place] = task;
    task->wait.place = place + 1;
}

/* Puts the task at `place`, which is free, or as far above it as it belongs. */
static void rise(uint32_t place, struct task *task)
{
    while (place > 0 && heap[(place - 1) / 2]->wait.deadline > task->wait.deadline) {
        put(place, heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(place, task);
}

/* The same downwards. */
static void sink(uint32_t place, struct task *task)
{
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child + 1 < count && heap[child + 1]->wait.deadline < heap[child]->wait.deadline) {
            child++;
        }
        if (child >= count || heap[child]->wait.deadline >= task->wait.deadline) {
            break;
        }
        put(place, heap[child]);
        place = child;
    }
    put(place, task);
}

/* The last one of the heap takes the place of the one that leaves. */
static void take_out(struct task *task)
{
    uint32_t place = task->wait.place - 1;
    CORE_ASSERT(place < count && heap[place] == task);
    task->wait.place = 0;
    count--;
    if (place == count) {
        return;
    }
    struct task *last = heap[count];
    if (place > 0 && last->wait.deadline < heap[(place - 1) / 2]->wait.deadline) {
        rise(place, last);
    } else {
        sink(place, last);
    }
}

void deadline_add(struct task *task)
{
    bool interrupts = spinlock_acquire(&lock);
    CORE_ASSERT(!interrupts);
    count++;
    rise(count - 1, task);
    if (heap[0] == task) {
        keeper = hal_cpu_id();
        cpu_timer_by(task->wait.deadline);
    }
    spinlock_release_irq_off(&lock);
}

void deadline_remove(struct task *task)
{
    bool interrupts = spinlock_acquire(&lock);
    CORE_ASSERT(!interrupts);
    if (task->wait.place != 0) {
        take_out(task);
    }
    spinlock_release_irq_off(&lock);
}

uint64_t deadline_expire(uint64_t now)
{
    (void)spinlock_acquire(&lock);
    while (count > 0 && heap[0]->wait.deadline <= now) {
        struct task *task = heap[0];
        uint32_t outcome = WAIT_WAITING;
        take_out(task);
        if (atomic_u32_cas(&task->wait.outcome, &outcome, WAIT_TIMED_OUT)) {
            sched_wake(task);
        }
    }
    uint64_t next = count > 0 && keeper == hal_cpu_id() ? heap[0]->wait.deadline : UINT64_MAX;
    spinlock_release_irq_off(&lock);
    return next;
}
