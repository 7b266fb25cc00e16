/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See kernel.h. These kernels run as Linux processes only, hence the C library.
 */
#include "kernel.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keel/keel.h"

#define LINE_MAX         512
#define COMMAND_LINE_MAX 1024

void say(const char *text)
{
    (void)keel_console_write(text, strlen(text));
}

void say_format(const char *format, ...)
{
    char line[LINE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    say(line);
}

void require(bool holds, const char *what)
{
    if (!holds) {
        say_format("FAILED: %s\n", what);
        (void)keel_power_off(1);
        abort();
    }
}

void must(keel_status_t status, const char *what)
{
    if (status != KEEL_OK) {
        say_format("FAILED: %s: %s\n", what, keel_status_text(status));
        require(false, what);
    }
}

bool option_text(const char *key, char *value, size_t size)
{
    char line[COMMAND_LINE_MAX] = {0};
    struct keel_boot_info info;
    must(keel_boot_info(&info), "boot_info");
    require(info.command_line_size < sizeof line, "the command line is too long");
    must(keel_boot_command_line(0, line, (size_t)info.command_line_size), "boot_command_line");
    for (char *rest = line, *word; (word = strtok_r(rest, " ", &rest)) != NULL;) {
        size_t length = strlen(key);
        if (strncmp(word, key, length) == 0 && word[length] == '=' && strlen(word + length + 1) < size) {
            memcpy(value, word + length + 1, strlen(word + length + 1) + 1);
            return true;
        }
    }
    return false;
}

uint64_t option_number(const char *key, uint64_t otherwise)
{
    char text[32];
    return option_text(key, text, sizeof text) ? strtoull(text, NULL, 10) : otherwise;
}
