/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Copies that are no C accesses (M4): string instructions, as on the real machine. Sanitizers do not see
 * them.
 */
#ifndef NATIVE_COPY_H
#define NATIVE_COPY_H

#include <stddef.h>

static inline void copy_bytes(void *to, const void *from, size_t size)
{
    size_t words = size / 8, rest = size % 8;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
}

static inline void clear_words(void **to, size_t words)
{
    __asm__ volatile("rep stosq" : "+D"(*to), "+c"(words) : "a"(0) : "memory");
}

static inline void clear_bytes(void *to, size_t size)
{
    size_t rest = size % 8;
    clear_words(&to, size / 8);
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(rest) : "a"(0) : "memory");
}

#endif
