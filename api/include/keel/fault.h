/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The page-fault handler: lets a client map on demand, copy on write or bring back what it took out, also
 * when not the program but a call of keel/user_memory.h touches the page first. (What the program itself
 * touches comes back as an event of keel_user_run.)
 *
 * When such a call cannot reach a page, Keel calls the handler once and then looks at the answer: 1, try
 * again; anything else, the call fails with E_FAULT. The handler runs in the calling task like a function
 * that the task called itself, interrupts on and no lock held. So it may make every call: map, unmap, change
 * the active space, sleep, access user memory, exit the task. Nothing that it does or answers is trusted
 * (P2):
 *
 * - A call that is tried again goes on where it stopped: what was moved is not moved again (M4). It goes on
 *   in the space that is active then; E_FAULT if there is none.
 * - The same byte is tried again KEEL_FAULT_TRIES_MAX times, then the call fails with E_FAULT.
 * - A fault inside the handler calls it again, up to KEEL_FAULT_DEPTH_MAX calls deep; deeper ones are E_FAULT
 *   at once.
 * - A handler may jump out (longjmp) past the call that it was called from; Keel does not see that it ended,
 *   so each call jumped out of uses up one of the KEEL_FAULT_DEPTH_MAX of that task.
 *
 * It is called for no other fault, and with no address outside KEEL_USER_START..KEEL_USER_END.
 */
#ifndef KEEL_FAULT_H
#define KEEL_FAULT_H

#include "keel/space.h"

#define KEEL_FAULT_TRIES_MAX 8u
#define KEEL_FAULT_DEPTH_MAX 4u

struct keel_fault_handler {
    void *context; /* passed back as the first argument */
    /* The page at `va` (its first byte) could not be read (access KEEL_READ) or written (KEEL_WRITE). Several
     * tasks may be inside at once. */
    uint32_t (*handle)(void *context, uint64_t va, uint32_t access);
};

/* Injects the handler, once. The struct is copied; the function and what context points to must stay valid
 * for ever (the pointer rule). Context: task. Errors: E_INVALID (NULL, handle NULL), E_EXISTS (one is
 * injected). */
keel_status_t keel_fault_handler_inject(const struct keel_fault_handler *handler);

#endif
