/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The hostile user program of fuzz_calls: at every moment it touches memory anywhere, sets its registers to
 * anything, and stops for any reason a CPU can report.
 */
#include "calls_world.h"
#include "hosted/machine.h"

static uint64_t any_address(void)
{
    return calls_number("va", (uint8_t)calls_random(&calls_world.random));
}

void calls_user_regs(uint8_t pattern, struct keel_user_regs *regs)
{
    uint64_t value = calls_number("va", pattern);
    *regs = (struct keel_user_regs){.rax = pattern, .rip = value, .rsp = value, .rflags = value};
    if ((pattern & 1) != 0) {
        regs->rip = KEEL_USER_START;
        regs->fs_base = value;
    }
    if ((pattern & 2) != 0) {
        regs->rsp = KEEL_USER_END - 8;
        regs->gs_base = value;
    }
}

static void spoil_registers(struct keel_user_regs *regs)
{
    uint64_t random = calls_random(&calls_world.random);
    regs->rflags = random;
    regs->rsp = any_address();
    regs->rcx = regs->rip;
    if (random % 4 == 0) {
        regs->rip = any_address();
    }
}

/* False: it faulted and the event is filled. */
static bool touch(struct keel_user_event *event)
{
    uint64_t random = calls_random(&calls_world.random);
    unsigned char bytes[16] = {0xcc};
    return hosted_user_access(any_address(), bytes, 1 + random % sizeof(bytes),
                              (enum hosted_access)(random % 3), event);
}

void calls_user_script(void *context, struct keel_user_regs *regs, struct keel_user_event *event)
{
    (void)context;
    *event = (struct keel_user_event){0};
    uint64_t random = calls_random(&calls_world.random);
    spoil_registers(regs);
    switch (random % 4) {
    case 0:
        *event = (struct keel_user_event){.reason = KEEL_USER_SYSCALL};
        break;
    case 1:
        *event = (struct keel_user_event){.reason = KEEL_USER_EXCEPTION,
                                          .vector = (random >> 8) % 32,
                                          .error = random >> 40,
                                          .address = regs->rip};
        break;
    default:
        if (touch(event)) {
            *event = (struct keel_user_event){0}; /* go on: later once more */
        }
        break;
    }
}
