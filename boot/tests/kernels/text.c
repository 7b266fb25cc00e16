/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See text.h.
 */
#include "text.h"

#include "keel/machine.h"

static void add_char(struct text *text, char c)
{
    if (text->size < TEXT_MAX) {
        text->bytes[text->size] = c;
        text->size++;
    }
}

void text_begin(struct text *text)
{
    text->size = 0;
}

void text_add(struct text *text, const char *string)
{
    for (; *string != '\0'; string++) {
        add_char(text, *string);
    }
}

void text_add_number(struct text *text, uint64_t number, unsigned base)
{
    char digits[20]; /* 2^64 - 1 in decimal */
    size_t count = 0;
    do {
        digits[count] = "0123456789abcdef"[number % base];
        count++;
        number /= base;
    } while (number != 0);
    while (count > 0) {
        count--;
        add_char(text, digits[count]);
    }
}

void text_print(const struct text *text, const char *name)
{
    char line[2 * TEXT_MAX];
    size_t size = 0;
    for (; *name != '\0' && size < TEXT_MAX - 3; name++) {
        line[size++] = *name;
    }
    line[size++] = '|';
    line[size++] = ' ';
    for (size_t i = 0; i < text->size; i++) {
        line[size++] = text->bytes[i];
    }
    line[size++] = '\n';
    (void)keel_console_write(line, size); /* a console that fails leaves nobody to tell */
}
