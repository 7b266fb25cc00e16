/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Slabs, see core/slab.h.
 */
#include "core/slab.h"

#include "core/assert.h"
#include "core/policy.h"

/* The class's slabs that are Keel's own and have free slots. */
struct kept {
    struct spinlock lock;
    uint32_t first; /* frame number; 0: none */
};

static struct kept kept[SLAB_CLASSES_ALL];
static struct frame *frames; /* frame 0's: one look-up for all */
static uint64_t frames_end;
static atomic_u64_t slab_frames, large_frames;
static atomic_u32_t in_transit; /* CPUs that are making or ending a block: its frames are PRIVATE */

void slab_init(void)
{
    slab_classes_init();
    frames = frame_at(0);
    frames_end = frame_end();
    for (unsigned i = 0; i < SLAB_CLASSES_ALL; i++) {
        spinlock_init(&kept[i].lock);
        kept[i].first = 0;
    }
    atomic_u64_init(&slab_frames, 0);
    atomic_u64_init(&large_frames, 0);
    atomic_u32_init(&in_transit, 0);
}

/* --- The reference word --- */

static uint64_t with_state(uint64_t word, enum ref_state state)
{
    return (word & ~(UINT64_C(0xff) << 24)) | (uint64_t)state << 24;
}

/* Takes `holds` of a slab or large block, if one begins at frame `number`, which may be any value; afterwards
 * its part of `struct frame` can be read. False: it is none, or `lent_only` and not lent. */
static bool pin(uint64_t number, bool lent_only, uint32_t holds, struct frame **pinned, uint64_t *held)
{
    if (number >= frames_end) {
        return false;
    }
    struct frame *frame = &frames[number];
    uint64_t word = atomic_u64_load_acquire(&frame->ref.word);
    for (;;) {
        enum ref_state state = ref_word_state(word);
        if (state != REF_HEAP_LENT && (lent_only || state != REF_HEAP)) {
            return false;
        }
        if (atomic_u64_cas(&frame->ref.word, &word, word + holds)) {
            *pinned = frame;
            *held = word + holds;
            return true;
        }
    }
}

/* --- Lists of kept slabs; the class's lock is held --- */

static void list_add(struct frame *frame)
{
    struct kept *list = &kept[frame->slab.size_class];
    if (frame->slab.listed || frame->slab.size_class >= SLAB_CLASSES) {
        return;
    }
    frame->slab.listed = true;
    frame->slab.previous = 0;
    frame->slab.next = list->first;
    if (list->first != 0) {
        frame_at(list->first)->slab.previous = (uint32_t)frame_number(frame);
    }
    list->first = (uint32_t)frame_number(frame);
}

static void list_remove(struct frame *frame)
{
    const struct frame_slab *slab = &frame->slab;
    if (!slab->listed) {
        return;
    }
    if (slab->previous != 0) {
        frame_at(slab->previous)->slab.next = slab->next;
    } else {
        kept[slab->size_class].first = slab->next;
    }
    if (slab->next != 0) {
        frame_at(slab->next)->slab.previous = slab->previous;
    }
    frame->slab.listed = false;
}

/* --- The end of a slab --- */

static void count_frames(const struct frame *frame, uint64_t sign)
{
    bool large = frame->slab.size_class >= SLAB_CLASSES;
    atomic_u64_fetch_add(large ? &large_frames : &slab_frames, sign * frame->slab.frame_count);
}

/* Drops `holds` of a kept block, the caller's last ones; where they were the last of all, the block ends.
 * With `has_room` the caller freed a slot. */
