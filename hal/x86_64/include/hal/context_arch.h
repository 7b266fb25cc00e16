/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Kernel contexts of x86-64: everything that a switch saves lies on the context's own stack
 * (hal/x86_switch.h).
 */
#ifndef HAL_CONTEXT_ARCH_H
#define HAL_CONTEXT_ARCH_H

#include <stdint.h>

#define HAL_STACK_PAGES 4u

struct hal_context {
    uint64_t stack; /* saved RSP while the context does not run */
};

#endif
