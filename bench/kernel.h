/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the kernels of this folder share: options, printing, giving up.
 */
#ifndef BENCH_KERNEL_H
#define BENCH_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keel/status.h"

/* Prints text. */
void say(const char *text);
__attribute__((format(printf, 1, 2))) void say_format(const char *format, ...);

/* Ends the run with status 1 and a line that names `what` unless all is well. */
void must(keel_status_t status, const char *what);
void require(bool holds, const char *what);

/* The value of word KEY=VALUE on the kernel command line: as text (false: there is none, or it does not fit),
 * or as a number, `otherwise` where there is none. */
bool option_text(const char *key, char *value, size_t size);
uint64_t option_number(const char *key, uint64_t otherwise);

#endif
