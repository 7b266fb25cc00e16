/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The vector registers of this CPU (U3). The kernel itself is compiled without them.
 */
#include "hal/user.h"
#include "hal/vector_image.h"
#include "parts.h"

size_t hal_vector_size(void)
{
    return x86_features.vector_size;
}

void hal_vector_init(void *image)
{
    x86_vector_init(image, x86_features.vector_size, x86_features.xcr0);
}

void hal_vector_sanitise(void *image)
{
    x86_vector_sanitise(image, x86_features.vector_size, x86_features.xcr0, x86_features.mxcsr_mask);
}

/* On some CPUs the saved image lacks the last x87 instruction's addresses unless an exception is pending, so
 * that the next task would see the last one's (AMD APM vol. 2, 11.4.4.3). An x87 load of our own overwrites
 * them; no exception is pending then, since FNCLEX comes first. */
static void hide_x87_pointers(void)
{
    static const uint32_t zero;

    __asm__ volatile("fnclex; emms; fildl %0" : : "m"(zero));
}

void hal_vector_load(const void *image)
{
    const uint64_t xcr0 = x86_features.xcr0;

    if (x86_features.fpu_pointer_leak) {
        hide_x87_pointers();
    }
    if (x86_features.xsave) {
        __asm__ volatile("xrstor64 (%0)"
                         :
                         : "r"(image), "a"((uint32_t)xcr0), "d"((uint32_t)(xcr0 >> 32))
                         : "memory");
    } else {
        __asm__ volatile("fxrstor64 (%0)" : : "r"(image) : "memory");
    }
}

void hal_vector_save(void *image)
{
    const uint64_t xcr0 = x86_features.xcr0;

    if (x86_features.xsave) {
        __asm__ volatile("xsave64 (%0)"
                         :
                         : "r"(image), "a"((uint32_t)xcr0), "d"((uint32_t)(xcr0 >> 32))
                         : "memory");
    } else {
        __asm__ volatile("fxsave64 (%0)" : : "r"(image) : "memory");
    }
}
