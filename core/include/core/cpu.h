/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What core keeps per CPU. A CPU touches its own entry with interrupts off; atomics may be touched by all.
 */
#ifndef CORE_CPU_H
#define CORE_CPU_H

#include "core/task.h"
#include "hal/cpu.h"

/* Interrupts that a CPU counts. */
enum cpu_count { CPU_COUNT_TIMER, CPU_COUNT_IPI, CPU_COUNT_LINE, CPU_COUNT_STRAY, CPU_COUNTS };

struct work;

/* Works that are queued (core/work.h). Other CPUs may take some off, so there is a lock, over the rest. */
struct work_list {
    struct spinlock lock;
    struct work *head, *tail;
    uint64_t entered;   /* that ever were put in */
    atomic_u32_t count; /* that are in */
    uint64_t pause_end; /* interrupts begin no pass before */
};

struct cpu {
    struct task *current;  /* NULL: the idle context runs; set by cpu_set_current */
    struct task *previous; /* during a switch: who was switched away from; NULL: the idle context */
    uint64_t kicks;        /* during a switch: CPUs that the tail interrupts */
    struct space *loaded;  /* whose root is loaded; NULL: the kernel root */
    struct space *tagged[HAL_TLB_TAGS_MAX]; /* of what it may have cached under each tag; NULL: of none */
    unsigned next_tag;                      /* the next that a space loses when all are taken */
    struct task *vector_owner;              /* whose vector registers this CPU holds; NULL: nobody's */
    struct hal_context idle;
    uint64_t next_tick;  /* UINT64_MAX: its ticks have stopped, it idles */
    uint64_t timer;      /* what its timer is set to; UINT64_MAX: to nothing */
    uint32_t idle_ticks; /* ticks in a row that the policy left it idle while tasks were runnable */
    /* The root under which it walks without a lock, with a number of the walk in the bits of the page offset;
     * 0: none (core/range.h). */
    atomic_u64_t walks_under;
    uint64_t walk_count;
    atomic_u64_t rcu_epoch; /* 0: in no read section (core/rcu.h) */
    uint32_t rcu_depth;     /* of nested read sections */
    /* What the running code holds: a task's, a work's, or an interrupt handler's; NULL: the idle context
     * holds nothing. */
    struct holds *holds;
    struct holds interrupt_holds; /* always atomic, and without interrupts */
    /* What the code holds below the interrupt handler that runs; NULL: the idle context. */
    struct holds *interrupted_holds;
    struct holds soft_holds; /* always atomic (core/work.h) */
    struct work_list works;
    uint64_t guards_made; /* numbers of guards that are used up (core/hold.h) */
    atomic_u32_t resched; /* 1: choose anew at the next chance; written under the scheduler's lock */
    atomic_u32_t online;
    atomic_u64_t counts[CPU_COUNTS]; /* since boot */
};

void cpu_init(void);
/* The calling CPU's. Interrupts off, or the caller does not mind. */
struct cpu *cpu_this(void);
struct cpu *cpu_at(unsigned id);
/* Bit mask of the CPUs that run core. */
uint64_t cpu_online_mask(void);
/* The same of one, for any number. */
bool cpu_is_online(unsigned id);
/* Sets the calling CPU's timer to `time`, unless it rings before that. Interrupts off. */
void cpu_timer_by(uint64_t time);

/* One more on the calling CPU. Interrupts off. */
void cpu_count(enum cpu_count kind);

/* Where a call comes from: what runs on a CPU, kept in the CPU's word. */
enum cpu_context {
    CONTEXT_EARLY = 0,      /* before there are tasks */
    CONTEXT_TASK = 1u << 0, /* a task's own code */
    CONTEXT_POLICY = 1u << 1,
    CONTEXT_IDLE = 1u << 2,      /* the idle context, Keel's own handlers on it */
    CONTEXT_ATOMIC = 1u << 3,    /* a task's own code in atomic mode (core/hold.h) */
    CONTEXT_INTERRUPT = 1u << 4, /* an interrupt handler of the client's (core/interrupt.h) */
    CONTEXT_SOFT = 1u << 5,      /* a work of the client's (core/work.h) */
};
/* A task that moves to another CPU meanwhile is a task there as well. */
static inline unsigned cpu_context(void)
{
    return hal_cpu_word();
}

/* Says what runs on this CPU from now on; NULL: the idle context. Interrupts off. */
void cpu_set_current(struct cpu *cpu, struct task *task);

/* Around each call of a policy's function, with interrupts off: what it calls comes from policy context.
 * Answers the context around it, for cpu_policy_leave. */
static inline uint32_t cpu_policy_enter(void)
{
    uint32_t outer = hal_cpu_word();
    hal_cpu_word_set(CONTEXT_POLICY);
    return outer;
}

static inline void cpu_policy_leave(uint32_t outer)
{
    hal_cpu_word_set(outer);
}

#endif
