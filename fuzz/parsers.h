/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the files of fuzz_parsers share: an input that is eaten up, checks, and the parsers that are not in
 * fuzz_parsers.c.
 */
#ifndef FUZZ_PARSERS_H
#define FUZZ_PARSERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

extern bool parsers_print; /* say what an input is taken for */

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            (void)fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                    \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

#define PRINT(...)                                                                                           \
    do {                                                                                                     \
        if (parsers_print)                                                                                   \
            (void)printf(__VA_ARGS__);                                                                       \
    } while (0)

struct input {
    const uint8_t *data;
    size_t size;
    uint32_t reads; /* how often the parser asked: it must come to an end */
};

#define READS_MAX 1000000u

/* The next `size` (at most 8) bytes as a little-endian number; zeroes past the end. */
static inline uint64_t take(struct input *input, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size && input->size != 0; i++) {
        value |= (uint64_t)*input->data << (8 * i);
        input->data++;
        input->size--;
    }
    return value;
}

/* fuzz_parsers.c: where the value of a key on a command line is; `size`: nowhere. */
size_t parsers_last_word(const char *line, size_t size, const char *key);

/* parsers_devices.c */
void fuzz_clock(struct input *input);
void fuzz_pci(struct input *input);

#endif
