/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Text in a fixed buffer, see core/text.h.
 */
#include "core/text.h"

void text_clear(struct text *text)
{
    text->size = 0;
}

void text_char(struct text *text, char c)
{
    if (text->size < TEXT_SIZE) {
        text->bytes[text->size++] = c;
    }
}

void text_string(struct text *text, const char *string)
{
    while (*string != '\0') {
        text_char(text, *string++);
    }
}

void text_bytes(struct text *text, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size && text->size < TEXT_SIZE; i++) {
        char c = bytes[i];
        text_char(text, (c >= 0x20 && c < 0x7f) ? c : '?');
    }
}

static void digits(struct text *text, uint64_t value, unsigned base, unsigned width, char fill)
{
    char reversed[20];
    unsigned count = 0;
    do {
        reversed[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    for (unsigned i = count; i < width; i++) {
        text_char(text, fill);
    }
    while (count > 0) {
        text_char(text, reversed[--count]);
    }
}

void text_u64(struct text *text, uint64_t value)
{
    digits(text, value, 10, 1, '0');
}

void text_i64(struct text *text, int64_t value)
{
    if (value < 0) {
        text_char(text, '-');
    }
    digits(text, value < 0 ? UINT64_C(0) - (uint64_t)value : (uint64_t)value, 10, 1, '0');
}

void text_hex(struct text *text, uint64_t value)
{
    text_string(text, "0x");
    digits(text, value, 16, 1, '0');
}

void text_padded(struct text *text, uint64_t value, unsigned width, char fill)
{
    digits(text, value, 10, width, fill);
}
