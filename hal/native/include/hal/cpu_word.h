/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The CPU's word and pointer (hal/cpu.h): thread-local variables, each read by one instruction, since the
 * thread may be another one before the next.
 */
#ifndef HAL_CPU_WORD_H
#define HAL_CPU_WORD_H

#include <stdint.h>

extern _Thread_local uint32_t native_cpu_word;
extern _Thread_local void *native_cpu_pointer;

static inline uint32_t hal_cpu_word(void)
{
    uint32_t word;
    __asm__ volatile("movl %%fs:native_cpu_word@tpoff, %0" : "=r"(word));
    return word;
}

static inline void hal_cpu_word_set(uint32_t word)
{
    __asm__ volatile("movl %0, %%fs:native_cpu_word@tpoff" : : "r"(word));
}

static inline void *hal_cpu_pointer(void)
{
    void *pointer;
    __asm__ volatile("movq %%fs:native_cpu_pointer@tpoff, %0" : "=r"(pointer));
    return pointer;
}

static inline void hal_cpu_pointer_set(void *pointer)
{
    __asm__ volatile("movq %0, %%fs:native_cpu_pointer@tpoff" : : "r"(pointer));
}

#endif
