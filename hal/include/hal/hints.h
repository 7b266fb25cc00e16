/* SPDX-License-Identifier: BSD-2-Clause
 *
 * HAL contract: hints for the compiler that C17 has no words for. They change what code costs, never what it
 * does.
 */
#ifndef HAL_HINTS_H
#define HAL_HINTS_H

/* A function for what is out of the ordinary: kept apart, so that callers need not set up for it. */
#define HAL_COLD __attribute__((cold, noinline))

#endif
