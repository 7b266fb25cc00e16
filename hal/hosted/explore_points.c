/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the explorer learns at scheduling points: which states there are, and which schedules need not be
 * tried.
 *
 * States. The way of a CPU is the sequence of points that it came to since the stretch began. A state is the
 * combination of the ways of all CPUs. Memory is no part of it: two schedules that pass the same states may
 * have done different things.
 *
 * Reduction. CPU A is preempted before its operation, others do theirs, and A goes on. If none of theirs
 * depends on A's, the same comes of the schedule in which A is preempted at its next point instead, after the
 * operation. That one has as many preemptions or less (if A waits there), and smaller digits: it was tried
 * before. So the run is cut when A comes to that next point, which proves that there is one in the stretch.
 * Its place in the order of digits makes the argument well-founded: what is left out is equivalent to
 * something smaller. Everything is taken to depend on HAL calls, user code, a look at the frozen machine, and
 * a timer whose time comes. It holds for kernels without data races on plain memory, which ThreadSanitizer
 * finds, under this reduction too.
 */
#include <sys/mman.h>

#include "explore.h"

#define STATE_SLOTS ((size_t)1 << 22)

static struct {
    uint64_t way[HOSTED_CPU_MAX];
    struct explore_point point[HOSTED_CPU_MAX]; /* the last that the CPU came to */
    bool preempted[HOSTED_CPU_MAX];             /* there, and came to no other since */
    bool disturbed[HOSTED_CPU_MAX];             /* by something that its operation depends on */
    uint64_t *states;                           /* a hash table of STATE_SLOTS; 0: free */
} points;

static bool listening(void)
{
    return machine.exploring && explore_active();
}

void explore_points_begin(void)
{
    points.states = NULL;
    if (!search.explore->count_states) {
        return;
    }
    void *memory = mmap(NULL, STATE_SLOTS * sizeof *points.states, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    points.states = memory != MAP_FAILED ? memory : NULL;
    search.found->states_full = !points.states;
}

void explore_points_end(void)
{
    if (points.states) {
        munmap(points.states, STATE_SLOTS * sizeof *points.states);
    }
}

void explore_points_prepare(void)
{
    for (unsigned i = 0; i < HOSTED_CPU_MAX; i++) {
        points.way[i] = 0;
        points.preempted[i] = false;
    }
}

/* The finaliser of MurmurHash3 (Appleby, 2011): every bit of the input changes half of the output's. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    x = (x ^ (x >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return x ^ (x >> 33);
}

static void count_state(void)
{
    uint64_t state = 0;
    for (unsigned i = 0; i < machine.config.cpu_count; i++) {
        state = mix(state + points.way[i] + i);
    }
    state |= 1;
    size_t slot = state >> 42;
    while (points.states[slot] != 0 && points.states[slot] != state) {
        slot = (slot + 1) % STATE_SLOTS;
    }
    if (points.states[slot] == state) {
        return;
    }
    if (search.found->states >= STATE_SLOTS / 4 * 3) {
        search.found->states_full = true;
        return;
    }
    points.states[slot] = state;
    search.found->states++;
}

/* Accesses to different words commute, loads commute, and what concerns this CPU alone (interrupts on and
 * off, a fence, a turn of a spin-wait) commutes with every access. HAL calls are not looked into. */
static bool commute(const struct explore_point *one, const struct explore_point *other)
{
    bool one_local =
        one->kind == HAL_POINT_FENCE || one->kind == HAL_POINT_IRQ || one->kind == HAL_POINT_RELAX;
    bool other_local =
        other->kind == HAL_POINT_FENCE || other->kind == HAL_POINT_IRQ || other->kind == HAL_POINT_RELAX;
    if ((!one_local && !one->address) || (!other_local && !other->address)) {
        return false;
    }
    return one_local || other_local || (uintptr_t)one->address / 8 != (uintptr_t)other->address / 8 ||
           (one->kind == HAL_POINT_LOAD && other->kind == HAL_POINT_LOAD);
}

/* The current CPU comes to a next point, or waits, in the stretch. */
static void cut_if_equivalent(void)
{
    unsigned cpu = machine.current->id;
    bool equivalent = points.preempted[cpu] && !points.disturbed[cpu];
    points.preempted[cpu] = false;
    if (equivalent && search.explore->reduce && search.kind == HOSTED_SEARCH_EXHAUSTIVE) {
        machine_end(HOSTED_CUT, 0, "");
    }
}

void explore_arrive(const struct explore_point *point)
{
    if (!listening()) {
        return;
    }
    unsigned cpu = machine.current->id;
    cut_if_equivalent();
    points.point[cpu] = *point;
    search.found->points++;
    points.way[cpu] = mix(points.way[cpu] + (uintptr_t)point->place);
    if (points.states) {
        count_state();
    }
}

void explore_perform(const struct explore_point *point)
{
    if (!listening()) {
        return;
    }
    for (unsigned i = 0; i < machine.config.cpu_count; i++) {
        bool depends = i != machine.current->id && !commute(&points.point[i], point);
        points.disturbed[i] = points.disturbed[i] || depends;
    }
    explore_trace(HOSTED_EVENT_POINT, point);
}

void explore_preempted(void)
{
    if (!listening()) {
        return;
    }
    unsigned cpu = machine.current->id;
    points.preempted[cpu] = true;
    points.disturbed[cpu] = false;
    explore_trace(HOSTED_EVENT_PREEMPTED, &points.point[cpu]);
}

void explore_relaxes(void)
{
    if (listening()) {
        explore_trace(HOSTED_EVENT_RELAXES, &points.point[machine.current->id]);
    }
}

void explore_waits(const void *place)
{
    if (listening()) {
        cut_if_equivalent();
        explore_trace(HOSTED_EVENT_WAITS, &(struct explore_point){HAL_POINT_HAL, NULL, place});
    }
}

void explore_timer(void)
{
    if (listening()) {
        explore_trace(HOSTED_EVENT_TIMER, &points.point[machine.current->id]);
    }
}

void explore_interrupt(void)
{
    if (listening()) {
        explore_trace(HOSTED_EVENT_INTERRUPT,
                      &(struct explore_point){HAL_POINT_HAL, NULL, __builtin_return_address(0)});
    }
}

void explore_disturb(void)
{
    for (unsigned i = 0; i < HOSTED_CPU_MAX; i++) {
        points.disturbed[i] = true;
    }
}
