/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal/user.h: entry to and return from user code, vector registers.
 */
#include "hal/user.h"

#include <string.h>

#include "big_stack.h"
#include "hal/vector_image.h"
#include "mmu.h"
#include "raw.h"
#include "report.h"
#include "sanitizer.h"
#include "schedule.h"
#include "user.h"

#define VECTOR_PAGE_FAULT 14u

/* Page-fault error code (Intel SDM vol. 3A, figure 4-12). */
#define FAULT_PRESENT 1u
#define FAULT_WRITE   2u
#define FAULT_USER    4u
#define FAULT_FETCH   16u

#define ALL_OF_USER (KEEL_USER_END + HAL_PAGE_SIZE)

void user_prepare(void)
{
    big_stack_prepare();
    for (unsigned i = 0; i < HOSTED_CPU_MAX; i++) {
        unicorn_flush_range(i, 0, ALL_OF_USER);
    }
}

void user_flush_range(struct cpu *cpu, uint64_t va, uint64_t size)
{
    unicorn_flush_range(cpu->id, va, size);
}

void user_flush_all(struct cpu *cpu)
{
    unicorn_flush_range(cpu->id, 0, ALL_OF_USER);
}

bool user_engine_maps(unsigned cpu, uint64_t frame)
{
    return unicorn_maps(cpu, frame);
}

unsigned user_need(enum hosted_access access)
{
    switch (access) {
    case HOSTED_WRITE:
        return HAL_PROT_USER | HAL_PROT_READ | HAL_PROT_WRITE;
    case HOSTED_FETCH:
        return HAL_PROT_USER | HAL_PROT_READ | HAL_PROT_EXEC;
    default:
        return HAL_PROT_USER | HAL_PROT_READ;
    }
}

struct keel_user_event user_page_fault(uint64_t va, enum hosted_access access,
                                       const struct translation *found)
{
    uint64_t error = FAULT_USER;
    error |= found->present ? FAULT_PRESENT : 0;
    error |= access == HOSTED_WRITE ? FAULT_WRITE : 0;
    error |= access == HOSTED_FETCH ? FAULT_FETCH : 0;
    return (struct keel_user_event){
        .reason = KEEL_USER_EXCEPTION, .vector = VECTOR_PAGE_FAULT, .error = error, .address = va};
}

static void check_entry(const struct keel_user_regs *regs)
{
    struct keel_user_regs clean = *regs;
    struct keel_user_event event;
    CONTRACT(!cpu_current()->irq_on, "interrupts are on");
    CONTRACT(cpu_root(cpu_current()).value != RAM_KERNEL_ROOT, "no user root is loaded");
    if (!hal_user_sanitise(&clean, &event) || memcmp(&clean, regs, sizeof clean) != 0) {
        machine_check("U1", "user registers were not sanitised: rip %#llx rflags %#llx",
                      (unsigned long long)regs->rip, (unsigned long long)regs->rflags);
    }
}

void hal_user_run(struct keel_user_regs *regs, struct keel_user_event *event)
{
    check_entry(regs);
    *event = (struct keel_user_event){0};
    for (;;) {
        struct cpu *cpu = cpu_current();
        if (cpu_interrupted(cpu)) {
            cpu_take_interrupts();
            event->reason = KEEL_USER_INTERRUPT;
            return;
        }
        bool scripted = machine.config.user_engine == HOSTED_USER_SCRIPT;
        uint64_t slice = schedule_user_slice();
        uint64_t time = scripted ? script_run(cpu, regs, event, slice) : unicorn_run(cpu, regs, event, slice);
        schedule_user_time(time);
        if (event->reason) {
            return;
        }
    }
}

size_t hal_vector_size(void)
{
    return X86_FXSAVE_SIZE;
}

void hal_vector_init(void *image)
{
    x86_vector_init(image, X86_FXSAVE_SIZE, 0);
}

void hal_vector_sanitise(void *image)
{
    x86_vector_sanitise(image, X86_FXSAVE_SIZE, 0, 0);
}

void hal_vector_load(const void *image)
{
    CONTRACT(!cpu_current()->irq_on, "interrupts are on");
    CONTRACT((uintptr_t)image % 64 == 0, "the image is not aligned");
    uint8_t clean[X86_FXSAVE_SIZE];
    memcpy(clean, image, sizeof clean);
    hal_vector_sanitise(clean);
    if (memcmp(clean, image, sizeof clean) != 0) {
        machine_check("U1", "a vector image was not sanitised");
    }
    memcpy(cpu_current()->vector, clean, sizeof clean);
}

void hal_vector_save(void *image)
{
    CONTRACT(!cpu_current()->irq_on, "interrupts are on");
    CONTRACT((uintptr_t)image % 64 == 0, "the image is not aligned");
    memcpy(image, cpu_current()->vector, X86_FXSAVE_SIZE);
}
