/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the files of this backend offer each other. The order is that of start-up (start.c).
 */
#ifndef X86_PARTS_H
#define X86_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../boot/handoff.h"
#include "hal/acpi.h"
#include "hal/amdvi.h"
#include "hal/boot.h"
#include "hal/clock.h"
#include "hal/pte.h"
#include "hal/types.h"
#include "hal/vtd.h"
#include "layout.h"

/* serial.c, print.c */
void x86_serial_init(void);
/* %s text, %u decimal and %x hexadecimal uint64_t. Formats are ours alone. */
void x86_print(const char *format, ...);

/* features.c: what this CPU can do, and the control registers that follow from it. */
struct x86_features {
    bool xsave, smep, smap, umip, pages_1g, x2apic, pcid, tsc_deadline;
    bool tsc_invariant;    /* its rate neither changes nor stops (SDM vol. 3B, 17.17.1) */
    bool fpu_pointer_leak; /* AMD: FXSAVE and XSAVE may leave the x87 pointers out */
    uint64_t xcr0;         /* state components switched on; 0 without XSAVE */
    uint64_t xsave_layout; /* stands for where XSAVE puts them */
    uint32_t vector_size, mxcsr_mask;
    uint64_t cr0, cr4, efer, pat; /* what the registers are set to and must stay */
};
extern struct x86_features x86_features;
extern uint8_t x86_smap_on; /* for assembly: 1 if STAC and CLAC exist and are needed */
void x86_features_find(void);
bool x86_features_same(void);          /* has this CPU what the boot CPU has? */
void x86_control_init(void);           /* every CPU: sets the registers as the features ask */
void x86_control_report(unsigned cpu); /* one line that names the protections that are on (U5), and PCIDs */
void x86_syscall_init(void);           /* every CPU */
void x86_vector_registers_init(void);  /* boot CPU: finds the image's size and mask */
void x86_vector_registers_load(void);  /* every CPU */
bool x86_vector_registers_same(void);  /* loaded: has MXCSR the boot CPU's bits? */

/* descriptors.c: GDT, TSS, IDT, GS. */
struct x86_cpu;
void x86_descriptors_init(void); /* boot CPU */
void x86_descriptors_load(struct x86_cpu *cpu);
bool x86_descriptors_intact(void);

/* stacks.c: stacks of the backend's own, each above a page that is never mapped. The boot CPU's lie inside
 * the kernel image, the others' at X86_STACKS_BASE. */
struct x86_guarded_stack {
    unsigned char guard[4096];
    unsigned char bytes[X86_STACK_SIZE];
};
enum x86_stack {
    X86_STACK_IDLE, /* start-up, then the idle context */
    X86_STACK_NMI,
    X86_STACK_DOUBLE_FAULT,
    X86_STACK_MACHINE_CHECK,
    X86_STACK_DEBUG,
    X86_STACK_COUNT
};
struct x86_guarded_stack *x86_stacks_of(unsigned slot);
void x86_stacks_map(unsigned slot); /* of a secondary CPU; from the pool */
/* The name of the stack whose guard page holds `va`, and whose it is (a place in x86_cpus); NULL: none of
 * these. */
const char *x86_stack_guard_name(uint64_t va, unsigned *slot);

/* memory.c: RAM, and the pool from which the backend's own tables come. */
struct x86_range {
    uint64_t base, end; /* page-aligned, end is past the last byte */
};
void x86_memory_init(const struct handoff *handoff);
hal_paddr_t x86_pool_page(void); /* zeroed; never runs out, by x86_memory_init's reckoning */
void *x86_pool_pages(uint64_t page_count);
/* Free pages in a row below 1 MiB, which core never gets; 0: there are none. */
uint64_t x86_low_pages(const struct handoff *handoff, uint64_t page_count);
/* Runs of RAM in ascending order: what the linear map holds. */
const struct x86_range *x86_memory_runs(size_t *count);
bool x86_memory_is_mapped(uint64_t physical, uint64_t size);

/* port.c */
#define X86_PORT_RANGES 5u
extern const struct hal_port_range x86_port_ranges[X86_PORT_RANGES];

/* regions.c: the memory map as core wants it. After the last x86_pool_page. */
void x86_regions_init(const struct handoff *handoff, struct hal_boot *boot);
struct x86_range x86_pool_used(void);
/* All bytes [first, last] are what firmware keeps for itself, and nothing else is said of any. */
bool x86_is_firmwares(const struct handoff *handoff, uint64_t first, uint64_t last);

