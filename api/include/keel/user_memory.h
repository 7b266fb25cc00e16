/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Access to the memory of the calling task's active space, with the rights of the user program (A6): its
 * mappings decide, and may change at any moment. What a program wrote may change between two calls; one call
 * fetches each byte once, so check what was read and never read it again (M4).
 *
 * Context of all: task. Errors of all: E_BUSY (no active space), E_FAULT (outside user space, unmapped, wrong
 * rights; the page-fault handler, if one is injected, could not mend it: keel/fault.h).
 */
#ifndef KEEL_USER_MEMORY_H
#define KEEL_USER_MEMORY_H

#include "keel/handle.h"
#include "keel/user_regs.h"

/* Copies between the buffer and [va, va + size), in ascending order, each byte accessed once. A size of 0
 * touches nothing, whatever `va` is. On E_FAULT the bytes before the first one out of reach may have been
 * copied. Errors: E_INVALID (NULL buffer). */
keel_status_t keel_user_read(uint64_t va, void *buffer, size_t size);
keel_status_t keel_user_write(uint64_t va, const void *buffer, size_t size);

/* Copies the bytes at `va` up to and including the first NUL, at most `size`. `length` gets how many, without
 * the NUL. The program may have written anything before it. On E_FAULT the buffer holds what came before the
 * first byte out of reach. Errors: E_LIMIT (no NUL among `size` bytes: the buffer is full of them), E_INVALID
 * (NULL). */
keel_status_t keel_user_read_string(uint64_t va, void *buffer, size_t size, uint64_t *length);

/* One atomic access of `width` bytes, 4 or 8, at a multiple of `width`. A value of 4 bytes has zeroes above.
 * The compare-and-exchange stores `desired` if `expected` is there, and `found` gets what was there: it was
 * stored if found equals expected. It needs the right to write even if nothing is stored, and orders all
 * memory accesses of the caller; the load and the store order like the machine's plain ones. Errors:
 * E_INVALID (width, `va` not a multiple of it, a value that does not fit, NULL). */
keel_status_t keel_user_load(uint64_t va, uint32_t width, uint64_t *value);
keel_status_t keel_user_store(uint64_t va, uint32_t width, uint64_t value);
keel_status_t keel_user_cas(uint64_t va, uint32_t width, uint64_t expected, uint64_t desired,
                            uint64_t *found);

#endif
