/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The CPU's word (hal/cpu.h): a field of struct x86_cpu, read by one instruction.
 */
#ifndef HAL_CPU_WORD_H
#define HAL_CPU_WORD_H

#include <stdint.h>

#define X86_CPU_WORD 40

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

#endif
