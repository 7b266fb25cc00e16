/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What happens to fuzz_world's machine besides calls. An operation whose first byte is CALL_COUNT or more
 * (modulo the kinds) is one of these instead of a call; its other bytes say what exactly.
 */
#ifndef FUZZ_WORLD_EVENTS_H
#define FUZZ_WORLD_EVENTS_H

#include "calls_input.h"

enum world_event {
    WORLD_REACH,   /* a device reaches for memory */
    WORLD_SEND,    /* a function of PCI sends one of its messages */
    WORLD_FORGE,   /* a device writes any message */
    WORLD_LINE,    /* a wire is asserted, or no longer */
    WORLD_CONFIG,  /* a function has something else in a register of which it alone disposes */
    WORLD_FAIL,    /* the memory request that comes so many requests later is refused */
    WORLD_PROGRAM, /* the caller maps the input's user program somewhere */
    WORLD_RUN,     /* and runs it */
    WORLD_EVENT_COUNT
};
_Static_assert((int)CALL_COUNT + (int)WORLD_EVENT_COUNT <= 256, "one byte says what an operation is");

static inline enum world_event world_event(const struct calls_op *op)
{
    return (enum world_event)((op->call - (unsigned)CALL_COUNT) % WORLD_EVENT_COUNT);
}

void world_happen(const struct calls_op *op);
void world_print(const struct calls_op *op);

#endif