KEEL_COLD static void let_go_kept(struct frame *frame, uint32_t holds, bool has_room)
{
    struct kept *list = &kept[frame->slab.size_class];
    bool interrupts = spinlock_acquire(&list->lock);
    if (has_room) {
        list_add(frame);
    }
    uint64_t word = atomic_u64_fetch_sub(&frame->ref.word, holds) - holds;
    bool ends = false;
    if (ref_word_count(word) == 0) {
        /* If somebody looks in right now, this fails and is then the other's affair. */
        atomic_u32_fetch_add(&in_transit, 1);
        ends = atomic_u64_cas(&frame->ref.word, &word, with_state(word, REF_PRIVATE));
        if (ends) {
            list_remove(frame);
        } else {
            atomic_u32_fetch_sub(&in_transit, 1);
        }
    }
    spinlock_release(&list->lock, interrupts);
    if (ends) {
        count_frames(frame, UINT64_MAX);
        frame_free_private(frame, frame->slab.frame_count);
        atomic_u32_fetch_sub(&in_transit, 1);
    }
}

/* The same of a block that was lent when `held` was its word. */
static void let_go_lent(struct frame *frame, uint64_t held, uint32_t holds, bool has_room)
{
    do {
        if (atomic_u64_cas(&frame->ref.word, &held, held - holds)) {
            return;
        }
    } while (ref_word_state(held) == REF_HEAP_LENT);
    let_go_kept(frame, holds, has_room);
}

/* The same in whatever state. `held` is the word as last seen. */
static void let_go(struct frame *frame, uint64_t held, uint32_t holds, bool has_room)
{
    if (ref_word_state(held) == REF_HEAP_LENT) {
        let_go_lent(frame, held, holds, has_room);
    } else {
        let_go_kept(frame, holds, has_room);
    }
}

/* --- Between Keel and the slab allocator --- */

/* Slots that do not exist have their bit set. */
static bool has_free_slot(const struct frame_slab *slab)
{
    return (atomic_u64_load_relaxed(&slab->used[0]) & atomic_u64_load_relaxed(&slab->used[1])) != UINT64_MAX;
}

/* A slab that the allocator gives up is Keel's own again. False: the allocator had no such slab. */
KEEL_COLD static bool take_back(uint64_t token)
{
    struct frame *frame;
    uint64_t word;
    if (!pin(token >> SLAB_SLOT_BITS, true, 1, &frame, &word)) {
        return false;
    }
    bool interrupts = spinlock_acquire(&kept[frame->slab.size_class].lock);
    bool taken = false;
    while (ref_word_state(word) == REF_HEAP_LENT && !taken) {
        taken = atomic_u64_cas(&frame->ref.word, &word, with_state(word, REF_HEAP));
    }
    /* A full one is listed by who frees a slot. Whoever let go of a slot before it was taken has cleared the
     * bit, and all others find it Keel's own (let_go_lent). */
    if (taken && has_free_slot(&frame->slab)) {
        list_add(frame);
    }
    spinlock_release(&kept[frame->slab.size_class].lock, interrupts);
    let_go_kept(frame, 1, false);
    return taken;
}

/* Makes a slot what a client gets. The slab is held: a client that guesses the address may free the slot
 * already, and then it must not become anything else under these stores. */
static void slot_prepare(hal_paddr_t slot, unsigned size_class, uint64_t size)
{
    if (slab_classes[size_class].use == SLAB_NATIVE) {
        hal_object_poison(slot, size, false);
    }
    hal_object_clear(slot, size);
}

/* The slot that the allocator named, if it may. */
static bool claim_named(uint64_t token, unsigned size_class, uint64_t size, hal_paddr_t *slot)
{
    struct frame *frame;
    unsigned index = (unsigned)token % SLAB_SLOTS_MAX;
    uint64_t bit = UINT64_C(1) << index % 64;
    uint64_t word;
    /* One hold for the slot, one for this function. */
    if (!pin(token >> SLAB_SLOT_BITS, true, 2, &frame, &word)) {
        return false;
    }
    if (frame->slab.size_class != size_class ||
        (atomic_u64_fetch_or(&frame->slab.used[index / 64], bit) & bit) != 0) {
        let_go_lent(frame, word, 2, false);
        return false;
    }
    *slot = hal_paddr_add(hal_frame_address(token >> SLAB_SLOT_BITS), index * slab_classes[size_class].size);
    slot_prepare(*slot, size_class, size);
    let_go_lent(frame, word, 1, false);
    return true;
}

