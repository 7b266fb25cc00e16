/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The loader's console: short lines of ASCII through the firmware's text output.
 */
#include <stdarg.h>

#include "loader.h"

static void write_text(const struct loader *loader, const char *text)
{
    CHAR16 wide[2] = {0, 0};

    for (; *text != '\0'; text++) {
        wide[0] = (unsigned char)*text;
        loader->system->ConOut->OutputString(loader->system->ConOut, wide);
    }
}

void loader_say(const struct loader *loader, ...)
{
    va_list parts;
    const char *part;

    if (loader->system->ConOut == NULL) {
        return;
    }
    write_text(loader, "keel loader: ");
    va_start(parts, loader);
    while ((part = va_arg(parts, const char *)) != NULL) {
        write_text(loader, part);
    }
    va_end(parts);
    write_text(loader, "\r\n");
}

const char *loader_hex(char buffer[LOADER_HEX_SIZE], uint64_t value)
{
    static const char digits[] = "0123456789abcdef";
    unsigned at = LOADER_HEX_SIZE - 1;

    buffer[at] = '\0';
    do {
        buffer[--at] = digits[value & 15];
        value >>= 4;
    } while (value != 0);
    buffer[--at] = 'x';
    buffer[--at] = '0';
    return buffer + at;
}
