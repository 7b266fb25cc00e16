/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What a driver waits by.
 */
#ifndef SERVICES_ELAPSED_H
#define SERVICES_ELAPSED_H

#include "keel/machine.h"

/* Nanoseconds that have passed since `start`; none where this CPU's clock is behind that of the one on which
 * it was looked at (keel_time_now). Errors: those of keel_time_now. */
static inline keel_status_t services_elapsed(uint64_t start, uint64_t *passed)
{
    uint64_t now = start;
    keel_status_t status = keel_time_now(&now);
    *passed = now > start ? now - start : 0;
    return status;
}

#endif
