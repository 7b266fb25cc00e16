/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Where a client begins, and what the machine was given at boot.
 */
#ifndef KEEL_BOOT_H
#define KEEL_BOOT_H

#include "keel/handle.h"

/* The client's entry: Keel calls it once, in the first task, with the machine up. Until the client injects a
 * frame allocator, a scheduler (keel/policy.h) or a slab allocator (keel/slab_policy.h), Keel decides itself
 * in its place; until it injects a handler of page faults (keel/fault.h), these are errors of the call. When
 * it returns, the machine powers off with the value it returned; other tasks just stop. */
int32_t keel_main(void);

struct keel_boot_info {
    uint64_t frames_total;      /* frames of RAM that Keel manages */
    uint64_t frames_free;       /* of them, unused at this moment */
    uint64_t initrd_size;       /* bytes; 0: none */
    uint64_t command_line_size; /* bytes, no terminator */
    uint32_t region_count;      /* regions of the memory map */
    uint32_t cpus_present;      /* CPUs that the machine has */
    uint32_t cpus_online;       /* of them, running Keel */
    uint32_t reserved;          /* 0 */
};

/* Frames are allocated in USABLE regions alone, after keel_boot_reclaim also in RECLAIMABLE ones, whatever a
 * frame allocator answers (M5). */
enum keel_region_kind {
    KEEL_REGION_USABLE = 0,
    KEEL_REGION_RECLAIMABLE = 1,
    KEEL_REGION_KERNEL = 2,
    KEEL_REGION_INITRD = 3,
    KEEL_REGION_RESERVED = 4,
    KEEL_REGION_MMIO = 5,
    KEEL_REGION_UNUSABLE = 6,
};

/* One region of the normalised memory map: sorted, page-aligned, not overlapping. */
struct keel_region {
    uint64_t base, size; /* bytes */
    uint64_t kind;       /* enum keel_region_kind */
};

/* Context of all calls below but the last: task, atomic, irq, policy.
 *
 * Errors: E_INVALID (info is NULL). */
keel_status_t keel_boot_info(struct keel_boot_info *info);

/* Region `index` of the map. Errors: E_NOT_FOUND (index >= region_count), E_INVALID. */
keel_status_t keel_boot_region(uint32_t index, struct keel_region *region);

/* Copies `size` bytes of the command line from `offset`. All or nothing: E_INVALID when the range leaves the
 * command line or buffer is NULL with size > 0. */
keel_status_t keel_boot_command_line(uint64_t offset, void *buffer, size_t size);

/* Copies `size` bytes of the initial ramdisk from `offset`. All or nothing, as above. */
keel_status_t keel_boot_initrd(uint64_t offset, void *buffer, size_t size);

/* Frees the frames of RECLAIMABLE regions, which hold what firmware and loader left for the boot: from now on
 * they are allocated like others (M9: zeroed), and an injected frame allocator has learnt of them by its
 * `add`. Command line, initial ramdisk and memory map stay as they are. Once; `frame_count` gets the number
 * of frames. The map goes on calling the regions RECLAIMABLE. Context: task. Errors: E_EXISTS (it was done
 * before), E_INVALID. */
keel_status_t keel_boot_reclaim(uint64_t *frame_count);

#endif
