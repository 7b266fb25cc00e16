/* SPDX-License-Identifier: BSD-2-Clause
 *
 * User mode of the hosted machine, and the engines that execute user code.
 */
#ifndef HOSTED_USER_H
#define HOSTED_USER_H

#include "keel/user_regs.h"
#include "state.h"

/* For each run: no CPU has anything of a user program. */
void user_prepare(void);

/* The CPU dropped what it had cached of [va, va + size), or of all of user space; so must its engine. */
void user_flush_range(struct cpu *cpu, uint64_t va, uint64_t size);
void user_flush_all(struct cpu *cpu);

/* Does the engine of CPU `cpu` have the frame within a user program's reach? */
bool user_engine_maps(unsigned cpu, uint64_t frame);

/* The page fault that a CPU raises when a user access at `va` finds `found` (Intel SDM vol. 3A, 4.7). */
struct translation;
struct keel_user_event user_page_fault(uint64_t va, enum hosted_access access,
                                       const struct translation *found);

/* The rights that an access needs. */
unsigned user_need(enum hosted_access access);

/* Bits 63..47 all equal. */
static inline bool user_canonical(uint64_t va)
{
    uint64_t top = va >> 47;
    return top == 0 || top == UINT64_C(0x1ffff);
}

/* Both engines: execute user code of `regs` on `cpu` for about `slice` ns; answer the time that passed. An
 * event with a reason: the program stopped there. */
uint64_t script_run(struct cpu *cpu, struct keel_user_regs *regs, struct keel_user_event *event,
                    uint64_t slice);
uint64_t unicorn_run(struct cpu *cpu, struct keel_user_regs *regs, struct keel_user_event *event,
                     uint64_t slice);

void unicorn_flush_range(unsigned cpu, uint64_t va, uint64_t size);
bool unicorn_maps(unsigned cpu, uint64_t frame);

/* Somebody other than an engine wrote to the frame: translated code of it is out of date. */
void unicorn_memory_written(uint64_t frame);

#endif
