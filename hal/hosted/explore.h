/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the machine asks and tells the explorer; its users include hosted/explore.h.
 */
#ifndef HOSTED_EXPLORE_INTERNAL_H
#define HOSTED_EXPLORE_INTERNAL_H

#include "hosted/explore.h"
#include "state.h"

#define EXPLORE_CHANGE_MAX 64u /* PCT: depths beyond it count as this one */

struct digit {
    uint8_t taken, count;
};

/* The search that is going on. A schedule is a list of digits: which of how many possibilities was taken at
 * each choice. */
struct search {
    const struct hosted_explore *explore; /* NULL: none */
    struct hosted_explored *found;
    enum hosted_search kind; /* of the run that is going on */
    struct digit digits[HOSTED_EXPLORE_CHOICE_MAX];
    size_t length;                  /* EXHAUSTIVE: digits of this schedule */
    size_t next;                    /* the digit that the next choice takes */
    uint32_t turns[HOSTED_CPU_MAX]; /* choices that each CPU had in this run */
    bool overflowed;                /* a run had more choices than there are digits */
    uint64_t random;                /* RANDOM, PCT: state of the generator, for each schedule anew */
    unsigned rareness;              /* RANDOM: one choice in 2^rareness is a preemption */
    uint64_t priority[HOSTED_CPU_MAX];
    uint32_t changes[EXPLORE_CHANGE_MAX]; /* PCT: at these digits priorities change */
    unsigned change_count;
};

extern struct search search;

static inline bool explore_active(void)
{
    return search.explore != NULL;
}

/* explore_choose.c: a run begins. RANDOM, PCT: with this seed; `choices` is how many the run without
 * preemption had. */
void explore_choose_prepare(uint64_t seed, size_t choices);

/* A choice that is no preemption. */
unsigned explore_choose(unsigned count);
/* Which of the `count` others goes on, where the current CPU can't or does not want to. */
unsigned explore_choose_other(struct cpu *const others[], unsigned count);
/* 0: the current CPU goes on; 1..count: another; count + 1, where `timer`: its timer rings. Counts
 * preemptions, also when no search is going on. */
unsigned explore_choose_switch(struct cpu *const others[], unsigned count, bool timer);

/* explore_points.c: the search begins and ends; a run begins. */
void explore_points_begin(void);
void explore_points_end(void);
void explore_points_prepare(void);

/* A point: what it is, the word that it is about, and the return address that says where it is. */
struct explore_point {
    enum hal_point_kind kind;
    const volatile void *address;
    const void *place;
};

/* What the current CPU does in the stretch. It comes to a point; unless it stops there, or when it goes on
 * again, it does what it came for. */
void explore_arrive(const struct explore_point *point);
void explore_perform(const struct explore_point *point);
void explore_preempted(void);
void explore_relaxes(void);
void explore_waits(const void *place);
void explore_timer(void);
void explore_interrupt(void);
/* Something happened that every operation depends on: nothing that is under way commutes with it. */
void explore_disturb(void);

/* explore_trace.c: tells whoever listens that the current CPU did something, called from `place`. */
void explore_trace(enum hosted_event_kind kind, const struct explore_point *point);

#endif
