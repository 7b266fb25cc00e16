/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Grace periods, see core/rcu.h.
 */
#include "core/rcu.h"

#include "core/assert.h"
#include "core/cpu.h"
#include "core/sched.h"

static atomic_u64_t epoch; /* never 0 */

void rcu_init(void)
{
    atomic_u64_init(&epoch, 1);
}

void rcu_enter(struct cpu *cpu)
{
    if (cpu->rcu_depth++ == 0) {
        atomic_u64_exchange(&cpu->rcu_epoch, atomic_u64_load_acquire(&epoch));
    }
}

void rcu_leave(struct cpu *cpu)
{
    CORE_ASSERT(cpu->rcu_depth > 0);
    if (--cpu->rcu_depth == 0) {
        atomic_u64_store_release(&cpu->rcu_epoch, 0);
    }
}

/* Is the CPU still in a section that began before `since`? */
static bool reads_since(unsigned id, uint64_t since)
{
    uint64_t began = atomic_u64_load_acquire(&cpu_at(id)->rcu_epoch);
    return began != 0 && began < since;
}

/* Lets others run before the next look. */
static keel_status_t pause_until(bool expedited, uint64_t deadline)
{
    uint64_t now = hal_time_now();
    if (now >= deadline) {
        return KEEL_E_TIMEOUT;
    }
    if (expedited) {
        task_yield();
        hal_cpu_relax();
        return KEEL_OK;
    }
    return task_sleep(deadline - now < SCHED_TICK_NS ? deadline - now : SCHED_TICK_NS);
}

keel_status_t rcu_synchronize(bool expedited, uint64_t timeout)
{
    uint64_t deadline = wait_deadline(timeout);
    uint64_t since = atomic_u64_fetch_add(&epoch, 1) + 1;
    keel_status_t status = KEEL_OK;
    for (unsigned id = 0; id < hal_cpu_count() && status == KEEL_OK; id++) {
        while (status == KEEL_OK && reads_since(id, since)) {
            status = pause_until(expedited, deadline);
        }
    }
    return status;
}
