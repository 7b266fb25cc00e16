/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Accesses to simulated RAM. They are single instructions and not C lvalue accesses: each byte is moved
 * exactly once whatever the compiler does (M4), and no sanitizer looks, for the RAM behind is poisoned
 * against everybody else.
 */
#ifndef HOSTED_RAW_H
#define HOSTED_RAW_H

#include <stddef.h>
#include <stdint.h>

#include "sanitizer.h"

static inline void raw_copy(void *to, const void *from, size_t size)
{
    sanitizer_written(to, size);
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
}

static inline void raw_fill(void *to, uint8_t byte, size_t size)
{
    sanitizer_written(to, size);
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(byte) : "memory");
}

static inline void raw_clear_words(void *to, size_t words)
{
    sanitizer_written(to, words * sizeof(uint64_t));
    __asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(0) : "memory");
}

static inline uint64_t raw_load(const uint64_t *from)
{
    uint64_t value;
    __asm__ volatile("movq (%1), %0" : "=r"(value) : "r"(from) : "memory");
    return value;
}

static inline void raw_store(uint64_t *to, uint64_t value)
{
    __asm__ volatile("movq %1, (%0)" : : "r"(to), "r"(value) : "memory");
}

static inline uint64_t raw_exchange(uint64_t *at, uint64_t value)
{
    __asm__ volatile("xchgq %0, (%1)" : "+r"(value) : "r"(at) : "memory");
    return value;
}

static inline uint8_t raw_load8(const void *from)
{
    uint8_t value;
    __asm__ volatile("movb (%1), %0" : "=q"(value) : "r"(from) : "memory");
    return value;
}

static inline uint32_t raw_load32(const void *from)
{
    uint32_t value;
    __asm__ volatile("movl (%1), %0" : "=r"(value) : "r"(from) : "memory");
    return value;
}

static inline void raw_store32(void *to, uint32_t value)
{
    __asm__ volatile("movl %1, (%0)" : : "r"(to), "r"(value) : "memory");
}

/* Answers what was there. */
static inline uint64_t raw_cas(void *at, uint64_t expected, uint64_t desired)
{
    __asm__ volatile("lock cmpxchgq %2, (%1)" : "+a"(expected) : "r"(at), "r"(desired) : "memory", "cc");
    return expected;
}

static inline uint32_t raw_cas32(void *at, uint32_t expected, uint32_t desired)
{
    __asm__ volatile("lock cmpxchgl %2, (%1)" : "+a"(expected) : "r"(at), "r"(desired) : "memory", "cc");
    return expected;
}

#endif
