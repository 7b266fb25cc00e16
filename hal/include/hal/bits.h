/* SPDX-License-Identifier: BSD-2-Clause
 *
 * HAL contract: single instructions that C17 has no words for. Pure functions, any context.
 */
#ifndef HAL_BITS_H
#define HAL_BITS_H

#include <stdint.h>

/* The number of the lowest and of the highest bit that is set; `value` is not 0. */
static inline unsigned hal_bit_lowest(uint64_t value)
{
    return (unsigned)__builtin_ctzll(value);
}

static inline unsigned hal_bit_highest(uint64_t value)
{
    return 63u - (unsigned)__builtin_clzll(value);
}

#endif
