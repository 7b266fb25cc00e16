/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Works, see core/work.h.
 */
#include "core/work.h"

#include "core/assert.h"
#include "core/sched.h"

static void begin_life(struct work *work, void (*handler)(void *context), void *context)
{
    work->handler = handler;
    work->context = context;
    atomic_u32_init(&work->state, 0);
    work->next = NULL;
    work->previous = NULL;
    work->number = 0;
}

void work_init(struct work *work, void (*handler)(void *context))
{
    ref_init(&work->object.ref, REF_FREE);
    bool claimed = ref_claim(&work->object.ref);
    CORE_ASSERT(claimed);
    begin_life(work, handler, NULL);
    ref_publish(&work->object.ref, 1, false);
}

keel_status_t work_create(void (*handler)(void *context), void *context, uint64_t *handle)
{
    struct work *work = (struct work *)object_claim(OBJECT_WORK);
    if (work == NULL) {
        return KEEL_E_LIMIT;
    }
    begin_life(work, handler, context);
    *handle = object_handle(OBJECT_WORK, &work->object);
    ref_publish(&work->object.ref, 1, true);
    return KEEL_OK;
}

void work_put(struct work *work)
{
    if (ref_put(&work->object.ref)) {
        CORE_ASSERT(atomic_u32_peek(&work->state) == 0);
        ref_finish(&work->object.ref);
    }
}

/* --- The list of CPU `cpu`; its lock is held --- */

static void acquire(unsigned cpu)
{
    bool interrupts = spinlock_acquire(&cpu_at(cpu)->works.lock);
    CORE_ASSERT(!interrupts);
}

static void release(unsigned cpu)
{
    spinlock_release_irq_off(&cpu_at(cpu)->works.lock);
}

static void append(unsigned cpu, struct work *work)
{
    struct work_list *list = &cpu_at(cpu)->works;
    work->next = NULL;
    work->previous = list->tail;
    *(list->tail != NULL ? &list->tail->next : &list->head) = work;
    list->tail = work;
    work->number = list->entered++;
    atomic_u32_fetch_add(&list->count, 1);
}

static void take_off(unsigned cpu, struct work *work)
{
    struct work_list *list = &cpu_at(cpu)->works;
    *(work->previous != NULL ? &work->previous->next : &list->head) = work->next;
    *(work->next != NULL ? &work->next->previous : &list->tail) = work->previous;
    atomic_u32_fetch_sub(&list->count, 1);
}

static uint32_t state_at(unsigned cpu, uint32_t bits)
{
    return bits != 0 ? (uint32_t)cpu << WORK_CPU_SHIFT | bits : 0;
}

static uint32_t bits_of(const struct work *work)
{
    return atomic_u32_peek(&work->state) & (WORK_QUEUED | WORK_RUNNING);
}

static void set_bits(unsigned cpu, struct work *work, uint32_t bits)
{
    atomic_u32_store_release(&work->state, state_at(cpu, bits));
}

/* --- Queueing --- */

/* Takes the lock of the CPU where the work is; from then on it stays there. HAL_CPU_MAX: it is nowhere.
 * Interrupts are off. */
static unsigned lock_where_it_is(struct work *work)
{
    uint32_t state = atomic_u32_load_acquire(&work->state);
    while (state != 0) {
        unsigned cpu = state >> WORK_CPU_SHIFT;
        acquire(cpu);
        state = atomic_u32_load_acquire(&work->state);
        if (state != 0 && state >> WORK_CPU_SHIFT == cpu) {
            return cpu;
        }
        release(cpu);
    }
    return HAL_CPU_MAX;
}

/* The work is nowhere, or was: queues it here. */
static bool put_in_here(struct work *work)
{
    unsigned self = hal_cpu_id();
    uint32_t nowhere = 0;
    acquire(self);
    bool added = atomic_u32_cas(&work->state, &nowhere, state_at(self, WORK_QUEUED));
    if (added) {
        append(self, work);
    }
    release(self);
    return added;
}

