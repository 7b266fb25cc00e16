/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The whole state of the hosted machine. One static context, run by one host thread: nothing here needs a
 * lock, and no file of the machine is instrumented by ThreadSanitizer.
 */
#ifndef HOSTED_STATE_H
#define HOSTED_STATE_H

#include "fiber.h"
#include "hal/mmu.h"
#include "hal/phys.h"
#include "hal/types.h"
#include "hosted/machine.h"
#include "tlb.h"

/* An atomic store that other CPUs do not see yet (store_buffer.h). */
struct kept_store {
    volatile void *at;
    uint64_t value;
    unsigned size;
};

struct cpu {
    unsigned id;
    uint32_t word; /* core's, hal/cpu.h ... */
    void *pointer; /* ... and this */
    bool online;   /* runs or will run core code */
    bool waiting;  /* in hal_cpu_wait */
    bool irq_on;
    bool ipi_pending, timer_pending;
    uint64_t vectors_pending[256 / 64]; /* from the interrupt controllers, and forged ones */
    uint64_t stray_count;
    uint64_t deadline;                           /* of the timer; UINT64_MAX: not armed */
    uint64_t priority;                           /* HOSTED_PCT */
    struct kept_store stores[HOSTED_STORES_MAX]; /* the oldest first */
    unsigned store_count;

    void *stack_pointer; /* where its registers lie while another CPU runs */
    struct hosted_fiber *fiber;
    hal_paddr_t roots[HAL_TLB_TAGS_MAX]; /* that something may be cached of under each tag; 0: none */
    unsigned tag;                        /* the loaded one */
    struct tlb tlb;
    _Alignas(16) uint8_t vector[512]; /* x87 and SSE registers in FXSAVE format */
};

/* The root that is loaded. */
static inline hal_paddr_t cpu_root(const struct cpu *cpu)
{
    return cpu->roots[cpu->tag];
}

struct machine {
    struct hosted_config config; /* with the defaults filled in */
    struct hosted_result result;
    struct hal_boot boot;
    struct cpu cpus[HOSTED_CPU_MAX];
    struct cpu *current;
    bool running; /* between the start and the end of hosted_run */
    unsigned frozen;
    uint64_t edits;   /* of tables, roots, stale entries and uses of frames, all that an audit looks at */
    uint64_t audited; /* value of `edits` at the last audit that found nothing; UINT64_MAX: none */

    /* Points pass cheaply until `budget` runs out; then schedule.c settles time and decides (schedule.c). */
    uint64_t budget, budget_granted;
    uint64_t time;         /* at the last settlement */
    uint64_t until_switch; /* points until the strategy decides again */
    uint64_t random;       /* state of the generator */
    size_t choice_next;    /* consumed of config.choices */
    unsigned exploring;    /* nesting of hosted_explore_begin */
    unsigned preemptions;  /* used by the explorer in this run */
};

extern struct machine machine;

#define MACHINE_POINT_TIME 20u /* virtual nanoseconds that pass at a scheduling point */

static inline struct cpu *cpu_current(void)
{
    return machine.current;
}

/* machine.c: gives the CPU its own stack, on which it will call entry(cpu), and makes it runnable. */
void machine_start_cpu(struct cpu *cpu, void (*entry)(void *));

/* machine.c: ends the run, back on the owner's stack. */
_Noreturn void machine_end(enum hosted_end end, int32_t status, const char *message);

#endif
