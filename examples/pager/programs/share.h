/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The pager kernel's own system call: memory shared by all programs that ask for the same key.
 */
#ifndef PROGRAMS_SHARE_H
#define PROGRAMS_SHARE_H

#include "user.h"

#define CALL_SHARE  0x4b10u
#define SHARE_PAGES UINT64_C(8)

/* A negative Linux error number instead of an address: there is no such key. */
static inline volatile uint64_t *share(uint64_t key)
{
    return (volatile uint64_t *)system_call(CALL_SHARE, key, 0, 0, 0);
}

#endif
