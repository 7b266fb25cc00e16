/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Switching between two tasks of one CPU: by yielding, and by waking each other.
 */
#include "keel/keel.h"

#include <stddef.h>

#include "kernel.h"
#include "measure.h"

static keel_semaphore_t ping, pong;

static void yield_often(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        (void)keel_task_yield();
    }
}

/* A pair of switches each time: to the partner and back. */
static void run_switch(uint64_t n)
{
    struct bench_partner partner = bench_partner_start(yield_often, n);
    yield_often(n);
    bench_partner_join(partner);
}

static void prepare_semaphores(void)
{
    must(keel_semaphore_create(0, &ping), "semaphore_create");
    must(keel_semaphore_create(0, &pong), "semaphore_create");
}

static void answer(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        (void)keel_semaphore_down(ping, KEEL_FOREVER);
        (void)keel_semaphore_up(pong, 1);
    }
}

/* Two hand-overs each time. */
static void run_handover(uint64_t n)
{
    struct bench_partner partner = bench_partner_start(answer, n);
    for (uint64_t i = 0; i < n; i++) {
        (void)keel_semaphore_up(ping, 1);
        (void)keel_semaphore_down(pong, KEEL_FOREVER);
    }
    bench_partner_join(partner);
}

static void nothing(uint64_t n)
{
    (void)n;
}

static void run_spawn(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        bench_partner_join(bench_partner_start(nothing, 0));
    }
}

const struct measure switch_measures[] = {
    {.name = "yield", .things = 1, .operations = 50000, .run = yield_often},
    {.name = "switch", .things = 1, .operations = 20000, .run = run_switch},
    {.name = "handover",
     .things = 2,
     .operations = 10000,
     .prepare = prepare_semaphores,
     .run = run_handover},
    {.name = "spawn", .things = 1, .operations = 500, .run = run_spawn},
    {.name = NULL},
};
