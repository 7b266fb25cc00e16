/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The kernel command line, see core/cmdline.h.
 */
#include "core/cmdline.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Does the word start with `key`, followed by its end or '='? Sets `value` if so. */
static bool word_matches(const char *word, size_t size, const char *key, struct cmdline_value *value)
{
    size_t i = 0;
    while (key[i] != '\0') {
        if (i == size || word[i] != key[i]) {
            return false;
        }
        i++;
    }
    if (i == size) {
        *value = (struct cmdline_value){.bytes = NULL, .size = 0};
        return true;
    }
    if (word[i] != '=') {
        return false;
    }
    *value = (struct cmdline_value){.bytes = word + i + 1, .size = size - i - 1};
    return true;
}

bool cmdline_find(const char *line, size_t size, const char *key, struct cmdline_value *value)
{
    bool found = false;
    size_t at = 0;
    while (at < size) {
        if (is_space(line[at])) {
            at++;
            continue;
        }
        size_t end = at;
        while (end < size && !is_space(line[end])) {
            end++;
        }
        found |= word_matches(line + at, end - at, key, value);
        at = end;
    }
    return found;
}

static unsigned suffix_shift(char c)
{
    switch (c) {
    case 'K':
        return 10;
    case 'M':
        return 20;
    case 'G':
        return 30;
    default:
        return 0;
    }
}

bool cmdline_number(const struct cmdline_value *value, uint64_t *number)
{
    if (value->bytes == NULL || value->size == 0) {
        return false;
    }
    size_t size = value->size;
    unsigned shift = suffix_shift(value->bytes[size - 1]);
    size -= shift > 0;
    uint64_t total = 0;
    for (size_t i = 0; i < size; i++) {
        if (value->bytes[i] < '0' || value->bytes[i] > '9') {
            return false;
        }
        uint64_t digit = (uint64_t)(value->bytes[i] - '0');
        if (total > (UINT64_MAX - digit) / 10) {
            return false;
        }
        total = total * 10 + digit;
    }
    if (size == 0 || total > UINT64_MAX >> shift) {
        return false;
    }
    *number = total << shift;
    return true;
}
