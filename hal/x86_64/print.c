/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The backend's own messages: start-up and the last words of a panic. Needs nothing but the console.
 */
#include <stdarg.h>
#include <string.h>

#include "hal/machine.h"
#include "parts.h"

/* What is written in one piece (serial.c), so that no other CPU's stands in the middle. */
struct piece {
    size_t size;
    char bytes[256];
};

static void add(struct piece *piece, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (piece->size == sizeof(piece->bytes)) {
            hal_console_write(piece->bytes, piece->size);
            piece->size = 0;
        }
        piece->bytes[piece->size++] = bytes[i];
    }
}

static void add_number(struct piece *piece, uint64_t value, unsigned base)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    add(piece, digits + at, sizeof(digits) - at);
}

void x86_print(const char *format, ...)
{
    struct piece piece = {.size = 0};
    va_list arguments;

    va_start(arguments, format);
    while (*format != '\0') {
        size_t plain = 0;

        while (format[plain] != '\0' && format[plain] != '%') {
            plain++;
        }
        add(&piece, format, plain);
        format += plain;
        if (format[0] == '\0' || format[1] == '\0') {
            break;
        }
        if (format[1] == 's') {
            const char *text = va_arg(arguments, const char *);
            add(&piece, text, strlen(text));
        } else {
            add_number(&piece, va_arg(arguments, uint64_t), format[1] == 'x' ? 16 : 10);
        }
        format += 2;
    }
    va_end(arguments);
    hal_console_write(piece.bytes, piece.size);
}
