/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Flushes (hal/iommu.h): each is posted to all units of PCI segment 0, and done when all of them say so.
 */
#include "hal/bits.h"
#include "remap_tickets.h"
#include "vtd_unit.h"

static struct remap_tickets tickets;

static const struct vtd_iotlb everything = {.granularity = VTD_ALL};

void vtd_flush_begin(void)
{
    remap_tickets_begin(&tickets);
}

/* Without interrupts that are remapped nobody comes between. */
void vtd_lock(void)
{
    if (vtd_remaps_interrupts()) {
        remap_tickets_lock(&tickets);
    }
}

void vtd_unlock(void)
{
    if (vtd_remaps_interrupts()) {
        remap_tickets_unlock(&tickets);
    }
}

/* The last ticket that the unit is done with. Fewer than 2^32 are under way. */
static uint64_t done_of(const struct vtd_unit *u)
{
    uint32_t word;
    uint64_t ticket;

    if (u->queue.value == 0) {
        return atomic_u64_load_acquire(&u->flush);
    }
    word = (uint32_t)remap_load(u->words); /* first: then it is not ahead of the last ticket */
    ticket = atomic_u64_load_acquire(&tickets.last);
    return ticket - ((uint32_t)ticket - word);
}

/* After one that could not be posted there are no more: to be done with them would look like all. */
static bool may_post(unsigned unit)
{
    struct vtd_unit *const u = &vtd_units[unit];

    if (!u->stands && VTD_CAPABILITY_WRITE_BUFFER(u->capability)) {
        u->stands = !vtd_give(unit, VTD_WRITE_BUFFER, true, false);
    }
    return !u->stands;
}

static void post(unsigned unit, bool contexts, const struct vtd_iotlb *iotlb, uint64_t ticket)
{
    struct vtd_unit *const u = &vtd_units[unit];

    if (!may_post(unit)) {
        return;
    }
    if (u->queue.value != 0) {
        u->stands = !vtd_queue_post(unit, contexts, iotlb, ticket);
    } else if (vtd_forget_now(unit, contexts, iotlb)) {
        atomic_u64_store_release(&u->flush, ticket);
    } else {
        u->stands = true;
    }
}

static bool await(unsigned unit, uint64_t ticket)
{
    struct vtd_unit *const u = &vtd_units[unit];

    for (unsigned reads = 0; reads < remap_looks_max() && !u->stands; reads++) {
        if (done_of(u) >= ticket) {
            return true;
        }
        if (vtd_is_gone(vtd_read32(unit, VTD_STATUS))) {
            break;
        }
    }
    u->stands = true;
    return false;
}

bool vtd_forget_all(unsigned unit)
{
    const uint64_t ticket = remap_tickets_next(&tickets);

    vtd_units[unit].stands = false;
    post(unit, true, &everything, ticket);
    return await(unit, ticket);
}

bool vtd_all_obey(void)
{
    bool obey = true;

    for (unsigned i = 0; i < vtd_segment.count; i++) {
        obey = obey && !vtd_units[vtd_segment.units[i]].stands;
    }
    return obey;
}

bool vtd_forget_interrupt(unsigned index)
{
    const uint64_t ticket = remap_tickets_next(&tickets);
    bool done = true;

    for (unsigned i = 0; i < vtd_segment.count; i++) {
        struct vtd_unit *const u = &vtd_units[vtd_segment.units[i]];

        if (may_post(vtd_segment.units[i])) {
            u->stands = !vtd_queue_post_interrupt(vtd_segment.units[i], index, ticket);
        }
    }
    for (unsigned i = 0; i < vtd_segment.count; i++) {
        done = await(vtd_segment.units[i], ticket) && done;
    }
    return done;
}

/* The smallest aligned block of pages that covers these, if the unit takes one so large. */
static struct vtd_iotlb entries_of(const struct vtd_unit *u, uint32_t domain, uint64_t address,
                                   uint64_t page_count, bool tables)
{
    const uint64_t first = address >> HAL_PAGE_SHIFT, end = first + page_count - 1;
    unsigned mask;

    if (!VTD_CAPABILITY_PAGES(u->capability) || page_count - 1 >= UINT64_MAX >> HAL_PAGE_SHIFT) {
        return (struct vtd_iotlb){.granularity = VTD_DOMAIN, .domain = domain};
    }
    mask = first == end ? 0 : hal_bit_highest(first ^ end) + 1;
    if (mask > VTD_CAPABILITY_MASK_MAX(u->capability)) {
        return (struct vtd_iotlb){.granularity = VTD_DOMAIN, .domain = domain};
    }
    return (struct vtd_iotlb){.granularity = VTD_PAGES,
                              .domain = domain,
                              .where = first >> mask << mask << HAL_PAGE_SHIFT |
                                       (tables ? 0 : VTD_LEAVES_ALONE) | mask};
}

uint64_t vtd_flush(uint32_t domain, uint64_t address, uint64_t page_count, bool tables)
{
    uint64_t ticket;

    vtd_lock();
    ticket = remap_tickets_next(&tickets);
    for (unsigned i = 0; i < vtd_segment.count; i++) {
        const unsigned unit = vtd_segment.units[i];
        const struct vtd_iotlb iotlb = entries_of(&vtd_units[unit], domain, address, page_count, tables);

        post(unit, false, &iotlb, ticket);
    }
    vtd_unlock();
    return ticket;
}

/* Devices come and go rarely: no need to find out under which numbers a unit keeps that there was no entry
 * (6.1). */
uint64_t vtd_flush_everything(void)
{
    uint64_t ticket;

    vtd_lock();
    ticket = remap_tickets_next(&tickets);
    for (unsigned i = 0; i < vtd_segment.count; i++) {
        post(vtd_segment.units[i], true, &everything, ticket);
    }
    vtd_unlock();
    return ticket;
}

bool vtd_is_done(uint64_t ticket)
{
    if (remap_tickets_are_lost(&tickets)) {
        return ticket <= atomic_u64_load_relaxed(&tickets.lost_done);
    }
    for (unsigned i = 0; i < vtd_segment.count; i++) {
        if (done_of(&vtd_units[vtd_segment.units[i]]) < ticket) {
            return false;
        }
    }
    return true;
}

/* --- Starting over --- */

static bool start_over(unsigned unit)
{
    if (vtd_units[unit].queue.value != 0) {
        vtd_queue_clear(unit);
        if (!vtd_queue_off(unit) || !vtd_queue_on(unit)) {
            vtd_units[unit].stands = true;
            return false;
        }
    }
    return vtd_forget_all(unit);
}

/* The last ticket that all units are done with. */
static uint64_t done_by_all(void)
{
    uint64_t done = atomic_u64_peek(&tickets.last);

    for (unsigned i = 0; i < vtd_segment.count; i++) {
        const uint64_t one = done_of(&vtd_units[vtd_segment.units[i]]);

        done = one < done ? one : done;
    }
    return done;
}

bool vtd_recover(void)
{
    uint64_t so_far;
    bool obey;

    vtd_lock();
    so_far = atomic_u64_peek(&tickets.last);
    obey = !remap_tickets_are_lost(&tickets);
    for (unsigned i = 0; i < vtd_segment.count && obey; i++) {
        const unsigned unit = vtd_segment.units[i];

        obey = (!vtd_units[unit].stands && done_of(&vtd_units[unit]) >= so_far) || start_over(unit);
    }
    if (!obey) {
        remap_tickets_lose(&tickets, done_by_all());
    }
    vtd_unlock();
    return obey;
}
