/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Handles: how a client names Keel's objects. 64 opaque bits in one struct type per kind, so that the
 * compiler catches mix-ups and the check in every call catches the rest (H1): a forged, stale or foreign
 * value is answered with KEEL_E_BAD_HANDLE. A value never comes to mean another object (H3). The value 0 is
 * never a valid handle.
 *
 * A handle names an object; it is not itself a resource. Each object counts references: creating one gives
 * the creator the first, `keel_*_ref` adds one, `keel_*_release` drops one, and the last one ends the object.
 * Handles may be copied, passed to other tasks, compared and forgotten freely.
 *
 * Every call that takes a handle may also answer E_LIMIT: so many references exist that not one more can be
 * held during the call (some 16 million).
 */
#ifndef KEEL_HANDLE_H
#define KEEL_HANDLE_H

#include <stddef.h>
#include <stdint.h>

#include "keel/status.h"

typedef struct {
    uint64_t value;
} keel_frame_t; /* one untyped physical frame, shared */

typedef struct {
    uint64_t value;
} keel_unique_t; /* one untyped physical frame with one owner; not counted: see keel/unique.h */

typedef struct {
    uint64_t value;
} keel_segment_t; /* contiguous untyped frames */

typedef struct {
    uint64_t value;
} keel_space_t; /* a user address space */

typedef struct {
    uint64_t value;
} keel_list_t; /* a list of unique frames */

typedef struct {
    uint64_t value;
} keel_task_t; /* a thread of kernel code, which may run a user program */

typedef struct {
    uint64_t value;
} keel_cursor_t; /* a range of an address space that one task edits */

typedef struct {
    uint64_t value;
} keel_memory_t; /* bytes of Keel's heap, moved by copy */

typedef struct {
    uint64_t value;
} keel_io_memory_t; /* a range of I/O memory */

typedef struct {
    uint64_t value;
} keel_event_t; /* something that tasks wait for, with a number that counts how often it came */

typedef struct {
    uint64_t value;
} keel_semaphore_t; /* a count of tokens */

typedef struct {
    uint64_t value;
} keel_mutex_t; /* a lock that one task holds, or several share, and others sleep for */

typedef struct {
    uint64_t value;
} keel_spinlock_t; /* a lock that one CPU holds, or several share, and others spin for */

typedef struct {
    uint64_t value;
} keel_cpu_local_t; /* a number for each CPU */

typedef struct {
    uint64_t value;
} keel_timer_t; /* calls a handler when its time has come */

typedef struct {
    uint64_t value;
} keel_irq_handler_t; /* a handler on an interrupt line */

typedef struct {
    uint64_t value;
} keel_work_t; /* calls a handler soon after it was queued */

typedef struct {
    uint64_t value;
} keel_io_port_t; /* a range of I/O ports */

typedef struct {
    uint64_t value;
} keel_pci_device_t; /* a function of a PCI device, for its holder alone */

typedef struct {
    uint64_t value;
} keel_dma_t; /* memory mapped for a device */

typedef struct {
    uint64_t value;
} keel_guard_t; /* the calling task stays on its CPU; its own, not counted: see keel/guard.h */

#endif
