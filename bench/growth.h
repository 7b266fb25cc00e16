/* SPDX-License-Identifier: BSD-2-Clause
 *
 * How much more two CPUs do than one.
 */
#ifndef BENCH_GROWTH_H
#define BENCH_GROWTH_H

#include <stdint.h>

/* Maps and unmaps pages of one space, on one CPU and then on two with a range each, again and again. Prints
 * "growth RATIO" for each repetition in which the two tasks really ran on two CPUs. */
void growth_measure(uint64_t repetitions);

#endif
