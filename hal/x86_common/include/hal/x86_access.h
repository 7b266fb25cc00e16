/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Memory that is no C object, and registers of devices, in single moves: the compiler can neither repeat,
 * split nor invent them, and no sanitizer looks. `width` is 1, 2, 4 or 8 and the address a multiple of it, so
 * each is one access of the CPU (Intel SDM vol. 3A, 9.1.1).
 */
#ifndef HAL_X86_ACCESS_H
#define HAL_X86_ACCESS_H

#include <stdint.h>

static inline uint64_t x86_access_load(const volatile void *from, unsigned width)
{
    uint64_t value;
    switch (width) {
    case 1:
        __asm__ volatile("movzbl (%1), %k0" : "=r"(value) : "r"(from) : "memory");
        return value;
    case 2:
        __asm__ volatile("movzwl (%1), %k0" : "=r"(value) : "r"(from) : "memory");
        return value;
    case 4:
        __asm__ volatile("movl (%1), %k0" : "=r"(value) : "r"(from) : "memory");
        return value;
    default:
        __asm__ volatile("movq (%1), %0" : "=r"(value) : "r"(from) : "memory");
        return value;
    }
}

static inline void x86_access_store(volatile void *to, unsigned width, uint64_t value)
{
    switch (width) {
    case 1:
        __asm__ volatile("movb %b1, (%0)" : : "r"(to), "q"(value) : "memory");
        return;
    case 2:
        __asm__ volatile("movw %w1, (%0)" : : "r"(to), "r"(value) : "memory");
        return;
    case 4:
        __asm__ volatile("movl %k1, (%0)" : : "r"(to), "r"(value) : "memory");
        return;
    default:
        __asm__ volatile("movq %1, (%0)" : : "r"(to), "r"(value) : "memory");
    }
}

#endif
