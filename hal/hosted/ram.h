/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Simulated RAM and what the machine knows of each frame.
 */
#ifndef HOSTED_RAM_H
#define HOSTED_RAM_H

#include "hal/mmu.h"
#include "hal/phys.h"
#include "hosted/machine.h"

/* The machine's own frames, at the bottom of RAM. Frame 0 stays unused: an address of 0 is a mistake. */
#define RAM_KERNEL_ROOT  UINT64_C(0x1000)
#define RAM_WINDOW_TABLE UINT64_C(0x2000)
#define RAM_LINEAR_TABLE UINT64_C(0x3000)
#define RAM_IOMMU        UINT64_C(0x4000) /* from here on: of the driver of remapping units */
#define RAM_KERNEL_END   UINT64_C(0x10000)

#define RAM_LEVEL_IOMMU 0xff

struct ram {
    int file;
    char *linear;     /* host address of physical 0: the linear view */
    char *unpoisoned; /* the same memory once more, for Unicorn, whose accesses sanitizers partly see */
    uint64_t frame_count;
    uint64_t initrd; /* physical; frame_count * 4096 when there is none */

    /* One element a frame. */
    uint8_t *use;         /* enum hal_frame_use */
    uint8_t *boot_use;    /* what `use` is at boot */
    uint8_t *dirty;       /* differs from the state at boot; on the list */
    uint8_t *root;        /* used as a table of the top level */
    uint8_t *level;       /* of a table, once it was edited; RAM_LEVEL_IOMMU: it is the devices' */
    uint8_t *iommu_led;   /* some entry for devices led here since the use began */
    uint32_t *iommu_page; /* iommu_memory.c */
    uint32_t *refs;       /* present entries, in frames used as tables, that lead here */
    uint32_t *window;     /* host mappings in the kernel window (window.c) */
    uint64_t (*filled)[HAL_PT_ENTRIES / 64]; /* a table's entries that are not zero */

    uint32_t *dirty_list;
    size_t dirty_count;
};

extern struct ram ram;

/* Brings RAM to the state at boot for machine.config. */
void ram_prepare(void);

/* Fills the frame with what nobody should rely on. */
void ram_junk(uint64_t frame);

/* This frame no longer is as it was at boot. */
void ram_soil(uint64_t frame);

static inline bool ram_contains(uint64_t address, uint64_t size)
{
    uint64_t end = ram.frame_count << HAL_PAGE_SHIFT;
    return address <= end && size <= end - address;
}

static inline char *ram_pointer(uint64_t address)
{
    return ram.linear + address;
}

/* The devices' memory, one stretch after the other, and the end of what anybody may have written of it. */
#define RAM_IO_FAR_SIZE (HOSTED_IO_SIZE + HOSTED_PCI_SIZE)
extern char ram_io[RAM_IO_FAR_SIZE + HOSTED_PCI_SIZE];
extern uint64_t ram_io_soiled;

/* Is it a device's? Then `offset` is where in ram_io. RAM may reach over the lower stretch. */
static inline bool ram_io_offset(uint64_t address, uint64_t *offset)
{
    bool low = address - HOSTED_PCI_BASE < HOSTED_PCI_SIZE && !ram_contains(address, 1);
    *offset = low ? RAM_IO_FAR_SIZE + address - HOSTED_PCI_BASE : address - HOSTED_IO_BASE;
    return low || *offset < RAM_IO_FAR_SIZE;
}

static inline bool ram_is_io(uint64_t address)
{
    uint64_t offset;
    return ram_io_offset(address, &offset);
}

/* Where a user's access to the physical address goes, RAM or not; `unpoisoned`: for Unicorn. */
static inline char *ram_user_pointer(uint64_t address, bool unpoisoned)
{
    uint64_t offset;
    if (ram_io_offset(address, &offset)) {
        uint64_t end = (offset | (HAL_PAGE_SIZE - 1)) + 1;
        ram_io_soiled = end > ram_io_soiled ? end : ram_io_soiled;
        return ram_io + offset;
    }
    return (unpoisoned ? ram.unpoisoned : ram.linear) + address;
}

static inline enum hal_frame_use ram_use(uint64_t address)
{
    return (enum hal_frame_use)ram.use[address >> HAL_PAGE_SHIFT];
}

const char *ram_use_text(enum hal_frame_use use);

#endif
