/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Why a task is handed to the scheduler policy. Vocabulary: no call stands here.
 */
#ifndef KEEL_SCHED_REASON_H
#define KEEL_SCHED_REASON_H

enum keel_enqueue_reason {
    KEEL_ENQUEUE_NEW = 1,
    KEEL_ENQUEUE_WOKEN = 2,
    KEEL_ENQUEUE_YIELDED = 3,
    KEEL_ENQUEUE_PREEMPTED = 4,
};

#endif
