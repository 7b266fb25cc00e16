/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Vector images: the initial one, and how to make any bytes loadable (U1). See hal/vector_image.h.
 */
#include "hal/vector_image.h"

#include <string.h>

/* Offsets in the legacy region (Intel SDM vol. 1, table 10-2) and in the XSAVE header behind it (13.4.2). */
enum {
    FCW_OFFSET = 0,
    MXCSR_OFFSET = 24,
    XSTATE_BV_OFFSET = 512,
    XCOMP_BV_OFFSET = 520,
    HEADER_END = 576,
};

#define FCW_INITIAL   UINT16_C(0x037f) /* all exceptions masked, 64-bit precision (SDM vol. 1, 8.1.5) */
#define MXCSR_INITIAL UINT32_C(0x1f80) /* all exceptions masked (10.2.3) */

void x86_vector_init(void *image, size_t size, uint64_t xcr0)
{
    unsigned char *bytes = image;
    const uint16_t fcw = FCW_INITIAL;
    const uint32_t mxcsr = MXCSR_INITIAL;

    memset(bytes, 0, size);
    memcpy(bytes + FCW_OFFSET, &fcw, sizeof(fcw));
    memcpy(bytes + MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
    if (xcr0 != 0) {
        /* The legacy components are marked present, so that a client who fills in XMM or x87 registers need
         * not know about the header. */
        const uint64_t present = xcr0 & (X86_XCR0_X87 | X86_XCR0_SSE);
        memcpy(bytes + XSTATE_BV_OFFSET, &present, sizeof(present));
    }
}

/* XRSTOR in standard form faults on a component outside XCR0 and on anything in bytes 8..23 of the header;
 * bytes 24..63 are reserved (SDM vol. 1, 13.8 and 13.4.2). XCOMP_BV = 0 is what makes the form standard. */
static void sanitise_header(unsigned char *bytes, uint64_t xcr0)
{
    uint64_t present;

    memcpy(&present, bytes + XSTATE_BV_OFFSET, sizeof(present));
    present &= xcr0;
    memcpy(bytes + XSTATE_BV_OFFSET, &present, sizeof(present));
    memset(bytes + XCOMP_BV_OFFSET, 0, HEADER_END - XCOMP_BV_OFFSET);
}

void x86_vector_sanitise(void *image, size_t size, uint64_t xcr0, uint32_t mxcsr_mask)
{
    unsigned char *bytes = image;
    uint32_t mxcsr;

    if (size < x86_vector_size_min(xcr0)) {
        return;
    }
    /* A reserved MXCSR bit is a general protection fault in FXRSTOR and XRSTOR alike (SDM vol. 1, 11.6.6). */
    memcpy(&mxcsr, bytes + MXCSR_OFFSET, sizeof(mxcsr));
    mxcsr &= mxcsr_mask != 0 ? mxcsr_mask : X86_MXCSR_MASK_DEFAULT;
    memcpy(bytes + MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
    if (xcr0 != 0) {
        sanitise_header(bytes, xcr0);
    }
}
