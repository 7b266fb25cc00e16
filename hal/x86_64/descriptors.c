/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Segments, task state and the interrupt descriptor table (Intel SDM vol. 3A, 3.4.5, 6.14, 8.2.3).
 */
#include <string.h>

#include "insn.h"
#include "parts.h"
#include "percpu.h"
#include "trap.h"

struct x86_cpu x86_cpus[HAL_CPU_MAX];

/* A gate of the IDT. */
struct gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};
_Static_assert(sizeof(struct gate) == 16, "SDM vol. 3A, figure 6-8");

struct pseudo_descriptor {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

#define GATE_COUNT     256u
#define GATE_INTERRUPT 0x8eu /* present, interrupt gate: clears IF */
#define GATE_DPL_USER  0x60u

/* Long-mode segments: present, accessed (so that the CPU need not write it), L for code, DPL. */
#define SEGMENT_KERNEL_CODE UINT64_C(0x00209b0000000000)
#define SEGMENT_KERNEL_DATA UINT64_C(0x0000930000000000)
#define SEGMENT_USER_DATA   UINT64_C(0x0000f30000000000)
#define SEGMENT_USER_CODE   UINT64_C(0x0020fb0000000000)
#define SEGMENT_TSS         UINT64_C(0x0000890000000000)

static struct gate gates[GATE_COUNT];

static void fill_gates(void)
{
    static const uint8_t ist[X86_VECTOR_IRQ] = {
        [X86_VECTOR_NMI] = X86_IST_NMI,
        [X86_VECTOR_DF] = X86_IST_DOUBLE_FAULT,
        [X86_VECTOR_MC] = X86_IST_MACHINE_CHECK,
        [X86_VECTOR_DB] = X86_IST_DEBUG,
    };

    for (unsigned vector = 0; vector < GATE_COUNT; vector++) {
        const uint64_t stub = (uint64_t)(uintptr_t)x86_trap_stubs + (uint64_t)vector * X86_STUB_SIZE;
        /* INT3 and INT 4 are a user's to execute; any other INT n is a #GP. */
        const bool user = vector == X86_VECTOR_BP || vector == X86_VECTOR_OF;

        gates[vector] = (struct gate){
            .offset_low = (uint16_t)stub,
            .selector = X86_KERNEL_CS,
            .ist = vector < X86_VECTOR_IRQ ? ist[vector] : 0,
            .type = (uint8_t)(GATE_INTERRUPT | (user ? GATE_DPL_USER : 0)),
            .offset_middle = (uint16_t)(stub >> 16),
            .offset_high = (uint32_t)(stub >> 32),
        };
    }
}

static void fill_segments(struct x86_cpu *cpu)
{
    const uint64_t tss = (uint64_t)(uintptr_t)&cpu->tss;
    const uint64_t limit = sizeof(cpu->tss) - 1;

    cpu->gdt[X86_KERNEL_CS / 8] = SEGMENT_KERNEL_CODE;
    cpu->gdt[X86_KERNEL_SS / 8] = SEGMENT_KERNEL_DATA;
    cpu->gdt[X86_USER_SS / 8] = SEGMENT_USER_DATA;
    cpu->gdt[X86_USER_CS / 8] = SEGMENT_USER_CODE;
    cpu->gdt[X86_TSS / 8] = SEGMENT_TSS | limit | (tss & 0xffffff) << 16 | (tss >> 24 & 0xff) << 56;
    cpu->gdt[X86_TSS / 8 + 1] = tss >> 32;
}

/* The top two words of an IST stack hold the CPU's x86_cpu for the paranoid entry (trap_entry.S). */
static uint64_t ist_stack(struct x86_cpu *cpu, enum x86_stack stack)
{
    unsigned char *top = x86_stacks_of(cpu->slot)[stack].bytes + X86_STACK_SIZE - 16;

    memcpy(top, &cpu, sizeof(cpu));
    return (uint64_t)(uintptr_t)top;
}

static void fill_tss(struct x86_cpu *cpu)
{
    cpu->tss.ist[X86_IST_NMI - 1] = ist_stack(cpu, X86_STACK_NMI);
    cpu->tss.ist[X86_IST_DOUBLE_FAULT - 1] = ist_stack(cpu, X86_STACK_DOUBLE_FAULT);
    cpu->tss.ist[X86_IST_MACHINE_CHECK - 1] = ist_stack(cpu, X86_STACK_MACHINE_CHECK);
    cpu->tss.ist[X86_IST_DEBUG - 1] = ist_stack(cpu, X86_STACK_DEBUG);
    /* A map that begins past the limit grants no I/O port (SDM vol. 1, 19.5.2). */
    cpu->tss.io_map = sizeof(cpu->tss);
}

static void load_tables(struct x86_cpu *cpu)
{
    const struct pseudo_descriptor gdt = {sizeof(cpu->gdt) - 1, (uint64_t)(uintptr_t)cpu->gdt};
    const struct pseudo_descriptor idt = {sizeof(gates) - 1, (uint64_t)(uintptr_t)gates};

    __asm__ volatile("lgdt %0\n\t"
                     "pushq %1\n\t"
                     "lea 1f(%%rip), %%rax\n\t"
                     "push %%rax\n\t"
                     "lretq\n"
                     "1:\n\t"
                     "mov %2, %%ss\n\t"
                     "xor %%eax, %%eax\n\t"
                     "mov %%eax, %%ds\n\t"
                     "mov %%eax, %%es\n\t"
                     "mov %%eax, %%fs\n\t"
                     "mov %%eax, %%gs\n\t"
                     "lldt %%ax\n\t"
                     "ltr %4\n\t" /* first: an NMI finds its stack by it */
                     "lidt %3"
                     :
                     : "m"(gdt), "i"(X86_KERNEL_CS), "r"(X86_KERNEL_SS), "m"(idt), "r"((uint16_t)X86_TSS)
                     : "rax", "memory");
}

void x86_descriptors_load(struct x86_cpu *cpu)
{
    cpu->self = cpu;
    cpu->deadline = UINT64_MAX;
    fill_segments(cpu);
    fill_tss(cpu);
    load_tables(cpu);
    x86_wrmsr(X86_MSR_GS_BASE, (uint64_t)(uintptr_t)cpu);
}

void x86_descriptors_init(void)
{
    fill_gates();
    x86_descriptors_load(&x86_cpus[0]);
}

bool x86_descriptors_intact(void)
{
    const struct x86_cpu *cpu = x86_this_cpu();
    struct pseudo_descriptor gdt, idt;
    uint16_t task;

    __asm__ volatile("sgdt %0; sidt %1; str %2" : "=m"(gdt), "=m"(idt), "=r"(task));
    return gdt.base == (uint64_t)(uintptr_t)cpu->gdt && gdt.limit == sizeof(cpu->gdt) - 1 &&
           idt.base == (uint64_t)(uintptr_t)gates && idt.limit == sizeof(gates) - 1 && task == X86_TSS;
}
