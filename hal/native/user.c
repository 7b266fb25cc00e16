/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal/user.h: this machine runs no user code. A program ends with an invalid-opcode exception at its first
 * instruction.
 */
#include "hal/atomic.h"
#include "hal/user.h"

#include <string.h>

#include "hal/vector_image.h"
#include "state.h"

#define VECTOR_INVALID_OPCODE 6u

void hal_user_run(struct keel_user_regs *regs, struct keel_user_event *event)
{
    *event = (struct keel_user_event){
        .reason = KEEL_USER_EXCEPTION, .vector = VECTOR_INVALID_OPCODE, .address = regs->rip};
}

size_t hal_vector_size(void)
{
    return sizeof native_cpu.vector;
}

void hal_vector_init(void *image)
{
    x86_vector_init(image, sizeof native_cpu.vector, 0);
}

void hal_vector_sanitise(void *image)
{
    x86_vector_sanitise(image, sizeof native_cpu.vector, 0, 0);
}

void hal_vector_load(const void *image)
{
    memcpy(native_cpu.vector, image, sizeof native_cpu.vector);
}

void hal_vector_save(void *image)
{
    memcpy(image, native_cpu.vector, sizeof native_cpu.vector);
}
