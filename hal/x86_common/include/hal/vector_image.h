/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Vector images, the bytes that FXSAVE and XSAVE write, as data: how to make one and how to make foreign
 * bytes loadable (U1). Portable: no instruction is executed here, so both backends and the fuzzers share it.
 *
 * Which format an image has follows from `xcr0`: 0 means FXSAVE (Intel SDM vol. 1, 10.5.1), anything else the
 * standard format of XSAVE with these state components (13.4).
 */
#ifndef HAL_VECTOR_IMAGE_H
#define HAL_VECTOR_IMAGE_H

#include "hal/types.h"

#define X86_FXSAVE_SIZE       512u
#define X86_XSAVE_HEADER_SIZE 64u

/* State components in XCR0 and XSTATE_BV (SDM vol. 1, 13.1). */
#define X86_XCR0_X87    (UINT64_C(1) << 0)
#define X86_XCR0_SSE    (UINT64_C(1) << 1)
#define X86_XCR0_AVX    (UINT64_C(1) << 2)
#define X86_XCR0_AVX512 (UINT64_C(7) << 5)

/* What MXCSR_MASK means where the CPU left it zero (SDM vol. 1, 11.6.6). */
#define X86_MXCSR_MASK_DEFAULT UINT32_C(0xffbf)

/* The smallest image of the format that `xcr0` names. */
static inline size_t x86_vector_size_min(uint64_t xcr0)
{
    return xcr0 == 0 ? X86_FXSAVE_SIZE : X86_FXSAVE_SIZE + X86_XSAVE_HEADER_SIZE;
}

/* Writes the architectural initial state into all `size` bytes. `size` >= x86_vector_size_min(xcr0). */
void x86_vector_init(void *image, size_t size, uint64_t xcr0);

/* Changes as few bytes as it takes for FXRSTOR or XRSTOR to load the image without a fault: MXCSR loses the
 * bits outside `mxcsr_mask` (0: the default), the XSAVE header loses the components outside `xcr0` and
 * everything reserved. `size` >= x86_vector_size_min(xcr0). */
void x86_vector_sanitise(void *image, size_t size, uint64_t xcr0, uint32_t mxcsr_mask);

#endif