/* False: it is queued already. */
static bool put_in(struct work *work)
{
    unsigned cpu = lock_where_it_is(work);
    while (cpu == HAL_CPU_MAX) {
        if (put_in_here(work)) {
            return true;
        }
        cpu = lock_where_it_is(work);
    }
    bool added = bits_of(work) == WORK_RUNNING;
    if (added) {
        set_bits(cpu, work, WORK_RUNNING | WORK_QUEUED);
        append(cpu, work); /* there is a pass, and it looks whether anything is left */
    }
    release(cpu);
    return added;
}

keel_status_t work_schedule(struct work *work)
{
    keel_status_t status = ref_get_more(&work->object.ref);
    if (status != KEEL_OK) {
        return status;
    }
    bool interrupts = hal_irq_disable();
    bool added = put_in(work);
    if (cpu_context() == CONTEXT_TASK) {
        works_run(cpu_this());
        sched_preempt(cpu_this());
    }
    hal_irq_restore(interrupts);
    if (!added) {
        work_put(work);
    }
    return added ? KEEL_OK : KEEL_E_EXISTS;
}

keel_status_t work_cancel(struct work *work)
{
    bool interrupts = hal_irq_disable();
    unsigned cpu = lock_where_it_is(work);
    uint32_t bits = 0;
    if (cpu != HAL_CPU_MAX) {
        bits = bits_of(work);
        if ((bits & WORK_QUEUED) != 0) {
            take_off(cpu, work);
            set_bits(cpu, work, bits & WORK_RUNNING);
        }
        release(cpu);
    }
    hal_irq_restore(interrupts);
    if ((bits & WORK_QUEUED) != 0) {
        work_put(work);
        return KEEL_OK;
    }
    return bits != 0 ? KEEL_E_BUSY : KEEL_E_NOT_FOUND;
}

/* --- Running --- */

/* The next one of a pass: those from number `end` on are not for it. NULL: there is none. */
static struct work *begin(unsigned cpu, uint64_t end)
{
    acquire(cpu);
    struct work *work = cpu_at(cpu)->works.head;
    if (work != NULL && work->number < end) {
        take_off(cpu, work);
        set_bits(cpu, work, WORK_RUNNING);
    } else {
        work = NULL;
    }
    release(cpu);
    return work;
}

static void finish(unsigned cpu, struct work *work)
{
    acquire(cpu);
    set_bits(cpu, work, bits_of(work) & WORK_QUEUED);
    release(cpu);
    work_put(work);
}

/* Calls the handler, and gives back what it does not. */
static void call(struct cpu *cpu, struct work *work)
{
    hal_irq_restore(true);
    work->handler(work->context);
    (void)holds_release_atomic();
    (void)hal_irq_disable();
    CORE_ASSERT(cpu->holds == &cpu->soft_holds && cpu->soft_holds.count == 0);
}

KEEL_COLD void works_run_pass(void)
{
    struct cpu *cpu = cpu_this();
    unsigned self = hal_cpu_id();
    struct holds *holds = cpu->holds;
    uint32_t context = cpu_context();
    CORE_ASSERT(!hal_irq_enabled());
    if (holds != NULL && holds->atomic != 0) {
        return; /* whoever is below gets to this when it is done */
    }
    cpu->holds = &cpu->soft_holds;
    hal_cpu_word_set(CONTEXT_SOFT);
    uint64_t end = cpu->works.entered, start = hal_time_now();
    for (struct work *work = begin(self, end); work != NULL; work = begin(self, end)) {
        call(cpu, work);
        finish(self, work);
    }
    cpu->holds = holds;
    hal_cpu_word_set(context);
    uint64_t now = hal_time_now(), pause = now - start;
    pause = pause < WORK_PAUSE ? WORK_PAUSE : pause;
    cpu->works.pause_end = now + (pause < WORK_PAUSE_MAX ? pause : WORK_PAUSE_MAX);
    if (atomic_u32_peek(&cpu->works.count) != 0) {
        cpu_timer_by(cpu->works.pause_end);
    }
}

KEEL_COLD void works_run_later_or_now(void)
{
    struct cpu *cpu = cpu_this();
    if (hal_time_now() < cpu->works.pause_end) {
        cpu_timer_by(cpu->works.pause_end);
    } else {
        works_run_pass();
    }
}
