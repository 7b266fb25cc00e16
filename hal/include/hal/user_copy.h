/* SPDX-License-Identifier: BSD-2-Clause
 *
 * HAL contract: kernel access to user memory (A6, M4). Each function reaches the active user space with the
 * rights of its user and never crashes, whatever the mapping does meanwhile: where a byte cannot be reached
 * with the right needed, the access stops there. Core has checked that the range lies inside
 * KEEL_USER_START..KEEL_USER_END and that a user space is loaded. Interrupts on or off; a task may be
 * switched away in the middle and go on elsewhere.
 */
#ifndef HAL_USER_COPY_H
#define HAL_USER_COPY_H

#include "hal/types.h"

/* Copies in ascending order and answers how many bytes were moved: `size`, or those before the first byte
 * that could not be reached. Each of them was accessed once, the others not at all. */
size_t hal_user_copy_in(void *to, uint64_t va, size_t size);
size_t hal_user_copy_out(uint64_t va, const void *from, size_t size);

/* The same inwards, but the first NUL is the last byte that is moved; `ended` says whether there was one. */
size_t hal_user_copy_string(char *to, uint64_t va, size_t size, bool *ended);

/* One atomic access of `width` bytes, 4 or 8, at a multiple of `width`. False: it could not be made, nothing
 * was accessed. The value of 4 bytes comes back with zeroes above. */
bool hal_user_load(uint64_t va, unsigned width, uint64_t *value);
bool hal_user_store(uint64_t va, unsigned width, uint64_t value);
/* Stores `desired` if the value is `expected`; `found` gets the value that was there. Orders like a
 * sequentially consistent read-modify-write. Needs the right to write even if it stores nothing. */
bool hal_user_cas(uint64_t va, unsigned width, uint64_t expected, uint64_t desired, uint64_t *found);

#endif