/* A free slot's bit gets set; answers its index, or SLAB_SLOTS_MAX. */
static unsigned claim_any(struct frame_slab *slab)
{
    for (unsigned index = 0; index < SLAB_SLOTS_MAX; index++) {
        uint64_t bit = UINT64_C(1) << index % 64;
        uint64_t word = atomic_u64_load_relaxed(&slab->used[index / 64]);
        if (word == UINT64_MAX) {
            index |= 63;
        } else if ((word & bit) == 0 && (atomic_u64_fetch_or(&slab->used[index / 64], bit) & bit) == 0) {
            return index;
        }
    }
    return SLAB_SLOTS_MAX;
}

/* A slab of Keel's own with a slot taken in it, held twice; NULL: none has a free one. */
static struct frame *claim_kept_slot(unsigned size_class, unsigned *index)
{
    struct kept *list = &kept[size_class];
    struct frame *found = NULL;
    bool interrupts = spinlock_acquire(&list->lock);
    while (list->first != 0 && found == NULL) {
        struct frame *frame = frame_at(list->first);
        /* It cannot end under the lock; and if it has no free slot, those in use still hold it. */
        atomic_u64_fetch_add(&frame->ref.word, 2);
        *index = claim_any(&frame->slab);
        if (*index != SLAB_SLOTS_MAX) {
            found = frame;
        } else {
            list_remove(frame);
            atomic_u64_fetch_sub(&frame->ref.word, 2);
        }
    }
    spinlock_release(&list->lock, interrupts);
    return found;
}

KEEL_COLD static bool claim_kept(unsigned size_class, uint64_t size, hal_paddr_t *slot)
{
    unsigned index;
    struct frame *frame = claim_kept_slot(size_class, &index);
    if (frame == NULL) {
        return false;
    }
    *slot = hal_paddr_add(frame_address(frame), index * slab_classes[size_class].size);
    slot_prepare(*slot, size_class, size);
    let_go_kept(frame, 1, false);
    return true;
}

/* --- The beginning of a slab --- */

/* Frames of a new block whose first slot is in use, PRIVATE; the caller opens it. */
static keel_status_t block_make(unsigned size_class, uint64_t frame_count, struct frame **block)
{
    unsigned slots = slab_classes[size_class].slots;
    atomic_u32_fetch_add(&in_transit, 1);
    keel_status_t status = frame_alloc(FRAME_HEAP, frame_count, 1, block);
    if (status != KEEL_OK) {
        atomic_u32_fetch_sub(&in_transit, 1);
        return status;
    }
    struct frame *frame = *block;
    frame->slab.size_class = (uint8_t)size_class;
    frame->slab.frame_count = (uint32_t)frame_count;
    atomic_u64_init(&frame->slab.used[0], (slots < 64 ? UINT64_MAX << slots : 0) | 1);
    atomic_u64_init(&frame->slab.used[1], slots < 128 ? UINT64_MAX << (slots < 64 ? 0 : slots - 64) : 0);
    hal_object_poison(frame_address(frame), frame_count << HAL_PAGE_SHIFT, true);
    count_frames(frame, 1);
    return KEEL_OK;
}

/* One hold for the slot, one for the caller: a client that guesses can free the slot from here on. Interrupts
 * off. */
static void block_open(struct frame *frame, enum ref_state state)
{
    uint64_t word = atomic_u64_load_relaxed(&frame->ref.word);
    CORE_ASSERT(ref_word_state(word) == REF_PRIVATE);
    atomic_u64_store_release(&frame->ref.word, with_state(word, state) + 2);
    atomic_u32_fetch_sub(&in_transit, 1);
}