/* The C address of physical memory: through the loader's identity map first, then through the linear map. */
extern uint64_t x86_physical_offset;
static inline void *x86_physical(uint64_t address)
{
    return (void *)(address + x86_physical_offset);
}

/* tables.c: the kernel's own page tables. */
void x86_tables_init(const struct handoff *handoff);
extern hal_paddr_t x86_kernel_root;
extern struct x86_range x86_image_physical; /* the memory behind the kernel image */
/* Maps a page of memory of the backend's own, at start-up: readable, writable. */
void x86_map_memory(uint64_t va, hal_paddr_t page);
/* Page tables in four pages from `tables` on, which are to be loaded where only 32 bits can be: the kernel's
 * half, and the page `code` where it is physically, executable. Answers the root. */
uint32_t x86_make_low_tables(uint64_t tables, uint64_t code);
#define X86_IOMMU_PAGES     (VTD_REGISTERS_SIZE / HAL_PAGE_SIZE)
#define X86_AMD_IOMMU_PAGES (AMDVI_REGISTERS_SIZE / HAL_PAGE_SIZE)
enum x86_fixed_page {
    X86_FIXED_APIC,
    X86_FIXED_RESET,
    X86_FIXED_HPET,
    X86_FIXED_ECAM,   /* one function's configuration space after the other */
    X86_FIXED_IOAPIC, /* the first of them */
    X86_FIXED_IOMMU = X86_FIXED_IOAPIC + ACPI_IOAPICS_MAX, /* X86_IOMMU_PAGES of each unit */
    X86_FIXED_AMD_IOMMU = X86_FIXED_IOMMU + ACPI_DMAR_UNITS_MAX * X86_IOMMU_PAGES, /* likewise */
    X86_FIXED_COUNT = X86_FIXED_AMD_IOMMU + ACPI_IVRS_UNITS_MAX * X86_AMD_IOMMU_PAGES
};
_Static_assert(X86_FIXED_COUNT + HAL_CPU_MAX <= HAL_PT_ENTRIES,
               "one table holds them, and what each CPU has behind");
/* Maps the device registers around `physical` uncached; answers the address of that very byte. */
volatile void *x86_map_registers(enum x86_fixed_page page, uint64_t physical);
/* The CPU's own page for I/O memory leads to the page of `physical` from now on; answers the address of that
 * very byte. On that CPU, as long as its interrupts are off. */
volatile void *x86_map_io(unsigned cpu, uint64_t physical, enum hal_cache cache);
void x86_unmap_io(unsigned cpu);
/* mmu.c: what this CPU has cached of a page of the kernel's half, whatever root is loaded. */
void x86_forget_page(uint64_t va);
/* Can it be registers' address? One that the CPU has, and not memory. */
bool x86_is_register(uint64_t physical);

/* firmware.c: what ACPI says. */
extern struct acpi_power x86_power;
extern bool x86_can_sleep; /* x86_sleep_type holds */
extern uint8_t x86_sleep_type[2];
extern uint64_t x86_hpet_address; /* 0: none */
extern struct acpi_dmar x86_dmar; /* no units: none are named */
extern struct acpi_ivrs x86_ivrs; /* likewise */
extern struct acpi_ecam x86_ecam; /* address 0: none */
/* All that firmware names, of other segments and what makes no sense as well. */
extern struct x86_range x86_ecam_windows[ACPI_ECAM_WINDOWS_MAX];
extern unsigned x86_ecam_window_count;
void x86_firmware_init(uint64_t rsdp, struct acpi_cpus *cpus, struct acpi_interrupts *interrupts);

/* iommu.c */
/* Boot CPU, before others run; from then on no device reaches memory, but what firmware reserved for it. */
void x86_iommu_init(const struct handoff *handoff, const struct acpi_interrupts *interrupts);
void x86_iommu_watch(void); /* any CPU, interrupts off, every now and then */

/* cpu.c */
unsigned x86_cpus_init(const struct acpi_cpus *cpus); /* answers how many the machine has */
unsigned x86_cpus_known(void);                        /* how many places of x86_cpus are filled */
void x86_cpu_runs(struct x86_cpu *cpu);               /* it counts from now on; before hal_upcall_boot */
void x86_cpu_left_out(struct x86_cpu *cpu, const char *why);
void x86_cpu_attend(void);   /* does what other CPUs ask of this one; interrupts off */
void x86_flush_caches(void); /* on every CPU; interrupts off */
void x86_stop_others(void);  /* for good, whatever they do */
bool x86_is_stopped(void);   /* this CPU, by another one */

