/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Lists of frames, see core/list.h. No other lock is taken under a list's, and nothing is allocated or freed.
 */
#include "core/list.h"

static uint32_t id_of(const struct list *list)
{
    return object_index(&list->object) + 1;
}

/* The frame, if it is in the list, whose lock is held: NULL for any other number. */
static struct frame *member(const struct list *list, uint32_t number)
{
    if (number >= frame_end()) {
        return NULL;
    }
    struct frame *frame = frame_at(number);
    return atomic_u32_load_relaxed(&frame->list) == id_of(list) ? frame : NULL;
}

/* What points forward to the frame after `previous`, and backward to the one before `next`. */
static uint32_t *forward(struct list *list, uint32_t previous)
{
    return previous == FRAME_NUMBER_NONE ? &list->first : &frame_at(previous)->client.next;
}

static uint32_t *backward(struct list *list, uint32_t next)
{
    return next == FRAME_NUMBER_NONE ? &list->last : &frame_at(next)->client.previous;
}

static void link_before(struct list *list, struct frame *frame, uint32_t next)
{
    uint32_t number = (uint32_t)frame_number(frame);
    uint32_t previous = *backward(list, next);
    frame->client.next = next;
    frame->client.previous = previous;
    *forward(list, previous) = number;
    *backward(list, next) = number;
    list->length++;
    atomic_u32_store_relaxed(&frame->list, id_of(list));
}

static void unlink_frame(struct list *list, struct frame *frame)
{
    *forward(list, frame->client.previous) = frame->client.next;
    *backward(list, frame->client.next) = frame->client.previous;
    list->length--;
    atomic_u32_store_relaxed(&frame->list, 0);
}

keel_status_t frame_list_create(uint64_t *handle)
{
    struct object *object = object_claim(OBJECT_LIST);
    if (object == NULL) {
        return KEEL_E_LIMIT;
    }
    struct list *list = (struct list *)object;
    spinlock_init(&list->lock);
    list->first = list->last = FRAME_NUMBER_NONE;
    list->length = 0;
    *handle = object_handle(OBJECT_LIST, object);
    ref_publish(&object->ref, 1, true);
    return KEEL_OK;
}

void frame_list_put(struct list *list)
{
    if (!ref_put(&list->object.ref)) {
        return;
    }
    /* Nobody else can reach it now; the lock is not needed. */
    while (list->first != FRAME_NUMBER_NONE) {
        struct frame *frame = frame_at(list->first);
        ref_take_private(&frame->ref);
        unlink_frame(list, frame);
        frame_free_busy(frame);
    }
    ref_finish(&list->object.ref);
}

/* The lock is held. */
static keel_status_t insert(struct list *list, struct frame *frame, uint32_t next)
{
    keel_status_t status = ref_convert_unique(&frame->ref);
    if (status == KEEL_OK) {
        link_before(list, frame, next);
        ref_make_private(&frame->ref);
    }
    return status;
}

keel_status_t frame_list_insert(struct list *list, struct frame *frame, uint32_t next)
{
    bool interrupts = spinlock_acquire(&list->lock);
    bool known = next == FRAME_NUMBER_NONE || member(list, next) != NULL;
    keel_status_t status = known ? insert(list, frame, next) : KEEL_E_NOT_FOUND;
    spinlock_release(&list->lock, interrupts);
    return status;
}

keel_status_t frame_list_push(struct list *list, struct frame *frame, enum list_end end)
{
    bool interrupts = spinlock_acquire(&list->lock);
    keel_status_t status = insert(list, frame, end == LIST_FRONT ? list->first : FRAME_NUMBER_NONE);
    spinlock_release(&list->lock, interrupts);
    return status;
}

/* Takes a member, or NULL, out; the lock is held. */
static keel_status_t take_out(struct list *list, struct frame *frame, uint64_t *handle)
{
    if (frame == NULL) {
        return KEEL_E_NOT_FOUND;
    }
    ref_take_private(&frame->ref);
    unlink_frame(list, frame);
    *handle = frame_unique_handle(frame);
    ref_publish_unique(&frame->ref);
    return KEEL_OK;
}

keel_status_t frame_list_pop(struct list *list, enum list_end end, uint64_t *handle)
{
    bool interrupts = spinlock_acquire(&list->lock);
    uint32_t number = end == LIST_FRONT ? list->first : list->last;
    keel_status_t status = take_out(list, member(list, number), handle);
    spinlock_release(&list->lock, interrupts);
    return status;
}

keel_status_t frame_list_remove(struct list *list, uint32_t number, uint64_t *handle)
{
    bool interrupts = spinlock_acquire(&list->lock);
    keel_status_t status = take_out(list, member(list, number), handle);
    spinlock_release(&list->lock, interrupts);
    return status;
}

bool frame_list_contains(struct list *list, uint32_t number)
{
    bool interrupts = spinlock_acquire(&list->lock);
    bool contains = member(list, number) != NULL;
    spinlock_release(&list->lock, interrupts);
    return contains;
}

keel_status_t frame_list_next(struct list *list, uint32_t number, uint32_t *next)
{
    bool interrupts = spinlock_acquire(&list->lock);
    bool known = number == FRAME_NUMBER_NONE || member(list, number) != NULL;
    if (known) {
        *next = *forward(list, number);
    }
    spinlock_release(&list->lock, interrupts);
    return known ? KEEL_OK : KEEL_E_NOT_FOUND;
}

keel_status_t frame_list_previous(struct list *list, uint32_t number, uint32_t *previous)
{
    bool interrupts = spinlock_acquire(&list->lock);
    bool known = number == FRAME_NUMBER_NONE || member(list, number) != NULL;
    if (known) {
        *previous = *backward(list, number);
    }
    spinlock_release(&list->lock, interrupts);
    return known ? KEEL_OK : KEEL_E_NOT_FOUND;
}

uint64_t frame_list_length(struct list *list)
{
    bool interrupts = spinlock_acquire(&list->lock);
    uint64_t length = list->length;
    spinlock_release(&list->lock, interrupts);
    return length;
}
