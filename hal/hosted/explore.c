/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The search from schedule to schedule. Exhaustively, the next one follows from the last by counting up: drop
 * the digits at the end that have no further possibility, advance the one before, and let the run fill up
 * with zeroes again.
 */
#include "explore.h"

#include <string.h>

#include "schedule.h"
#include "state.h"

#define SCHEDULES_DEFAULT 1000u

struct search search;

void hosted_explore_begin(void)
{
    machine.exploring++;
    machine.until_switch = 1;
    schedule_hurry();
}

void hosted_explore_end(void)
{
    if (machine.exploring) {
        machine.exploring--;
    }
}

/* The schedule after this one; false if it was the last. */
static bool advance(void)
{
    while (search.length > 0) {
        struct digit *last = &search.digits[search.length - 1];
        if (last->taken + 1u < last->count) {
            last->taken++;
            return true;
        }
        search.length--;
    }
    return false;
}

static void run_schedule(enum hosted_search kind, uint64_t seed, size_t choices)
{
    struct hosted_explored *found = search.found;
    struct hosted_config config = search.explore->config;
    config.strategy = HOSTED_REPLAY;
    config.choices = NULL;
    config.choice_count = 0;
    search.kind = kind;
    explore_choose_prepare(seed, choices);
    explore_points_prepare();
    found->schedules++;
    found->step_count = 0;
    found->result = hosted_run(&config);
    found->preemptions = machine.preemptions;
    bool cut = found->result.end == HOSTED_CUT;
    found->cut += cut;
    found->failed = (!cut && (found->result.end != HOSTED_POWER_OFF || found->result.status != 0)) ||
                    found->result.violations != 0;
}

static void search_exhaustively(const struct hosted_explore *explore)
{
    struct hosted_explored *found = search.found;
    bool more = true;
    while (more && !found->failed) {
        if (explore->schedule_limit && found->schedules == explore->schedule_limit) {
            break;
        }
        run_schedule(HOSTED_SEARCH_EXHAUSTIVE, 0, 0);
        if (!found->failed) {
            more = advance();
        }
    }
    found->complete = !more && !search.overflowed;
}

/* The first run takes the given steps; RANDOM and PCT have none, so theirs is without preemption. */
static void search_at_random(const struct hosted_explore *explore)
{
    struct hosted_explored *found = search.found;
    uint64_t limit = explore->schedule_limit ? explore->schedule_limit : SCHEDULES_DEFAULT;
    run_schedule(HOSTED_SEARCH_STEPS, 0, 0);
    size_t choices = search.next;
    for (uint64_t i = 0; i < limit && explore->search != HOSTED_SEARCH_STEPS && !found->failed; i++) {
        run_schedule(explore->search, explore->seed + i, choices);
    }
}

void hosted_explore(const struct hosted_explore *explore, struct hosted_explored *found)
{
    memset(found, 0, sizeof *found);
    search.explore = explore;
    search.found = found;
    search.length = 0;
    search.overflowed = false;
    explore_points_begin();
    if (explore->search == HOSTED_SEARCH_EXHAUSTIVE) {
        search_exhaustively(explore);
    } else {
        search_at_random(explore);
    }
    explore_points_end();
    search.explore = NULL;
    found->choice_count = search.next;
    for (size_t i = 0; i < search.next; i++) {
        found->choices[i] = search.digits[i].taken;
    }
}
