/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Choosing and claiming frames, see core/frame_choose.h.
 */
#include "core/frame_choose.h"

#include "core/policy.h"
#include "core/spinlock.h"

static struct spinlock lock;
static uint64_t scan_from; /* where the fallback looks first; under the lock */

void frame_choose_init(void)
{
    spinlock_init(&lock);
    scan_from = 0;
}

/* All of [first, first + count) or nothing. Answers how many could be claimed before one was in the way. */
static uint64_t claim_run(uint64_t first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        if (!ref_claim(&frame_at(first + i)->ref)) {
            for (uint64_t j = 0; j < i; j++) {
                ref_unclaim(&frame_at(first + j)->ref);
            }
            return i;
        }
    }
    return count;
}

/* Claims the first fitting run in [from, end). */
static bool scan_range(uint64_t from, uint64_t end, uint64_t count, uint64_t alignment, uint64_t *first)
{
    uint64_t at = (from + alignment - 1) & ~(alignment - 1);
    while (at < end && end - at >= count) {
        uint64_t claimed = claim_run(at, count);
        if (claimed == count) {
            *first = at;
            return true;
        }
        at = (at + claimed + alignment) & ~(alignment - 1); /* past the frame in the way */
    }
    return false;
}

static bool scan(uint64_t count, uint64_t alignment, uint64_t *first)
{
    uint64_t end = frame_end();
    if (count > end || alignment > end) {
        return false;
    }
    if (!scan_range(scan_from, end, count, alignment, first) &&
        !scan_range(0, end, count, alignment, first)) {
        return false;
    }
    scan_from = *first + count;
    return true;
}

/* What the policy chose, if it could be claimed. The lock is held. */
static enum policy_answer ask_policy(uint64_t count, uint64_t alignment, uint64_t *first)
{
    enum policy_answer answer = policy_frame_choose(count, alignment, first);
    if (answer == POLICY_CHOSE && claim_run(*first, count) != count) {
        policy_frame_wrong();
        return POLICY_WRONG;
    }
    return answer;
}

keel_status_t frame_choose_claim(uint64_t count, uint64_t alignment, uint64_t *first)
{
    bool interrupts = spinlock_acquire(&lock);
    enum policy_answer answer = ask_policy(count, alignment, first);
    bool claimed = answer == POLICY_CHOSE;
    if (answer == POLICY_ABSENT || answer == POLICY_WRONG) {
        claimed = scan(count, alignment, first);
    }
    if (answer == POLICY_WRONG && claimed) {
        policy_frame_fallback();
    }
    spinlock_release(&lock, interrupts);
    return claimed ? KEEL_OK : KEEL_E_NO_MEMORY;
}

uint64_t frame_choose_release(uint64_t first, uint64_t count)
{
    uint64_t freed = 0;
    bool interrupts = spinlock_acquire(&lock);
    uint64_t run = first;
    for (uint64_t number = first; number < first + count; number++) {
        if (ref_finish(&frame_at(number)->ref)) {
            freed++;
            continue;
        }
        if (number > run) {
            policy_frame_freed(run, number - run);
        }
        run = number + 1;
    }
    if (first + count > run) {
        policy_frame_freed(run, first + count - run);
    }
    spinlock_release(&lock, interrupts);
    return freed;
}

void frame_choose_add(uint64_t first, uint64_t count)
{
    bool interrupts = spinlock_acquire(&lock);
    for (uint64_t i = 0; i < count; i++) {
        ref_unclaim(&frame_at(first + i)->ref);
    }
    policy_frame_added(first, count);
    spinlock_release(&lock, interrupts);
}

bool frame_choose_lock(void)
{
    return spinlock_acquire(&lock);
}

void frame_choose_unlock(bool interrupts)
{
    spinlock_release(&lock, interrupts);
}

void frame_choose_for_each_free(void (*step)(uint64_t first, uint64_t count))
{
    uint64_t run = 0;
    for (uint64_t number = 0; number <= frame_end(); number++) {
        bool is_free =
            number < frame_end() && ref_word_state(atomic_u64_peek(&frame_at(number)->ref.word)) == REF_FREE;
        if (!is_free) {
            if (number > run) {
                step(run, number - run);
            }
            run = number + 1;
        }
    }
}
