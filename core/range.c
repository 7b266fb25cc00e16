/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Range locks, see core/range.h.
 */
#include "core/range.h"

#include "core/cpu.h"
#include "core/pagetable.h"
#include "core/sched.h"
#include "core/task.h"
#include "core/wait.h"
#include "keel/cold.h"

/* Turns of spinning before a waiter lets other tasks run: the holder may be one of this CPU's. After more of
 * them it leaves the CPU: its scheduler may rather have it run than the holder. */
#define SPIN_TURNS  64u
#define YIELD_TURNS (16 * SPIN_TURNS)

unsigned range_level(uint64_t start, uint64_t end)
{
    uint64_t differs = start ^ (end - 1);
    unsigned level = 0;
    while (level < HAL_PT_TOP_LEVEL && differs >= hal_pt_span(level + 1)) {
        level++;
    }
    return level;
}

/* --- Walks without a lock --- */

static bool walk_begin(const struct space *space)
{
    bool interrupts = hal_irq_disable();
    struct cpu *cpu = cpu_this();
    uint64_t number = cpu->walk_count++ & (HAL_PAGE_SIZE - 1);
    /* The mark before every load of the walk: a full barrier. */
    atomic_u64_exchange(&cpu->walks_under, space->root.value | number);
    return interrupts;
}

static void walk_end(bool interrupts)
{
    atomic_u64_store_release(&cpu_this()->walks_under, 0);
    hal_irq_restore(interrupts);
}

void range_wait_for_walks(const struct space *space)
{
    uint64_t root = space->root.value;
    for (unsigned id = 0; id < hal_cpu_count(); id++) {
        uint64_t walk = atomic_u64_load_acquire(&cpu_at(id)->walks_under);
        if ((walk & ~(HAL_PAGE_SIZE - 1)) != root) {
            continue;
        }
        while (atomic_u64_load_acquire(&cpu_at(id)->walks_under) == walk) {
            hal_cpu_relax();
        }
    }
}

/* Down from the root to a table of `level`, or to where an entry leads to no table. Answers that entry; 0 in
 * the first case. */
static uint64_t descend(const struct space *space, uint64_t va, unsigned level, struct hal_pte_slot *slot)
{
    *slot =
        (struct hal_pte_slot){.root = space->root, .table = space->root, .va = va, .level = HAL_PT_TOP_LEVEL};
    while (slot->level > level) {
        uint64_t entry = hal_pte_load(slot);
        if (!hal_pte_is_link(entry)) {
            return entry;
        }
        slot->table = hal_pte_target(entry);
        slot->level--;
    }
    return 0;
}

static uint64_t look_once(struct space *space, uint64_t va, struct hal_pte_slot *slot)
{
    bool interrupts = walk_begin(space);
    uint64_t entry = descend(space, va, 0, slot);
    if (slot->level == 0) {
        entry = hal_pte_load(slot);
    }
    walk_end(interrupts);
    return entry;
}

uint64_t range_look(struct space *space, uint64_t va, struct hal_pte_slot *slot)
{
    uint64_t entry = look_once(space, va, slot);
    while (hal_pte_is_changing(entry)) {
        hal_cpu_relax();
        entry = look_once(space, va, slot);
    }
    return entry;
}

/* --- Tables --- */

static struct frame *table_frame(hal_paddr_t table)
{
    return frame_at(hal_frame_number(table));
}

/* FREE -> HELD. Answers what the lock was before. */
static uint32_t try_table(struct frame *table)
{
    uint32_t found = TABLE_FREE;
    atomic_u32_cas(&table->table.lock, &found, TABLE_HELD);
    return found;
}

static void wait_turn(unsigned turn)
{
    if (turn % SPIN_TURNS != SPIN_TURNS - 1) {
        hal_cpu_relax();
    } else if (turn < YIELD_TURNS) {
        task_yield();
    } else {
        wait_pause_until(hal_time_now() + SCHED_TICK_NS);
    }
}

/* A table whose link the caller holds. */
static keel_status_t lock_table(struct frame *table)
{
    for (unsigned turn = 0;; turn++) {
        uint32_t found = try_table(table);
        if (found != TABLE_HELD) {
            return found == TABLE_FREE ? KEEL_OK : KEEL_E_BUSY;
        }
        wait_turn(turn);
    }
}

static void set_table(struct frame *table, uint32_t lock)
{
    atomic_u32_store_release(&table->table.lock, lock);
}

/* The links of a locked table that serve a part of a range. */
struct links {
    hal_paddr_t table;
    unsigned level, next, end; /* indexes */
    uint64_t base;             /* what entry 0 translates */
};

static struct links links_of(const struct range *range, hal_paddr_t table, unsigned level, uint64_t base)
{
    uint64_t span = hal_pt_span(level);
    uint64_t last = (range->end - 1 - base) / span;
    return (struct links){.table = table,
                          .level = level,
                          .next = range->start > base ? (unsigned)((range->start - base) / span) : 0,
                          .end = table_frame(table)->table.entries == 0 ? 0 /* nothing to look for */
                                 : last < HAL_PT_ENTRIES                ? (unsigned)last + 1
                                                                        : HAL_PT_ENTRIES,
                          .base = base};
}

