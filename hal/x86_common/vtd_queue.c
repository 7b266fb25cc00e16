/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The queue by which a DMA remapping unit is told to forget (Intel VT-d specification 4.0, 6.5.2): a page of
 * descriptors. The unit looks into CPUs' caches for them, whatever it does for tables.
 *
 * Each post ends in a descriptor that writes its ticket to the first of two words in memory. Nobody reads the
 * second, which is for those that must write something.
 */
#include "vtd_unit.h"

#define SLOTS     256u
#define SLOT_SIZE 16u

/* Lower halves (6.5.2.1 and the following). */
#define TYPE_CONTEXT      UINT64_C(1)
#define TYPE_IOTLB        UINT64_C(2)
#define TYPE_INTERRUPT    UINT64_C(4)
#define TYPE_WAIT         UINT64_C(5)
#define GRANULARITY       4
#define IOTLB_DRAINS      6
#define IOTLB_DOMAIN      16
#define INTERRUPT_ONE     (UINT64_C(1) << 4)
#define INTERRUPT_INDEX   32
#define WAIT_WRITES       (UINT64_C(1) << 5)
#define WAIT_FENCE        (UINT64_C(1) << 6) /* what follows begins only then */
#define WAIT_DATA         32
#define SECOND_WORD       8u
#define POST_MAX          5u
#define HEAD_SLOT(value)  ((uint32_t)((value) / SLOT_SIZE % SLOTS))
#define TAIL_OFFSET(slot) ((uint64_t)(slot) % SLOTS * SLOT_SIZE)

static hal_paddr_t slot_at(const struct vtd_unit *u, uint32_t slot)
{
    return hal_paddr_add(u->queue, TAIL_OFFSET(slot));
}

static void put(const struct vtd_unit *u, uint32_t slot, uint64_t low, uint64_t high)
{
    const hal_paddr_t at = slot_at(u, slot);

    remap_store(at, low);
    remap_store(hal_paddr_add(at, 8), high);
}

/* For one post. Not all slots can be in use: a queue that is full would look empty. */
static bool make_room(unsigned unit)
{
    struct vtd_unit *const u = &vtd_units[unit];

    for (unsigned reads = 0; u->free < POST_MAX && reads < remap_looks_max(); reads++) {
        const uint64_t head = vtd_read64(unit, VTD_QUEUE_HEAD);

        if (head == UINT64_MAX) {
            return false;
        }
        u->free = SLOTS - 1 - (u->tail - HEAD_SLOT(head)) % SLOTS;
    }
    return u->free >= POST_MAX;
}

/* From `slot` on there is nothing yet; the unit sees what is before it, and a wait for it. */
static void finish(unsigned unit, uint32_t slot, uint64_t ticket)
{
    struct vtd_unit *const u = &vtd_units[unit];

    put(u, slot++, TYPE_WAIT | WAIT_WRITES | ticket << WAIT_DATA, u->words.value);
    u->free -= slot - u->tail;
    u->tail = slot;
    vtd_write64(unit, VTD_QUEUE_TAIL, TAIL_OFFSET(slot));
}

bool vtd_queue_post(unsigned unit, bool contexts, const struct vtd_iotlb *iotlb, uint64_t ticket)
{
    const struct vtd_unit *const u = &vtd_units[unit];
    uint32_t slot = u->tail;

    if (!make_room(unit)) {
        return false;
    }
    if (contexts && u->remaps) {
        put(u, slot++, TYPE_INTERRUPT, 0); /* all */
    }
    if (contexts) {
        put(u, slot++, TYPE_CONTEXT | UINT64_C(1) << GRANULARITY, 0);
        put(u, slot++, TYPE_WAIT | WAIT_WRITES | WAIT_FENCE, u->words.value + SECOND_WORD);
    }
    put(u, slot++,
        TYPE_IOTLB | (uint64_t)iotlb->granularity << GRANULARITY |
            VTD_CAPABILITY_DRAINS(u->capability) << IOTLB_DRAINS | (uint64_t)iotlb->domain << IOTLB_DOMAIN,
        iotlb->where);
    finish(unit, slot, ticket);
    return true;
}

bool vtd_queue_post_interrupt(unsigned unit, unsigned index, uint64_t ticket)
{
    const struct vtd_unit *const u = &vtd_units[unit];

    if (!make_room(unit)) {
        return false;
    }
    put(u, u->tail, TYPE_INTERRUPT | INTERRUPT_ONE | (uint64_t)index << INTERRUPT_INDEX, 0);
    finish(unit, u->tail + 1, ticket);
    return true;
}

bool vtd_queue_on(unsigned unit)
{
    struct vtd_unit *const u = &vtd_units[unit];

    u->tail = 0;
    u->free = SLOTS - 1;
    vtd_write32(unit, VTD_FAULT_STATUS, VTD_FAULT_QUEUE); /* of another queue */
    vtd_write64(unit, VTD_QUEUE_TAIL, 0);
    vtd_write64(unit, VTD_QUEUE_ADDRESS, u->queue.value); /* so many slots, of 128 bits */
    return vtd_give(unit, VTD_QUEUE, true, true);
}

bool vtd_queue_off(unsigned unit)
{
    const uint64_t tail = vtd_read64(unit, VTD_QUEUE_TAIL);

    for (unsigned reads = 0; reads < remap_looks_max() && vtd_read64(unit, VTD_QUEUE_HEAD) != tail; reads++) {
    }
    return vtd_give(unit, VTD_QUEUE, false, false);
}

/* A unit that stopped at a descriptor would stop there again, and one does not let its queue be switched off
 * before it has run empty. It may read in the midst of this: the newest first, so that it meets no wait whose
 * flush it has not met; and of each the upper half first, since that of another descriptor, as a wait's,
 * would be an address to write to. */
void vtd_queue_clear(unsigned unit)
{
    const struct vtd_unit *const u = &vtd_units[unit];

    for (uint32_t i = 1; i <= SLOTS; i++) {
        const uint32_t slot = (u->tail - i) % SLOTS;

        remap_store(hal_paddr_add(slot_at(u, slot), 8), u->words.value + SECOND_WORD);
        remap_store(slot_at(u, slot), TYPE_WAIT | WAIT_WRITES);
    }
    vtd_write32(unit, VTD_FAULT_STATUS, VTD_FAULT_QUEUE);
    vtd_write64(unit, VTD_QUEUE_TAIL, TAIL_OFFSET(u->tail)); /* QEMU's goes on only then */
}
