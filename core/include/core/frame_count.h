/* SPDX-License-Identifier: BSD-2-Clause
 *
 * How many frames are FREE, counted without a cache line that every CPU writes: each CPU has two counters of
 * its own that only grow, what it took and what it returned, and a reader sums them.
 *
 * Frames are counted as returned before anybody can claim them, and as taken after they were claimed. A
 * reader looks at everything taken first, so it has seen the return that came before each; its answer never
 * falls below zero (M6). While frames come and go the answer is of no one moment, but always possible.
 */
#ifndef CORE_FRAME_COUNT_H
#define CORE_FRAME_COUNT_H

#include "hal/types.h"

void frame_count_init(void);
/* Interrupts off. */
void frame_count_taken(uint64_t count);
void frame_count_returned(uint64_t count);
/* At most `total`, however many come and go meanwhile. */
uint64_t frame_count_free(uint64_t total);

#endif
