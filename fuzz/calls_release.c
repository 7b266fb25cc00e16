/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The end of an execution: everything that any handle or pointer could name is given back.
 */
#include "calls_world.h"
#include "core/frame.h"
#include "core/object.h"
#include "core/slab.h"
#include "hal/phys.h"

#define RELEASE_LIMIT 1000u

static keel_status_t release(enum object_kind kind, uint64_t handle)
{
    switch (kind) {
    case OBJECT_FRAME:
        return keel_frame_release((keel_frame_t){handle});
    case OBJECT_SEGMENT:
        return keel_segment_release((keel_segment_t){handle});
    case OBJECT_SPACE:
        return keel_space_release((keel_space_t){handle});
    case OBJECT_CURSOR:
        return keel_cursor_close((keel_cursor_t){handle});
    case OBJECT_UNIQUE:
        return keel_unique_release((keel_unique_t){handle});
    case OBJECT_LIST:
        return keel_list_release((keel_list_t){handle});
    case OBJECT_MEMORY:
        return keel_memory_release((keel_memory_t){handle});
    case OBJECT_IO_MEMORY:
        return keel_io_memory_release((keel_io_memory_t){handle});
    case OBJECT_EVENT:
        return keel_event_release((keel_event_t){handle});
    case OBJECT_SEMAPHORE:
        return keel_semaphore_release((keel_semaphore_t){handle});
    case OBJECT_MUTEX:
        return keel_mutex_release((keel_mutex_t){handle});
    case OBJECT_IO_PORT:
        return keel_io_port_release((keel_io_port_t){handle});
    case OBJECT_IRQ_HANDLER:
        return keel_irq_handler_release((keel_irq_handler_t){handle});
    case OBJECT_TIMER:
        return keel_timer_release((keel_timer_t){handle});
    case OBJECT_WORK:
        return keel_work_release((keel_work_t){handle});
    case OBJECT_PCI_DEVICE:
        return keel_pci_device_release((keel_pci_device_t){handle});
    case OBJECT_DMA:
        return keel_dma_release((keel_dma_t){handle});
    case OBJECT_CPU_LOCAL:
        return keel_cpu_local_release((keel_cpu_local_t){handle});
    case OBJECT_SPINLOCK:
        return keel_spinlock_release((keel_spinlock_t){handle});
    default:
        return keel_task_release((keel_task_t){handle});
    }
}

static void release_wholly(enum object_kind kind, uint64_t handle)
{
    for (unsigned turn = 0; turn < RELEASE_LIMIT && release(kind, handle) == KEEL_OK; turn++) {
    }
}

/* All native memory, by trying every address where a slot may begin. */
static void free_native(const struct frame *frame)
{
    char *page = hal_phys_object(frame_address(frame));
    for (uint64_t offset = 0; offset < HAL_PAGE_SIZE && frame->type == FRAME_HEAP; offset += SLAB_GRANULE) {
        keel_heap_free(page + offset);
    }
}

/* Every handle there is, whoever got or guessed it. */
void calls_release_all(void)
{
    for (enum object_kind kind = OBJECT_SEGMENT; kind < OBJECT_KIND_COUNT; kind++) {
        for (uint32_t i = 0; i < object_slots(kind); i++) {
            release_wholly(kind, object_handle(kind, object_at(kind, i)));
        }
    }
    for (uint64_t number = 0; number < frame_end(); number++) {
        if (frame_at(number)->type == FRAME_UNTYPED) {
            release_wholly(OBJECT_FRAME, frame_handle(frame_at(number)));
            release_wholly(OBJECT_UNIQUE, frame_unique_handle(frame_at(number)));
        }
        free_native(frame_at(number));
    }
}
