/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal_user_sanitise: what user registers must look like before a CPU may load them (U1); hal_user_missed:
 * what an exception says. Pure, shared by both backends, so that the fuzzers judge the very code that guards
 * the real machine.
 */
#include "hal/user.h"

/* Bits of RFLAGS (Intel SDM vol. 1, figure 3-8). */
enum {
    FLAG_CF = 1u << 0,
    FLAG_FIXED = 1u << 1, /* always one */
    FLAG_PF = 1u << 2,
    FLAG_AF = 1u << 4,
    FLAG_ZF = 1u << 6,
    FLAG_SF = 1u << 7,
    FLAG_TF = 1u << 8,
    FLAG_IF = 1u << 9,
    FLAG_DF = 1u << 10,
    FLAG_OF = 1u << 11,
    FLAG_AC = 1u << 18,
    FLAG_ID = 1u << 21,
};

/* Not a user's: IOPL would open the I/O ports, NT would make IRET a task return, VM and VIF/VIP belong to
 * virtual-8086 mode, RF would hide a debug exception, IF off would stop preemption. */
#define USER_FLAGS                                                                                           \
    (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_TF | FLAG_DF | FLAG_OF | FLAG_AC | FLAG_ID)

enum {
    VECTOR_STACK_FAULT = 12,
    VECTOR_GENERAL_PROTECTION = 13,
    VECTOR_PAGE_FAULT = 14,
};

/* Bits 63..47 are all equal (SDM vol. 1, 3.3.7.1; 4-level paging). */
static bool is_canonical(uint64_t address)
{
    const uint64_t top = address >> 47;

    return top == 0 || top == UINT64_C(0x1ffff);
}

bool hal_user_sanitise(struct keel_user_regs *regs, struct keel_user_event *event)
{
    uint32_t vector = 0;

    regs->rflags = (regs->rflags & USER_FLAGS) | FLAG_IF | FLAG_FIXED;
    if (!is_canonical(regs->rip) || !is_canonical(regs->fs_base) || !is_canonical(regs->gs_base)) {
        vector = VECTOR_GENERAL_PROTECTION;
    } else if (!is_canonical(regs->rsp)) {
        vector = VECTOR_STACK_FAULT;
    }
    if (vector == 0) {
        return true;
    }
    *event = (struct keel_user_event){
        .reason = KEEL_USER_EXCEPTION,
        .vector = vector,
        .address = regs->rip,
    };
    return false;
}

/* Bit 0 of a page fault's error code: an entry was there, and did not allow it (SDM vol. 3A, 4.7). */
bool hal_user_missed(const struct keel_user_event *event)
{
    return event->reason == KEEL_USER_EXCEPTION && event->vector == VECTOR_PAGE_FAULT &&
           (event->error & 1) == 0;
}
