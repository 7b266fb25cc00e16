/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The script engine: a callback plays the user program and reaches memory as one would.
 */
#include "mmu.h"
#include "raw.h"
#include "report.h"
#include "sanitizer.h"
#include "user.h"

#define SCRIPT_TIME 100u /* virtual nanoseconds of one call */

#define VECTOR_GENERAL_PROTECTION 13u

/* Of the program that plays. */
static const struct keel_user_regs *registers;

uint64_t script_run(struct cpu *cpu, struct keel_user_regs *regs, struct keel_user_event *event,
                    uint64_t slice)
{
    (void)cpu;
    if (!machine.config.user_script) {
        machine_check("HAL", "a user program runs, and none is to");
        event->reason = KEEL_USER_EXCEPTION;
        return 0;
    }
    registers = regs;
    sanitizer_leave_machine();
    machine.config.user_script(machine.config.user_context, regs, event);
    sanitizer_reenter_machine();
    return slice < SCRIPT_TIME ? slice : SCRIPT_TIME;
}

bool hosted_user_access(uint64_t va, void *bytes, size_t size, enum hosted_access access,
                        struct keel_user_event *event)
{
    char *at = bytes;
    while (size > 0) {
        uint64_t in_page = HAL_PAGE_SIZE - va % HAL_PAGE_SIZE;
        size_t now = size < in_page ? size : (size_t)in_page;
        if (!user_canonical(va)) {
            *event = (struct keel_user_event){.reason = KEEL_USER_EXCEPTION,
                                              .vector = VECTOR_GENERAL_PROTECTION,
                                              .address = registers->rip};
            return false;
        }
        struct translation found = mmu_resolve(cpu_current(), va, user_need(access));
        if (!mmu_grants(&found, user_need(access))) {
            *event = user_page_fault(va, access, &found);
            return false;
        }
        char *memory = ram_user_pointer(found.address, false);
        if (access == HOSTED_WRITE) {
            raw_copy(memory, at, now);
        } else {
            raw_copy(at, memory, now);
        }
        at += now;
        va += now;
        size -= now;
    }
    return true;
}