/* A slot of a new slab; the other ones are offered to the allocator, if it said that it has none. */
KEEL_COLD static keel_status_t slab_make(unsigned size_class, uint64_t size, bool offer, hal_paddr_t *slot)
{
    struct frame *frame;
    keel_status_t status = block_make(size_class, 1, &frame);
    if (status != KEEL_OK) {
        return status;
    }
    *slot = frame_address(frame);
    slot_prepare(*slot, size_class, size);
    bool interrupts = hal_irq_disable();
    uint64_t first = frame_number(frame) << SLAB_SLOT_BITS;
    block_open(frame, offer ? REF_HEAP_LENT : REF_HEAP);
    if (offer && !policy_slab_add(size_class, first, slab_classes[size_class].slots)) {
        take_back(first); /* done already, if the allocator gave it up meanwhile */
    }
    let_go(frame, atomic_u64_load_acquire(&frame->ref.word), 1, true);
    hal_irq_restore(interrupts);
    return KEEL_OK;
}

keel_status_t slab_alloc(unsigned size_class, uint64_t size, hal_paddr_t *slot)
{
    uint64_t token;
    bool interrupts = hal_irq_disable();
    enum policy_answer answer = policy_slab_alloc(size_class, &token);
    if (answer == POLICY_CHOSE && !claim_named(token, size_class, size, slot)) {
        policy_slab_wrong();
        answer = POLICY_WRONG;
    }
    bool claimed = answer == POLICY_CHOSE || claim_kept(size_class, size, slot);
    hal_irq_restore(interrupts);
    keel_status_t status = claimed ? KEEL_OK : slab_make(size_class, size, answer == POLICY_NONE, slot);
    if (answer == POLICY_WRONG && status == KEEL_OK) {
        policy_slab_fallback();
    }
    return status;
}

KEEL_COLD keel_status_t slab_alloc_large(uint64_t size, enum slab_use use, hal_paddr_t *block)
{
    struct frame *frame;
    uint64_t frame_count = (size + HAL_PAGE_SIZE - 1) >> HAL_PAGE_SHIFT;
    keel_status_t status = block_make(SLAB_CLASSES + use, frame_count, &frame);
    if (status != KEEL_OK) {
        return status;
    }
    *block = frame_address(frame);
    if (use == SLAB_NATIVE) {
        hal_object_poison(*block, size, false); /* zeroed as every new frame */
    }
    bool interrupts = hal_irq_disable();
    block_open(frame, REF_HEAP);
    let_go_kept(frame, 1, false);
    hal_irq_restore(interrupts);
    return KEEL_OK;
}

/* --- Freeing --- */

/* The slot that begins at this byte of the frame. */
static bool slot_at(unsigned size_class, uint64_t offset, unsigned *index)
{
    unsigned size = slab_classes[size_class].size;
    *index = (unsigned)offset / size;
    return *index * size == offset;
}

/* A slot was given back to a lent slab: its allocator hears of it, and may give up a slab. */
static void tell_allocator(uint64_t number, unsigned size_class, unsigned index)
{
    uint64_t given;
    uint64_t token = number << SLAB_SLOT_BITS | index;
    if (policy_slab_free(size_class, token, &given) && !take_back(given)) {
        policy_slab_wrong();
    }
}

static keel_status_t free_in(struct frame *frame, uint64_t word, hal_paddr_t address, enum slab_use use)
{
    unsigned size_class = frame->slab.size_class;
    unsigned index;
    if (slab_classes[size_class].use != use || !slot_at(size_class, address.value % HAL_PAGE_SIZE, &index)) {
        let_go(frame, word, 1, false);
        return KEEL_E_BAD_HANDLE;
    }
    atomic_u64_t *used = &frame->slab.used[index / 64];
    uint64_t bit = UINT64_C(1) << index % 64;
    /* Slots that do not exist have their bit set, but no address. */
    if (index >= slab_classes[size_class].slots || (atomic_u64_load_relaxed(used) & bit) == 0) {
        let_go(frame, word, 1, false);
        return KEEL_E_BAD_HANDLE;
    }
    /* Before somebody else can get it. */
    hal_object_poison(address, (size_t)slab_classes[size_class].size * frame->slab.frame_count, true);
    if ((atomic_u64_fetch_and(used, ~bit) & bit) == 0) {
        let_go(frame, word, 1, false);
        return KEEL_E_BAD_HANDLE;
    }
    /* The slab is held until the allocator has heard of the slot: this frame cannot become another slab. */
    word = atomic_u64_load_acquire(&frame->ref.word);
    if (ref_word_state(word) == REF_HEAP_LENT) {
        tell_allocator(hal_frame_number(address), size_class, index);
    }
    let_go(frame, word, 2, true);
    return KEEL_OK;
}

