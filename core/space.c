/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Address spaces, see core/space.h.
 */
#include "core/space.h"

#include "core/assert.h"
#include "core/cpu.h"
#include "core/pagetable.h"
#include "core/tlb.h"

/* Pages that one turn of an unmap takes out before it flushes, and entries that one turn looks at. */
#define BATCH_PAGES 32u
#define BATCH_LOOKS 512u

keel_status_t space_create(uint64_t *handle)
{
    struct object *object = object_claim(OBJECT_SPACE);
    if (object == NULL) {
        return KEEL_E_LIMIT;
    }
    struct space *created = (struct space *)object;
    keel_status_t status = frame_alloc(FRAME_TABLE, 1, 1, &created->root);
    if (status != KEEL_OK) {
        ref_unclaim(&object->ref);
        return status;
    }
    hal_root_init(frame_address(created->root));
    spinlock_init(&created->lock);
    atomic_u64_init(&created->cpus, 0);
    *handle = object_handle(OBJECT_SPACE, object);
    ref_publish(&object->ref, 1, true);
    return KEEL_OK;
}

/* After the last reference no CPU has the root loaded, and whoever left it flushed by loading another:
 * nothing of it is cached anywhere (A2). */
void space_put(struct space *space)
{
    if (!ref_put(&space->object.ref)) {
        return;
    }
    CORE_ASSERT(atomic_u64_load_acquire(&space->cpus) == 0);
    pagetable_destroy(frame_address(space->root), frame_put);
    frame_free_private(space->root, 1);
    ref_finish(&space->object.ref);
}

keel_status_t space_map(struct space *space, uint64_t va, struct frame *frame, unsigned prot)
{
    CORE_ASSERT(frame->type == FRAME_UNTYPED);
    keel_status_t status = ref_get(&frame->ref);
    if (status != KEEL_OK) {
        return status;
    }
    bool interrupts = spinlock_acquire(&space->lock);
    struct hal_pte_slot slot;
    status = pagetable_prepare(frame_address(space->root), va, prot, &slot);
    if (status == KEEL_OK && hal_pte_load(&slot) != 0) {
        status = KEEL_E_EXISTS;
    }
    if (status == KEEL_OK) {
        pagetable_set(&slot, hal_pte_leaf(frame_address(frame), prot));
    }
    spinlock_release(&space->lock, interrupts);
    if (status != KEEL_OK) {
        frame_put(frame);
    }
    return status;
}

/* A position in a range of pages that skips what has no table. */
struct sweep {
    uint64_t va, end;
    unsigned looks;
};

/* The next present leaf entry at or after the position, which moves past it. False: none in this turn. */
static bool sweep_next(struct sweep *sweep, hal_paddr_t root, struct hal_pte_slot *slot)
{
    while (sweep->va < sweep->end && sweep->looks < BATCH_LOOKS) {
        sweep->looks++;
        bool found = pagetable_find(root, sweep->va, slot);
        uint64_t span = hal_pt_span(slot->level);
        sweep->va = (sweep->va & ~(span - 1)) + span;
        if (found && hal_pte_present(hal_pte_load(slot))) {
            return true;
        }
    }
    return false;
}

static void space_shootdown(struct space *space, uint64_t va, uint64_t end)
{
    /* The entries' exchanges come first, then this look: a CPU that is not in the mask yet walks the new
     * ones. */
    atomic_fence();
    tlb_shootdown(atomic_u64_load_acquire(&space->cpus), frame_address(space->root), va,
                  (end - va) >> HAL_PAGE_SHIFT);
}

uint64_t space_unmap(struct space *space, uint64_t va, uint64_t page_count)
{
    uint64_t unmapped = 0;
    struct sweep sweep = {.va = va, .end = va + (page_count << HAL_PAGE_SHIFT), .looks = 0};
    while (sweep.va < sweep.end) {
        struct frame *frames[BATCH_PAGES];
        unsigned count = 0;
        uint64_t from = sweep.va;
        struct hal_pte_slot slot;
        sweep.looks = 0;
        bool interrupts = spinlock_acquire(&space->lock);
        while (count < BATCH_PAGES && sweep_next(&sweep, frame_address(space->root), &slot)) {
            frames[count++] = frame_at(hal_frame_number(hal_pte_target(pagetable_set(&slot, 0))));
        }
        spinlock_release(&space->lock, interrupts);
        if (count > 0) {
            space_shootdown(space, from, sweep.va < sweep.end ? sweep.va : sweep.end);
        }
        for (unsigned i = 0; i < count; i++) {
            frame_put(frames[i]);
        }
        unmapped += count;
    }
    return unmapped;
}

/* New rights, with the accessed and dirty bits that the CPU set so far or sets meanwhile. */
static void replace_rights(const struct hal_pte_slot *slot, unsigned prot)
{
    const uint64_t sticky = HAL_PTE_ACCESSED | HAL_PTE_DIRTY;
    uint64_t entry = hal_pte_load(slot);
    uint64_t bits = entry & sticky;
    uint64_t lost = bits;
    do {
        bits |= lost;
        entry = pagetable_set(slot, hal_pte_leaf(hal_pte_target(entry), prot) | bits);
        lost = entry & sticky & ~bits;
    } while (lost != 0); /* at most once per sticky bit */
}

uint64_t space_protect(struct space *space, uint64_t va, uint64_t page_count, unsigned prot)
{
    uint64_t changed = 0;
    struct sweep sweep = {.va = va, .end = va + (page_count << HAL_PAGE_SHIFT), .looks = 0};
    while (sweep.va < sweep.end) {
        uint64_t from = sweep.va;
        uint64_t changed_before = changed;
        struct hal_pte_slot slot;
        sweep.looks = 0;
        bool interrupts = spinlock_acquire(&space->lock);
        while (sweep_next(&sweep, frame_address(space->root), &slot)) {
            replace_rights(&slot, prot);
            changed++;
        }
        spinlock_release(&space->lock, interrupts);
        if (changed > changed_before) {
            space_shootdown(space, from, sweep.va < sweep.end ? sweep.va : sweep.end);
        }
    }
    return changed;
}

keel_status_t space_query(struct space *space, uint64_t va, struct space_mapping *mapping)
{
    struct hal_pte_slot slot;
    uint64_t entry = 0;
    bool interrupts = spinlock_acquire(&space->lock);
    if (pagetable_find(frame_address(space->root), va, &slot)) {
        entry = hal_pte_load(&slot);
    }
    spinlock_release(&space->lock, interrupts);
    if (!hal_pte_present(entry)) {
        return KEEL_E_NOT_FOUND;
    }
    *mapping = (struct space_mapping){.frame = hal_pte_target(entry),
                                      .prot = hal_pte_prot(entry),
                                      .accessed = hal_pte_accessed(entry),
                                      .dirty = hal_pte_dirty(entry)};
    return KEEL_OK;
}

void space_load(struct space *space)
{
    struct cpu *cpu = cpu_this();
    struct space *old = cpu->loaded;
    if (old == space) {
        return;
    }
    uint64_t bit = UINT64_C(1) << hal_cpu_id();
    /* The bit before the load: a shootdown from here on includes this CPU. */
    if (space != NULL) {
        atomic_u64_fetch_or(&space->cpus, bit);
    }
    hal_root_load(space != NULL ? frame_address(space->root) : hal_kernel_root());
    cpu->loaded = space;
    /* And off after the load, which flushed: nothing of the old space is left here. */
    if (old != NULL) {
        atomic_u64_fetch_and(&old->cpus, ~bit);
    }
}
