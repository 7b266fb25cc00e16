/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Lines of text for the console.
 */
#include "text.h"

#include "keel/machine.h"
#include "keel/user_memory.h"
#include "linux.h"

/* One write call takes at most this many bytes; more is a short write, as programs must expect. */
#define WRITE_MAX  65536u
#define CHUNK_SIZE 256u

void line_add_char(struct line *line, char c)
{
    if (line->length == LINE_LENGTH_MAX) {
        return;
    }
    line->bytes[line->length] = (c >= ' ' && c <= '~') ? c : '?';
    line->length++;
}

void line_add(struct line *line, const char *text)
{
    for (; *text != '\0'; text++) {
        line_add_char(line, *text);
    }
}

static void add_number(struct line *line, uint64_t value, uint32_t base)
{
    char digits[20]; /* 2^64 - 1 in decimal */
    uint32_t count = 0;
    do {
        digits[count] = "0123456789abcdef"[value % base];
        count++;
        value /= base;
    } while (value != 0);
    for (; count != 0; count--) {
        line_add_char(line, digits[count - 1]);
    }
}

void line_add_decimal(struct line *line, uint64_t value)
{
    add_number(line, value, 10);
}

void line_add_hex(struct line *line, uint64_t value)
{
    line_add(line, "0x");
    add_number(line, value, 16);
}

void line_print(struct line *line, const char *name)
{
    char bytes[2 * LINE_LENGTH_MAX];
    uint32_t size = 0;
    for (; *name != '\0' && size < LINE_LENGTH_MAX - 3; name++, size++) {
        bytes[size] = *name;
    }
    bytes[size] = '|';
    bytes[size + 1] = ' ';
    size += 2;
    for (uint32_t i = 0; i < line->length; i++, size++) {
        bytes[size] = line->bytes[i];
    }
    bytes[size] = '\n';
    (void)keel_console_write(bytes, size + 1); /* a console that fails leaves nobody to tell */
    line->length = 0;
}

void line_output(struct line *line, const char *name, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != '\n') {
            line_add_char(line, bytes[i]);
        }
        if (bytes[i] == '\n' || line->length == LINE_LENGTH_MAX) {
            line_print(line, name);
        }
    }
}

/* Never copies over a page border at once. */
int64_t line_output_user(struct line *line, const char *name, uint64_t va, uint64_t size)
{
    char chunk[CHUNK_SIZE];
    uint64_t done = 0;
    size = size < WRITE_MAX ? size : WRITE_MAX;
    while (done < size) {
        uint64_t part = CHUNK_SIZE - (va + done) % CHUNK_SIZE;
        part = part < size - done ? part : size - done;
        if (keel_user_read(va + done, chunk, (size_t)part) != KEEL_OK) {
            return done != 0 ? (int64_t)done : -LINUX_EFAULT;
        }
        line_output(line, name, chunk, (size_t)part);
        done += part;
    }
    return (int64_t)done;
}

static bool is_name_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
}

void name_sanitise(char *to, uint32_t size, const char *from)
{
    uint32_t length = 0;
    for (; from[length] != '\0' && length < size - 1; length++) {
        to[length] = is_name_char(from[length]) ? from[length] : '_';
    }
    to[length] = '\0';
}
