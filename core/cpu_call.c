/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Calls on other CPUs, see core/cpu_call.h.
 */
#include "core/cpu_call.h"

#include "core/assert.h"
#include "core/cpu.h"
#include "core/interrupt.h"
#include "core/sched.h"
#include "core/tlb.h"
#include "core/work.h"
#include "hal/atomic.h"
#include "hal/cpu.h"

struct call {
    void (*handler)(void *context);
    void *context;
    atomic_u64_t left; /* bit mask of CPUs on which the handler has not returned; at 0 it is gone */
    struct call *next[HAL_CPU_MAX]; /* next[n]: in the queue of CPU n; set by who puts it in, then CPU n's */
};

/* The address of the newest call for each CPU, 0: none. */
static atomic_u64_t queues[HAL_CPU_MAX];

void cpu_call_init(void)
{
    for (unsigned cpu = 0; cpu < HAL_CPU_MAX; cpu++) {
        atomic_u64_init(&queues[cpu], 0);
    }
}

static struct call *call_at(uint64_t address)
{
    return (struct call *)(uintptr_t)address;
}

static void send(unsigned target, struct call *call)
{
    uint64_t newest = atomic_u64_load_relaxed(&queues[target]);
    do {
        call->next[target] = call_at(newest);
    } while (!atomic_u64_cas(&queues[target], &newest, (uint64_t)(uintptr_t)call));
    hal_ipi_send(target);
}

/* On CPU `self`, this one. */
static void run(struct call *call, unsigned self)
{
    struct interrupt_frame outer;
    interrupt_enter(&outer);
    call->handler(call->context);
    interrupt_leave(&outer);
    atomic_u64_fetch_and(&call->left, ~(UINT64_C(1) << self)); /* its last moment */
}

/* Empties the queue of CPU `self`; answers the oldest call. */
static struct call *take_all(unsigned self)
{
    struct call *call = call_at(atomic_u64_exchange(&queues[self], 0)), *newer = NULL;
    while (call != NULL) {
        struct call *older = call->next[self];
        call->next[self] = newer;
        newer = call;
        call = older;
    }
    return newer;
}

/* What comes in meanwhile brings another interrupt. What has come in before runs in one go, with interrupts
 * off: as many calls at most as there are tasks, which all wait for them. Flushes do not wait that long. */
void cpu_call_serve(void)
{
    CORE_ASSERT(!hal_irq_enabled());
    unsigned self = hal_cpu_id();
    if (atomic_u64_load_relaxed(&queues[self]) == 0) {
        return; /* the interrupt was for something else */
    }
    for (struct call *call = take_all(self), *next; call != NULL; call = next) {
        next = call->next[self];
        run(call, self);
        tlb_serve();
    }
}

void cpu_call(uint64_t cpus, void (*handler)(void *context), void *context)
{
    struct call call = {.handler = handler, .context = context};
    bool interrupts = hal_irq_disable();
    unsigned self = hal_cpu_id();
    CORE_ASSERT(interrupts);
    atomic_u64_init(&call.left, cpus);
    for (unsigned target = 0; target < hal_cpu_count(); target++) {
        if (target != self && (cpus >> target & 1) != 0) {
            send(target, &call);
        }
    }
    if ((cpus >> self & 1) != 0) {
        run(&call, self);
        works_run(cpu_this()); /* and what else is done when an interrupt handler has returned */
        sched_preempt(cpu_this());
    }
    hal_irq_restore(interrupts);
    while (atomic_u64_load_acquire(&call.left) != 0) {
        hal_cpu_relax();
    }
}

void hal_upcall_ipi(void)
{
    cpu_count(CPU_COUNT_IPI);
    tlb_serve();
    cpu_call_serve();
}
