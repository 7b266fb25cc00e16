/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Address types and machine limits. A physical address is a struct so that it cannot be mixed up with a
 * virtual one or with a number; do arithmetic through the helpers.
 */
#ifndef HAL_TYPES_H
#define HAL_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HAL_PAGE_SHIFT 12
#define HAL_PAGE_SIZE  UINT64_C(4096)
#define HAL_CPU_MAX    64

typedef struct {
    uint64_t value;
} hal_paddr_t;

static inline hal_paddr_t hal_paddr(uint64_t value)
{
    return (hal_paddr_t){value};
}

static inline hal_paddr_t hal_paddr_add(hal_paddr_t base, uint64_t bytes)
{
    return (hal_paddr_t){base.value + bytes};
}

static inline uint64_t hal_frame_number(hal_paddr_t address)
{
    return address.value >> HAL_PAGE_SHIFT;
}

static inline hal_paddr_t hal_frame_address(uint64_t frame_number)
{
    return (hal_paddr_t){frame_number << HAL_PAGE_SHIFT};
}

#endif
