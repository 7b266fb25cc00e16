/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Lists of unique frames in the model of fuzz_model.
 */
#include <string.h>

#include "core/object.h"
#include "model.h"

#define SHOW(handle) ((unsigned long long)(handle))
#define NOWHERE      UINT64_MAX /* the place of what is in no list */

/* --- The model --- */

static struct model_list *named(uint64_t handle)
{
    for (unsigned i = 0; i < MODEL_LISTS; i++) {
        if (model.lists[i].refs > 0 && model.lists[i].handle == handle) {
            return &model.lists[i];
        }
    }
    return NULL;
}

static keel_status_t known(const struct model_list *list)
{
    return list != NULL ? KEEL_OK : KEEL_E_BAD_HANDLE;
}

static uint64_t place_of(const struct model_list *list, uint64_t address)
{
    for (uint64_t i = 0; i < list->length; i++) {
        if (list->order[i] * (uint64_t)KEEL_PAGE_SIZE == address) {
            return i;
        }
    }
    return NOWHERE;
}

static uint64_t address_at(const struct model_list *list, uint64_t place)
{
    return place < list->length ? list->order[place] * (uint64_t)KEEL_PAGE_SIZE : KEEL_LIST_END;
}

static void put_in(struct model_list *list, uint64_t place, struct model_frame *frame)
{
    memmove(&list->order[place + 1], &list->order[place], (list->length - place) * sizeof(list->order[0]));
    list->order[place] = (uint16_t)model_number(frame);
    list->length++;
    frame->form = MODEL_LISTED;
}

static void take_out(const struct model_op *op, struct model_list *list, uint64_t place, keel_unique_t handle)
{
    struct model_frame *frame = &model.frames[list->order[place]];
    struct keel_unique_info info;
    list->length--;
    memmove(&list->order[place], &list->order[place + 1], (list->length - place) * sizeof(list->order[0]));
    if (handle.value == frame->handle) {
        model_fail("a frame's new handle is the old one (H3)");
    }
    frame->form = MODEL_UNIQUE;
    frame->handle = handle.value;
    model_answer(keel_unique_info(handle, &info), KEEL_OK);
    model_equal(info.address, model_number(frame) * KEEL_PAGE_SIZE, "the frame taken out");
    model_rename(MODEL_UNIQUE_FRAME, op, handle.value);
}

/* Mostly of a frame in the list. */
static uint64_t address_of(const struct model_list *list, uint8_t byte)
{
    static const uint64_t extremes[] = {KEEL_LIST_END, 1, UINT64_MAX - KEEL_PAGE_SIZE + 1, UINT64_C(1) << 63};
    if (byte >= 0xe0) {
        return extremes[byte % 4];
    }
    if (byte < 0x80 && list != NULL && list->length > 0) {
        return list->order[byte % list->length] * (uint64_t)KEEL_PAGE_SIZE;
    }
    return byte % 128 * (uint64_t)KEEL_PAGE_SIZE;
}

/* --- Calls --- */

void model_list_create(const struct model_op *op)
{
    keel_list_t made;
    unsigned used = 0, record = 0;
    for (unsigned i = 0; i < MODEL_LISTS; i++) {
        used += model.lists[i].refs > 0;
        record = model.lists[i].refs == 0 ? i : record;
    }
    if (used == MODEL_LISTS) {
        return;
    }
    model_call("list_create()");
    if (model_answer(keel_list_create(&made), used < object_slots(OBJECT_LIST) ? KEEL_OK : KEEL_E_LIMIT)) {
        model.lists[record] = (struct model_list){.handle = made.value, .refs = 1};
        model_rename(MODEL_LIST, op, made.value);
    }
}

void model_list_ref(const struct model_op *op)
{
    keel_list_t name = {model_name(MODEL_LIST, op->names[0])};
    struct model_list *list = named(name.value);
    model_call("list_ref(0x%llx)", SHOW(name.value));
    if (model_answer(keel_list_ref(name), known(list))) {
        list->refs++;
    }
}

