/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The strategies of hosted/machine.h. Every choice comes from schedule_choose, which takes it from the seed,
 * from fuzz bytes, from a recorded schedule or from the explorer.
 */
#include "strategy.h"

#include "explore.h"
#include "schedule.h"

/* splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
uint64_t strategy_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t next_random(void)
{
    return strategy_random(&machine.random);
}

static bool can_run(const struct cpu *cpu)
{
    return cpu->online && (!cpu->waiting || cpu_interrupted(cpu));
}

static bool next_byte(uint8_t *byte)
{
    if (machine.choice_next >= machine.config.choice_count) {
        return false;
    }
    *byte = machine.config.choices[machine.choice_next++];
    return true;
}

unsigned schedule_choose(unsigned count)
{
    uint8_t byte = 0;
    if (count < 2) {
        return 0;
    }

    machine.result.choices++;
    switch (machine.config.strategy) {
    case HOSTED_RANDOM:
    case HOSTED_PCT:
        return (unsigned)(next_random() % count);
    case HOSTED_BYTES:
        return next_byte(&byte) ? byte % count : 0;
    case HOSTED_REPLAY:
        if (!machine.exploring) {
            return 0;
        }
        if (explore_active()) {
            return explore_choose(count);
        }
        return next_byte(&byte) ? byte % count : 0;
    default:
        return 0;
    }
}

/* Runnable CPUs but the current one, in turn from the one after it. */
static unsigned list_others(struct cpu *others[HOSTED_CPU_MAX])
{
    unsigned count = 0;
    for (unsigned i = 1; i < machine.config.cpu_count; i++) {
        struct cpu *cpu = &machine.cpus[(machine.current->id + i) % machine.config.cpu_count];
        if (can_run(cpu)) {
            others[count++] = cpu;
        }
    }
    return count;
}

/* Time leaps at most so far: a busy CPU's timer is due within that, and what others wait for stays roughly in
 * its order, however far away the deadline of an idle CPU is. */
#define LEAP_MAX UINT64_C(10000000)

static bool can_leap(void)
{
    uint64_t deadline = machine.current->deadline;
    return deadline >= machine.time && deadline - machine.time <= LEAP_MAX;
}

/* The current CPU's timer rings now, by time leaping to its deadline. */
static void ring_timer(void)
{
    if (can_leap()) {
        machine.time = machine.current->deadline;
        schedule_settle();
    }
}

static struct cpu *decide_random(void)
{
    struct cpu *others[HOSTED_CPU_MAX];
    unsigned count = list_others(others);
    machine.until_switch = 1 + next_random() % (2 * (uint64_t)machine.config.switch_period);
    if (next_random() % 64 == 0) {
        ring_timer();
    }
    unsigned choice = schedule_choose(count + 1);
    return choice ? others[choice - 1] : machine.current;
}

/* One byte each: the distance to the next switch, fine or coarse, and which kind it is. 0xxxxxxx: x+1 points;
 * 10xxxxxx: 16(x+1) points; 11xxxxxx: x+1 points, and the timer rings before. A second byte says which CPU,
 * where there are several. */
static struct cpu *decide_bytes(void)
{
    uint8_t byte;
    if (!next_byte(&byte)) {
        machine.until_switch = UINT64_MAX;
        return machine.current;
    }
    if (byte < 0x80) {
        machine.until_switch = byte + 1u;
    } else {
        machine.until_switch = ((byte & 0x3fu) + 1) * (byte < 0xc0 ? 16 : 1);
    }
    if (byte >= 0xc0) {
        ring_timer();
    }
    struct cpu *others[HOSTED_CPU_MAX];
    unsigned count = list_others(others);
    return count ? others[schedule_choose(count)] : machine.current;
}

/* Priorities as in "A randomized scheduler with probabilistic guarantees of finding bugs" (Burckhardt and
 * others, 2010): always the highest that can run; at random points the one that runs becomes the lowest. */
static struct cpu *highest(bool current_too)
{
    struct cpu *best = current_too ? machine.current : NULL;
    struct cpu *others[HOSTED_CPU_MAX];
    unsigned count = list_others(others);
    for (unsigned i = 0; i < count; i++) {
        if (!best || others[i]->priority > best->priority) {
            best = others[i];
        }
    }
    return best;
}

static void demote(struct cpu *cpu)
{
    for (unsigned i = 0; i < machine.config.cpu_count; i++) {
        machine.cpus[i].priority++;
    }
    cpu->priority = 0;
}

static struct cpu *decide_pct(void)
{
    /* Each point changes priorities with the probability that makes `change_points` of them in `pct_steps`;
     * other points only look whether a higher CPU woke up. */
    machine.until_switch = 1;
    if (machine.result.points < machine.config.pct_steps &&
        next_random() % machine.config.pct_steps < machine.config.change_points) {
        demote(machine.current);
        ring_timer();
    }
    return highest(true);
}

static struct cpu *decide_explored(void)
{
    struct cpu *others[HOSTED_CPU_MAX];
    unsigned count = list_others(others);
    machine.until_switch = 1;
    if (!machine.exploring) {
        machine.until_switch = UINT64_MAX;
        return machine.current;
    }
    bool timer = machine.config.explore_timers && machine.current->irq_on && can_leap();
    unsigned choice = explore_choose_switch(others, count, timer);
    if (choice == 0) {
        return machine.current;
    }
    if (choice <= count) {
        explore_preempted();
        return others[choice - 1];
    }
    explore_timer();
    ring_timer();
    return machine.current;
}

void strategy_prepare(void)
{
    machine.random = machine.config.seed;
    machine.choice_next = 0;
    machine.exploring = 0;
    machine.preemptions = 0;
    machine.until_switch = machine.config.strategy == HOSTED_SEQUENTIAL ? UINT64_MAX : 1;
    for (unsigned i = 0; i < machine.config.cpu_count; i++) {
        machine.cpus[i].priority = machine.config.strategy == HOSTED_PCT ? next_random() : 0;
    }
}

struct cpu *strategy_decide(void)
{
    switch (machine.config.strategy) {
    case HOSTED_RANDOM:
        return decide_random();
    case HOSTED_PCT:
        return decide_pct();
    case HOSTED_BYTES:
        return decide_bytes();
    case HOSTED_REPLAY:
        return decide_explored();
    default:
        machine.until_switch = UINT64_MAX;
        return machine.current;
    }
}

struct cpu *strategy_give_way(void)
{
    struct cpu *others[HOSTED_CPU_MAX];
    unsigned count = list_others(others);
    if (count == 0) {
        return NULL;
    }
    if (machine.config.strategy == HOSTED_PCT) {
        demote(machine.current);
        return highest(false);
    }
    if (machine.config.strategy == HOSTED_BYTES) {
        return others[0]; /* bytes are for real choices */
    }
    if (machine.exploring && explore_active()) {
        return others[explore_choose_other(others, count)];
    }
    return others[schedule_choose(count)];
}
