/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See services_stubs.h.
 */
#include "services_stubs.h"

#include <sched.h>

#include "keel/machine.h"

unsigned stub_log_lines;
uint64_t stub_time;

static void yield(void)
{
    sched_yield();
}

void (*stub_relax)(void) = yield;

keel_status_t keel_cpu_relax(void)
{
    stub_relax();
    return KEEL_OK;
}

keel_status_t keel_time_now(uint64_t *nanoseconds)
{
    *nanoseconds = stub_time;
    return KEEL_OK;
}

keel_status_t keel_log(uint32_t level, const void *text, size_t size)
{
    (void)level;
    (void)text;
    stub_log_lines += size > 0;
    return KEEL_OK;
}
