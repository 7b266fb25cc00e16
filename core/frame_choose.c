/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Choosing and claiming frames, see core/frame_choose.h.
 */
#include "core/frame_choose.h"

#include "core/frame_count.h"
#include "core/policy.h"
#include "core/spinlock.h"

/* So many frames are claimed or released at a time, interrupts being off. */
#define PIECE UINT64_C(512)

static struct spinlock lock;
static uint64_t scan_from; /* where the fallback looks first; under the lock */

void frame_choose_init(void)
{
    spinlock_init(&lock);
    scan_from = 0;
}

/* After each piece interrupts come in, if `open`. */
static void end_piece(uint64_t done, bool open)
{
    if (open && done % PIECE == 0) {
        hal_irq_restore(true);
        hal_irq_disable();
    }
}

/* All of [first, first + count) or nothing. Answers how many could be claimed before one was in the way.
 * Interrupts are off; `open`: they were on, and the caller holds no lock. */
static uint64_t claim_run(uint64_t first, uint64_t count, bool open)
{
    uint64_t claimed = 0;
    while (claimed < count && ref_claim(&frame_at(first + claimed)->ref)) {
        claimed++;
        end_piece(claimed, open);
    }
    for (uint64_t i = 0; claimed < count && i < claimed; i++) {
        ref_unclaim(&frame_at(first + i)->ref);
        end_piece(i + 1, open);
    }
    return claimed;
}

/* Claims the first fitting run in [from, end). */
static bool scan_range(uint64_t from, uint64_t end, uint64_t count, uint64_t alignment, uint64_t *first)
{
    uint64_t at = (from + alignment - 1) & ~(alignment - 1);
    while (at < end && end - at >= count) {
        uint64_t claimed = claim_run(at, count, false);
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

/* Takes the lock, interrupts being off, if there is no policy. False: there is one, and it is there for good.
 */
static bool lock_without_policy(void)
{
    if (policy_frame_present()) {
        return false;
    }
    spinlock_acquire(&lock);
    if (!policy_frame_present()) {
        return true;
    }
    spinlock_release_irq_off(&lock); /* it was injected while this CPU waited */
    return false;
}

/* What the policy chose, if it could be claimed. Interrupts are off; `open`: they were on. */
static enum policy_answer ask_policy(uint64_t count, uint64_t alignment, bool open, uint64_t *first)
{
    enum policy_answer answer = policy_frame_choose(hal_cpu_id(), count, alignment, first);
    if (answer == POLICY_CHOSE && claim_run(*first, count, open) != count) {
        policy_frame_wrong();
        return POLICY_WRONG;
    }
    return answer;
}

/* The policy's choice, or after a wrong one whatever the scan finds. */
static bool claim_with_policy(uint64_t count, uint64_t alignment, bool open, uint64_t *first)
{
    enum policy_answer answer = ask_policy(count, alignment, open, first);
    if (answer != POLICY_WRONG) {
        return answer == POLICY_CHOSE;
    }
    spinlock_acquire(&lock);
    bool claimed = scan(count, alignment, first);
    spinlock_release_irq_off(&lock);
    if (claimed) {
        policy_frame_fallback();
    }
    return claimed;
}

keel_status_t frame_choose_claim(uint64_t count, uint64_t alignment, uint64_t *first)
{
    bool claimed;
    bool interrupts = hal_irq_disable();
    if (lock_without_policy()) {
        claimed = scan(count, alignment, first);
        spinlock_release_irq_off(&lock);
    } else {
        claimed = claim_with_policy(count, alignment, interrupts, first);
    }
    if (claimed) {
        frame_count_taken(count);
    }
    hal_irq_restore(interrupts);
    return claimed ? KEEL_OK : KEEL_E_NO_MEMORY;
}

static void tell_policy(uint64_t first, uint64_t count)
{
    if (count > 0) {
        policy_frame_freed(hal_cpu_id(), first, count);
    }
}

/* Each run of frames that can be claimed again is FREE, then told. */
static void finish_run(uint64_t first, uint64_t count, bool tell)
{
    uint64_t run = first, end = first + count;
    for (uint64_t number = first; number < end; number++) {
        if (!ref_finish(&frame_at(number)->ref)) {
            tell_policy(run, tell ? number - run : 0);
            run = number + 1;
            frame_count_taken(1); /* for ever */
        }
    }
    tell_policy(run, tell ? end - run : 0);
}

static void release_piece(uint64_t first, uint64_t count)
{
    bool interrupts = hal_irq_disable();
    frame_count_returned(count);
    if (lock_without_policy()) {
        finish_run(first, count, false);
        spinlock_release_irq_off(&lock);
    } else {
        finish_run(first, count, true);
    }
    hal_irq_restore(interrupts);
}

void frame_choose_release(uint64_t first, uint64_t count)
{
    for (uint64_t done = 0; done < count; done += PIECE) {
        release_piece(first + done, count - done < PIECE ? count - done : PIECE);
    }
}

void frame_choose_add(uint64_t first, uint64_t count)
{
    bool interrupts = hal_irq_disable();
    bool locked = lock_without_policy();
    frame_count_returned(count);
    for (uint64_t i = 0; i < count; i++) {
        ref_unclaim(&frame_at(first + i)->ref);
    }
    if (locked) {
        spinlock_release_irq_off(&lock);
    } else {
        policy_frame_added(hal_cpu_id(), first, count);
    }
    hal_irq_restore(interrupts);
}

static bool is_free(uint64_t number)
{
    return number < frame_end() && ref_word_state(atomic_u64_peek(&frame_at(number)->ref.word)) == REF_FREE;
}

void frame_choose_inject(void (*step)(unsigned cpu, uint64_t first, uint64_t count), void (*publish)(void))
{
    bool interrupts = spinlock_acquire(&lock);
    uint64_t run = 0;
    for (uint64_t number = 0; number <= frame_end(); number++) {
        if (!is_free(number)) {
            if (number > run) {
                step(hal_cpu_id(), run, number - run);
            }
            run = number + 1;
        }
    }
    publish();
    spinlock_release(&lock, interrupts);
}
