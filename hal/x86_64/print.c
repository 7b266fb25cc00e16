/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The backend's own messages: start-up and the last words of a panic. Needs nothing but the console.
 */
#include <stdarg.h>
#include <string.h>

#include "hal/machine.h"
#include "parts.h"

static void print_number(uint64_t value, unsigned base)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    hal_console_write(digits + at, sizeof(digits) - at);
}

void x86_print(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    while (*format != '\0') {
        size_t plain = 0;

        while (format[plain] != '\0' && format[plain] != '%') {
            plain++;
        }
        hal_console_write(format, plain);
        format += plain;
        if (format[0] == '\0' || format[1] == '\0') {
            break;
        }
        if (format[1] == 's') {
            const char *text = va_arg(arguments, const char *);
            hal_console_write(text, strlen(text));
        } else {
            print_number(va_arg(arguments, uint64_t), format[1] == 'x' ? 16 : 10);
        }
        format += 2;
    }
    va_end(arguments);
}
