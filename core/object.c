/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Object pools, see core/object.h. A pool is an array in OBJECT frames, sized by the memory that the machine
 * has.
 */
#include "core/object.h"

#include "core/assert.h"
#include "core/cpu_local.h"
#include "core/cursor.h"
#include "core/dma.h"
#include "core/io_memory.h"
#include "core/io_port.h"
#include "core/irq.h"
#include "core/list.h"
#include "core/memory.h"
#include "core/mutex.h"
#include "core/pci.h"
#include "core/queued_spinlock.h"
#include "core/segment.h"
#include "core/space.h"
#include "core/sync.h"
#include "core/task.h"
#include "core/timer.h"
#include "core/work.h"

struct pool {
    char *slots;
    uint32_t count, stride;
    atomic_u32_t next; /* where the search for a free slot begins */
};

/* One slot for every `frames_per_slot` frames of RAM, within bounds. */
struct pool_plan {
    size_t size;
    uint32_t frames_per_slot, slots_min, slots_max;
};

static const struct pool_plan plans[OBJECT_KIND_COUNT] = {
    [OBJECT_SEGMENT] = {sizeof(struct segment), 16, 16, 4096},
    [OBJECT_SPACE] = {sizeof(struct space), 32, 8, 1024},
    [OBJECT_TASK] = {sizeof(struct task), 64, 8, 1024},
    [OBJECT_CURSOR] = {sizeof(struct cursor), 32, 8, 1024},
    [OBJECT_LIST] = {sizeof(struct list), 64, 8, 1024},
    [OBJECT_MEMORY] = {sizeof(struct memory), 4, 32, 16384},
    [OBJECT_IO_MEMORY] = {sizeof(struct io_memory), 64, 8, 256},
    [OBJECT_EVENT] = {sizeof(struct event), 32, 8, 4096},
    [OBJECT_SEMAPHORE] = {sizeof(struct semaphore), 32, 8, 4096},
    [OBJECT_MUTEX] = {sizeof(struct mutex), 32, 8, 4096},
    [OBJECT_SPINLOCK] = {sizeof(struct queued_spinlock), 32, 8, 4096},
    [OBJECT_TIMER] = {sizeof(struct timer), 32, 8, 4096},
    [OBJECT_IRQ_HANDLER] = {sizeof(struct irq_handler), 64, 16, 1024},
    [OBJECT_IO_PORT] = {sizeof(struct io_port), 64, 8, 256},
    [OBJECT_WORK] = {sizeof(struct work), 32, 8, 4096},
    [OBJECT_CPU_LOCAL] = {sizeof(struct cpu_local), 256, 8, 256},
    [OBJECT_PCI_DEVICE] = {sizeof(struct pci_device), 64, 16, PCI_FUNCTIONS_MAX},
    [OBJECT_DMA] = {sizeof(struct dma), 16, 16, 16384},
};

static struct pool pools[OBJECT_KIND_COUNT];
struct object_table object_tables[OBJECT_KIND_COUNT];

static uint32_t plan_slots(const struct pool_plan *plan)
{
    uint64_t slots = frame_total() / plan->frames_per_slot;
    slots = slots > plan->slots_min ? slots : plan->slots_min;
    return (uint32_t)(slots < plan->slots_max ? slots : plan->slots_max);
}

static bool pool_init(enum object_kind kind)
{
    struct pool *pool = &pools[kind];
    pool->count = plan_slots(&plans[kind]);
    pool->stride = (uint32_t)(plans[kind].size + 63) & ~63u;
    atomic_u32_init(&pool->next, 0);
    uint64_t frames = ((uint64_t)pool->count * pool->stride + HAL_PAGE_SIZE - 1) >> HAL_PAGE_SHIFT;
    struct frame *first;
    if (frame_alloc(FRAME_OBJECT, frames, 1, &first) != KEEL_OK) {
        return false;
    }
    pool->slots = hal_phys_object(frame_address(first));
    for (uint32_t i = 0; i < pool->count; i++) {
        struct object *object = object_at(kind, i);
        ref_init(&object->ref, REF_FREE);
        object->index = i;
    }
    object_tables[kind] = (struct object_table){pool->slots, pool->count};
    return true;
}

bool object_init(void)
{
    object_tables[OBJECT_FRAME] = (struct object_table){(char *)frame_at(0), frame_end()};
    object_tables[OBJECT_UNIQUE] = object_tables[OBJECT_FRAME];
    for (enum object_kind kind = OBJECT_NONE; kind < OBJECT_KIND_COUNT; kind++) {
        if (plans[kind].size != 0 && !pool_init(kind)) {
            return false;
        }
    }
    return true;
}

uint32_t object_slots(enum object_kind kind)
{
    return pools[kind].count;
}

struct object *object_at(enum object_kind kind, uint32_t index)
{
    CORE_ASSERT(index < pools[kind].count);
    return (struct object *)(void *)(pools[kind].slots + (size_t)index * pools[kind].stride);
}

struct object *object_claim(enum object_kind kind)
{
    struct pool *pool = &pools[kind];
    uint32_t start = atomic_u32_load_relaxed(&pool->next);
    for (uint32_t i = 0; i < pool->count; i++) {
        uint32_t index = (start % pool->count + i) % pool->count;
        struct object *object = object_at(kind, index);
        if (ref_claim(&object->ref)) {
            atomic_u32_store_relaxed(&pool->next, index + 1);
            object->owner = 0;
            return object;
        }
    }
    return NULL;
}

struct object *object_slot_of(enum object_kind kind, uint64_t handle)
{
    return object_in_range(kind, handle) ? object_at(kind, (uint32_t)object_slot_index(kind, handle)) : NULL;
}

keel_status_t object_get_by_handle(enum object_kind kind, uint64_t handle, struct object **object)
{
    struct object *candidate = object_slot_of(kind, handle);
    if (candidate == NULL) {
        return KEEL_E_BAD_HANDLE;
    }
    keel_status_t status = ref_get_by_handle(&candidate->ref, handle_generation(handle));
    if (status == KEEL_OK) {
        *object = candidate;
    }
    return status;
}
