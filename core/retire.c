/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Retired references, see core/retire.h.
 */
#include "core/retire.h"

#include "core/client.h"
#include "core/rcu.h"
#include "core/spinlock.h"
#include "core/task.h"

static struct spinlock lock;
/* Under the lock. The ring's free-running ends, and whether there is a task to empty it. */
static uint64_t ring[RETIRED_MAX];
static uint32_t head, tail;
static bool has_task;

void retire_init(void)
{
    spinlock_init(&lock);
    head = 0;
    tail = 0;
    has_task = false;
}

/* What there is so far; 0 and no task any more if there is nothing. */
static uint32_t begin_batch(void)
{
    bool interrupts = spinlock_acquire(&lock);
    uint32_t count = tail - head;
    has_task = count > 0;
    spinlock_release(&lock, interrupts);
    return count;
}

static uint64_t take_one(void)
{
    bool interrupts = spinlock_acquire(&lock);
    uint64_t handle = ring[head % RETIRED_MAX];
    head++;
    spinlock_release(&lock, interrupts);
    return handle;
}

/* Nothing ends these waits early: a task that is asked to stop waiting is `expedited`, which does not sleep,
 * and Keel's own has no handle that a client could name. */
static void empty_ring(uint64_t expedited)
{
    for (uint32_t count = begin_batch(); count > 0; count = begin_batch()) {
        while (rcu_synchronize(expedited != 0, WAIT_FOREVER) != KEEL_OK) {
        }
        for (; count > 0; count--) {
            client_drop(take_one());
        }
    }
}

/* False: the ring is full. */
static bool put_in(uint64_t handle, bool *first)
{
    bool interrupts = spinlock_acquire(&lock);
    bool full = tail - head == RETIRED_MAX;
    if (!full) {
        ring[tail % RETIRED_MAX] = handle;
        tail++;
        *first = !has_task;
        has_task = true;
    }
    spinlock_release(&lock, interrupts);
    return !full;
}

void retire(uint64_t handle)
{
    const struct task_options options = {.entry = empty_ring, .name = "retire", .detached = true};
    bool first = false;
    uint64_t task;
    if (!put_in(handle, &first)) {
        (void)rcu_synchronize(true, WAIT_FOREVER);
        client_drop(handle);
    } else if (first && task_spawn(&options, &task) != KEEL_OK) {
        empty_ring(true);
    }
}
