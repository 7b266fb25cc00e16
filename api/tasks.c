/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Calls of keel/task.h and keel/user.h.
 */
#include "calls.h"
#include "core/cpu.h"
#include "core/sched.h"
#include "core/task.h"
#include "core/user.h"
#include "hal/user.h"
#include "reference.h"

_Static_assert(KEEL_TASK_NAME_MAX + 1 == TASK_NAME_SIZE, "one length for names");
_Static_assert(KEEL_TASK_WORDS == TASK_WORDS, "one number of words");
_Static_assert(KEEL_TASK_STACK_SIZE_MAX >= HAL_STACK_PAGES * HAL_PAGE_SIZE, "the default may be asked for");
_Static_assert((int)KEEL_TASK_NEW == TASK_NEW && (int)KEEL_TASK_DEAD == TASK_DEAD, "one numbering of states");

/* A name from outside: up to the first NUL, the rest of the array zero. */
static void copy_name(char *to, const char *from)
{
    bool ended = false;
    for (unsigned i = 0; i < TASK_NAME_SIZE; i++) {
        ended = ended || from[i] == '\0' || i + 1 == TASK_NAME_SIZE;
        to[i] = ended ? '\0' : from[i];
    }
}

/* Some CPU can run a task with this mask. */
static bool can_run(uint64_t affinity)
{
    return (task_affinity_of(affinity) & cpu_online_mask()) != 0;
}

keel_status_t call_task_spawn(const struct keel_task_options *options, uint64_t *task)
{
    if (options->entry == NULL || options->flags != 0 || !can_run(options->affinity) ||
        options->stack_size > KEEL_TASK_STACK_SIZE_MAX) {
        return KEEL_E_INVALID;
    }
    struct task_options checked = {.entry = options->entry,
                                   .argument = options->argument,
                                   .priority = options->priority,
                                   .affinity = options->affinity,
                                   .stack_pages = (options->stack_size + HAL_PAGE_SIZE - 1) / HAL_PAGE_SIZE};
    copy_name(checked.name, options->name);
    return task_spawn(&checked, task);
}

REFERENCE_CALLS(task, object.ref)

keel_status_t call_task_self(uint64_t *task)
{
    struct task *self = task_current();
    keel_status_t status = reference_add(&self->object.ref);
    if (status == KEEL_OK) {
        *task = object_handle(OBJECT_TASK, &self->object);
    }
    return status;
}

keel_status_t call_task_info(struct task *task, struct keel_task_info *info)
{
    copy_name(info->name, task->name);
    info->state = (uint32_t)task_state(task);
    info->priority = atomic_u32_load_relaxed(&task->priority);
    info->affinity = atomic_u64_load_relaxed(&task->affinity);
    info->exit_status = info->state == KEEL_TASK_DEAD ? task->exit_status : 0;
    info->switches = atomic_u64_load_relaxed(&task->switches);
    return KEEL_OK;
}

keel_status_t call_task_set_priority(struct task *task, uint32_t priority)
{
    sched_set_priority(task, priority);
    return KEEL_OK;
}

keel_status_t call_task_set_affinity(struct task *task, uint64_t affinity)
{
    if (!can_run(affinity)) {
        return KEEL_E_INVALID;
    }
    sched_set_affinity(task, task_affinity_of(affinity));
    return KEEL_OK;
}

keel_status_t call_task_yield(void)
{
    task_yield();
    return KEEL_OK;
}

keel_status_t call_task_exit(int32_t status)
{
    task_exit(status);
}

keel_status_t call_task_sleep(uint64_t nanoseconds)
{
    return task_sleep(nanoseconds);
}

keel_status_t call_task_join(struct task *task, int32_t *status)
{
    return task_join(task, status);
}

keel_status_t call_task_word_load(uint32_t index, uint64_t *value)
{
    if (index >= TASK_WORDS) {
        return KEEL_E_INVALID;
    }
    *value = task_current()->words[index];
    return KEEL_OK;
}

keel_status_t call_task_word_store(uint32_t index, uint64_t value)
{
    if (index >= TASK_WORDS) {
        return KEEL_E_INVALID;
    }
    task_current()->words[index] = value;
    return KEEL_OK;
}

keel_status_t call_task_cancel(struct task *task)
{
    wait_cancel(task, WAIT_CANCEL_NEXT);
    return KEEL_OK;
}

keel_status_t call_task_kill(struct task *task)
{
    wait_cancel(task, WAIT_CANCEL_ALL);
    return KEEL_OK;
}

keel_status_t call_user_run(struct keel_user_regs *regs, struct keel_user_event *event)
{
    struct task *self = task_current();
    if (self->space == NULL) {
        return KEEL_E_BUSY;
    }
    if (wait_take_cancel(self)) {
        return KEEL_E_CANCELED;
    }
    user_run(regs, event);
    return KEEL_OK;
}

keel_status_t call_user_vector_size(uint64_t *size)
{
    *size = hal_vector_size();
    return KEEL_OK;
}

static bool in_image(uint64_t offset, size_t size)
{
    return offset <= hal_vector_size() && size <= hal_vector_size() - offset;
}

keel_status_t call_user_vector_read(uint64_t offset, void *buffer, size_t buffer_size)
{
    if (!in_image(offset, buffer_size)) {
        return KEEL_E_INVALID;
    }
    user_vector_read(offset, buffer, buffer_size);
    return KEEL_OK;
}

keel_status_t call_user_vector_write(uint64_t offset, const void *buffer, size_t buffer_size)
{
    if (!in_image(offset, buffer_size)) {
        return KEEL_E_INVALID;
    }
    user_vector_write(offset, buffer, buffer_size);
    return KEEL_OK;
}
