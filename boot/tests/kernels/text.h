/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Lines of text in a bounded buffer, written to the console in one call.
 */
#ifndef KERNELS_TEXT_H
#define KERNELS_TEXT_H

#include <stddef.h>
#include <stdint.h>

#define TEXT_MAX 200u

/* What does not fit is cut off. */
struct text {
    char bytes[TEXT_MAX];
    size_t size;
};

void text_begin(struct text *text);
void text_add(struct text *text, const char *string);
void text_add_number(struct text *text, uint64_t number, unsigned base);

/* Writes "NAME| text". */
void text_print(const struct text *text, const char *name);

#endif
