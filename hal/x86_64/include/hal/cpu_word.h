/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The CPU's word and pointer (hal/cpu.h): fields of struct x86_cpu, each read by one instruction.
 */
#ifndef HAL_CPU_WORD_H
#define HAL_CPU_WORD_H

#include <stdint.h>

#define X86_CPU_POINTER 40
#define X86_CPU_WORD    48

static inline uint32_t hal_cpu_word(void)
{
    uint32_t word;
    __asm__ volatile("movl %%gs:%c1, %0" : "=r"(word) : "i"(X86_CPU_WORD));
    return word;
}

static inline void hal_cpu_word_set(uint32_t word)
{
    __asm__ volatile("movl %0, %%gs:%c1" : : "r"(word), "i"(X86_CPU_WORD));
}

static inline void *hal_cpu_pointer(void)
{
    void *pointer;
    __asm__ volatile("movq %%gs:%c1, %0" : "=r"(pointer) : "i"(X86_CPU_POINTER));
    return pointer;
}

static inline void hal_cpu_pointer_set(void *pointer)
{
    __asm__ volatile("movq %0, %%gs:%c1" : : "r"(pointer), "i"(X86_CPU_POINTER));
}

#endif
