/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The ring of commands by which one of AMD's remapping units is told to forget (AMD I/O Virtualization
 * Technology specification 3.0, 2.4): a page of slots, of which not all can be in use: a ring that is full
 * would look empty.
 */
#include "amdvi_unit.h"

/* Lower halves (2.4.1 and the following). */
#define COMMAND(number)   ((uint64_t)(number) << 60)
#define WAIT              COMMAND(1)
#define WAIT_STORES       UINT64_C(1)
#define WAIT_FENCE        (UINT64_C(1) << 2) /* what follows begins only then */
#define FORGET_SOURCE     COMMAND(2)
#define FORGET_PAGES      COMMAND(3)
#define FORGET_ENTRIES    COMMAND(5)
#define FORGET_EVERYTHING COMMAND(8)
#define PAGES_DOMAIN      32
/* Upper half: several pages, as many as the ones from bit 12 on say; tables as well. */
#define PAGES_SEVERAL UINT64_C(1)
#define PAGES_TABLES  UINT64_C(2)
#define PAGES_ALL     UINT64_C(0x7ffffffffffff000)

#define HEAD_SLOT(value)  ((uint32_t)((value) / AMDVI_SLOT_SIZE % AMDVI_SLOTS))
#define TAIL_OFFSET(slot) ((uint64_t)(slot) % AMDVI_SLOTS * AMDVI_SLOT_SIZE)

struct amdvi_command amdvi_forget_source(uint16_t source)
{
    return (struct amdvi_command){.low = FORGET_SOURCE | source};
}

struct amdvi_command amdvi_forget_entries(uint16_t source)
{
    return (struct amdvi_command){.low = FORGET_ENTRIES | source};
}

struct amdvi_command amdvi_forget_everything(void)
{
    return (struct amdvi_command){.low = FORGET_EVERYTHING};
}

struct amdvi_command amdvi_barrier(void)
{
    return (struct amdvi_command){.low = WAIT | WAIT_FENCE};
}

/* The smallest aligned block of pages that covers these: its size is said by ones below a zero. */
static uint64_t block_of(uint64_t address, uint64_t page_count)
{
    const uint64_t first = address >> HAL_PAGE_SHIFT, last = first + page_count - 1;
    unsigned order = 0;

    if (page_count > UINT64_MAX >> (HAL_PAGE_SHIFT + 2) || last < first) {
        return PAGES_ALL | PAGES_SEVERAL;
    }
    while (first >> order != last >> order) {
        order++;
    }
    if (order == 0) {
        return first << HAL_PAGE_SHIFT;
    }
    return (first >> order << order | ((UINT64_C(1) << (order - 1)) - 1)) << HAL_PAGE_SHIFT | PAGES_SEVERAL;
}

struct amdvi_command amdvi_forget_pages(uint32_t domain, uint64_t address, uint64_t page_count, bool tables)
{
    return (struct amdvi_command){.low = FORGET_PAGES | (uint64_t)domain << PAGES_DOMAIN,
                                  .high = block_of(address, page_count) | (tables ? PAGES_TABLES : 0)};
}

void amdvi_put(unsigned unit, struct amdvi_command command)
{
    struct amdvi_unit *const u = &amdvi_units[unit];
    const hal_paddr_t at = hal_paddr_add(u->commands, TAIL_OFFSET(u->tail));

    remap_store(at, command.low);
    remap_store(hal_paddr_add(at, 8), command.high);
    u->tail++;
    u->free--;
}

void amdvi_finish(unsigned unit, uint64_t ticket)
{
    struct amdvi_unit *const u = &amdvi_units[unit];

    amdvi_put(unit,
              (struct amdvi_command){.low = WAIT | WAIT_STORES | WAIT_FENCE | u->word.value, .high = ticket});
    amdvi_write(unit, AMDVI_COMMAND_TAIL, TAIL_OFFSET(u->tail));
}

bool amdvi_make_room(unsigned unit, uint32_t count)
{
    struct amdvi_unit *const u = &amdvi_units[unit];

    if (u->free >= count) {
        return true;
    }
    amdvi_write(unit, AMDVI_COMMAND_TAIL, TAIL_OFFSET(u->tail));
    for (unsigned reads = 0; reads < remap_looks_max(); reads++) {
        const uint64_t head = amdvi_read(unit, AMDVI_COMMAND_HEAD);

        if (amdvi_is_gone(head)) {
            return false;
        }
        u->free = AMDVI_SLOTS - 1 - (u->tail - HEAD_SLOT(head)) % AMDVI_SLOTS;
        if (u->free >= count) {
            return true;
        }
    }
    return false;
}

void amdvi_commands_reset(unsigned unit)
{
    struct amdvi_unit *const u = &amdvi_units[unit];

    u->tail = 0;
    u->free = AMDVI_SLOTS - 1;
    amdvi_write(unit, AMDVI_COMMANDS, u->commands.value | AMDVI_RING_SIZE);
    amdvi_write(unit, AMDVI_COMMAND_HEAD, 0);
    amdvi_write(unit, AMDVI_COMMAND_TAIL, 0);
}
