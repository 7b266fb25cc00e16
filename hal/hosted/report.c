/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Reports of the machine.
 */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hal/machine.h"
#include "state.h"

#define LINE_MAX_SIZE 256

void machine_print(const char *format, ...)
{
    char line[LINE_MAX_SIZE];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    size_t size = length < 0 ? 0 : (size_t)length;
    if (size > sizeof line - 2) {
        size = sizeof line - 2;
    }
    line[size] = '\n';
    hal_console_write(line, size + 1);
}

void machine_check(const char *id, const char *format, ...)
{
    char text[sizeof machine.result.first_violation];
    int prefix = snprintf(text, sizeof text, "%s: ", id);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + prefix, sizeof text - (size_t)prefix, format, arguments);
    va_end(arguments);

    if (machine.config.count_violations) {
        if (machine.result.violations++ == 0) {
            memcpy(machine.result.first_violation, text, sizeof text);
        }
        return;
    }
    machine_print("keel: machine check: %s (cpu %u, %llu points)", text, machine.current->id,
                  (unsigned long long)machine.result.points);
    machine_backtrace();
    machine_end(HOSTED_CHECK, 1, text);
}
