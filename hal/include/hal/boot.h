/* SPDX-License-Identifier: BSD-2-Clause
 *
 * HAL contract: how the machine hands itself to core.
 *
 * A backend brings the boot CPU to the state below and calls `hal_upcall_boot` once. State at that call, on
 * every machine: interrupts off; running on a stack of the backend's own of at least 16 KiB that stays valid
 * for ever (core makes it the boot CPU's idle stack); the kernel root (`hal_kernel_root`) loaded; the console
 * usable; no other CPU executing core code. `struct hal_boot` and everything it points to stays valid for
 * ever.
 */
#ifndef HAL_BOOT_H
#define HAL_BOOT_H

#include "hal/types.h"

/* What a stretch of physical address space is. Core hands out frames of USABLE regions only, and of
 * RECLAIMABLE ones once the client says that boot is over: nothing that struct hal_boot points to, and
 * nothing that the backend still uses, may lie in a RECLAIMABLE region outside of regions of later kinds. */
enum hal_region_kind {
    HAL_REGION_USABLE,      /* RAM that nobody uses */
    HAL_REGION_RECLAIMABLE, /* RAM holding loader or firmware data that core may take once boot is over */
    HAL_REGION_KERNEL,      /* RAM: the kernel image, the backend's own tables and stacks */
    HAL_REGION_INITRD,      /* RAM: the initial ramdisk */
    HAL_REGION_RESERVED,    /* firmware, ACPI, holes that the firmware names, anything else */
    HAL_REGION_MMIO,        /* registers of devices: no RAM */
    HAL_REGION_UNUSABLE,    /* RAM that firmware found to be broken: never touched */
    HAL_REGION_KIND_COUNT
};

/* [base, base + size), both in bytes, in no particular order, alignment or agreement with each other: core
 * normalises. Where regions overlap, the kind that comes later in the enum wins. */
struct hal_region {
    uint64_t base, size;
    enum hal_region_kind kind;
};

/* Physical address space that clients may map as I/O memory: [base, base + size), whole pages. */
struct hal_io_range {
    uint64_t base, size;
};

/* Likewise I/O ports: [first, first + count). */
struct hal_port_range {
    uint32_t first, count;
};

struct hal_boot {
    const struct hal_region *regions;
    size_t region_count;
    /* Device memory that is harmless in a client's hands: no RAM, and nothing that a CPU, the interrupt
     * controllers or the IOMMU are steered by (D5). Everything else is out of reach: a backend names what it
     * knows to be safe, never all but what it knows to be dangerous. */
    const struct hal_io_range *io_ranges;
    size_t io_range_count;
    const struct hal_port_range *port_ranges; /* by the same rule; none where there are no ports */
    size_t port_range_count;
    const char *command_line; /* bytes, not terminated; may be NULL when the size is 0 */
    size_t command_line_size;
    hal_paddr_t initrd; /* first byte; inside an INITRD region */
    uint64_t initrd_size;
    /* Nanoseconds from 1970-01-01 00:00 UTC to the moment when hal_time_now was 0; 0: the machine has no
     * clock that knows. */
    uint64_t wall_time;
    unsigned cpus_present; /* CPUs that the machine has, whether or not they run (>= hal_cpu_count()) */
};

/* Upcall, boot CPU, once. Does not return. */
_Noreturn void hal_upcall_boot(const struct hal_boot *boot);

/* Contract: start every secondary CPU below hal_cpu_count(). Called by core once, on the boot CPU, interrupts
 * off, after its tables stand. Each started CPU, in the state described above (its own stack, kernel root
 * loaded, interrupts off), makes the upcall `hal_upcall_cpu_online`. May do nothing on a machine whose
 * hal_cpu_count() is 1. */
void hal_cpus_start(void);

/* Upcall, once on each secondary CPU. Does not return. */
_Noreturn void hal_upcall_cpu_online(void);

#endif
