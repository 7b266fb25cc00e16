/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The other CPUs: laid out and started one after the other before core begins, up to where they wait for
 * hal_cpus_start. So core is told how many CPUs there are when that is known (hal/cpu.h).
 */
#include <string.h>

#include "hal/boot.h"
#include "hal/cpu.h"
#include "hal/machine.h"
#include "hal/pte.h"
#include "insn.h"
#include "parts.h"
#include "percpu.h"

#define LOW_PAGES (1u + HAL_PT_LEVELS) /* code, and page tables that a 32-bit CR3 reaches */

/* The end of the trampoline (trampoline.S). */
struct trampoline {
    uint64_t gdt[4];
    uint64_t entry;
    uint32_t root, efer;
    struct {
        uint32_t offset;
        uint16_t selector, spare;
    } to_32, to_64;
    uint16_t gdt_limit;
    uint32_t gdt_base;
    uint16_t spare;
} __attribute__((packed));

extern const unsigned char x86_trampoline_start[], x86_trampoline_32[], x86_trampoline_64[],
    x86_trampoline_data[], x86_trampoline_end[];
extern const unsigned char x86_secondary_entry[];
_Noreturn void x86_secondary_start(struct x86_cpu *cpu);

/* Flat segments for the way up (SDM vol. 3A, 3.4.5); trampoline.S knows their order. */
#define CODE_32         0x08u
#define DATA_32         0x10u
#define CODE_64         0x18u
#define SEGMENT_CODE_32 UINT64_C(0x00cf9b000000ffff)
#define SEGMENT_DATA_32 UINT64_C(0x00cf93000000ffff)
#define SEGMENT_CODE_64 UINT64_C(0x00af9b000000ffff)

static uint64_t code_page; /* physical; 0: no CPU can be started */
static atomic_u32_t released;

static uint32_t in_page(const unsigned char *label)
{
    return (uint32_t)code_page + (uint32_t)(label - x86_trampoline_start);
}

static void write_trampoline(void)
{
    const size_t size = (size_t)(x86_trampoline_end - x86_trampoline_start);
    const uint32_t data = in_page(x86_trampoline_data);
    struct trampoline trampoline = {
        .gdt = {[CODE_32 / 8] = SEGMENT_CODE_32,
                [DATA_32 / 8] = SEGMENT_DATA_32,
                [CODE_64 / 8] = SEGMENT_CODE_64},
        .entry = (uint64_t)(uintptr_t)x86_secondary_entry,
        .root = x86_make_low_tables(code_page + HAL_PAGE_SIZE, code_page),
        /* LMA is the CPU's to set. */
        .efer = (uint32_t)x86_features.efer & ~(UINT32_C(1) << 10),
        .to_32 = {.offset = in_page(x86_trampoline_32), .selector = CODE_32},
        .to_64 = {.offset = in_page(x86_trampoline_64), .selector = CODE_64},
        .gdt_limit = sizeof(trampoline.gdt) - 1,
        .gdt_base = data,
    };

    memcpy(x86_physical(code_page), x86_trampoline_start, size);
    memcpy(x86_physical(data), &trampoline, sizeof(trampoline));
}

void x86_secondaries_prepare(const struct handoff *handoff)
{
    if (x86_cpus_known() == 1) {
        return;
    }
    code_page = x86_low_pages(handoff, LOW_PAGES);
    if (code_page == 0) {
        x86_print("keel: no free memory below 1 MiB to start other CPUs in\n");
        return;
    }
    for (unsigned slot = 1; slot < x86_cpus_known(); slot++) {
        x86_stacks_map(slot);
        x86_cpus[slot].idle_stack =
            (uint64_t)(uintptr_t)(x86_stacks_of(slot)[X86_STACK_IDLE].bytes + X86_STACK_SIZE);
    }
}

/* Why the CPU does not run; NULL: it does. */
static const char *start(struct x86_cpu *cpu)
{
    if (!x86_apic_reaches(cpu->apic_id)) {
        return "beyond what the local APIC can address";
    }
    switch (cpu_start(&cpu->start, cpu->apic_id, (uint8_t)(code_page >> HAL_PAGE_SHIFT))) {
    case CPU_START_RUNS:
        return NULL;
    case CPU_START_SILENT:
        return "did not answer";
    case CPU_START_STUCK:
        return "did not come far";
    default:
        return "differs from the boot CPU";
    }
}

void x86_secondaries_start(void)
{
    if (code_page == 0) {
        return;
    }
    write_trampoline();
    for (unsigned slot = 1; slot < x86_cpus_known(); slot++) {
        struct x86_cpu *cpu = &x86_cpus[slot];
        const char *why = start(cpu);

        if (why == NULL) {
            x86_cpu_runs(cpu);
        } else {
            x86_cpu_left_out(cpu, why);
        }
    }
}

/* It is what the boot CPU takes it for: same features, the APIC id by which it is called, the same time. All
 * CPUs read the same counter where that is the clock; and the 8254's has a lock, which a CPU that is reset on
 * its way here must not hold. */
static bool is_fit(struct x86_cpu *cpu)
{
    if (!x86_features_same()) {
        return false;
    }
    x86_control_init();
    x86_syscall_init();
    x86_vector_registers_load();
    x86_apic_enable();
    return x86_vector_registers_same() && x86_apic_id() == cpu->apic_id &&
           (!x86_clock_is_tsc() || cpu_start_clock_agrees(&cpu->start));
}

/* Called by trampoline.S on the CPU's own idle stack. */
_Noreturn void x86_secondary_start(struct x86_cpu *cpu)
{
    bool fit;

    x86_descriptors_load(cpu);
    fit = is_fit(cpu);
    if (fit) {
        x86_control_report(hal_cpu_count()); /* the number that it is about to get: the boot CPU waits */
    }
    if (!cpu_start_answer(&cpu->start, fit) || !fit) {
        x86_halt_forever();
    }
    while (atomic_u32_load_acquire(&released) == 0) {
        x86_pause();
    }
    hal_upcall_cpu_online();
}

void hal_cpus_start(void)
{
    atomic_u32_store_release(&released, 1);
}
