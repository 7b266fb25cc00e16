/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The CPU's word and pointer (hal/cpu.h): kept with the simulated CPU, and read without a scheduling point.
 */
#ifndef HAL_CPU_WORD_H
#define HAL_CPU_WORD_H

#include <stdint.h>

uint32_t hal_cpu_word(void);
void hal_cpu_word_set(uint32_t word);
void *hal_cpu_pointer(void);
void hal_cpu_pointer_set(void *pointer);

#endif
