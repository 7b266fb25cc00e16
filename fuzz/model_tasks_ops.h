/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The operations of fuzz_model_tasks: calls, by their names, and what else happens. make_model_tasks_seeds.py
 * reads them from here.
 */
#ifndef FUZZ_MODEL_TASKS_OPS_H
#define FUZZ_MODEL_TASKS_OPS_H

/* clang-format off */
#define TASKS_CALLS(X)                                                                                       \
    X(task_spawn) X(task_ref) X(task_release) X(task_self) X(task_info) X(task_set_priority)                 \
    X(task_set_affinity) X(task_yield) X(task_exit) X(task_sleep) X(task_join) X(task_word_load)             \
    X(task_word_store) X(task_cancel) X(task_kill)                                                           \
    X(event_create) X(event_ref) X(event_release) X(event_sequence) X(event_wait) X(event_signal)            \
    X(semaphore_create) X(semaphore_ref) X(semaphore_release) X(semaphore_down) X(semaphore_up)              \
    X(mutex_create) X(mutex_ref) X(mutex_release) X(mutex_lock) X(mutex_lock_shared) X(mutex_upgrade)        \
    X(mutex_downgrade) X(mutex_unlock)
#define TASKS_EVENTS(X) X(time_passes) X(guards) X(references) X(handle_offer)
/* clang-format on */

#endif
