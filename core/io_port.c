/* SPDX-License-Identifier: BSD-2-Clause
 *
 * I/O ports, see core/io_port.h.
 */
#include "core/io_port.h"

#include "core/assert.h"
#include "core/spinlock.h"

#define OFFERS_MAX 16u

/* What can be acquired. Constant once tasks run. */
static struct hal_port_range offers[OFFERS_MAX];
static size_t offer_count;

static struct spinlock lock; /* over the ranges of all objects */

void io_port_init(const struct hal_boot *boot)
{
    spinlock_init(&lock);
    offer_count = 0;
    for (size_t i = 0; i < boot->port_range_count && offer_count < OFFERS_MAX; i++) {
        const struct hal_port_range *range = &boot->port_ranges[i];
        CORE_ASSERT(range->count <= IO_PORT_END && range->first <= IO_PORT_END - range->count);
        offers[offer_count++] = *range;
    }
}

static bool is_offered(uint32_t first, uint32_t count)
{
    for (size_t i = 0; i < offer_count; i++) {
        uint32_t offset = first - offers[i].first;
        if (offset < offers[i].count && count <= offers[i].count - offset) {
            return true;
        }
    }
    return false;
}

/* The lock is held. */
static bool is_taken(uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < object_slots(OBJECT_IO_PORT); i++) {
        const struct io_port *io = (const struct io_port *)object_at(OBJECT_IO_PORT, i);
        if (io->count > 0 && first < io->first + io->count && io->first < first + count) {
            return true;
        }
    }
    return false;
}

keel_status_t io_port_acquire(uint32_t first, uint32_t count, uint64_t *handle)
{
    CORE_ASSERT(count > 0 && count <= IO_PORT_END && first <= IO_PORT_END - count);
    if (!is_offered(first, count)) {
        return KEEL_E_DENIED;
    }
    struct io_port *io = (struct io_port *)object_claim(OBJECT_IO_PORT);
    if (io == NULL) {
        return KEEL_E_LIMIT;
    }
    bool interrupts = spinlock_acquire(&lock);
    bool taken = is_taken(first, count);
    if (!taken) {
        io->first = first;
        io->count = count;
    }
    spinlock_release(&lock, interrupts);
    if (taken) {
        ref_unclaim(&io->object.ref);
        return KEEL_E_BUSY;
    }
    *handle = object_handle(OBJECT_IO_PORT, &io->object);
    ref_publish(&io->object.ref, 1, true);
    return KEEL_OK;
}

void io_port_put(struct io_port *io)
{
    if (ref_put(&io->object.ref)) {
        bool interrupts = spinlock_acquire(&lock);
        io->count = 0;
        spinlock_release(&lock, interrupts);
        ref_finish(&io->object.ref);
    }
}
