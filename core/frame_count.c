/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The count of FREE frames, see core/frame_count.h.
 */
#include "core/frame_count.h"

#include "hal/atomic.h"
#include "hal/cpu.h"

/* Written by one CPU, read by all; a cache line each. */
struct counters {
    _Alignas(64) atomic_u64_t taken;
    atomic_u64_t returned;
};

static struct counters counters[HAL_CPU_MAX];

void frame_count_init(void)
{
    for (unsigned cpu = 0; cpu < HAL_CPU_MAX; cpu++) {
        atomic_u64_init(&counters[cpu].taken, 0);
        atomic_u64_init(&counters[cpu].returned, 0);
    }
}

static void grow(atomic_u64_t *counter, uint64_t count)
{
    atomic_u64_store_release(counter, atomic_u64_peek(counter) + count);
}

void frame_count_taken(uint64_t count)
{
    grow(&counters[hal_cpu_id()].taken, count);
}

void frame_count_returned(uint64_t count)
{
    grow(&counters[hal_cpu_id()].returned, count);
}

static uint64_t sum_taken(void)
{
    uint64_t sum = 0;
    for (unsigned cpu = 0; cpu < hal_cpu_count(); cpu++) {
        sum += atomic_u64_load_acquire(&counters[cpu].taken);
    }
    return sum;
}

static uint64_t sum_returned(void)
{
    uint64_t sum = 0;
    for (unsigned cpu = 0; cpu < hal_cpu_count(); cpu++) {
        sum += atomic_u64_load_acquire(&counters[cpu].returned);
    }
    return sum;
}

uint64_t frame_count_free(uint64_t total)
{
    uint64_t taken = sum_taken(); /* first: see the header */
    uint64_t returned = sum_returned();
    return returned - taken < total ? returned - taken : total;
}
