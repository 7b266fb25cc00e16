/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The frame array and the frames' lives, see core/frame.h. Which frame to use next is asked in
 * frame_choose.c.
 */
#include "core/frame.h"

#include "core/assert.h"
#include "core/frame_choose.h"
#include "core/frame_count.h"

_Static_assert(sizeof(struct frame) == 64, "one frame costs one cache line");
_Static_assert(REF_HANDLES_MAX < REF_COUNT_MAX, "room for mappings beside a full set of handles");

/* At most this part of the usable memory goes to the array. */
#define ARRAY_SHARE 8u
/* Reclaimed memory becomes free so many frames at a time. */
#define RECLAIM_PIECE UINT64_C(512)

static struct frame *frames;
static uint64_t frames_end;
static atomic_u64_t frames_total;
static atomic_u32_t reclaimed; /* 1: somebody did it or is at it */

uint64_t frame_end(void)
{
    return frames_end;
}

struct frame *frame_at(uint64_t number)
{
    CORE_ASSERT(number < frames_end);
    return &frames[number];
}

uint64_t frame_number(const struct frame *frame)
{
    return (uint64_t)(frame - frames);
}

hal_paddr_t frame_address(const struct frame *frame)
{
    return hal_frame_address(frame_number(frame));
}

uint64_t frame_total(void)
{
    return atomic_u64_peek(&frames_total);
}

uint64_t frame_free_count(void)
{
    return frame_count_free(frame_total());
}

/* One past the last frame that is Keel's now or once boot memory is reclaimed, or less where the array for so
 * many would be out of proportion. */
static uint64_t choose_end(const struct memmap *map)
{
    uint64_t end = 0;
    for (size_t i = 0; i < map->count; i++) {
        const struct hal_region *region = &map->regions[i];
        if (region->kind <= HAL_REGION_RECLAIMABLE) {
            end = (region->base + region->size) >> HAL_PAGE_SHIFT;
        }
    }
    uint64_t limit = memmap_total(map, HAL_REGION_USABLE) / ARRAY_SHARE / sizeof(struct frame);
    limit = limit < OBJECT_FRAMES_MAX ? limit : OBJECT_FRAMES_MAX;
    return end < limit ? end : limit;
}

/* Where Keel's part of a usable region begins: never at address 0, which is nobody's. */
static uint64_t usable_base(const struct hal_region *region)
{
    return region->base > 0 ? region->base : HAL_PAGE_SIZE;
}

/* The lowest usable region with room for the array. */
static bool find_room(const struct memmap *map, uint64_t size, uint64_t *base)
{
    for (size_t i = 0; i < map->count; i++) {
        const struct hal_region *region = &map->regions[i];
        uint64_t from = usable_base(region);
        bool fits = region->kind == HAL_REGION_USABLE && from + size <= region->base + region->size;
        if (fits && (from + size) >> HAL_PAGE_SHIFT <= frames_end) {
            *base = from;
            return true;
        }
    }
    return false;
}

static void mark_free(const struct hal_region *region, uint64_t array_first, uint64_t array_end)
{
    uint64_t end = (region->base + region->size) >> HAL_PAGE_SHIFT;
    end = end < frames_end ? end : frames_end;
    for (uint64_t number = usable_base(region) >> HAL_PAGE_SHIFT; number < end; number++) {
        atomic_u64_fetch_add(&frames_total, 1);
        if (number >= array_first && number < array_end) {
            ref_init(&frames[number].ref, REF_PRIVATE);
            frames[number].type = FRAME_OBJECT;
        } else {
            ref_init(&frames[number].ref, REF_FREE);
            frame_count_returned(1);
        }
    }
}

bool frame_init(const struct memmap *map)
{
    atomic_u64_init(&frames_total, 0);
    atomic_u32_init(&reclaimed, 0);
    frame_count_init();
    frame_choose_init();
    frames_end = choose_end(map);
    uint64_t bytes = (frames_end * sizeof(struct frame) + HAL_PAGE_SIZE - 1) & ~(HAL_PAGE_SIZE - 1);
    uint64_t base;
    if (frames_end == 0 || !find_room(map, bytes, &base)) {
        return false;
    }
    uint64_t first = base >> HAL_PAGE_SHIFT;
    hal_frame_use(hal_paddr(base), bytes >> HAL_PAGE_SHIFT, HAL_FRAME_OBJECT);
    frames = hal_phys_object(hal_paddr(base));
    for (uint64_t i = 0; i < frames_end; i++) {
        frames[i] = (struct frame){.type = FRAME_NONE};
        ref_init(&frames[i].ref, REF_RESERVED);
    }
    for (size_t i = 0; i < map->count; i++) {
        if (map->regions[i].kind == HAL_REGION_USABLE) {
            mark_free(&map->regions[i], first, first + (bytes >> HAL_PAGE_SHIFT));
        }
    }
    return true;
}

/* [first, end) are RESERVED; they become FREE. In pieces, since interrupts are off while one is announced. */
static void add_frames(uint64_t first, uint64_t end)
{
    while (first < end) {
        uint64_t count = end - first < RECLAIM_PIECE ? end - first : RECLAIM_PIECE;
        for (uint64_t i = 0; i < count; i++) {
            ref_unreserve(&frames[first + i].ref);
        }
        hal_frame_use(hal_frame_address(first), count, HAL_FRAME_UNUSED);
        atomic_u64_fetch_add(&frames_total, count);
        frame_choose_add(first, count);
        first += count;
    }
}

