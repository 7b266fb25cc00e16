/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal/cpu.h: CPUs, interrupts, time; and how CPUs start.
 */
#include "hal/atomic.h"
#include "hal/boot.h"
#include "hal/cpu.h"
#include "hal/ioapic.h"

#include "explore.h"
#include "ioapic.h"
#include "iommu.h"
#include "report.h"
#include "sanitizer.h"
#include "schedule.h"
#include "state.h"

unsigned hal_cpu_count(void)
{
    return machine.config.cpu_count;
}

unsigned hal_cpu_id(void)
{
    return cpu_current()->id;
}

uint32_t hal_cpu_word(void)
{
    return cpu_current()->word;
}

void hal_cpu_word_set(uint32_t word)
{
    CONTRACT(!cpu_current()->irq_on, "interrupts are on");
    cpu_current()->word = word;
}

void *hal_cpu_pointer(void)
{
    return cpu_current()->pointer;
}

void hal_cpu_pointer_set(void *pointer)
{
    CONTRACT(!cpu_current()->irq_on, "interrupts are on");
    cpu_current()->pointer = pointer;
}

const char *hal_cpu_describe(unsigned cpu)
{
    static const char *const names[HOSTED_CPU_MAX] = {"simulated CPU 0", "simulated CPU 1", "simulated CPU 2",
                                                      "simulated CPU 3", "simulated CPU 4", "simulated CPU 5",
                                                      "simulated CPU 6", "simulated CPU 7"};
    return cpu < HOSTED_CPU_MAX ? names[cpu] : "no CPU";
}

/* The highest one goes first, as the local APIC has it. */
static void take_vector(struct cpu *cpu)
{
    unsigned vector = 255;
    while ((cpu->vectors_pending[vector / 64] >> (vector % 64) & 1) == 0) {
        vector--;
    }
    cpu->vectors_pending[vector / 64] &= ~(UINT64_C(1) << (vector % 64));
    if (vector >= IOAPIC_VECTOR_FIRST && vector < IOAPIC_VECTOR_FIRST + HAL_IRQ_SOURCES_MAX) {
        hal_upcall_irq(vector - IOAPIC_VECTOR_FIRST);
        ioapic_end(vector - IOAPIC_VECTOR_FIRST);
    } else {
        cpu->stray_count++;
    }
    ioapic_end_of_interrupt(vector);
}

void cpu_take_interrupts(void)
{
    struct cpu *cpu = cpu_current();
    while (cpu_interrupted(cpu)) {
        explore_interrupt();
        if (cpu->timer_pending) {
            cpu->timer_pending = false;
            iommu_timer();
            hal_upcall_timer();
        } else if (cpu->ipi_pending) {
            cpu->ipi_pending = false;
            sanitizer_acquire(&cpu->ipi_pending);
            hal_upcall_ipi();
        } else {
            take_vector(cpu);
        }
        CONTRACT(cpu == cpu_current() && !cpu->irq_on,
                 "an interrupt upcall switched context or interrupts on");
    }
}

void cpu_deliver(void)
{
    while (cpu_current()->irq_on && cpu_interrupted(cpu_current())) {
        cpu_current()->irq_on = false;
        cpu_take_interrupts();
        hal_upcall_interrupt_exit();
        /* The interrupted context may have moved to another CPU inside. */
        CONTRACT(!cpu_current()->irq_on, "hal_upcall_interrupt_exit returned with interrupts on");
        cpu_current()->irq_on = true;
    }
}

bool hal_irq_disable(void)
{
    hosted_point(HAL_POINT_IRQ, NULL);
    bool enabled = cpu_current()->irq_on;
    cpu_current()->irq_on = false;
    return enabled;
}

void hal_irq_restore(bool enabled)
{
    if (enabled) {
        cpu_current()->irq_on = true;
        if (cpu_interrupted(cpu_current())) {
            schedule_hurry();
        }
    }
    hosted_point(HAL_POINT_IRQ, NULL);
}

bool hal_irq_enabled(void)
{
    return cpu_current()->irq_on;
}

void hal_cpu_wait(void)
{
    CONTRACT(!cpu_current()->irq_on, "interrupts are on");
    CONTRACT(!machine.frozen, "the machine is frozen");
    schedule_wait();
    cpu_take_interrupts();
}

void hal_cpu_relax(void)
{
    hosted_point(HAL_POINT_RELAX, NULL);
}

void hal_ipi_send(unsigned cpu)
{
    hosted_point(HAL_POINT_HAL, NULL);
    if (!CONTRACT(cpu < machine.config.cpu_count && machine.cpus[cpu].online, "no such CPU is online") ||
        !CONTRACT(cpu != cpu_current()->id, "to itself")) {
        return;
    }
    sanitizer_release(&machine.cpus[cpu].ipi_pending);
    machine.cpus[cpu].ipi_pending = true;
}

struct hal_irq_counts hal_irq_counts(unsigned cpu)
{
    return (struct hal_irq_counts){.nmi = 0, .stray = machine.cpus[cpu].stray_count};
}

uint64_t hal_time_now(void)
{
    hosted_point(HAL_POINT_HAL, NULL);
    return schedule_now();
}

void hal_timer_arm(uint64_t deadline)
{
    struct cpu *cpu = cpu_current();
    CONTRACT(!cpu->irq_on, "interrupts are on");
    cpu->deadline = deadline;
    cpu->timer_pending = false;
    schedule_hurry();
}

/* First code of a secondary CPU. */
static void start_cpu(void *argument)
{
    fiber_arrived();
    sanitizer_acquire(argument);
    hal_upcall_cpu_online();
}

void hal_cpus_start(void)
{
    CONTRACT(cpu_current()->id == 0 && !cpu_current()->irq_on, "not on the boot CPU with interrupts off");
    for (unsigned i = 1; i < machine.config.cpu_count; i++) {
        struct cpu *cpu = &machine.cpus[i];
        if (!CONTRACT(!cpu->online, "called twice")) {
            return;
        }
        machine_start_cpu(cpu, start_cpu);
        sanitizer_release(cpu);
    }
    hosted_point(HAL_POINT_HAL, NULL);
}
