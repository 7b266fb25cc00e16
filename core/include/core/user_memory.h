/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Access to the memory of the calling task's active space (A6, M4). Where the machine cannot reach a byte,
 * and could not now either, the client's page-fault handler is asked (P2); the access goes on behind the
 * bytes that were moved already, in whatever space is active then.
 *
 * However the handler answers, an access ends: each byte is tried again a bounded number of times, and a
 * task is inside a bounded number of handlers. The task is in task context, interrupts on and no lock held;
 * the range lies inside user space and a space is active. Errors of all: E_FAULT.
 */
#ifndef CORE_USER_MEMORY_H
#define CORE_USER_MEMORY_H

#include "hal/types.h"
#include "keel/status.h"

#define USER_FAULT_TRIES_MAX 8u
#define USER_FAULT_DEPTH_MAX 4u

keel_status_t user_copy_in(void *to, uint64_t va, size_t size);
keel_status_t user_copy_out(uint64_t va, const void *from, size_t size);
/* `length` gets the bytes before the NUL. E_LIMIT: none among `size` bytes, all of which were moved. */
keel_status_t user_copy_string(char *to, uint64_t va, size_t size, uint64_t *length);

/* `width` is 4 or 8 and divides `va`. */
keel_status_t user_load(uint64_t va, unsigned width, uint64_t *value);
keel_status_t user_store(uint64_t va, unsigned width, uint64_t value);
keel_status_t user_cas(uint64_t va, unsigned width, uint64_t expected, uint64_t desired, uint64_t *found);

#endif
