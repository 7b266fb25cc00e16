/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Lines of text, built piece by piece in a bounded buffer and written to the console in one call, so that
 * lines of concurrent programs never mix.
 */
#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINE_LENGTH_MAX 160u

/* What does not fit is cut off. */
struct line {
    char bytes[LINE_LENGTH_MAX];
    uint32_t length;
};

/* Adds one byte; everything but printable ASCII shows as '?'. */
void line_add_char(struct line *line, char c);
void line_add(struct line *line, const char *text);
void line_add_decimal(struct line *line, uint64_t value);
void line_add_hex(struct line *line, uint64_t value);

/* Writes "NAME| text" and empties the line. */
void line_print(struct line *line, const char *name);

/* What a program writes: line by line, the last one when it is complete or full. */
void line_output(struct line *line, const char *name, const char *bytes, size_t size);

/* The same of what lies in the active space at `va`, as write(2) has it: how many bytes were taken, or a
 * negative Linux error number. What comes before a page that cannot be read is written. */
int64_t line_output_user(struct line *line, const char *name, uint64_t va, uint64_t size);

/* Copies `from` with every byte outside A-Za-z0-9_.- replaced by '_'. At most `size` - 1 bytes and a NUL. */
void name_sanitise(char *to, uint32_t size, const char *from);

#endif
