/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Bounded exhaustive search. A schedule is a list of digits: which of how many possibilities was taken at
 * each choice. The next schedule follows from the last by counting up: drop the digits at the end that have
 * no further possibility, advance the one before, and let the run fill up with zeroes again.
 */
#include "hosted/explore.h"

#include "explore.h"
#include "schedule.h"
#include "state.h"

struct digit {
    uint8_t taken, count;
};

static struct {
    bool active;
    unsigned preemption_bound;
    struct digit digits[HOSTED_EXPLORE_CHOICE_MAX];
    size_t length; /* digits of this schedule */
    size_t next;   /* the digit that the next choice takes */
    bool cut;      /* a run had more choices than there are digits */
} search;

bool explore_active(void)
{
    return search.active;
}

/* `count` 1 records a choice that the bound left no freedom for, so that schedules replay without the bound.
 */
static unsigned take_digit(unsigned count)
{
    if (search.next == HOSTED_EXPLORE_CHOICE_MAX) {
        search.cut = true;
        return 0;
    }
    if (search.next == search.length) {
        search.digits[search.length++] = (struct digit){0, (uint8_t)count};
    }
    return search.digits[search.next++].taken;
}

unsigned explore_choose(unsigned count)
{
    return take_digit(count);
}

unsigned explore_choose_switch(unsigned count)
{
    unsigned choice;
    if (search.active && count > 1 && machine.preemptions >= search.preemption_bound) {
        machine.result.choices++;
        choice = take_digit(1);
    } else {
        choice = schedule_choose(count);
    }
    if (choice) {
        machine.preemptions++;
    }
    return choice;
}

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

static void run_schedule(const struct hosted_explore *explore, struct hosted_explored *found)
{
    struct hosted_config config = explore->config;
    config.strategy = HOSTED_REPLAY;
    config.choices = NULL;
    config.choice_count = 0;
    search.next = 0;
    found->result = hosted_run(&config);
    found->schedules++;
    found->failed =
        found->result.end != HOSTED_POWER_OFF || found->result.status != 0 || found->result.violations != 0;
}

void hosted_explore(const struct hosted_explore *explore, struct hosted_explored *found)
{
    *found = (struct hosted_explored){.complete = true};
    search.active = true;
    search.preemption_bound = explore->preemption_bound;
    search.length = 0;
    search.cut = false;

    bool more = true;
    while (more && !found->failed) {
        if (explore->schedule_limit && found->schedules == explore->schedule_limit) {
            break;
        }
        run_schedule(explore, found);
        if (!found->failed) {
            more = advance();
        }
    }
    search.active = false;
    found->complete = !more && !search.cut;
    if (!found->failed) {
        return;
    }
    found->choice_count = search.next;
    for (size_t i = 0; i < search.next; i++) {
        found->choices[i] = search.digits[i].taken;
    }
}