void model_list_release(const struct model_op *op)
{
    keel_list_t name = {model_name(MODEL_LIST, op->names[0])};
    struct model_list *list = named(name.value);
    model_call("list_release(0x%llx)", SHOW(name.value));
    if (!model_answer(keel_list_release(name), known(list)) || --list->refs > 0) {
        return;
    }
    for (uint64_t i = 0; i < list->length; i++) {
        model.frames[list->order[i]].form = MODEL_NONE;
    }
}

static keel_status_t both_known(const struct model_list *list, const struct model_frame *frame)
{
    return list != NULL && frame != NULL ? KEEL_OK : KEEL_E_BAD_HANDLE;
}

void model_list_push_front(const struct model_op *op)
{
    keel_list_t name = {model_name(MODEL_LIST, op->names[0])};
    keel_unique_t unique = {model_name(MODEL_UNIQUE_FRAME, op->names[1])};
    struct model_list *list = named(name.value);
    struct model_frame *frame = model_unique(unique.value);
    model_call("list_push_front(0x%llx, 0x%llx)", SHOW(name.value), SHOW(unique.value));
    if (model_answer(keel_list_push_front(name, unique), both_known(list, frame))) {
        put_in(list, 0, frame);
    }
}

void model_list_push_back(const struct model_op *op)
{
    keel_list_t name = {model_name(MODEL_LIST, op->names[0])};
    keel_unique_t unique = {model_name(MODEL_UNIQUE_FRAME, op->names[1])};
    struct model_list *list = named(name.value);
    struct model_frame *frame = model_unique(unique.value);
    model_call("list_push_back(0x%llx, 0x%llx)", SHOW(name.value), SHOW(unique.value));
    if (model_answer(keel_list_push_back(name, unique), both_known(list, frame))) {
        put_in(list, list->length, frame);
    }
}

/* The end counts as a place, behind the last. */
static keel_status_t place_status(const struct model_list *list, uint64_t address, uint64_t *place)
{
    *place = NOWHERE;
    if (list == NULL) {
        return KEEL_E_BAD_HANDLE;
    }
    if (address == KEEL_LIST_END) {
        *place = list->length;
        return KEEL_OK;
    }
    if (address % KEEL_PAGE_SIZE != 0) {
        return KEEL_E_INVALID;
    }
    *place = place_of(list, address);
    return *place != NOWHERE ? KEEL_OK : KEEL_E_NOT_FOUND;
}

void model_list_insert(const struct model_op *op)
{
    keel_list_t name = {model_name(MODEL_LIST, op->names[0])};
    keel_unique_t unique = {model_name(MODEL_UNIQUE_FRAME, op->names[1])};
    struct model_list *list = named(name.value);
    struct model_frame *frame = model_unique(unique.value);
    uint64_t next = address_of(list, op->numbers[0]), place;
    keel_status_t expected = place_status(list, next, &place);
    expected = frame == NULL ? KEEL_E_BAD_HANDLE : expected;
    model_call("list_insert(0x%llx, 0x%llx, 0x%llx)", SHOW(name.value), SHOW(next), SHOW(unique.value));
    if (model_answer(keel_list_insert(name, next, unique), expected)) {
        put_in(list, place, frame);
    }
}

static keel_status_t pop_status(const struct model_list *list)
{
    return list != NULL && list->length == 0 ? KEEL_E_NOT_FOUND : known(list);
}

void model_list_pop_front(const struct model_op *op)
{
    keel_list_t name = {model_name(MODEL_LIST, op->names[0])};
    struct model_list *list = named(name.value);
    keel_unique_t out;
    model_call("list_pop_front(0x%llx)", SHOW(name.value));
    if (model_answer(keel_list_pop_front(name, &out), pop_status(list))) {
        take_out(op, list, 0, out);
    }
}

void model_list_pop_back(const struct model_op *op)
{
    keel_list_t name = {model_name(MODEL_LIST, op->names[0])};
    struct model_list *list = named(name.value);
    keel_unique_t out;
    model_call("list_pop_back(0x%llx)", SHOW(name.value));
    if (model_answer(keel_list_pop_back(name, &out), pop_status(list))) {
        take_out(op, list, list->length - 1, out);
    }
}

