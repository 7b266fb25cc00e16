/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The choices of one schedule, by the kind of search. Whoever makes them, they are kept as digits and as
 * steps, so that every schedule replays by itself.
 */
#include "explore.h"
#include "schedule.h"
#include "strategy.h"

#define RARENESS_MAX 6u /* RANDOM: preemptions at one point in 2, 4, ... 64 */

static unsigned draw(unsigned count)
{
    return (unsigned)(strategy_random(&search.random) % count);
}

void explore_choose_prepare(uint64_t seed, size_t choices)
{
    search.next = 0;
    for (unsigned i = 0; i < HOSTED_CPU_MAX; i++) {
        search.turns[i] = 0;
    }
    if (search.kind != HOSTED_SEARCH_RANDOM && search.kind != HOSTED_SEARCH_PCT) {
        return;
    }
    search.length = 0;
    search.random = seed;
    search.rareness = 1 + draw(RARENESS_MAX);
    for (unsigned i = 0; i < HOSTED_CPU_MAX; i++) {
        search.priority[i] = EXPLORE_CHANGE_MAX + strategy_random(&search.random) / 2;
    }
    unsigned changes = search.explore->bound ? search.explore->bound - 1 : 0;
    search.change_count = changes < EXPLORE_CHANGE_MAX ? changes : EXPLORE_CHANGE_MAX;
    for (unsigned i = 0; i < search.change_count; i++) {
        search.changes[i] = choices ? draw((unsigned)choices) : 0;
    }
}

static bool bounded(void)
{
    return search.kind != HOSTED_SEARCH_PCT && search.kind != HOSTED_SEARCH_STEPS &&
           machine.preemptions >= search.explore->bound;
}

/* `count` 1 records a choice that the bound left no freedom for, so that schedules replay without the bound.
 */
static unsigned keep(unsigned choice, unsigned count)
{
    struct hosted_explored *found = search.found;
    unsigned cpu = machine.current->id;
    if (search.next == HOSTED_EXPLORE_CHOICE_MAX) {
        search.overflowed = true;
        return 0;
    }
    search.digits[search.next++] = (struct digit){(uint8_t)choice, (uint8_t)count};
    if (search.length < search.next) {
        search.length = search.next;
    }
    if (choice != 0) {
        found->steps[found->step_count] =
            (struct hosted_step){search.turns[cpu], (uint8_t)cpu, (uint8_t)choice};
        found->step_count++;
    }
    search.turns[cpu]++;
    return choice;
}

/* EXHAUSTIVE: the digit that is due, or the first possibility. */
static unsigned due(void)
{
    return search.next < search.length ? search.digits[search.next].taken : 0;
}

/* STEPS: what they say of this CPU's choice. */
static unsigned stepped(unsigned count)
{
    const struct hosted_explore *explore = search.explore;
    unsigned cpu = machine.current->id;
    for (size_t i = 0; i < explore->step_count; i++) {
        const struct hosted_step *step = &explore->steps[i];
        if (step->cpu == cpu && step->at == search.turns[cpu]) {
            return step->choice < count ? step->choice : 0;
        }
    }
    return 0;
}

unsigned explore_choose(unsigned count)
{
    switch (search.kind) {
    case HOSTED_SEARCH_EXHAUSTIVE:
        return keep(due(), count);
    case HOSTED_SEARCH_STEPS:
        return keep(stepped(count), count);
    default:
        return keep(draw(count), count);
    }
}

/* The current CPU gets a priority below all others'. */
static void demote(void)
{
    for (unsigned i = 0; i < HOSTED_CPU_MAX; i++) {
        search.priority[i]++;
    }
    search.priority[machine.current->id] = 0;
}

static unsigned highest(struct cpu *const others[], unsigned count)
{
    unsigned best = 0;
    for (unsigned i = 1; i < count; i++) {
        best = search.priority[others[i]->id] > search.priority[others[best]->id] ? i : best;
    }
    return best;
}

unsigned explore_choose_other(struct cpu *const others[], unsigned count)
{
    if (search.kind != HOSTED_SEARCH_PCT) {
        return count > 1 ? schedule_choose(count) : 0;
    }
    demote();
    machine.result.choices += count > 1;
    return count > 1 ? keep(highest(others, count), count) : 0;
}

static bool change_is_due(void)
{
    for (unsigned i = 0; i < search.change_count; i++) {
        if (search.changes[i] == search.next) {
            return true;
        }
    }
    return false;
}

static unsigned switch_by_priority(struct cpu *const others[], unsigned count, bool timer)
{
    if (change_is_due()) {
        if (timer && draw(2) == 0) {
            return count + 1;
        }
        demote();
    }
    unsigned best = count > 0 ? highest(others, count) : 0;
    bool lower = count > 0 && search.priority[machine.current->id] < search.priority[others[best]->id];
    return lower ? best + 1 : 0;
}

static unsigned choose_switch(struct cpu *const others[], unsigned count, bool timer)
{
    unsigned possibilities = 1 + count + timer;
    if (bounded()) {
        return keep(search.kind == HOSTED_SEARCH_EXHAUSTIVE ? due() : 0, 1);
    }
    switch (search.kind) {
    case HOSTED_SEARCH_RANDOM:
        return keep(draw(1u << search.rareness) == 0 ? 1 + draw(possibilities - 1) : 0, possibilities);
    case HOSTED_SEARCH_PCT:
        return keep(switch_by_priority(others, count, timer), possibilities);
    default:
        return explore_choose(possibilities);
    }
}

unsigned explore_choose_switch(struct cpu *const others[], unsigned count, bool timer)
{
    unsigned choice = 0;
    if (count + timer > 0) {
        machine.result.choices += explore_active();
        choice = explore_active() ? choose_switch(others, count, timer) : schedule_choose(1 + count + timer);
    }
    machine.preemptions += choice != 0;
    return choice;
}
