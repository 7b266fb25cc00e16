/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the loader leaves for the kernel. Shared by boot/loader and hal/x86_64, known to nobody else.
 *
 * The loader enters the kernel ELF's entry point on the boot CPU in 64-bit mode: interrupts off, boot
 * services gone, RDI = physical address of this structure, a stack of at least 16 KiB. The page tables are
 * the loader's: all RAM and this structure identity-mapped, the kernel's segments at their linked addresses
 * (p_vaddr) with their own rights (W^X, EFER.NXE on). The kernel switches to tables of its own at once. Every
 * address here is physical; everything pointed to lies in memory typed LOADER in the map, or inside the
 * images named.
 */
#ifndef BOOT_HANDOFF_H
#define BOOT_HANDOFF_H

#include <stdint.h>

#define HANDOFF_MAGIC   UINT64_C(0x66666f646e61484b) /* "KHandoff" */
#define HANDOFF_VERSION 1u

enum handoff_memory_type {
    HANDOFF_FREE = 1,   /* conventional RAM, boot services' code and data included */
    HANDOFF_LOADER = 2, /* what the loader allocated: this structure, tables, stack, files */
    HANDOFF_ACPI = 3,   /* ACPI reclaimable and NVS */
    HANDOFF_MMIO = 4,
    HANDOFF_OTHER = 5,    /* runtime services, persistent, anything else */
    HANDOFF_UNUSABLE = 6, /* RAM with errors */
};

/* Page-aligned; in firmware's order. */
struct handoff_region {
    uint64_t base, size;
    uint64_t type; /* enum handoff_memory_type */
};

struct handoff_range {
    uint64_t base, size; /* bytes */
};

struct handoff_framebuffer {
    uint64_t base, size;                             /* 0, 0: none */
    uint32_t width, height, pixels_per_line, format; /* format: EFI_GRAPHICS_PIXEL_FORMAT */
};

struct handoff {
    uint64_t magic;
    uint32_t version;
    uint32_t region_count;
    uint64_t regions;                  /* struct handoff_region[region_count] */
    uint64_t rsdp;                     /* ACPI root pointer, 0: none found */
    struct handoff_range command_line; /* bytes, not terminated; trailing white space removed */
    struct handoff_range initrd;       /* page-aligned base */
    struct handoff_range kernel_file;  /* the whole kernel ELF file, for its symbols */
    struct handoff_range kernel_image; /* physical memory behind the kernel's segments, contiguous */
    uint64_t kernel_virtual;           /* linked address of kernel_image.base */
    struct handoff_framebuffer framebuffer;
};

#endif