/* secondary.c: starts the other CPUs up to where they wait for hal_cpus_start. */
void x86_secondaries_prepare(const struct handoff *handoff); /* takes memory from the pool */
void x86_secondaries_start(void);

/* apic.c */
void x86_apic_init(void);   /* boot CPU */
void x86_apic_enable(void); /* every CPU */
uint32_t x86_apic_id(void);
bool x86_apic_reaches(uint32_t apic_id);
/* Low half of the interrupt command register (SDM vol. 3A, figure 10-12). */
#define X86_IPI_NMI UINT32_C(0x400)
void x86_apic_send(uint32_t apic_id, uint32_t command);
void x86_apic_acknowledge(void);
bool x86_apic_in_service(uint64_t vector); /* delivered by the APIC and not acknowledged yet */
/* The timer: one shot, by its counter (after x86_apic_enable) or at a value of the TSC. A change stops it. */
void x86_apic_timer_by_tsc(bool by_tsc);
void x86_apic_timer_start(uint32_t ticks); /* by its counter; 0 stops it */
void x86_apic_timer_ring_at(uint64_t tsc); /* by the TSC; 0 stops it */
uint32_t x86_apic_timer_left(void);
uint32_t x86_apic_error(void);

/* ioapic.c */
void x86_ioapic_init(const struct acpi_interrupts *interrupts);

/* pci.c */
void x86_pci_init(void);
/* No client may have these addresses as a device's: they steer something (D5). Boot CPU, before
 * hal_upcall_boot. Registers that x86_map_registers maps are among them. */
void x86_pci_keep_out(uint64_t base, uint64_t size);
void x86_pci_keep_chipset_out(void);
bool x86_pci_is_kept_out(uint64_t base, uint64_t size);

/* counters.c: fills in everything but when it begins. False: there is none, or it does not run. */
bool x86_counter_open(enum clock_kind kind, struct clock_counter *counter);

/* clock.c */
uint64_t x86_clock_init(const char *command_line,
                        size_t size); /* answers the rate of the APIC's timer, in Hz */
bool x86_clock_is_tsc(void);
uint64_t x86_clock_tsc_hz(void);   /* where that is the clock, and its rate never changes; otherwise 0 */
uint64_t x86_clock_patience(void); /* nanoseconds for which the clock may stay unread; UINT64_MAX: for ever */
void x86_clock_watch(void);        /* any CPU, interrupts off, every now and then */

/* timer.c */
void x86_timer_init(uint64_t apic_hz); /* boot CPU */
void x86_timer_interrupt(void);

/* wall.c: for struct hal_boot */
uint64_t x86_wall_time(void);

/* power.c */
void x86_power_init(const char *command_line, size_t size);
_Noreturn void x86_power_fail(void); /* after a panic's report */

/* coverage/write.c: what was executed, to the host, as the last thing of a run. In other kernels: nothing
 * (coverage/none.c). */
void x86_coverage_write(void);

/* panic.c: ends the run with a report of what the kernel did at `frame`. */
struct x86_frame;
_Noreturn void x86_fault(const struct x86_frame *frame, uint64_t cr2);

/* backtrace.c, symbols.c */
void x86_backtrace(uint64_t rip, uint64_t rbp);
void x86_symbols_init(const void *file, uint64_t size);
/* The function that holds `address`; NULL: unknown. The name ends within the kernel file. */
const char *x86_symbol(uint64_t address, uint64_t *offset);

/* audit.c: what is wrong with this CPU's registers, as a set. */
uint32_t x86_registers_wrong(void);

/* start.c */
_Noreturn void x86_start(uint64_t handoff);

/* fixups.S, which says what they answer */
uint64_t x86_user_copy(void *to, const void *from, uint64_t size);
uint64_t x86_user_string(char *to, const void *from, uint64_t size, bool *ended);
int x86_user_load4(uint64_t va, uint64_t *value);
int x86_user_load8(uint64_t va, uint64_t *value);
int x86_user_store4(uint64_t va, uint64_t value);
int x86_user_store8(uint64_t va, uint64_t value);
int x86_user_cas4(uint64_t va, uint64_t expected, uint64_t desired, uint64_t *found);
int x86_user_cas8(uint64_t va, uint64_t expected, uint64_t desired, uint64_t *found);
int x86_read_word(uint64_t va, uint64_t *to);

/* boot/kernel.ld */
extern const unsigned char x86_image_start[], x86_constants_start[], x86_data_start[], x86_image_end[];
struct x86_fixup {
    uint64_t fault, go_on, limit; /* a page fault at or above the limit is none of these */
};
extern const struct x86_fixup x86_fixups_start[], x86_fixups_end[];

#endif
