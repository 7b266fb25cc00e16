/* SPDX-License-Identifier: BSD-2-Clause
 *
 * HAL contract: CPUs, interrupts, time. Unless said otherwise a function may be called on any CPU, in any
 * context, with interrupts on or off, and touches no memory of core's.
 */
#ifndef HAL_CPU_H
#define HAL_CPU_H

#include "hal/types.h"
/* Supplied by the backend, inline where it can:
 *
 *   uint32_t hal_cpu_word(void);
 *   void hal_cpu_word_set(uint32_t word);
 *   void *hal_cpu_pointer(void);
 *   void hal_cpu_pointer_set(void *pointer);
 *
 * A word and a pointer of core's for each CPU, 0 and NULL until they are set. Reading is one step: what comes
 * back belonged to the CPU that ran the caller at that moment, also where a context switch can intervene. Set
 * with interrupts off. */
#include "hal/cpu_word.h"

/* CPUs that run or will run core code, 1..HAL_CPU_MAX. Constant from hal_upcall_boot on. */
unsigned hal_cpu_count(void);

/* The calling CPU, 0..hal_cpu_count()-1; the boot CPU is 0. The answer is stale at once where a context
 * switch can intervene, so core asks with interrupts off. */
unsigned hal_cpu_id(void);

/* A human-readable line naming CPU `cpu` of the `cpus_present` ones ("APIC id 1"), NUL-terminated, static. */
const char *hal_cpu_describe(unsigned cpu);

/* Switches interrupts off on this CPU; answers whether they were on. */
bool hal_irq_disable(void);
/* Switches interrupts on if `enabled`. Interrupts that were pending may be delivered before it returns. */
void hal_irq_restore(bool enabled);
bool hal_irq_enabled(void);

/* Called with interrupts off. Waits until an interrupt is pending, delivers it (upcalls run inside), returns
 * with interrupts off. An interrupt that is pending already must end the wait: none may be lost between the
 * caller's last look and the wait. May return early. */
void hal_cpu_wait(void);

/* One turn of a spin-wait: tells the machine that this CPU waits for another one. */
void hal_cpu_relax(void);

/* Sends the kernel's one inter-processor interrupt to another CPU: `hal_upcall_ipi` runs there as soon as its
 * interrupts are on (or its user program is interrupted). Several sends before delivery may merge into one.
 * All stores made before the call are visible to the upcall. */
void hal_ipi_send(unsigned cpu);

/* Nanoseconds since boot: never goes back on one CPU, and CPUs agree to within a timer tick. */
uint64_t hal_time_now(void);

/* Arms this CPU's one timer: `hal_upcall_timer` runs here once, at or soon after `deadline` (hal_time_now
 * units). Arming again replaces; UINT64_MAX disarms. A deadline in the past fires at once. Interrupts off. */
void hal_timer_arm(uint64_t deadline);

/* Upcalls from interrupt handlers, with interrupts off, on whatever kernel stack was interrupted. Neither
 * switches context. They may run code of clients: only for an interrupt that came while interrupts were on,
 * or inside hal_cpu_wait, or in user mode. */
void hal_upcall_timer(void);
void hal_upcall_ipi(void);

/* Upcall from a backend's own wait for other CPUs with interrupts off: those may wait for this one, as far as
 * they do not wait for its interrupts. Runs no code of clients. */
void hal_upcall_serve(void);

/* Upcall at the end of every interrupt that came in kernel mode with interrupts on, after it was acknowledged
 * at the interrupt controller: interrupts off. Core may switch context inside (kernel preemption), and may
 * switch interrupts on for a while (works), so that it is called again inside itself; it returns when the
 * interrupted context runs again, perhaps on another CPU. Not made for user mode: there
 * `hal_user_run` returns. Not made from inside hal_cpu_wait. */
void hal_upcall_interrupt_exit(void);

#endif
