/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Address spaces, see core/space.h.
 */
#include "core/space.h"

#include "core/assert.h"
#include "core/cpu.h"
#include "core/mapping.h"
#include "core/pagetable.h"
#include "core/tlb.h"
#include "keel/user_regs.h"

keel_status_t space_create(uint64_t *handle)
{
    struct object *object = object_claim(OBJECT_SPACE);
    if (object == NULL) {
        return KEEL_E_LIMIT;
    }
    struct space *created = (struct space *)object;
    struct frame *root;
    keel_status_t status = frame_alloc(FRAME_TABLE, 1, 1, &root);
    if (status != KEEL_OK) {
        ref_unclaim(&object->ref);
        return status;
    }
    created->root = frame_address(root);
    hal_root_init(created->root);
    atomic_u64_init(&created->cpus, 0);
    *handle = object_handle(OBJECT_SPACE, object);
    ref_publish(&object->ref, 1, true);
    return KEEL_OK;
}

/* After the last reference no CPU has the root loaded; who left it may still have it tagged, and forgets it
 * now: then nothing of it is cached anywhere (A2). */
void space_put(struct space *space)
{
    if (!ref_put(&space->object.ref)) {
        return;
    }
    tlb_shootdown(atomic_u64_load_acquire(&space->cpus), space, 0, KEEL_USER_END >> HAL_PAGE_SHIFT);
    CORE_ASSERT(atomic_u64_load_acquire(&space->cpus) == 0);
    pagetable_destroy(space->root);
    frame_free_private(frame_at(hal_frame_number(space->root)), 1);
    ref_finish(&space->object.ref);
}

void space_flush(struct space *space, uint64_t va, uint64_t end)
{
    /* The entries' exchanges come first, then this look: a CPU that is not in the mask yet walks the new
     * ones. */
    atomic_fence();
    tlb_shootdown(atomic_u64_load_acquire(&space->cpus), space, va, (end - va) >> HAL_PAGE_SHIFT);
}

static uint64_t end_of(uint64_t va, uint64_t page_count)
{
    return va + (page_count << HAL_PAGE_SHIFT);
}

void space_prune(struct space *space, uint64_t va, unsigned level)
{
    bool bare = true;
    for (; bare && level < HAL_PT_TOP_LEVEL; level++) {
        struct range range;
        uint64_t span = hal_pt_span(level + 1), start = va & ~(span - 1);
        if (range_lock(&range, space, start, start + span, level + 1) != KEEL_OK) {
            return; /* kept by a cursor, which looks after the tables of its own range */
        }
        mapping_prune(&range, va);
        bare = range_is_bare(&range);
        range_unlock(&range);
    }
}

keel_status_t space_map(struct space *space, uint64_t va, struct frame *first, uint64_t page_count,
                        unsigned prot)
{
    struct range range;
    keel_status_t status = range_lock(&range, space, va, end_of(va, page_count), 0);
    if (status == KEEL_OK) {
        status = mapping_map(&range, first, prot);
        range_unlock(&range);
    }
    return status;
}

keel_status_t space_map_io(struct space *space, uint64_t va, struct io_memory *io, hal_paddr_t first,
                           uint64_t page_count, unsigned prot)
{
    struct range range;
    keel_status_t status = range_lock(&range, space, va, end_of(va, page_count), 0);
    if (status == KEEL_OK) {
        status = mapping_map_io(&range, io, first, prot);
        range_unlock(&range);
    }
    return status;
}

keel_status_t space_unmap(struct space *space, uint64_t va, uint64_t page_count, uint64_t *unmapped)
{
    struct range range;
    keel_status_t status = range_lock(&range, space, va, end_of(va, page_count), 0);
    if (status != KEEL_OK) {
        return status;
    }
    status = mapping_unmap(&range, unmapped);
    if (status == KEEL_OK && range.level > 0) {
        mapping_prune(&range, range.start);
        mapping_prune(&range, range.end - 1);
    }
    bool bare = range_is_bare(&range);
    range_unlock(&range);
    if (bare) {
        space_prune(space, va, range.level);
    }
    return status;
}

keel_status_t space_protect(struct space *space, uint64_t va, uint64_t page_count, unsigned prot,
                            uint64_t *changed)
{
    struct range range;
    keel_status_t status = range_lock(&range, space, va, end_of(va, page_count), 0);
    if (status == KEEL_OK) {
        status = mapping_protect(&range, prot, changed);
        range_unlock(&range);
    }
    return status;
}

