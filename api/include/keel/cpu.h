/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The set of CPUs, and calls of a handler on several of them. A set is a mask: bit n for CPU n.
 *
 * Handlers run in interrupt context, as those of timers do: what keel/timer.h says of them holds here.
 */
#ifndef KEEL_CPU_H
#define KEEL_CPU_H

#include "keel/handle.h"

struct keel_cpu_call_options {
    /* Called on each CPU with `context`, perhaps on several at once; it must not wait for another CPU's call
     * of it. Both must stay valid until the call returns (the pointer rule). */
    void (*handler)(void *context);
    void *context;
};

/* The CPUs that run Keel, at least the caller's; they stay the same. Context: task, atomic, irq, policy.
 * Errors: E_INVALID (NULL). */
keel_status_t keel_cpu_online(uint64_t *cpus);

/* Calls the handler once on each CPU of `cpus`, on the caller's own too if it is in the set, and returns when
 * it has returned on all. What the caller has written before is seen by the handler, and what that has
 * written by the caller afterwards.
 *
 * A CPU that idles or runs a user program is interrupted. One whose interrupts are off (keel_irq_disable, a
 * spinlock that keeps them off, another handler) runs the handler when they are on again, and the caller
 * waits; meanwhile it serves the calls of others, and may be preempted. Nothing cancels the wait.
 *
 * Context: task. In atomic mode two CPUs could wait for each other, each with what the other one needs.
 * Errors: E_INVALID (NULL, handler NULL, no CPU, a CPU that is not online): it is called nowhere. */
keel_status_t keel_cpu_call(uint64_t cpus, const struct keel_cpu_call_options *call_options);

#endif
