/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Calls of keel/list.h: addresses become frame numbers here. Bodies that take a frame have used it up when
 * they succeed.
 */
#include "calls.h"
#include "core/list.h"
#include "reference.h"

keel_status_t call_list_create(uint64_t *list)
{
    return frame_list_create(list);
}

REFERENCE_CALLS(list, object.ref)

/* The number of the frame at `address`. E_NOT_FOUND: no frame can be there, hence none of a list. */
static keel_status_t number_at(uint64_t address, uint32_t *number)
{
    if (address % HAL_PAGE_SIZE != 0) {
        return KEEL_E_INVALID;
    }
    uint64_t wide = hal_frame_number(hal_paddr(address));
    *number = (uint32_t)wide;
    return wide < frame_end() ? KEEL_OK : KEEL_E_NOT_FOUND;
}

/* The same for a place between frames, KEEL_LIST_END included. */
static keel_status_t place_at(uint64_t address, uint32_t *number)
{
    if (address == KEEL_LIST_END) {
        *number = FRAME_NUMBER_NONE;
        return KEEL_OK;
    }
    return number_at(address, number);
}

static uint64_t address_of(uint32_t number)
{
    return number == FRAME_NUMBER_NONE ? KEEL_LIST_END : hal_frame_address(number).value;
}

keel_status_t call_list_push_front(struct list *list, struct frame *unique)
{
    return frame_list_push(list, unique, LIST_FRONT);
}

keel_status_t call_list_push_back(struct list *list, struct frame *unique)
{
    return frame_list_push(list, unique, LIST_BACK);
}

keel_status_t call_list_insert(struct list *list, uint64_t next, struct frame *unique)
{
    uint32_t number;
    keel_status_t status = place_at(next, &number);
    return status == KEEL_OK ? frame_list_insert(list, unique, number) : status;
}

keel_status_t call_list_pop_front(struct list *list, uint64_t *unique)
{
    return frame_list_pop(list, LIST_FRONT, unique);
}

keel_status_t call_list_pop_back(struct list *list, uint64_t *unique)
{
    return frame_list_pop(list, LIST_BACK, unique);
}

keel_status_t call_list_remove(struct list *list, uint64_t address, uint64_t *unique)
{
    uint32_t number;
    keel_status_t status = number_at(address, &number);
    return status == KEEL_OK ? frame_list_remove(list, number, unique) : status;
}

keel_status_t call_list_contains(struct list *list, uint64_t address, uint32_t *contains)
{
    uint32_t number;
    keel_status_t status = number_at(address, &number);
    *contains = status == KEEL_OK && frame_list_contains(list, number);
    return status == KEEL_E_INVALID ? status : KEEL_OK;
}

keel_status_t call_list_next(struct list *list, uint64_t address, uint64_t *next)
{
    uint32_t number;
    uint32_t neighbour;
    keel_status_t status = place_at(address, &number);
    status = status == KEEL_OK ? frame_list_next(list, number, &neighbour) : status;
    if (status == KEEL_OK) {
        *next = address_of(neighbour);
    }
    return status;
}

keel_status_t call_list_previous(struct list *list, uint64_t address, uint64_t *previous)
{
    uint32_t number;
    uint32_t neighbour;
    keel_status_t status = place_at(address, &number);
    status = status == KEEL_OK ? frame_list_previous(list, number, &neighbour) : status;
    if (status == KEEL_OK) {
        *previous = address_of(neighbour);
    }
    return status;
}

keel_status_t call_list_length(struct list *list, uint64_t *length)
{
    *length = frame_list_length(list);
    return KEEL_OK;
}
