/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The local APIC (Intel SDM vol. 3A, chapter 10), by memory-mapped registers or, where the firmware has
 * switched it to x2APIC mode, by MSRs: there is no way back from that mode but a reset (10.12.5). The 8259s
 * are moved out of the exceptions' way and masked.
 */
#include "hal/cpu.h"
#include "hal/cpu_start.h"
#include "hal/machine.h"
#include "insn.h"
#include "parts.h"
#include "percpu.h"

#define CPUID_APIC     (UINT32_C(1) << 9)
#define MSR_APIC_BASE  0x1bu
#define BASE_X2APIC    (UINT64_C(1) << 10)
#define BASE_ENABLE    (UINT64_C(1) << 11)
#define BASE_ADDRESS   UINT64_C(0x000ffffffffff000)
#define MSR_X2APIC     0x800u
#define MSR_X2APIC_ICR 0x830u
#define MSR_DEADLINE   0x6e0u

/* Register offsets (table 10-1). */
enum {
    APIC_ID = 0x20,
    APIC_TPR = 0x80,
    APIC_EOI = 0xb0,
    APIC_SPURIOUS = 0xf0,
    APIC_IN_SERVICE = 0x100,
    APIC_ERROR = 0x280,
    APIC_LVT_CMCI = 0x2f0,
    APIC_ICR_LOW = 0x300,
    APIC_ICR_HIGH = 0x310,
    APIC_LVT_TIMER = 0x320,
    APIC_LVT_THERMAL = 0x330,
    APIC_LVT_COUNTERS = 0x340,
    APIC_LVT_LINT0 = 0x350,
    APIC_LVT_LINT1 = 0x360,
    APIC_LVT_ERROR = 0x370,
    APIC_TIMER_INITIAL = 0x380,
    APIC_TIMER_CURRENT = 0x390,
    APIC_TIMER_DIVIDE = 0x3e0,
    APIC_VERSION = 0x30,
};

#define LVT_MASKED      (UINT32_C(1) << 16)
#define LVT_NMI         (UINT32_C(4) << 8)
#define LVT_DEADLINE    (UINT32_C(2) << 17)
#define SPURIOUS_ENABLE (UINT32_C(1) << 8)
#define DIVIDE_BY_16    UINT32_C(3)
#define ICR_PENDING     (UINT32_C(1) << 12)
/* An IPI leaves within microseconds; a loop turn takes at least as many nanoseconds. */
#define ICR_POLLS_MAX 1000000u

#define BASE_MODE       (BASE_ENABLE | BASE_X2APIC)
#define IPI_INIT        UINT32_C(0x4500) /* asserted */
#define IPI_STARTUP     UINT32_C(0x4600)
#define XAPIC_BROADCAST 255u

static volatile uint32_t *registers; /* NULL: x2APIC mode */
static uint64_t boot_base;           /* the boot CPU's mode and address, which all CPUs get */

static uint32_t apic_read(uint32_t offset)
{
    if (registers == NULL) {
        return (uint32_t)x86_rdmsr(MSR_X2APIC + offset / 16);
    }
    return registers[offset / 4];
}

static void apic_write(uint32_t offset, uint32_t value)
{
    if (registers == NULL) {
        x86_wrmsr(MSR_X2APIC + offset / 16, value);
    } else {
        registers[offset / 4] = value;
    }
}

/* 8259A: ICW1..ICW4 in order, then all lines masked. */
static void mask_legacy_controllers(void)
{
    enum { PIC1 = 0x20, PIC2 = 0xa0, INIT_ICW4 = 0x11, MODE_8086 = 1, CASCADE_LINE = 2 };

    x86_outb(PIC1, INIT_ICW4);
    x86_outb(PIC2, INIT_ICW4);
    x86_outb(PIC1 + 1, X86_VECTOR_PIC);
    x86_outb(PIC2 + 1, X86_VECTOR_PIC + 8);
    x86_outb(PIC1 + 1, 1u << CASCADE_LINE);
    x86_outb(PIC2 + 1, CASCADE_LINE);
    x86_outb(PIC1 + 1, MODE_8086);
    x86_outb(PIC2 + 1, MODE_8086);
    x86_outb(PIC1 + 1, 0xff);
    x86_outb(PIC2 + 1, 0xff);
}

static void open_registers(void)
{
    uint64_t base = x86_rdmsr(MSR_APIC_BASE);

    if ((base & BASE_X2APIC) != 0) {
        x86_print("keel: apic: in x2APIC mode, as firmware left it\n");
        return;
    }
    if ((base & BASE_ENABLE) == 0) {
        base |= BASE_ENABLE;
        x86_wrmsr(MSR_APIC_BASE, base);
    }
    registers = x86_map_registers(X86_FIXED_APIC, base & BASE_ADDRESS);
}

/* From x2APIC mode the way to the other leads through "disabled", and the way there through "enabled"
 * (10.12.5). */