/* As place_status, for calls to which the end is an address like any other, and no multiple of a page. */
static keel_status_t member_status(const struct model_list *list, uint64_t address, uint64_t *place)
{
    keel_status_t status = place_status(list, address, place);
    return status == KEEL_OK && address == KEEL_LIST_END ? KEEL_E_INVALID : status;
}

void model_list_remove(const struct model_op *op)
{
    keel_list_t name = {model_name(MODEL_LIST, op->names[0])};
    struct model_list *list = named(name.value);
    uint64_t address = address_of(list, op->numbers[0]), place;
    keel_status_t expected = member_status(list, address, &place);
    keel_unique_t out;
    model_call("list_remove(0x%llx, 0x%llx)", SHOW(name.value), SHOW(address));
    if (model_answer(keel_list_remove(name, address, &out), expected)) {
        take_out(op, list, place, out);
    }
}

void model_list_contains(const struct model_op *op)
{
    keel_list_t name = {model_name(MODEL_LIST, op->names[0])};
    const struct model_list *list = named(name.value);
    uint64_t address = address_of(list, op->numbers[0]), place;
    keel_status_t found = member_status(list, address, &place);
    uint32_t contains;
    model_call("list_contains(0x%llx, 0x%llx)", SHOW(name.value), SHOW(address));
    if (model_answer(keel_list_contains(name, address, &contains),
                     found == KEEL_E_NOT_FOUND ? KEEL_OK : found)) {
        model_equal(contains, found == KEEL_OK, "the frame is in the list");
    }
}

/* What stands before `place`; before the first one and before the end of an empty list: the end. */
static uint64_t before(const struct model_list *list, uint64_t place)
{
    return place == 0 ? KEEL_LIST_END : address_at(list, place - 1);
}

static uint64_t after(const struct model_list *list, uint64_t place)
{
    return address_at(list, place == list->length ? 0 : place + 1);
}

void model_list_next(const struct model_op *op)
{
    keel_list_t name = {model_name(MODEL_LIST, op->names[0])};
    const struct model_list *list = named(name.value);
    uint64_t address = address_of(list, op->numbers[0]), place, next;
    keel_status_t expected = place_status(list, address, &place);
    model_call("list_next(0x%llx, 0x%llx)", SHOW(name.value), SHOW(address));
    if (model_answer(keel_list_next(name, address, &next), expected)) {
        model_equal(next, after(list, place), "the next frame");
    }
}

void model_list_previous(const struct model_op *op)
{
    keel_list_t name = {model_name(MODEL_LIST, op->names[0])};
    const struct model_list *list = named(name.value);
    uint64_t address = address_of(list, op->numbers[0]), place, previous;
    keel_status_t expected = place_status(list, address, &place);
    model_call("list_previous(0x%llx, 0x%llx)", SHOW(name.value), SHOW(address));
    if (model_answer(keel_list_previous(name, address, &previous), expected)) {
        model_equal(previous, before(list, place), "the previous frame");
    }
}

void model_list_length(const struct model_op *op)
{
    keel_list_t name = {model_name(MODEL_LIST, op->names[0])};
    const struct model_list *list = named(name.value);
    uint64_t length;
    model_call("list_length(0x%llx)", SHOW(name.value));
    if (model_answer(keel_list_length(name, &length), known(list))) {
        model_equal(length, list->length, "the length");
    }
}

/* --- Comparing --- */

static void compare(const struct model_list *list)
{
    keel_list_t handle = {list->handle};
    uint64_t length, at = KEEL_LIST_END;
    model_answer(keel_list_length(handle, &length), KEEL_OK);
    model_equal(length, list->length, "a list's length");
    for (uint64_t i = 0; i <= list->length; i++) {
        model_answer(keel_list_next(handle, at, &at), KEEL_OK);
        model_equal(at, address_at(list, i), "a list's frame, forwards");
    }
    for (uint64_t i = list->length; i > 0; i--) {
        model_answer(keel_list_previous(handle, at, &at), KEEL_OK);
        model_equal(at, address_at(list, i - 1), "a list's frame, backwards");
    }
}

void model_compare_lists(void)
{
    for (unsigned i = 0; i < MODEL_LISTS; i++) {
        if (model.lists[i].refs > 0) {
            compare(&model.lists[i]);
        }
    }
}
