/* SPDX-License-Identifier: BSD-2-Clause */
#include "race.h"

#include "support.h"

static atomic_u32_t ready, go, done;

keel_task_t race_prepare(void (*entry)(uint64_t), uint64_t argument)
{
    atomic_u32_init(&ready, 0);
    atomic_u32_init(&go, 0);
    atomic_u32_init(&done, 0);
    keel_task_t other = unit_spawn(entry, argument);
    unit_await(&ready);
    return other;
}

void race_begin(void)
{
    hosted_explore_begin();
    (void)atomic_u32_exchange(&go, 1); /* no store buffer keeps it, and the race is on */
}

keel_task_t race_start(void (*entry)(uint64_t), uint64_t argument)
{
    keel_task_t other = race_prepare(entry, argument);
    race_begin();
    return other;
}

void race_finish(keel_task_t other)
{
    unit_await(&done);
    hosted_explore_end();
    CHECK(unit_join(other) == 0);
    CHECK_AUDIT();
}

void race_wait(void)
{
    atomic_u32_store_release(&ready, 1);
    unit_await(&go);
}

void race_done(void)
{
    atomic_u32_store_release(&done, 1);
}
