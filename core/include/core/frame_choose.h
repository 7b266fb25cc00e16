/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Which frames to use next: the injected policy's answer where it holds, a next-fit scan of the frame array
 * otherwise. Either way the claim itself (FREE -> BUSY, frame by frame) is Keel's, so no answer can put a
 * frame into two hands (M5).
 *
 * One lock covers the choice, the claim, the release and what the policy is told of them, so that an honest
 * policy is never surprised.
 */
#ifndef CORE_FRAME_CHOOSE_H
#define CORE_FRAME_CHOOSE_H

#include "core/frame.h"

void frame_choose_init(void);

/* Claims `count` contiguous frames, the first at a multiple of `alignment`: all are BUSY and the caller's.
 * E_NO_MEMORY: none, nothing claimed. */
keel_status_t frame_choose_claim(uint64_t count, uint64_t alignment, uint64_t *first);

/* BUSY frames become FREE again; answers how many (a frame whose generation is used up stays away). */
uint64_t frame_choose_release(uint64_t first, uint64_t count);

/* BUSY frames that nobody has ever been given become FREE, and the policy learns of them as it did of the
 * others. */
void frame_choose_add(uint64_t first, uint64_t count);

/* For injecting a policy: the lock that its functions run under, and a look at every run of FREE frames under
 * it. */
bool frame_choose_lock(void);
void frame_choose_unlock(bool interrupts);
void frame_choose_for_each_free(void (*step)(uint64_t first, uint64_t count));

#endif