keel_status_t space_age(struct space *space, uint64_t va, uint64_t page_count, uint64_t bits, uint64_t *aged)
{
    struct range range;
    keel_status_t status = range_lock(&range, space, va, end_of(va, page_count), 0);
    if (status == KEEL_OK) {
        mapping_age(&range, bits, aged);
        range_unlock(&range);
    }
    return status;
}

keel_status_t space_promote(struct space *space, uint64_t va, uint64_t page_count, uint64_t *promoted)
{
    struct range range;
    /* A large leaf stands one level above the table that it replaces. */
    keel_status_t status = range_lock(&range, space, va, end_of(va, page_count), hal_pt_leaf_level_max());
    if (status == KEEL_OK) {
        mapping_promote(&range, promoted);
        range_unlock(&range);
    }
    return status;
}

keel_status_t space_find(struct space *space, uint64_t va, uint64_t end, struct space_mapping *mapping)
{
    while (va < end) {
        struct hal_pte_slot slot;
        uint64_t entry = range_look(space, va, &slot);
        uint64_t span = hal_pt_span(slot.level);
        if (hal_pte_present(entry)) {
            *mapping = (struct space_mapping){
                .va = va & ~(HAL_PAGE_SIZE - 1),
                .frame = hal_paddr_add(hal_pte_target(entry), va & (span - 1) & ~(HAL_PAGE_SIZE - 1)),
                .level = slot.level,
                .prot = hal_pte_prot(entry),
                .accessed = hal_pte_accessed(entry),
                .dirty = hal_pte_dirty(entry),
                .cache = hal_pte_cache(entry)};
            return KEEL_OK;
        }
        va = (va & ~(span - 1)) + span;
    }
    return KEEL_E_NOT_FOUND;
}

keel_status_t space_query(struct space *space, uint64_t va, struct space_mapping *mapping)
{
    return space_find(space, va, va + 1, mapping);
}

bool space_grants(struct space *space, uint64_t va, bool write)
{
    struct hal_pte_slot slot;
    uint64_t entry = range_look(space, va, &slot);
    return hal_pte_present(entry) && (!write || (hal_pte_prot(entry) & HAL_PROT_WRITE) != 0);
}

/* For a space that has none: one that nothing is under, or the next one's. */
static unsigned choose_tag(struct cpu *cpu, unsigned unused)
{
    unsigned count = hal_tlb_tag_count(), tag = cpu->next_tag;
    if (unused < count) {
        return unused;
    }
    cpu->next_tag = tag + 1 < count ? tag + 1 : 0;
    return tag;
}

void space_load(struct space *space)
{
    struct cpu *cpu = cpu_this();
    if (cpu->loaded == space) {
        return;
    }
    uint64_t bit = UINT64_C(1) << hal_cpu_id();
    unsigned count = hal_tlb_tag_count(), tag = 0, unused = count;
    for (; tag < count && cpu->tagged[tag] != space; tag++) {
        unused = cpu->tagged[tag] == NULL ? tag : unused;
    }
    bool keep = tag < count;
    tag = keep ? tag : choose_tag(cpu, unused);
    struct space *evicted = keep ? NULL : cpu->tagged[tag];
    /* The bit before the load: a shootdown from here on includes this CPU. */
    if (!keep && space != NULL) {
        atomic_u64_fetch_or(&space->cpus, bit);
    }
    hal_root_load(space != NULL ? space->root : hal_kernel_root(), tag, keep);
    cpu->loaded = space;
    cpu->tagged[tag] = space;
    /* And off after the load, which flushed: nothing of that space is left here. */
    if (evicted != NULL) {
        atomic_u64_fetch_and(&evicted->cpus, ~bit);
    }
}

/* The tag under which the CPU may have something of the space, or the count of tags. */
static unsigned tag_of(const struct cpu *cpu, const struct space *space)
{
    unsigned tag = 0;
    while (tag < hal_tlb_tag_count() && cpu->tagged[tag] != space) {
        tag++;
    }
    return tag;
}

void space_forget(struct space *space, uint64_t va, uint64_t page_count)
{
    struct cpu *cpu = cpu_this();
    if (cpu->loaded == space) {
        hal_tlb_flush_range(va, page_count);
        return;
    }
    unsigned tag = tag_of(cpu, space);
    if (tag < hal_tlb_tag_count()) { /* it may have lost the tag since it was asked */
        hal_tlb_flush_tag(tag);
        cpu->tagged[tag] = NULL;
        atomic_u64_fetch_and(&space->cpus, ~(UINT64_C(1) << hal_cpu_id()));
    }
}
