/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Access to user memory, see core/user_memory.h.
 */
#include "core/user_memory.h"

#include "core/policy.h"
#include "core/task.h"
#include "hal/user_copy.h"

/* Where an access stopped last, and how often in a row there. */
struct retry {
    uint64_t va;
    unsigned tries;
};

/* The access could not reach the byte at `va`. If it still cannot, asks the handler, holding nothing: it may
 * never come back. */
static bool try_again(struct retry *retry, uint64_t va, bool write)
{
    struct task *task = task_current();
    const uint32_t depth = task->fault_depth;
    if (va != retry->va) {
        *retry = (struct retry){.va = va, .tries = 0};
    }
    if (retry->tries == USER_FAULT_TRIES_MAX) {
        return false;
    }
    retry->tries++;
    if (space_grants(task->space, va, write)) {
        return true;
    }
    if (depth >= USER_FAULT_DEPTH_MAX) {
        return false;
    }
    task->fault_depth = depth + 1;
    bool again = policy_page_fault(va & ~(HAL_PAGE_SIZE - 1), write);
    /* The access may wait, and may ask again: what the handler forgot to give back is given back. */
    again = !holds_release_atomic() && again;
    task->fault_depth = depth; /* whatever a handler that was jumped out of left there */
    return again && task->space != NULL;
}

keel_status_t user_copy_in(void *to, uint64_t va, size_t size)
{
    struct retry retry = {0, 0};
    size_t done = hal_user_copy_in(to, va, size);
    while (done < size) {
        if (!try_again(&retry, va + done, false)) {
            return KEEL_E_FAULT;
        }
        done += hal_user_copy_in((char *)to + done, va + done, size - done);
    }
    return KEEL_OK;
}

keel_status_t user_copy_out(uint64_t va, const void *from, size_t size)
{
    struct retry retry = {0, 0};
    size_t done = hal_user_copy_out(va, from, size);
    while (done < size) {
        if (!try_again(&retry, va + done, true)) {
            return KEEL_E_FAULT;
        }
        done += hal_user_copy_out(va + done, (const char *)from + done, size - done);
    }
    return KEEL_OK;
}

keel_status_t user_copy_string(char *to, uint64_t va, size_t size, uint64_t *length)
{
    struct retry retry = {0, 0};
    bool ended = false;
    size_t done = hal_user_copy_string(to, va, size, &ended);
    while (!ended && done < size) {
        if (!try_again(&retry, va + done, false)) {
            return KEEL_E_FAULT;
        }
        done += hal_user_copy_string(to + done, va + done, size - done, &ended);
    }
    *length = ended ? done - 1 : done;
    return ended ? KEEL_OK : KEEL_E_LIMIT;
}

keel_status_t user_load(uint64_t va, unsigned width, uint64_t *value)
{
    struct retry retry = {0, 0};
    while (!hal_user_load(va, width, value)) {
        if (!try_again(&retry, va, false)) {
            return KEEL_E_FAULT;
        }
    }
    return KEEL_OK;
}

keel_status_t user_store(uint64_t va, unsigned width, uint64_t value)
{
    struct retry retry = {0, 0};
    while (!hal_user_store(va, width, value)) {
        if (!try_again(&retry, va, true)) {
            return KEEL_E_FAULT;
        }
    }
    return KEEL_OK;
}

keel_status_t user_cas(uint64_t va, unsigned width, uint64_t expected, uint64_t desired, uint64_t *found)
{
    struct retry retry = {0, 0};
    while (!hal_user_cas(va, width, expected, desired, found)) {
        if (!try_again(&retry, va, true)) {
            return KEEL_E_FAULT;
        }
    }
    return KEEL_OK;
}
