/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Kernel contexts of the native machine: everything that a switch saves lies on the context's own stack
 * (hal/x86_switch.h).
 */
#ifndef HAL_CONTEXT_ARCH_H
#define HAL_CONTEXT_ARCH_H

#include <stdint.h>

/* The C library runs on these stacks, too, and it is not as modest as Keel. */
#define HAL_STACK_PAGES 16u

struct hal_context {
    uint64_t stack; /* saved RSP while the context does not run */
    void *fiber;    /* what ThreadSanitizer knows the context by; NULL in other builds */
};

#endif
