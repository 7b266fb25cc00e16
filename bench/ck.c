/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The ticket lock of Concurrency Kit, compiled in line.
 */
#include <ck_spinlock.h>
#include <stddef.h>

#include "measure.h"

static ck_spinlock_ticket_t ticket = CK_SPINLOCK_TICKET_INITIALIZER;

static void run_ticket(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        ck_spinlock_ticket_lock(&ticket);
        ck_spinlock_ticket_unlock(&ticket);
    }
}

static void run_ticket_both(uint64_t n)
{
    bench_host_both(run_ticket, n);
}

const struct measure ck_measures[] = {
    {.name = "ck_ticket", .things = 1, .operations = 50000, .run = run_ticket},
    {.name = "ck_ticket_both", .things = 1, .operations = 50000, .run = run_ticket_both},
    {.name = NULL},
};
