/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The deadlines of waiting tasks (core/wait.h): a heap, the earliest on top, with a place for every task
 * there can be. One lock, taken under a queue's; only the scheduler's is taken under it. Interrupts are off
 * for all calls.
 */
#ifndef CORE_DEADLINE_H
#define CORE_DEADLINE_H

#include "hal/types.h"

struct task;

/* Boot CPU, once, after the objects. False: no memory. */
bool deadline_init(void);

/* The calling task's deadline, and this CPU's timer for it if it is the earliest of all. */
void deadline_add(struct task *task);
/* Takes the calling task's out, if it is still there. */
void deadline_remove(struct task *task);
/* Ends the wait of every task whose time has come, unless a waker has; answers what this CPU's timer has to
 * be set to for the next one: UINT64_MAX if there is none, or another CPU's timer is. From the timer
 * interrupt. */
uint64_t deadline_expire(uint64_t now);

#endif
