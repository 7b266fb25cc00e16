/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Building one line of text in a fixed buffer, type-safe and without varargs. What does not fit is cut.
 */
#ifndef CORE_TEXT_H
#define CORE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#define TEXT_SIZE 240u

struct text {
    size_t size;
    char bytes[TEXT_SIZE];
};

void text_clear(struct text *text);
void text_char(struct text *text, char c);
void text_string(struct text *text, const char *string);
/* Bytes from outside: what is not printable ASCII shows as '?'. */
void text_bytes(struct text *text, const char *bytes, size_t size);
void text_u64(struct text *text, uint64_t value);
void text_i64(struct text *text, int64_t value);
void text_hex(struct text *text, uint64_t value);
/* Decimal, at least `width` digits, filled with `fill`. */
void text_padded(struct text *text, uint64_t value, unsigned width, char fill);

#endif