static void enter_boot_mode(void)
{
    const uint64_t mode = boot_base & BASE_MODE, address = boot_base & BASE_ADDRESS;
    const uint64_t own = x86_rdmsr(MSR_APIC_BASE);

    if ((own & (BASE_MODE | BASE_ADDRESS)) == (mode | address)) {
        return;
    }
    if ((own & BASE_X2APIC) != 0) {
        x86_wrmsr(MSR_APIC_BASE, address);
    }
    x86_wrmsr(MSR_APIC_BASE, address | BASE_ENABLE);
    if ((mode & BASE_X2APIC) != 0) {
        x86_wrmsr(MSR_APIC_BASE, address | mode);
    }
}

/* Everything masked but LINT1, where NMI arrives, and what is armed later. */
static void mask_local_vectors(void)
{
    const uint32_t last = apic_read(APIC_VERSION) >> 16 & 0xff;

    apic_write(APIC_LVT_TIMER, LVT_MASKED | X86_VECTOR_TIMER);
    apic_write(APIC_LVT_LINT0, LVT_MASKED);
    apic_write(APIC_LVT_LINT1, LVT_NMI);
    apic_write(APIC_LVT_ERROR, X86_VECTOR_APIC_ERROR);
    if (last >= 4) {
        apic_write(APIC_LVT_COUNTERS, LVT_MASKED);
    }
    if (last >= 5) {
        apic_write(APIC_LVT_THERMAL, LVT_MASKED);
    }
    if (last >= 6) {
        apic_write(APIC_LVT_CMCI, LVT_MASKED);
    }
}

void x86_apic_enable(void)
{
    enter_boot_mode();
    apic_write(APIC_SPURIOUS, SPURIOUS_ENABLE | X86_VECTOR_SPURIOUS);
    mask_local_vectors();
    apic_write(APIC_TPR, 0);
    (void)x86_apic_error();
    apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_16);
    apic_write(APIC_TIMER_INITIAL, 0);
    apic_write(APIC_LVT_TIMER, X86_VECTOR_TIMER);
}

void x86_apic_init(void)
{
    mask_legacy_controllers();
    open_registers();
    boot_base = x86_rdmsr(MSR_APIC_BASE);
    x86_apic_enable();
}

uint32_t x86_apic_id(void)
{
    const uint32_t id = apic_read(APIC_ID);

    return registers == NULL ? id : id >> 24;
}

void x86_apic_acknowledge(void)
{
    apic_write(APIC_EOI, 0);
}

/* Eight registers of 32 vectors each (10.8.4). */
bool x86_apic_in_service(uint64_t vector)
{
    return (apic_read(APIC_IN_SERVICE + (uint32_t)(vector / 32) * 0x10) >> (vector % 32) & 1) != 0;
}

/* The status is latched by a write (10.5.3). */
uint32_t x86_apic_error(void)
{
    apic_write(APIC_ERROR, 0);
    return apic_read(APIC_ERROR);
}

/* The fence: a write to the deadline's MSR does not wait for one to the xAPIC's registers (10.5.4.1). */
void x86_apic_timer_by_tsc(bool by_tsc)
{
    apic_write(APIC_LVT_TIMER, (by_tsc ? LVT_DEADLINE : 0) | X86_VECTOR_TIMER);
    x86_mfence();
}

void x86_apic_timer_ring_at(uint64_t tsc)
{
    x86_wrmsr(MSR_DEADLINE, tsc);
}

void x86_apic_timer_start(uint32_t ticks)
{
    apic_write(APIC_TIMER_INITIAL, ticks);
}

uint32_t x86_apic_timer_left(void)
{
    return apic_read(APIC_TIMER_CURRENT);
}

bool x86_apic_reaches(uint32_t apic_id)
{
    return registers == NULL ? apic_id != UINT32_MAX : apic_id < XAPIC_BROADCAST;
}

/* Physical destination. A write to the xAPIC's register orders earlier stores by being uncacheable; WRMSR to
 * the x2APIC's does not (10.12.3). */
void x86_apic_send(uint32_t apic_id, uint32_t command)
{
    const bool enabled = hal_irq_disable();

    if (registers == NULL) {
        __asm__ volatile("mfence; lfence" : : : "memory");
        x86_wrmsr(MSR_X2APIC_ICR, (uint64_t)apic_id << 32 | command);
    } else {
        for (unsigned polls = 0; (apic_read(APIC_ICR_LOW) & ICR_PENDING) != 0; polls++) {
            if (polls == ICR_POLLS_MAX) {
                hal_panic("the local APIC does not deliver interrupts");
            }
            x86_pause();
        }
        apic_write(APIC_ICR_HIGH, apic_id << 24);
        apic_write(APIC_ICR_LOW, command);
    }
    hal_irq_restore(enabled);
}

void hal_ipi_send(unsigned cpu)
{
    x86_apic_send(x86_cpu_at(cpu)->apic_id, X86_VECTOR_IPI);
}

void cpu_start_send_init(uint32_t apic_id)
{
    x86_apic_send(apic_id, IPI_INIT);
}

void cpu_start_send_startup(uint32_t apic_id, uint8_t page)
{
    x86_apic_send(apic_id, IPI_STARTUP | page);
}
