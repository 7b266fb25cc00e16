/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the files of the abuser share.
 */
#ifndef PROGRAMS_ABUSER_H
#define PROGRAMS_ABUSER_H

#include "thread.h"

#define BAD_ADDRESSES 4u

/* Addresses where no program has memory; the last two are not a user's. */
uint64_t bad_address(uint32_t i);

/* abuse_threads.c */
void abuse_threads(void);

#endif
