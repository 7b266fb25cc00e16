/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The life of a task, see core/task.h.
 */
#include "core/task.h"

#include "core/assert.h"
#include "core/cpu.h"
#include "core/cursor.h"
#include "core/sched.h"
#include "hal/user.h"

/* Where a new task begins: the second half of the switch that led here, then its own code. */
static void task_begin(void *argument)
{
    struct task *task = argument;
    sched_tail();
    hal_irq_restore(true);
    task->entry(task->argument);
    task_exit(0);
}

/* Stack, vector image, and addresses for the stack: all or nothing. */
static keel_status_t allocate_memory(struct task *task, uint64_t stack_pages)
{
    uint32_t owner = object_index(&task->object) + 1;
    keel_status_t status = frame_alloc(FRAME_STACK, stack_pages, 1, &task->stack);
    if (status != KEEL_OK) {
        return status;
    }
    status = frame_alloc(FRAME_OBJECT, 1, 1, &task->vector);
    if (status != KEEL_OK) {
        frame_free_private(task->stack, stack_pages);
        return status;
    }
    status = area_create(stack_pages, HAL_STACK_PAGES, owner, &task->area);
    if (status != KEEL_OK) {
        frame_free_private(task->vector, 1);
        frame_free_private(task->stack, stack_pages);
    }
    return status;
}

static void fill(struct task *task, const struct task_options *options)
{
    task->space = NULL;
    task->cursor_count = 0;
    task->fault_depth = 0;
    task->entry = options->entry;
    task->argument = options->argument;
    atomic_u32_store_relaxed(&task->priority, options->priority);
    atomic_u64_store_relaxed(&task->affinity, task_affinity_of(options->affinity));
    task->exit_status = 0;
    task->last_cpu = 0;
    atomic_u64_init(&task->switches, 0);
    for (unsigned i = 0; i < TASK_NAME_SIZE; i++) {
        task->name[i] = i + 1 < TASK_NAME_SIZE ? options->name[i] : '\0';
    }
    wait_queue_init(&task->joiners);
    wait_entry_init(&task->wait);
    holds_init(&task->holds);
    for (unsigned i = 0; i < TASK_WORDS; i++) {
        task->words[i] = 0;
    }
}

keel_status_t task_spawn(const struct task_options *options, uint64_t *handle)
{
    struct object *object = object_claim(OBJECT_TASK);
    if (object == NULL) {
        return KEEL_E_LIMIT;
    }
    struct task *created = (struct task *)object;
    atomic_u32_store_relaxed(&created->state, TASK_NEW);
    uint64_t pages = options->stack_pages > HAL_STACK_PAGES ? options->stack_pages : HAL_STACK_PAGES;
    keel_status_t status = allocate_memory(created, pages);
    if (status != KEEL_OK) {
        ref_unclaim(&object->ref);
        return status;
    }
    fill(created, options);
    area_map(&created->area, 0, created->stack, pages);
    hal_vector_init(task_vector_image(created));
    hal_context_init(&created->context, created->area.base, pages, task_begin, created);
    *handle = object_handle(OBJECT_TASK, object);
    /* To be running, or to wait for it, is a reference of its own; sched_tail drops it. */
    ref_publish(&object->ref, options->detached ? 1 : 2, !options->detached);
    sched_start(created);
    return KEEL_OK;
}

void task_put(struct task *task)
{
    if (!ref_put(&task->object.ref)) {
        return;
    }
    CORE_ASSERT(atomic_u32_load_acquire(&task->state) == TASK_DEAD);
    area_unmap(&task->area, 0, task->area.page_count);
    area_destroy(&task->area);
    frame_free_private(task->stack, task->area.page_count);
    frame_free_private(task->vector, 1);
    ref_finish(&task->object.ref);
}

enum task_state task_state(const struct task *task)
{
    return (enum task_state)(atomic_u32_load_acquire(&task->state) & TASK_STATE_MASK);
}

void *task_vector_image(const struct task *task)
{
    return hal_phys_object(frame_address(task->vector));
}

void task_yield(void)
{
    bool interrupts = hal_irq_disable();
    sched_give_way();
    hal_irq_restore(interrupts);
}

keel_status_t task_sleep(uint64_t nanoseconds)
{
    if (nanoseconds == 0) {
        task_yield();
        return KEEL_OK;
    }
    return wait_sleep_until(wait_deadline(nanoseconds));
}

void task_activate(struct space *space)
{
    bool interrupts = hal_irq_disable();
    struct task *task = cpu_this()->current;
    struct space *old = task->space;
    task->space = space;
    space_load(space);
    hal_irq_restore(interrupts);
    if (old != NULL) {
        space_put(old);
    }
}

_Noreturn void task_exit(int32_t status)
{
    if ((cpu_context() & (CONTEXT_POLICY | CONTEXT_INTERRUPT | CONTEXT_SOFT)) != 0) {
        /* It jumped out of a policy's function, whose lock it still holds, or of a handler: nothing can go on
         * (keel/policy.h, keel/timer.h, keel/work.h). */
        hal_panic("a policy's function or a handler did not return to its caller");
    }
    holds_release_all(); /* first: it leaves atomic mode */
    cursor_close_all(task_current());
    task_activate(NULL);
    bool interrupts = hal_irq_disable();
    CORE_ASSERT(interrupts);
    struct cpu *cpu = cpu_this();
    struct task *task = cpu->current;
    cpu->vector_owner = NULL; /* nobody will look at its registers again */
    task->exit_status = status;
    bool irq_off = spinlock_acquire(&task->joiners.lock);
    atomic_u32_store_release(&task->state, TASK_DEAD | TASK_ON);
    spinlock_release(&task->joiners.lock, irq_off);
    wait_queue_wake_all(&task->joiners);
    sched_exit();
}

keel_status_t task_join(struct task *task, int32_t *status)
{
    if (task == task_current()) {
        return KEEL_E_BUSY;
    }
    for (;;) {
        bool interrupts = spinlock_acquire(&task->joiners.lock);
        if (task_state(task) == TASK_DEAD) {
            *status = task->exit_status;
            spinlock_release(&task->joiners.lock, interrupts);
            return KEEL_OK;
        }
        keel_status_t waited = wait_queue_block(&task->joiners, WAIT_LAST, WAIT_FOREVER, interrupts);
        if (waited != KEEL_OK) {
            return waited;
        }
    }
}

bool hal_upcall_guard_owner(uint64_t va, char *name, size_t size)
{
    uint32_t owner = area_guard_owner(va);
    if (size == 0 || owner == 0) {
        return false;
    }
    const struct task *task = (const struct task *)object_at(OBJECT_TASK, owner - 1);
    size_t i = 0;
    for (; i + 1 < size && i < TASK_NAME_SIZE && task->name[i] != '\0'; i++) {
        name[i] = task->name[i];
    }
    name[i] = '\0';
    return true;
}
