/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The chipset's counters, by which clocks are measured and which serve as the clock where the TSC does not:
 * HPET (IA-PC HPET specification 1.0a), the ACPI PM timer (ACPI 6.4, 4.8.3.3), channel 2 of the 8254.
 */
#include "hal/clock.h"
#include "hal/cpu.h"
#include "insn.h"
#include "parts.h"

/* A counter that does not move in so many reads does not run: even the slowest moves every microsecond. */
#define STILL_READS_MAX 10000u

/* ---- HPET ---- */

/* In 32-bit registers: wider accesses are optional (2.3.1). */
enum {
    HPET_CAPABILITIES = 0x00 / 4,
    HPET_CONFIGURATION = 0x10 / 4,
    HPET_COUNTER = 0xf0 / 4,
    HPET_TIMERS = 0x100 / 4, /* their configuration registers, and how far they are apart */
    HPET_TIMER_STEP = 0x20 / 4,
    CONFIGURATION_ENABLE = 1,
    CONFIGURATION_LEGACY = 2,
    TIMER_INTERRUPT = 1 << 2,
    TIMER_MESSAGE = 1 << 14,
};

static volatile uint32_t *hpet_registers;

static uint64_t read_hpet_32(void)
{
    return hpet_registers[HPET_COUNTER];
}

/* The low half may wrap between the two: then what follows was read just after. */
static uint64_t read_hpet_64(void)
{
    const uint32_t before = hpet_registers[HPET_COUNTER + 1];
    uint32_t low = hpet_registers[HPET_COUNTER];
    const uint32_t high = hpet_registers[HPET_COUNTER + 1];

    if (high != before) {
        low = hpet_registers[HPET_COUNTER];
    }
    return (uint64_t)high << 32 | low;
}

/* It counts, and interrupts nobody: neither by a line nor by a message. */
static void start_hpet(unsigned timer_count)
{
    const unsigned room = (ACPI_HPET_BLOCK_SIZE / 4 - HPET_TIMERS) / HPET_TIMER_STEP;

    for (unsigned i = 0; i < timer_count && i < room; i++) {
        const unsigned at = HPET_TIMERS + i * HPET_TIMER_STEP;

        hpet_registers[at] &= ~(uint32_t)(TIMER_INTERRUPT | TIMER_MESSAGE);
    }
    hpet_registers[HPET_CONFIGURATION] =
        (hpet_registers[HPET_CONFIGURATION] & ~(uint32_t)CONFIGURATION_LEGACY) | CONFIGURATION_ENABLE;
}

static bool open_hpet(struct clock_counter *counter)
{
    struct hpet hpet;
    uint64_t capabilities;

    if (x86_hpet_address == 0 || !x86_is_register(x86_hpet_address)) {
        return false;
    }
    hpet_registers = x86_map_registers(X86_FIXED_HPET, x86_hpet_address);
    capabilities = (uint64_t)hpet_registers[HPET_CAPABILITIES + 1] << 32 | hpet_registers[HPET_CAPABILITIES];
    if (!hpet_decode(capabilities, &hpet)) {
        return false;
    }
    start_hpet(hpet.timer_count);
    counter->read = hpet.mask == UINT64_MAX ? read_hpet_64 : read_hpet_32;
    counter->mask = hpet.mask;
    counter->factor = hpet.factor;
    return true;
}

/* ---- ACPI PM timer ---- */

#define PM_TIMER_HZ 3579545u

static uint64_t read_pm_timer(void)
{
    return x86_inl(x86_power.pm_timer);
}

static bool open_pm_timer(struct clock_counter *counter)
{
    counter->read = read_pm_timer;
    counter->mask = x86_power.pm_timer_is_32_bit ? UINT32_MAX : 0xffffff;
    counter->factor = clock_factor(PM_TIMER_HZ);
    return x86_power.pm_timer != 0;
}

/* ---- 8254 ---- */

#define PIT_HZ 1193182u

/* Channel 2, which interrupts nobody, in mode 2: down from 65536 over and over (Intel 8254 data sheet). Port
 * 0x61: bit 0 gates it, bit 1 would make it heard. */
enum {
    PIT_CHANNEL_2 = 0x42,
    PIT_COMMAND = 0x43,
    COMMAND_LATCH = 0x80,
    COMMAND_MODE = 0xb4,
    GATE = 0x61,
    GATE_ON = 1,
    SPEAKER = 2,
};

static atomic_u32_t pit_lock; /* 1: some CPU is between latching and reading; its interrupts are off */

static uint64_t read_pit(void)
{
    const bool enabled = hal_irq_disable();
    uint32_t low, high;

    while (atomic_u32_exchange(&pit_lock, 1) != 0) {
        x86_pause();
    }
    x86_outb(PIT_COMMAND, COMMAND_LATCH);
    low = x86_inb(PIT_CHANNEL_2);
    high = x86_inb(PIT_CHANNEL_2);
    atomic_u32_store_release(&pit_lock, 0);
    hal_irq_restore(enabled);
    return 0 - (uint64_t)(high << 8 | low);
}

static bool open_pit(struct clock_counter *counter)
{
    x86_outb(GATE, (uint8_t)((x86_inb(GATE) & ~SPEAKER) | GATE_ON));
    x86_outb(PIT_COMMAND, COMMAND_MODE);
    x86_outb(PIT_CHANNEL_2, 0);
    x86_outb(PIT_CHANNEL_2, 0);
    counter->read = read_pit;
    counter->mask = UINT16_MAX;
    counter->factor = clock_factor(PIT_HZ);
    return true;
}

/* ---- */

static bool counts(const struct clock_counter *counter)
{
    const uint64_t first = counter->read() & counter->mask;
    unsigned reads = 0;

    while (reads < STILL_READS_MAX && (counter->read() & counter->mask) == first) {
        reads++;
    }
    return reads < STILL_READS_MAX;
}

bool x86_counter_open(enum clock_kind kind, struct clock_counter *counter)
{
    bool opened;

    switch (kind) {
    case CLOCK_HPET:
        opened = open_hpet(counter);
        break;
    case CLOCK_ACPI:
        opened = open_pm_timer(counter);
        break;
    case CLOCK_PIT:
        opened = open_pit(counter);
        break;
    default:
        return false;
    }
    return opened && counts(counter);
}