keel_status_t frame_reclaim(const struct memmap *map, uint64_t *count)
{
    if (atomic_u32_exchange(&reclaimed, 1) != 0) {
        return KEEL_E_EXISTS;
    }
    *count = 0;
    for (size_t i = 0; i < map->count; i++) {
        const struct hal_region *region = &map->regions[i];
        uint64_t first = usable_base(region) >> HAL_PAGE_SHIFT;
        uint64_t end = (region->base + region->size) >> HAL_PAGE_SHIFT;
        end = end < frames_end ? end : frames_end;
        if (region->kind == HAL_REGION_RECLAIMABLE && first < end) {
            add_frames(first, end);
            *count += end - first;
        }
    }
    return KEEL_OK;
}

static enum hal_frame_use use_of(enum frame_type type)
{
    switch (type) {
    case FRAME_UNTYPED:
        return HAL_FRAME_UNTYPED;
    case FRAME_TABLE:
        return HAL_FRAME_TABLE;
    case FRAME_STACK:
        return HAL_FRAME_STACK;
    case FRAME_OBJECT:
    case FRAME_HEAP:
        return HAL_FRAME_OBJECT;
    case FRAME_NONE:
        break;
    }
    return HAL_FRAME_UNUSED;
}

uint64_t frame_handle(const struct frame *frame)
{
    return handle_make(OBJECT_FRAME, frame_number(frame),
                       ref_word_generation(atomic_u64_peek(&frame->ref.word)));
}

uint64_t frame_unique_handle(const struct frame *frame)
{
    return handle_make(OBJECT_UNIQUE, frame_number(frame),
                       ref_word_generation(atomic_u64_peek(&frame->ref.word)));
}

/* Claims frames and makes them what they shall be, but for the last step: they are still BUSY. Answers the
 * first; FRAME_NUMBER_NONE: there are none. */
static uint64_t claim_and_prepare(enum frame_type type, uint64_t count, uint64_t alignment)
{
    uint64_t number = frame_choose_claim(count, alignment);
    if (number == FRAME_NUMBER_NONE) {
        return number;
    }
    hal_frame_use(hal_frame_address(number), count, HAL_FRAME_UNTYPED);
    hal_phys_zero(hal_frame_address(number), count << HAL_PAGE_SHIFT);
    if (type != FRAME_UNTYPED) {
        hal_frame_use(hal_frame_address(number), count, use_of(type));
    }
    for (uint64_t i = number; i < number + count; i++) {
        frames[i].type = (uint8_t)type;
        for (unsigned word = 0; word < sizeof(frames[i].words) / sizeof(frames[i].words[0]); word++) {
            frames[i].words[word] = 0;
        }
        frames[i].owner = 0;
    }
    return number;
}

keel_status_t frame_alloc(enum frame_type type, uint64_t count, uint64_t alignment, struct frame **first)
{
    uint64_t number = claim_and_prepare(type, count, alignment);
    if (number == FRAME_NUMBER_NONE) {
        return KEEL_E_NO_MEMORY;
    }
    for (uint64_t i = number; i < number + count; i++) {
        if (type == FRAME_UNTYPED) {
            ref_publish(&frames[i].ref, 1, false);
        } else {
            ref_make_private(&frames[i].ref);
        }
    }
    *first = &frames[number];
    return KEEL_OK;
}

keel_status_t frame_create(uint64_t *handle)
{
    uint64_t number = claim_and_prepare(FRAME_UNTYPED, 1, 1);
    if (number == FRAME_NUMBER_NONE) {
        return KEEL_E_NO_MEMORY;
    }
    *handle = frame_handle(&frames[number]);
    ref_publish(&frames[number].ref, 1, true);
    return KEEL_OK;
}

keel_status_t frame_create_unique(uint64_t *handle)
{
    uint64_t number = claim_and_prepare(FRAME_UNTYPED, 1, 1);
    if (number == FRAME_NUMBER_NONE) {
        return KEEL_E_NO_MEMORY;
    }
    *handle = frame_unique_handle(&frames[number]);
    ref_publish_unique(&frames[number].ref);
    return KEEL_OK;
}

/* BUSY frames of the caller's become FREE. */
static void free_busy(struct frame *first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        first[i].type = FRAME_NONE;
    }
    hal_frame_use(frame_address(first), count, HAL_FRAME_UNUSED);
    frame_choose_release(frame_number(first), count);
}

void frame_free_busy(struct frame *frame)
{
    free_busy(frame, 1);
}

void frame_free_private(struct frame *first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        ref_take_private(&first[i].ref);
    }
    free_busy(first, count);
}

void frame_put(struct frame *frame)
{
    if (ref_put(&frame->ref)) {
        free_busy(frame, 1);
    }
}

keel_status_t frame_put_handle(struct frame *frame)
{
    keel_status_t status = ref_handle_drop(&frame->ref);
    if (status == KEEL_OK && ref_put_many(&frame->ref, 2)) {
        free_busy(frame, 1);
    }
    return status;
}
