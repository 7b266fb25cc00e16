/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The boot CPU's side of a start, and the new CPU's answers; see hal/cpu_start.h.
 */
#include "hal/cpu_start.h"
#include "hal/cpu.h"

#define NS_PER_MS UINT64_C(1000000)
/* SDM vol. 3A, 8.4.4.1: 10 ms after INIT, 200 us after the first start-up IPI. */
#define AFTER_INIT_NS (10 * NS_PER_MS)
#define FIRST_TRY_NS  (NS_PER_MS / 5)
/* A virtual CPU may have to wait for a host CPU. Reached only where something is broken. */
#define PATIENCE_NS (5000 * NS_PER_MS)
/* Virtual CPUs that take turns on one host CPU never see each other's clock closely. */
#define LOOKS_MAX 4u

static atomic_u64_t told_time; /* what the boot CPU's clock says */

/* Until the state is no longer `from`, or for so long. Tells the time meanwhile. */
static uint32_t wait_while(const atomic_u32_t *state, uint32_t from, uint64_t duration)
{
    const uint64_t start = hal_time_now();
    uint64_t now = start;
    uint32_t is = atomic_u32_load_acquire(state);

    while (is == from && now - start < duration) {
        hal_cpu_relax();
        now = hal_time_now();
        atomic_u64_store_release(&told_time, now);
        is = atomic_u32_load_acquire(state);
    }
    return is;
}

/* What a CPU is that did not go on from `state`. One that stepped on at the last moment has its way. */
static bool withdraw(atomic_u32_t *state, uint32_t from)
{
    return atomic_u32_cas(state, &from, CPU_START_WITHDRAWN);
}

static bool is_taken(atomic_u32_t *state, uint32_t apic_id, uint8_t page)
{
    cpu_start_send_init(apic_id);
    (void)wait_while(state, CPU_START_OFFERED, AFTER_INIT_NS);
    cpu_start_send_startup(apic_id, page);
    if (wait_while(state, CPU_START_OFFERED, FIRST_TRY_NS) != CPU_START_OFFERED) {
        return true;
    }
    cpu_start_send_startup(apic_id, page);
    return wait_while(state, CPU_START_OFFERED, PATIENCE_NS) != CPU_START_OFFERED ||
           !withdraw(state, CPU_START_OFFERED);
}

enum cpu_start_result cpu_start(atomic_u32_t *state, uint32_t apic_id, uint8_t page)
{
    uint32_t answer;

    atomic_u32_store_release(state, CPU_START_OFFERED);
    if (!is_taken(state, apic_id, page)) {
        cpu_start_send_init(apic_id);
        return CPU_START_SILENT;
    }
    answer = wait_while(state, CPU_START_TAKEN, PATIENCE_NS);
    if (answer == CPU_START_TAKEN && withdraw(state, CPU_START_TAKEN)) {
        cpu_start_send_init(apic_id);
        return CPU_START_STUCK;
    }
    answer = atomic_u32_load_acquire(state);
    if (answer == CPU_START_UNFIT) {
        cpu_start_send_init(apic_id);
        return CPU_START_REFUSED;
    }
    return CPU_START_RUNS;
}

bool cpu_start_answer(atomic_u32_t *state, bool fit)
{
    uint32_t from = CPU_START_TAKEN;

    return atomic_u32_cas(state, &from, fit ? CPU_START_READY : CPU_START_UNFIT);
}

/* The next time that the boot CPU tells after it told `last`. False: it tells none any more. */
static bool next_time(const atomic_u32_t *state, uint64_t last, uint64_t *time)
{
    do {
        if (atomic_u32_load_acquire(state) != CPU_START_TAKEN) {
            return false;
        }
        hal_cpu_relax();
        *time = atomic_u64_load_acquire(&told_time);
    } while (*time == last);
    return true;
}

/* What is told may have been read from the clock a while before: the first change after this CPU's look at
 * its own clock may be older than the look, the second was read after the first was told. */
bool cpu_start_clock_agrees(const atomic_u32_t *state)
{
    uint64_t before, own, after;
    unsigned looks = 0;

    do {
        before = atomic_u64_load_acquire(&told_time);
        own = hal_time_now();
        if (!next_time(state, atomic_u64_load_acquire(&told_time), &after) ||
            !next_time(state, after, &after) || before > own || own > after) {
            return false;
        }
    } while (after - before > CPU_START_CLOCKS_APART_NS && ++looks < LOOKS_MAX);
    return true;
}
