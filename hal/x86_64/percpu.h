/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What each CPU has of its own. GS points at it whenever C code runs in the kernel.
 */
#ifndef X86_PERCPU_H
#define X86_PERCPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hal/atomic.h"
#include "hal/cpu_start.h"
#include "hal/cpu_word.h"
#include "hal/types.h"
#include "keel/user_regs.h"
#include "layout.h"

/* Task state segment (SDM vol. 3A, figure 8-11). */
struct x86_tss {
    uint32_t reserved_0;
    uint64_t rsp[3];
    uint64_t reserved_1;
    uint64_t ist[7];
    uint64_t reserved_2;
    uint16_t reserved_3, io_map;
} __attribute__((packed));

#define X86_GDT_ENTRIES 8u

/* What another CPU asks of this one (cpu.c): bits of `asked`. */
enum {
    X86_ASKED_PARK = 1u << 0,   /* stand still until the machine is thawed */
    X86_ASKED_CACHES = 1u << 1, /* write the caches back and forget what is in them */
};

struct x86_cpu {
    _Alignas(64) struct x86_cpu *self;
    uint64_t kernel_stack; /* RSP of hal_user_run, to come back to from user mode */
    uint64_t user_stack;   /* scratch of the SYSCALL entry */
    uint64_t idle_stack;   /* where its first C code runs, and then its idle context */
    uint32_t apic_id;
    atomic_u32_t start;               /* how far it has come, hal/cpu_start.h */
    void *pointer;                    /* core's, hal/cpu.h ... */
    uint32_t word;                    /* ... and this */
    struct x86_tss tss;               /* unaligned fields: only named by these offsets and by C */
    unsigned id;                      /* as core counts the CPUs that run */
    unsigned slot;                    /* its place in x86_cpus */
    struct keel_user_regs *user_regs; /* where the program that runs here leaves its registers */
    struct keel_user_event *user_event;
    uint64_t deadline; /* of the timer, UINT64_MAX: disarmed */
    bool timer_by_tsc;
    bool waiting; /* inside hal_cpu_wait */
    uint64_t nmi_count, kernel_debug_count, stray_interrupt_count, apic_error_count;
    uint32_t apic_error_status; /* of all of them together */
    atomic_u32_t asked;         /* X86_ASKED_* */
    atomic_u32_t parked;        /* 1: stands still */
    uint32_t registers_wrong;   /* what it found in its own registers before it stood still (audit.c) */
    uint64_t gdt[X86_GDT_ENTRIES];
};

_Static_assert(offsetof(struct x86_cpu, self) == X86_CPU_SELF, "layout.h");
_Static_assert(offsetof(struct x86_cpu, kernel_stack) == X86_CPU_KERNEL_STACK, "layout.h");
_Static_assert(offsetof(struct x86_cpu, user_stack) == X86_CPU_USER_STACK, "layout.h");
_Static_assert(offsetof(struct x86_cpu, pointer) == X86_CPU_POINTER, "hal/cpu_word.h");
_Static_assert(offsetof(struct x86_cpu, word) == X86_CPU_WORD, "hal/cpu_word.h");
_Static_assert(offsetof(struct x86_cpu, start) == X86_CPU_START, "layout.h");
_Static_assert(offsetof(struct x86_cpu, apic_id) == X86_CPU_APIC_ID, "layout.h");
_Static_assert(offsetof(struct x86_cpu, idle_stack) == X86_CPU_IDLE_STACK, "layout.h");
_Static_assert(sizeof(struct x86_cpu) == X86_CPU_SIZE, "layout.h");
_Static_assert(HAL_CPU_MAX == X86_CPUS_MAX, "layout.h");
_Static_assert(CPU_START_OFFERED == X86_START_OFFERED && CPU_START_TAKEN == X86_START_TAKEN, "layout.h");
_Static_assert(offsetof(struct x86_cpu, user_regs) == X86_CPU_USER_REGS, "layout.h");
_Static_assert(offsetof(struct x86_cpu, tss) + offsetof(struct x86_tss, rsp) == X86_CPU_TSS_RSP0, "layout.h");

/* One for each CPU that the firmware lists, the boot CPU's first, whether or not it runs: no other CPU is
 * ever given it. */
extern struct x86_cpu x86_cpus[HAL_CPU_MAX];
/* Those that run, by number. */
struct x86_cpu *x86_cpu_at(unsigned id);

static inline struct x86_cpu *x86_this_cpu(void)
{
    struct x86_cpu *cpu;

    __asm__ volatile("mov %%gs:0, %0" : "=r"(cpu));
    return cpu;
}

#endif
