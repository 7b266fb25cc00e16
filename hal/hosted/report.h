/* SPDX-License-Identifier: BSD-2-Clause
 *
 * How the machine reports: machine checks, plain lines, backtraces.
 */
#ifndef HOSTED_REPORT_H
#define HOSTED_REPORT_H

#include <stdbool.h>
#include <stdint.h>

/* Core broke the invariant `id` of docs/soundness.md, or the HAL contract (id "HAL"). Aborts the process, or
 * counts where the configuration says so; the caller then goes on as well as it can. */
__attribute__((format(printf, 2, 3))) void machine_check(const char *id, const char *format, ...);

/* A line of the machine's own on the console. */
__attribute__((format(printf, 1, 2))) void machine_print(const char *format, ...);

/* Host call stack with symbol names, on the console. */
void machine_backtrace(void);

/* Checks that HAL calls make on their callers. True if it holds. */
#define CONTRACT(condition, text) ((condition) || (machine_check("HAL", "%s: %s", __func__, text), false))

#endif
