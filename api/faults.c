/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The injected page-fault handler: core says when (core/user_memory.c), its answer is taken for what it is.
 */
#include "faults.h"

#include "calls.h"
#include "core/policy.h"
#include "core/user_memory.h"

_Static_assert(USER_FAULT_TRIES_MAX == KEEL_FAULT_TRIES_MAX && USER_FAULT_DEPTH_MAX == KEEL_FAULT_DEPTH_MAX,
               "keel/fault.h says what core does");

/* Written once, by whoever claims it, before `injected` says so. */
static struct keel_fault_handler handler;
static atomic_u32_t claimed, injected;

void faults_init(void)
{
    atomic_u32_init(&claimed, 0);
    atomic_u32_init(&injected, 0);
    handler = (struct keel_fault_handler){NULL, NULL};
}

bool policy_page_fault(uint64_t va, bool write)
{
    if (atomic_u32_load_acquire(&injected) == 0) {
        return false;
    }
    return handler.handle(handler.context, va, write ? KEEL_WRITE : KEEL_READ) == 1;
}

keel_status_t call_fault_handler_inject(const struct keel_fault_handler *given)
{
    if (given->handle == NULL) {
        return KEEL_E_INVALID;
    }
    if (atomic_u32_exchange(&claimed, 1) != 0) {
        return KEEL_E_EXISTS;
    }
    handler = *given;
    atomic_u32_store_release(&injected, 1);
    return KEEL_OK;
}
