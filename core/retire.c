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

/* What there is so far, up to `end`. With `goes_on` the caller looks again afterwards; without it, or if
 * there is nothing, whoever comes next starts a task. False: there is nothing. */
static bool begin_batch(uint32_t *end, bool goes_on)
{
    bool interrupts = spinlock_acquire(&lock);
    bool any = tail != head;
    *end = tail;
    has_task = any && goes_on;
    spinlock_release(&lock, interrupts);
    return any;
}

/* The oldest one of a batch. False: none is left of it; others may have taken some, and newer ones. */
static bool take_one(uint32_t end, uint64_t *handle)
{
    bool interrupts = spinlock_acquire(&lock);
    bool found = end - head - 1 < RETIRED_MAX;
    if (found) {
        *handle = ring[head % RETIRED_MAX];
        head++;
    }
    spinlock_release(&lock, interrupts);
    return found;
}

/* Nothing ends these waits early: a task that is asked to stop waiting is `expedited`, which does not sleep,
 * and Keel's own has no handle that a client could name. */
static void drop_batch(uint32_t end, bool expedited)
{
    uint64_t handle;
    while (rcu_synchronize(expedited, WAIT_FOREVER) != KEEL_OK) {
    }
    while (take_one(end, &handle)) {
        client_drop(handle);
    }
}

static void empty_ring(uint64_t argument)
{
    uint32_t end;
    (void)argument;
    while (begin_batch(&end, true)) {
        drop_batch(end, false);
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
    uint32_t end;
    if (!put_in(handle, &first)) {
        (void)rcu_synchronize(true, WAIT_FOREVER);
        client_drop(handle);
    } else if (first && task_spawn(&options, &task) != KEEL_OK) {
        /* Up to its own: what others retire meanwhile is theirs. */
        begin_batch(&end, false);
        drop_batch(end, true);
    }
}
