/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal/cpu.h: which CPU, interrupts on and off, waiting, and what CPUs ask of each other.
 */
#include "hal/cpu.h"

#include <string.h>

#include "hal/boot.h"
#include "hal/machine.h"
#include "insn.h"
#include "parts.h"
#include "percpu.h"
#include "trap.h"

#define FLAG_IF (UINT64_C(1) << 9)

/* In the order of hal_cpu_describe: those that run, by number, then the others. */
static struct known_cpu {
    struct x86_cpu *cpu;
    char text[64];
} known[HAL_CPU_MAX];
static unsigned known_count, running_count;

static char *append(char *at, const char *text)
{
    while (*text != '\0') {
        *at++ = *text++;
    }
    *at = '\0';
    return at;
}

static void append_number(char *at, uint32_t number)
{
    char digits[11] = {0};
    size_t from = sizeof(digits) - 1;

    do {
        digits[--from] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    (void)append(at, digits + from);
}

static void add_cpu(uint32_t apic_id)
{
    struct known_cpu *entry = &known[known_count];

    entry->cpu = &x86_cpus[known_count];
    entry->cpu->slot = known_count;
    entry->cpu->apic_id = apic_id;
    append_number(append(entry->text, "APIC id "), apic_id);
    known_count++;
}

/* The boot CPU is CPU 0, whatever its place in the MADT. */
unsigned x86_cpus_init(const struct acpi_cpus *cpus)
{
    const uint32_t boot_id = x86_apic_id();
    bool boot_listed = false;

    add_cpu(boot_id);
    x86_cpu_runs(&x86_cpus[0]);
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

unsigned x86_cpus_known(void)
{
    return known_count;
}

/* Where the CPU stands in `known`. It does. */
static struct known_cpu *entry_of(const struct x86_cpu *cpu)
{
    struct known_cpu *entry = known;

    while (entry->cpu != cpu) {
        entry++;
    }
    return entry;
}

void x86_cpu_runs(struct x86_cpu *cpu)
{
    struct known_cpu *entry = entry_of(cpu), other = known[running_count];

    known[running_count] = *entry;
    *entry = other;
    cpu->id = running_count++;
}

void x86_cpu_left_out(struct x86_cpu *cpu, const char *why)
{
    char *text = entry_of(cpu)->text;

    (void)append(append(text + strlen(text), ", "), why);
}

struct x86_cpu *x86_cpu_at(unsigned id)
{
    return known[id].cpu;
}

unsigned hal_cpu_count(void)
{
    return running_count;
}

unsigned hal_cpu_id(void)
{
    return x86_this_cpu()->id;
}

const char *hal_cpu_describe(unsigned cpu)
{
    return cpu < known_count ? known[cpu].text : "APIC id not listed";
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

void hal_cpu_wait(void)
{
    struct x86_cpu *cpu = x86_this_cpu();

    cpu->waiting = true;
    x86_wait();
    cpu->waiting = false;
}

/* ---- what CPUs ask of each other ---- */

static atomic_u32_t frozen;   /* 1: CPUs that are asked to park stay so */
static atomic_u32_t freezer;  /* 1: some CPU is about to freeze the machine, or has */
static atomic_u32_t stopping; /* the CPU that stops all others, by number + 1; 0: none */

static void ask(struct x86_cpu *cpu, uint32_t what)
{
    atomic_u32_fetch_or(&cpu->asked, what);
    x86_apic_send(cpu->apic_id, X86_VECTOR_IPI);
}

static void park(struct x86_cpu *cpu)
{
    cpu->registers_wrong = x86_registers_wrong();
    atomic_u32_store_release(&cpu->parked, 1);
    while (atomic_u32_load_acquire(&frozen) != 0) {
        x86_pause();
    }
    cpu->registers_wrong = 0;
    atomic_u32_store_release(&cpu->parked, 0);
}

void x86_cpu_attend(void)
{
    struct x86_cpu *cpu = x86_this_cpu();
    const uint32_t asked = atomic_u32_load_acquire(&cpu->asked);

    if ((asked & X86_ASKED_CACHES) != 0) {
        x86_wbinvd();
        atomic_u32_fetch_and(&cpu->asked, ~(uint32_t)X86_ASKED_CACHES);
    }
    if ((asked & X86_ASKED_PARK) != 0) {
        atomic_u32_fetch_and(&cpu->asked, ~(uint32_t)X86_ASKED_PARK);
        park(cpu);
    }
}

/* One turn of a spin-wait, with interrupts on or off: whoever asks something of this CPU may be what it waits
 * for. */
void hal_cpu_relax(void)
{
    x86_pause();
    if (atomic_u32_peek(&x86_this_cpu()->asked) != 0) {
        const bool enabled = hal_irq_disable();

        x86_cpu_attend();
        hal_irq_restore(enabled);
    }
}

/* A turn of a wait for other CPUs, which may wait for this one, interrupts being off. */
static void attend_others(void)
{
    hal_cpu_relax();
    hal_upcall_serve();
}

void x86_flush_caches(void)
{
    const bool enabled = hal_irq_disable();
    const unsigned self = hal_cpu_id();

    for (unsigned id = 0; id < running_count; id++) {
        if (id != self) {
            ask(known[id].cpu, X86_ASKED_CACHES);
        }
    }
    x86_wbinvd();
    for (unsigned id = 0; id < running_count; id++) {
        while (id != self && (atomic_u32_load_acquire(&known[id].cpu->asked) & X86_ASKED_CACHES) != 0) {
            attend_others();
        }
    }
    hal_irq_restore(enabled);
}

void hal_freeze(void)
{
    const unsigned self = hal_cpu_id();

    while (atomic_u32_exchange(&freezer, 1) != 0) {
        attend_others();
    }
    atomic_u32_exchange(&frozen, 1);
    for (unsigned id = 0; id < running_count; id++) {
        if (id != self) {
            ask(known[id].cpu, X86_ASKED_PARK);
        }
    }
    for (unsigned id = 0; id < running_count; id++) {
        while (id != self && atomic_u32_load_acquire(&known[id].cpu->parked) == 0) {
            hal_upcall_serve();
            x86_pause();
        }
    }
}

void hal_thaw(void)
{
    const unsigned self = hal_cpu_id();

    atomic_u32_exchange(&frozen, 0);
    for (unsigned id = 0; id < running_count; id++) {
        while (id != self && atomic_u32_load_acquire(&known[id].cpu->parked) != 0) {
            x86_pause();
        }
    }
    atomic_u32_store_release(&freezer, 0);
}

bool x86_is_stopped(void)
{
    const uint32_t stopper = atomic_u32_peek(&stopping);

    return stopper != 0 && stopper != hal_cpu_id() + 1;
}

/* By NMI, which interrupts a CPU whatever it does (trap.c). Of several CPUs that would stop each other one
 * does. */
void x86_stop_others(void)
{
    const unsigned self = hal_cpu_id();
    uint32_t first = 0;

    if (!atomic_u32_cas(&stopping, &first, self + 1)) {
        if (first != self + 1) {
            x86_halt_forever();
        }
        return;
    }
    for (unsigned id = 0; id < running_count; id++) {
        if (id != self) {
            x86_apic_send(known[id].cpu->apic_id, X86_IPI_NMI);
        }
    }
}
