/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Handles to objects by their slot alone, for entry points without checks (KEEL_UNCHECKED). A wrong handle is
 * undefined behaviour here: no system may be built of this, only a measure of what the checks cost.
 */
#ifndef API_BARE_H
#define API_BARE_H

#include "held.h"

/* What a release must do at least: the clients' reference goes, and with the last one the object. */
#define BARE(name, type, kind)                                                                               \
    static inline struct type *bare_##name(uint64_t handle)                                                  \
    {                                                                                                        \
        return object_slot(kind, OBJECT_STRIDE(struct type), handle);                                        \
    }                                                                                                        \
    static inline struct type *bare_take_##name(uint64_t handle)                                             \
    {                                                                                                        \
        struct type *object = bare_##name(handle);                                                           \
        (void)ref_get_more((struct ref *)object);                                                            \
        return object;                                                                                       \
    }                                                                                                        \
    static inline keel_status_t bare_release_##name(struct type *object)                                     \
    {                                                                                                        \
        (void)ref_handle_drop((struct ref *)object);                                                         \
        let_go_##name(object);                                                                               \
        return KEEL_OK;                                                                                      \
    }

BARE(frame, frame, OBJECT_FRAME)
BARE(segment, segment, OBJECT_SEGMENT)
BARE(space, space, OBJECT_SPACE)
BARE(task, task, OBJECT_TASK)
BARE(cursor, cursor, OBJECT_CURSOR)
BARE(list, list, OBJECT_LIST)
BARE(memory, memory, OBJECT_MEMORY)
BARE(io_memory, io_memory, OBJECT_IO_MEMORY)
BARE(event, event, OBJECT_EVENT)
BARE(semaphore, semaphore, OBJECT_SEMAPHORE)
BARE(mutex, mutex, OBJECT_MUTEX)
BARE(spinlock, queued_spinlock, OBJECT_SPINLOCK)
BARE(cpu_local, cpu_local, OBJECT_CPU_LOCAL)
BARE(timer, timer, OBJECT_TIMER)
BARE(irq_handler, irq_handler, OBJECT_IRQ_HANDLER)
BARE(io_port, io_port, OBJECT_IO_PORT)
BARE(work, work, OBJECT_WORK)
BARE(pci_device, pci_device, OBJECT_PCI_DEVICE)
BARE(dma, dma, OBJECT_DMA)

#undef BARE

static inline struct hold *bare_held_mutex(uint64_t handle)
{
    return hold_find(&task_current()->holds, bare_mutex(handle));
}

static inline struct hold *bare_held_spinlock(uint64_t handle)
{
    return hold_find(holds_current(), bare_spinlock(handle));
}

#endif
