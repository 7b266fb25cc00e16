/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal/cpu.h: which CPU, interrupts on and off, waiting. One CPU runs in this version; all are found and
 * named.
 */
#include "hal/cpu.h"
#include "hal/boot.h"
#include "hal/machine.h"
#include "insn.h"
#include "parts.h"
#include "percpu.h"

#define FLAG_IF (UINT64_C(1) << 9)

/* What there is to say of each CPU that was found. */
static struct known_cpu {
    uint32_t apic_id;
    char text[20]; /* "APIC id " and a number of 32 bits */
} known[HAL_CPU_MAX];
static unsigned known_count;

static void add_cpu(uint32_t apic_id)
{
    static const char prefix[] = "APIC id ";
    char *text = known[known_count].text;
    char digits[10];
    unsigned count = 0, at = 0;

    known[known_count++].apic_id = apic_id;
    for (; prefix[at] != '\0'; at++) {
        text[at] = prefix[at];
    }
    do {
        digits[count++] = (char)('0' + apic_id % 10);
        apic_id /= 10;
    } while (apic_id != 0);
    while (count > 0) {
        text[at++] = digits[--count];
    }
    text[at] = '\0';
}

/* The boot CPU is CPU 0, whatever its place in the MADT. */
unsigned x86_cpus_init(const struct acpi_cpus *cpus)
{
    const uint32_t boot_id = x86_apic_id();
    bool boot_listed = false;

    add_cpu(boot_id);
    for (unsigned i = 0; i < cpus->listed_count; i++) {
        if (cpus->apic_id[i] == boot_id) {
            boot_listed = true;
        } else if (known_count < HAL_CPU_MAX) {
            add_cpu(cpus->apic_id[i]);
        }
    }
    /* A MADT without this very CPU is wrong by one, unless the list was too short for it. */
    return cpus->enabled_count + (boot_listed || cpus->enabled_count > cpus->listed_count ? 0 : 1);
}

uint32_t x86_cpu_apic_id(unsigned cpu)
{
    return known[cpu].apic_id;
}

unsigned hal_cpu_count(void)
{
    return 1;
}

unsigned hal_cpu_id(void)
{
    return 0;
}

const char *hal_cpu_describe(unsigned cpu)
{
    return cpu < known_count ? known[cpu].text : "APIC id not listed";
}

/* hal_cpu_count() is 1: there is none to start. */
void hal_cpus_start(void)
{
}

bool hal_irq_enabled(void)
{
    return (x86_read_flags() & FLAG_IF) != 0;
}

bool hal_irq_disable(void)
{
    const bool enabled = hal_irq_enabled();

    x86_cli();
    return enabled;
}

void hal_irq_restore(bool enabled)
{
    if (enabled) {
        x86_sti();
    }
}

/* STI takes effect after the next instruction, so nothing can come between it and HLT (SDM vol. 2B, STI). */
void hal_cpu_wait(void)
{
    struct x86_cpu *cpu = x86_this_cpu();

    cpu->waiting = true;
    __asm__ volatile("sti; hlt; cli" : : : "memory");
    cpu->waiting = false;
}

void hal_cpu_relax(void)
{
    x86_pause();
}

/* One CPU: interrupts are off already (hal/machine.h). */
void hal_freeze(void)
{
}

void hal_thaw(void)
{
}
