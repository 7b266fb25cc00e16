/* SPDX-License-Identifier: BSD-2-Clause
 *
 * User mode, see core/user.h. Between the check of the registers and the entry interrupts stay off, so nobody
 * changes them in between.
 */
#include "core/user.h"

#include "core/assert.h"
#include "core/sched.h"
#include "core/work.h"

static void vector_attach(struct cpu *cpu, struct task *task)
{
    if (cpu->vector_owner == task) {
        return;
    }
    CORE_ASSERT(cpu->vector_owner == NULL);
    hal_vector_load(task_vector_image(task));
    cpu->vector_owner = task;
}

void user_vector_detach(void)
{
    struct cpu *cpu = cpu_this();
    if (cpu->vector_owner != NULL) {
        hal_vector_save(task_vector_image(cpu->vector_owner));
        cpu->vector_owner = NULL;
    }
}

/* Did the program miss a page that is there? Its size may have been changing. */
static bool was_too_early(const struct keel_user_event *event)
{
    return hal_user_missed(event) && event->address < KEEL_USER_END &&
           space_grants(task_current()->space, event->address, false);
}

void user_run(struct keel_user_regs *regs, struct keel_user_event *event)
{
    bool interrupts = hal_irq_disable();
    sched_preempt(cpu_this());
    if (hal_user_sanitise(regs, event)) {
        struct cpu *cpu = cpu_this();
        vector_attach(cpu, cpu->current);
        hal_user_run(regs, event);
        if (event->reason == KEEL_USER_INTERRUPT) {
            works_run_after_interrupt();
            sched_preempt(cpu_this());
        }
    }
    hal_irq_restore(interrupts);
    if (was_too_early(event)) {
        *event = (struct keel_user_event){.reason = KEEL_USER_INTERRUPT};
    }
}

void user_vector_read(uint64_t offset, void *buffer, size_t size)
{
    bool interrupts = hal_irq_disable();
    user_vector_detach();
    const unsigned char *image = task_vector_image(cpu_this()->current);
    for (size_t i = 0; i < size; i++) {
        ((unsigned char *)buffer)[i] = image[offset + i];
    }
    hal_irq_restore(interrupts);
}

void user_vector_write(uint64_t offset, const void *buffer, size_t size)
{
    bool interrupts = hal_irq_disable();
    user_vector_detach();
    unsigned char *image = task_vector_image(cpu_this()->current);
    for (size_t i = 0; i < size; i++) {
        image[offset + i] = ((const unsigned char *)buffer)[i];
    }
    hal_vector_sanitise(image);
    hal_irq_restore(interrupts);
}
