/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The kernel command line: words separated by white space, each `key` or `key=value`. Pure code.
 */
#ifndef CORE_CMDLINE_H
#define CORE_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CMDLINE_SIZE_MAX 4096u

struct cmdline_value {
    const char *bytes; /* inside the command line; NULL for a bare key */
    size_t size;
};

/* The last word with this key (later words win). False: there is none. */
bool cmdline_find(const char *line, size_t size, const char *key, struct cmdline_value *value);

/* A decimal number, with K, M or G for powers of 1024. False: not one, or past 2^64. */
bool cmdline_number(const struct cmdline_value *value, uint64_t *number);

#endif
