/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the CPU must have before the loader leaves the firmware for good.
 */
#include "loader.h"

#define CPUID_EXTENDED_FEATURES UINT32_C(0x80000001)
#define CPUID_EXTENDED_NX       (UINT32_C(1) << 20)
#define CR4_LA57                (UINT64_C(1) << 12)

const char *loader_check_cpu(void)
{
    uint32_t eax = CPUID_EXTENDED_FEATURES, ebx, ecx = 0, edx;
    uint64_t cr4;

    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    if ((edx & CPUID_EXTENDED_NX) == 0) {
        return "this CPU cannot protect data from execution (no NX), which the kernel relies on";
    }
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    if ((cr4 & CR4_LA57) != 0) {
        return "the firmware uses 5-level paging, which the kernel does not; switch it off in the firmware's "
               "setup";
    }
    return NULL;
}
