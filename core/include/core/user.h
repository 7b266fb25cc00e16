/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Running user code in the calling task.
 */
#ifndef CORE_USER_H
#define CORE_USER_H

#include "core/cpu.h"
#include "hal/user.h"

/* One trip to user mode and back. The task has an active space. */
void user_run(struct keel_user_regs *regs, struct keel_user_event *event);

/* This CPU's vector registers go back to their owner's image; interrupts off. Before the owner may run
 * elsewhere, and before anybody looks at the image (U3). */
void user_vector_detach(void);
/* The calling task's image, with nothing of it left in registers. */
void user_vector_read(uint64_t offset, void *buffer, size_t size);
void user_vector_write(uint64_t offset, const void *buffer, size_t size);

#endif