/* The next linked table and the address where its own range begins. False: none is left. */
static bool links_next(struct links *links, hal_paddr_t *child, uint64_t *child_base)
{
    while (links->level > 0 && links->next < links->end) {
        unsigned i = hal_table_next(links->table, links->next, links->end);
        if (i >= links->end) {
            break;
        }
        links->next = i + 1;
        uint64_t entry = hal_table_peek(links->table, i);
        if (!hal_pte_is_leaf(entry, links->level)) {
            *child = hal_pte_target(entry);
            *child_base = links->base + i * hal_pt_span(links->level);
            return true;
        }
    }
    return false;
}

/* Locks every table below a locked one, each before those below it. E_BUSY: not `stop`, nor what would have
 * come after it. */
static keel_status_t lock_below(const struct range *range, hal_paddr_t table, unsigned level, uint64_t base,
                                hal_paddr_t *stop)
{
    struct links links = links_of(range, table, level, base);
    hal_paddr_t child;
    uint64_t child_base;
    while (links_next(&links, &child, &child_base)) {
        keel_status_t status = lock_table(table_frame(child));
        if (status != KEEL_OK) {
            *stop = child;
            return status;
        }
        status = lock_below(range, child, level - 1, child_base, stop);
        if (status != KEEL_OK) {
            return status;
        }
    }
    return KEEL_OK;
}

/* Sets the locks of every table below a locked one, each after those below it: whoever gets a table finds
 * nothing below it that is still being unlocked. Ends at `stop`; false: it came there. */
static bool set_below(const struct range *range, hal_paddr_t table, unsigned level, uint64_t base,
                      uint32_t lock, hal_paddr_t stop)
{
    struct links links = links_of(range, table, level, base);
    hal_paddr_t child;
    uint64_t child_base;
    bool on = true;
    while (on && links_next(&links, &child, &child_base)) {
        if (child.value == stop.value) {
            return false;
        }
        on = set_below(range, child, level - 1, child_base, lock, stop);
        set_table(table_frame(child), lock);
    }
    return on;
}

/* What entry 0 of the covering table translates. */
static uint64_t base_of(const struct range *range)
{
    return range->start & ~(hal_pt_span(range->level + 1) - 1);
}

static void set_all(const struct range *range, uint32_t lock, hal_paddr_t stop)
{
    if (range->level > 0) {
        set_below(range, range->cover, range->level, base_of(range), lock, stop);
    }
    set_table(range->frame, lock);
}

/* Finds and locks the covering table, of `level` or higher. Answers what its lock was: anything but FREE, and
 * it is not locked. */
static uint32_t lock_cover(struct range *range, unsigned level)
{
    struct hal_pte_slot slot;
    bool interrupts = walk_begin(range->space);
    descend(range->space, range->start, level, &slot);
    range->frame = table_frame(slot.table);
    uint32_t found = try_table(range->frame);
    walk_end(interrupts);
    range->cover = slot.table;
    range->level = slot.level;
    return found;
}

/* The same after somebody else was found to have it: again and again, from the root. */
KEEL_COLD static uint32_t lock_cover_later(struct range *range, unsigned level)
{
    uint32_t found = TABLE_HELD;
    for (unsigned turn = 0; found == TABLE_HELD; turn++) {
        wait_turn(turn);
        found = lock_cover(range, level);
    }
    return found;
}

/* What is below a covering table that is locked. E_BUSY: nothing is locked any more. */
KEEL_COLD static keel_status_t lock_others(struct range *range)
{
    hal_paddr_t stop;
    keel_status_t status = lock_below(range, range->cover, range->level, base_of(range), &stop);
    if (status != KEEL_OK) {
        set_all(range, TABLE_FREE, stop);
    }
    return status;
}

keel_status_t range_lock(struct range *range, struct space *space, uint64_t start, uint64_t end,
                         unsigned level_min)
{
    unsigned level = range_level(start, end);
    level = level > level_min ? level : level_min;
    range->space = space;
    range->start = start;
    range->end = end;
    range->lock = TABLE_HELD;
    uint32_t found = lock_cover(range, level);
    if (found == TABLE_HELD) {
        found = lock_cover_later(range, level);
    }
    if (found == TABLE_KEPT) {
        return KEEL_E_BUSY;
    }
    return range->level == 0 ? KEEL_OK : lock_others(range);
}

void range_unlock(struct range *range)
{
    set_all(range, TABLE_FREE, hal_paddr(0));
}

void range_keep(struct range *range)
{
    range->lock = TABLE_KEPT;
    set_all(range, TABLE_KEPT, hal_paddr(0));
}

bool range_is_bare(const struct range *range)
{
    return range->level < HAL_PT_TOP_LEVEL && range->frame->table.entries == 0;
}

keel_status_t range_narrow(struct range *range)
{
    unsigned level = range_level(range->start, range->end);
    struct hal_pte_slot slot = {
        .root = range->space->root, .table = range->cover, .va = range->start, .level = range->level};
    /* Not past a leaf: a range inside a large page is covered by the table that the leaf stands in. */
    unsigned missing = range->level > level && hal_pte_load(&slot) == 0 ? range->level - level : 0;
    struct frame *spare;
    keel_status_t status = tables_reserve(missing, range->lock, &spare);
    if (status != KEEL_OK) {
        return status;
    }
    while (spare != NULL) {
        struct frame *table = tables_take(&spare);
        struct frame *above = range->frame;
        pagetable_set(&slot, hal_pte_table(frame_address(table), HAL_PROT_USER));
        slot.table = frame_address(table);
        slot.level--;
        range->cover = slot.table;
        range->frame = table;
        range->level = slot.level;
        set_table(above, TABLE_FREE);
    }
    return KEEL_OK;
}
