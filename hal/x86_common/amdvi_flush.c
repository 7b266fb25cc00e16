/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Flushes (hal/iommu.h): each is posted to all of AMD's remapping units of PCI segment 0, and done when all
 * of them say so.
 */
#include "amdvi_unit.h"
#include "remap_tickets.h"

#define SOURCES      UINT32_C(0x10000)
#define DOMAINS      UINT32_C(0x10000)
#define COMMANDS_MAX 3u /* of one post, before its ticket */
#define FORGET_TABLE 2u /* of them, about who has a table of interrupts */

static struct remap_tickets tickets;

void amdvi_flush_begin(void)
{
    remap_tickets_begin(&tickets);
}

/* Without interrupts that are remapped nobody comes between. */
void amdvi_lock(void)
{
    if (amdvi_remaps_interrupts()) {
        remap_tickets_lock(&tickets);
    }
}

void amdvi_unlock(void)
{
    if (amdvi_remaps_interrupts()) {
        remap_tickets_unlock(&tickets);
    }
}

/* The last ticket that the unit is done with: what it has stored itself. */
static uint64_t done_of(const struct amdvi_unit *u)
{
    return remap_load(u->word);
}

/* After one that could not be posted there are no more: to be done with them would look like all. */
static void post(unsigned unit, const struct amdvi_command *commands, uint32_t count, uint64_t ticket)
{
    struct amdvi_unit *const u = &amdvi_units[unit];

    u->stands = u->stands || !amdvi_make_room(unit, count + 1);
    if (u->stands) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        amdvi_put(unit, commands[i]);
    }
    amdvi_finish(unit, ticket);
}

static uint64_t post_to_all(const struct amdvi_command *commands, uint32_t count)
{
    const uint64_t ticket = remap_tickets_next(&tickets);

    for (unsigned i = 0; i < amdvi_segment.count; i++) {
        post(amdvi_segment.units[i], commands, count, ticket);
    }
    return ticket;
}

uint64_t amdvi_flush(uint32_t domain, uint64_t address, uint64_t page_count, bool tables)
{
    const struct amdvi_command command = amdvi_forget_pages(domain, address, page_count, tables);
    uint64_t ticket;

    amdvi_lock();
    ticket = post_to_all(&command, 1);
    amdvi_unlock();
    return ticket;
}

/* The source's entry first: translations are found by what it says. */
uint64_t amdvi_flush_source(uint16_t source, uint32_t domain)
{
    const struct amdvi_command commands[COMMANDS_MAX] = {amdvi_forget_source(source), amdvi_barrier(),
                                                         amdvi_forget_pages(domain, 0, UINT64_MAX, true)};
    uint64_t ticket;

    amdvi_lock();
    ticket = post_to_all(commands, COMMANDS_MAX);
    amdvi_unlock();
    return ticket;
}

bool amdvi_is_done(uint64_t ticket)
{
    if (remap_tickets_are_lost(&tickets)) {
        return ticket <= atomic_u64_load_relaxed(&tickets.lost_done);
    }
    for (unsigned i = 0; i < amdvi_segment.count; i++) {
        if (done_of(&amdvi_units[amdvi_segment.units[i]]) < ticket) {
            return false;
        }
    }
    return true;
}

/* Not for ever. */
static bool await(unsigned unit, uint64_t ticket)
{
    struct amdvi_unit *const u = &amdvi_units[unit];

    for (unsigned reads = 0; reads < remap_looks_max() && !u->stands; reads++) {
        if (done_of(u) >= ticket) {
            return true;
        }
        if (amdvi_is_gone(amdvi_read(unit, AMDVI_STATUS))) {
            break;
        }
    }
    u->stands = true;
    return false;
}

/* --- Interrupts --- */

bool amdvi_all_obey(void)
{
    bool obey = true;

    for (unsigned i = 0; i < amdvi_segment.count; i++) {
        obey = obey && !amdvi_units[amdvi_segment.units[i]].stands;
    }
    return obey;
}

/* Who has the table first: entries are found by that. */
bool amdvi_forget_interrupts(uint16_t source, bool table)
{
    const struct amdvi_command commands[COMMANDS_MAX] = {amdvi_forget_source(source), amdvi_barrier(),
                                                         amdvi_forget_entries(source)};
    const unsigned left_out = table ? 0 : FORGET_TABLE;
    const uint64_t ticket = post_to_all(commands + left_out, COMMANDS_MAX - left_out);
    bool done = true;

    for (unsigned i = 0; i < amdvi_segment.count; i++) {
        done = await(amdvi_segment.units[i], ticket) && done;
    }
    return done;
}

/* --- All at once --- */

static bool put_one(unsigned unit, struct amdvi_command command)
{
    if (!amdvi_make_room(unit, 1)) {
        return false;
    }
    amdvi_put(unit, command);
    return true;
}

/* For a unit that has no command for everything: each source, and then what is found by it. */
static bool put_each(unsigned unit)
{
    bool put = true;

    for (uint32_t source = 0; source < SOURCES && put; source++) {
        put = put_one(unit, amdvi_forget_source((uint16_t)source));
    }
    put = put && put_one(unit, amdvi_barrier());
    for (uint32_t source = 0; source < SOURCES && put; source++) {
        put = put_one(unit, amdvi_forget_entries((uint16_t)source));
    }
    for (uint32_t domain = 0; domain < DOMAINS && put; domain++) {
        put = put_one(unit, amdvi_forget_pages(domain, 0, UINT64_MAX, true));
    }
    return put;
}

bool amdvi_forget_all(unsigned unit)
{
    struct amdvi_unit *const u = &amdvi_units[unit];
    const uint64_t ticket = remap_tickets_next(&tickets);
    const struct amdvi_command everything = amdvi_forget_everything();

    u->stands = !u->forgets_all && !put_each(unit);
    post(unit, &everything, u->forgets_all ? 1 : 0, ticket);
    return await(unit, ticket);
}

/* --- Starting over --- */

/* A unit that met an error carries nothing out until its commands were switched off and on. */
static bool start_over(unsigned unit)
{
    if (!amdvi_switch_off(unit, AMDVI_ENABLE_COMMANDS, AMDVI_STATUS_COMMANDS)) {
        amdvi_units[unit].stands = true;
        return false;
    }
    amdvi_commands_reset(unit);
    return amdvi_switch_on(unit, AMDVI_ENABLE_COMMANDS) && amdvi_forget_all(unit);
}

/* The last ticket that all units are done with. */
static uint64_t done_by_all(void)
{
    uint64_t done = atomic_u64_peek(&tickets.last);

    for (unsigned i = 0; i < amdvi_segment.count; i++) {
        const uint64_t one = done_of(&amdvi_units[amdvi_segment.units[i]]);

        done = one < done ? one : done;
    }
    return done;
}

bool amdvi_recover(void)
{
    uint64_t so_far;
    bool obey;

    amdvi_lock();
    so_far = atomic_u64_peek(&tickets.last);
    obey = !remap_tickets_are_lost(&tickets);
    for (unsigned i = 0; i < amdvi_segment.count && obey; i++) {
        const unsigned unit = amdvi_segment.units[i];

        obey = (!amdvi_units[unit].stands && done_of(&amdvi_units[unit]) >= so_far) || start_over(unit);
    }
    if (!obey) {
        remap_tickets_lose(&tickets, done_by_all());
    }
    amdvi_unlock();
    return obey;
}
