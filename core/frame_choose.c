/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Choosing and claiming frames, see core/frame_choose.h.
 */
#include "core/frame_choose.h"

#include "core/assert.h"
#include "core/frame_count.h"
#include "core/policy.h"
#include "core/spinlock.h"
#include "keel/cold.h"

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

/* The run's first frame is claimed; see claim_run. */
KEEL_COLD static uint64_t claim_others(struct frame *run, uint64_t count, bool open)
{
    uint64_t claimed = 1;
    while (claimed < count && ref_claim(&run[claimed].ref)) {
        claimed++;
        end_piece(claimed, open);
    }
    for (uint64_t i = 0; claimed < count && i < claimed; i++) {
        ref_unclaim(&run[i].ref);
        end_piece(i + 1, open);
    }
    return claimed;
}

/* All of [first, first + count), at least one, or nothing. Answers how many could be claimed before one was
 * in the way. Interrupts are off; `open`: they were on, and the caller holds no lock. */
static uint64_t claim_run(uint64_t first, uint64_t count, bool open)
{
    struct frame *run = frame_at(first);
    CORE_ASSERT(count <= frame_end() - first);
    if (!ref_claim(&run->ref)) {
        return 0;
    }
    return count == 1 ? 1 : claim_others(run, count, open);
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

KEEL_COLD static bool scan(uint64_t count, uint64_t alignment, uint64_t *first)
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

/* See lock_without_policy. */
KEEL_COLD static bool lock_and_look_again(void)
{
    spinlock_acquire(&lock);
    if (!policy_frame_present()) {
        return true;
    }
    spinlock_release_irq_off(&lock); /* it was injected while this CPU waited */
    return false;
}

/* Takes the lock, interrupts being off, if there is no policy. False: there is one, and it is there for good.
 */
static bool lock_without_policy(void)
{
    return !policy_frame_present() && lock_and_look_again();
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

KEEL_COLD static bool claim_behind_policy(uint64_t count, uint64_t alignment, uint64_t *first)
{
    spinlock_acquire(&lock);
    bool claimed = scan(count, alignment, first);
    spinlock_release_irq_off(&lock);
    if (claimed) {
        policy_frame_fallback();
    }
    return claimed;
}

/* The policy's choice, or after a wrong one whatever the scan finds. */
static bool claim_with_policy(uint64_t count, uint64_t alignment, bool open, uint64_t *first)
{
    enum policy_answer answer = ask_policy(count, alignment, open, first);
    return answer == POLICY_CHOSE || (answer == POLICY_WRONG && claim_behind_policy(count, alignment, first));
}

uint64_t frame_choose_claim(uint64_t count, uint64_t alignment)
{
    uint64_t first;
    bool claimed;
    bool interrupts = hal_irq_disable();
    if (lock_without_policy()) {
        claimed = scan(count, alignment, &first);
        spinlock_release_irq_off(&lock);
    } else {
        claimed = claim_with_policy(count, alignment, interrupts, &first);
    }
    if (claimed) {
        frame_count_taken(count);
    }
    hal_irq_restore(interrupts);
    return claimed ? first : FRAME_NUMBER_NONE;
}

/* The run's first frame is FREE; see finish_some. */
KEEL_COLD static uint64_t finish_others(struct frame *run, uint64_t count)
{
    uint64_t finished = 1;
    while (finished < count && ref_finish(&run[finished].ref)) {
        finished++;
    }
    return finished;
}

/* `count` frames, at least one, become FREE, up to one whose generation is used up. Answers how many. */
static uint64_t finish_some(uint64_t first, uint64_t count)
{
    struct frame *run = frame_at(first);
    if (!ref_finish(&run->ref)) {
        return 0;
    }
    return count == 1 ? 1 : finish_others(run, count);
}

/* Goes on after finish_some, also past frames whose generation is used up. */
KEEL_COLD static void finish_in_runs(uint64_t first, uint64_t count, uint64_t finished, bool tell)
{
    for (uint64_t end = first + count;;) {
        if (tell && finished > 0) {
            policy_frame_freed(hal_cpu_id(), first, finished);
        }
        first += finished;
        if (first == end) {
            return;
        }
        frame_count_taken(1); /* for ever */
        first++;
        finished = first < end ? finish_some(first, end - first) : 0;
    }
}

KEEL_COLD static void finish_without_policy(uint64_t first, uint64_t count)
{
    finish_in_runs(first, count, finish_some(first, count), false);
    spinlock_release_irq_off(&lock);
}

/* Each run of frames that can be claimed again is FREE, then told. */
static void finish_with_policy(uint64_t first, uint64_t count)
{
    uint64_t finished = finish_some(first, count);
    if (finished < count) {
        finish_in_runs(first, count, finished, true);
    } else {
        policy_frame_freed(hal_cpu_id(), first, count);
    }
}

static void release_piece(uint64_t first, uint64_t count)
{
    bool interrupts = hal_irq_disable();
    frame_count_returned(count);
    if (lock_without_policy()) {
        finish_without_policy(first, count);
    } else {
        finish_with_policy(first, count);
    }
    hal_irq_restore(interrupts);
}

void frame_choose_release(uint64_t first, uint64_t count)
{
    for (; count > PIECE; first += PIECE, count -= PIECE) {
        release_piece(first, PIECE);
    }
    release_piece(first, count);
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
