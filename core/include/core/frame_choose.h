/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Which frames to use next: the injected policy's answer where it holds, a next-fit scan of the frame array
 * otherwise. Either way the claim itself (FREE -> BUSY, frame by frame) is Keel's, so no answer can put a
 * frame into two hands (M5).
 *
 * With a policy, no lock of core's covers the choice, the claim or the release: several CPUs are inside the
 * policy at once. The lock here serialises what core does itself, the scan and, without a policy, the
 * release. An honest policy is never surprised, because:
 *
 *   - a frame is FREE before the policy is told so; what it is told it may answer at once, on any CPU;
 *   - a policy becomes visible after every FREE frame was announced to it, under the lock. Whoever works
 *     without a policy does so under the lock and looks again whether one was injected. So no frame becomes
 *     FREE or BUSY during the announcement, and each is announced there or told when it is freed, never both;
 *   - the scan takes frames behind a policy's back only after that policy's answer was refused.
 *
 * Interrupts are off while the policy runs. What it chose is claimed, and frames are released, so many at a
 * time with interrupts let in between, if the caller has them on: BUSY frames are the caller's, whoever runs
 * meanwhile. The scan is different: it is one hold of the lock, as long as the frame array in the worst case.
 * In between, a claim in pieces would hold frames that it may have to give back, so that others find none
 * where there are enough, and a policy could be injected, which would never hear of them. It is what a
 * machine does without a policy, or with one that lies.
 */
#ifndef CORE_FRAME_CHOOSE_H
#define CORE_FRAME_CHOOSE_H

#include "core/frame.h"

void frame_choose_init(void);

/* Claims `count` contiguous frames, the first at a multiple of `alignment`: all are BUSY and the caller's.
 * Answers the number of the first; FRAME_NUMBER_NONE: nothing is claimed. */
uint64_t frame_choose_claim(uint64_t count, uint64_t alignment);

/* BUSY frames become FREE again (a frame whose generation is used up stays away), and the policy is told. */
void frame_choose_release(uint64_t first, uint64_t count);

/* BUSY frames that nobody has ever been given become FREE, and the policy learns of them as it did of the
 * others. */
void frame_choose_add(uint64_t first, uint64_t count);

/* For injecting a policy: calls `step` for every run of FREE frames, then `publish`, with nothing becoming
 * FREE or BUSY meanwhile. Both run with interrupts off and the lock held. */
void frame_choose_inject(void (*step)(unsigned cpu, uint64_t first, uint64_t count), void (*publish)(void));

#endif
