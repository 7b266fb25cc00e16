/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Running user programs in the calling task and its active space. Context of all: task.
 */
#ifndef KEEL_USER_H
#define KEEL_USER_H

#include "keel/handle.h"
#include "keel/user_regs.h"

/* Runs user code from `regs` until it makes a system call, raises an exception or is interrupted, then stores
 * its registers back and says why. Every register is sanitised on every entry (U1): flags that a user may not
 * own are replaced; a non-canonical rip, rsp, fs_base or gs_base is not loaded, the exception that a CPU
 * would raise is reported instead. Errors: E_INVALID (NULL), E_BUSY (no active space),
 * E_CANCELED (keel_task_cancel, keel_task_kill; a request that comes meanwhile waits for the next call, and
 * a tick is the longest that a program runs until then). */
keel_status_t keel_user_run(struct keel_user_regs *regs, struct keel_user_event *event);

/* The calling task's vector state (x87, SSE, AVX, MXCSR) as an image in the machine's own format: XSAVE
 * standard format, or FXSAVE (Intel SDM vol. 1, 13.4 and 10.5.1). Bytes [offset, offset + size) of it. A
 * written image is sanitised before it is loaded. A new task has the architectural initial state (U3).
 * Errors: E_INVALID (NULL, or the range leaves the image). */
keel_status_t keel_user_vector_size(uint64_t *size);
keel_status_t keel_user_vector_read(uint64_t offset, void *buffer, size_t size);
keel_status_t keel_user_vector_write(uint64_t offset, const void *buffer, size_t size);

#endif