keel_status_t slab_free(hal_paddr_t address, enum slab_use use)
{
    struct frame *frame;
    keel_status_t status = KEEL_E_BAD_HANDLE;
    uint64_t word;
    bool interrupts = hal_irq_disable();
    if (pin(hal_frame_number(address), false, 1, &frame, &word)) {
        status = free_in(frame, word, address, use);
    }
    hal_irq_restore(interrupts);
    return status;
}

struct slab_counts slab_counts(void)
{
    return (struct slab_counts){.slab_frames = atomic_u64_load_relaxed(&slab_frames),
                                .large_frames = atomic_u64_load_relaxed(&large_frames)};
}

/* --- The audit --- */

static unsigned bits_of(uint64_t word)
{
    unsigned count = 0;
    for (; word != 0; word &= word - 1) {
        count++;
    }
    return count;
}

/* Slots in use. */
static unsigned slots_used(const struct frame_slab *slab)
{
    unsigned missing = SLAB_SLOTS_MAX - slab_classes[slab->size_class].slots;
    return bits_of(atomic_u64_peek(&slab->used[0])) + bits_of(atomic_u64_peek(&slab->used[1])) - missing;
}

static bool is_open(const struct frame *frame)
{
    enum ref_state state = ref_word_state(atomic_u64_peek(&frame->ref.word));
    return state == REF_HEAP || state == REF_HEAP_LENT;
}

void slab_audit_frame(struct frame *frame, slab_report_t *report)
{
    const struct frame_slab *slab = &frame->slab;
    uint64_t number = frame_number(frame);
    if (!is_open(frame)) {
        if (frame->audit_holds == 0 && atomic_u32_peek(&in_transit) == 0) {
            report("M7", "a frame of the heap belongs to no block", number);
        }
        return;
    }
    uint32_t count = ref_word_count(atomic_u64_peek(&frame->ref.word));
    if (slab->size_class >= SLAB_CLASSES_ALL || slab->frame_count == 0 ||
        slab->frame_count > frame_end() - number) {
        report("M7", "a slab of no known class, frame", number);
        return;
    }
    unsigned used = slots_used(slab);
    if (count < used || count > used + 3 * hal_cpu_count()) {
        report("M7", "a slab's count is not that of its slots in use, frame", number);
    }
    for (uint64_t i = 1; i < slab->frame_count; i++) {
        if (frame[i].type != FRAME_HEAP || is_open(&frame[i])) {
            report("M7", "a large block has lost a frame", number + i);
        }
        frame[i].audit_holds++;
    }
}

void slab_audit_lists(slab_report_t *report)
{
    for (unsigned i = 0; i < SLAB_CLASSES; i++) {
        const struct kept *list = &kept[i];
        if (atomic_u32_peek(&list->lock.next_ticket) != atomic_u32_peek(&list->lock.serving)) {
            continue; /* somebody is changing it */
        }
        uint32_t previous = 0;
        for (uint32_t number = list->first; number != 0; number = frame_at(number)->slab.next) {
            const struct frame *frame = frame_at(number);
            if (ref_word_state(atomic_u64_peek(&frame->ref.word)) != REF_HEAP ||
                frame->slab.size_class != i || !frame->slab.listed || frame->slab.previous != previous) {
                report("M7", "a frame stands wrongly in a list of slabs", number);
                break;
            }
            previous = number;
        }
    }
}

uint64_t slab_used_count(void)
{
    uint64_t count = 0;
    for (uint64_t number = 0; number < frame_end(); number++) {
        const struct frame *frame = frame_at(number);
        if (is_open(frame)) {
            count += slots_used(&frame->slab);
        }
    }
    return count;
}
