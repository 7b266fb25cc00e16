/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The end of a run. Where the command line says `keel.exit=isa-debug`, QEMU's isa-debug-exit device carries
 * the status out: QEMU exits with twice the value plus one. Otherwise ACPI switches the machine off
 * (ACPI 6.4, 4.8.3.2).
 */
#include <string.h>

#include "hal/cpu.h"
#include "hal/machine.h"
#include "insn.h"
#include "parts.h"
#include "percpu.h"

/* Values for the debug-exit port; boot/qemu_machine.py knows them. */
enum {
    DEBUG_EXIT_PORT = 0xf4,
    DEBUG_EXIT_OK = 0x10,
    DEBUG_EXIT_STATUS = 0x11,
    DEBUG_EXIT_PANIC = 0x12,
};

#define SLEEP_TYPE_SHIFT 10u
#define SLEEP_TYPE_MASK  (7u << SLEEP_TYPE_SHIFT)
#define SLEEP_ENABLE     (1u << 13)

static bool debug_exit;
static volatile uint8_t *reset_register;

static bool has_option(const char *line, size_t size, const char *option)
{
    const size_t length = strlen(option);

    for (size_t at = 0; at + length <= size; at++) {
        const bool begins = at == 0 || line[at - 1] <= ' ';
        const bool ends = at + length == size || line[at + length] <= ' ';

        if (begins && ends && memcmp(line + at, option, length) == 0) {
            return true;
        }
    }
    return false;
}

void x86_power_init(const char *command_line, size_t size)
{
    debug_exit = has_option(command_line, size, "keel.exit=isa-debug");
    if (x86_power.has_reset && x86_power.reset_space == ACPI_SPACE_MEMORY &&
        x86_is_register(x86_power.reset_address)) {
        reset_register = x86_map_registers(X86_FIXED_RESET, x86_power.reset_address);
    }
}

static void sleep_by(uint16_t port, uint8_t type)
{
    uint16_t value;

    if (port == 0) {
        return;
    }
    value =
        (uint16_t)((x86_inw(port) & ~SLEEP_TYPE_MASK) | (unsigned)type << SLEEP_TYPE_SHIFT | SLEEP_ENABLE);
    x86_outw(port, value);
}

/* Power goes away some time after the last write. */
static void give_time(void)
{
    for (unsigned i = 0; i < 1000000; i++) {
        (void)x86_inb(0x80);
    }
}

static _Noreturn void switch_off(uint32_t debug_value)
{
    x86_cli();
    if (debug_exit) {
        x86_coverage_write();
        x86_outl(DEBUG_EXIT_PORT, debug_value);
    }
    if (x86_can_sleep) {
        sleep_by(x86_power.pm1a_control, x86_sleep_type[0]);
        sleep_by(x86_power.pm1b_control, x86_sleep_type[1]);
        give_time();
    }
    x86_print("keel: this machine does not switch itself off; switch it off by hand\n");
    x86_halt_forever();
}

/* What came unasked and changed nothing (trap.c) is worth a word, at a moment when nobody is interrupted by
 * it. */
static void print_strays(const struct x86_cpu *cpu)
{
    const uint64_t id = cpu->id;

    if (cpu->nmi_count != 0) {
        x86_print("keel: cpu %u: %u NMIs that nobody had asked for\n", id, cpu->nmi_count);
    }
    if (cpu->stray_interrupt_count != 0) {
        x86_print("keel: cpu %u: %u interrupts that nobody had asked for\n", id, cpu->stray_interrupt_count);
    }
    if (cpu->apic_error_count != 0) {
        x86_print("keel: cpu %u: %u APIC errors, status %x\n", id, cpu->apic_error_count,
                  (uint64_t)cpu->apic_error_status);
    }
}

static void print_status(const char *what, int32_t status)
{
    const uint64_t magnitude = status < 0 ? 0 - (uint64_t)status : (uint64_t)status;

    x86_cli();
    x86_stop_others();
    for (unsigned id = 0; id < hal_cpu_count(); id++) {
        print_strays(x86_cpu_at(id));
    }
    x86_print("keel: %s, status %s%u\n", what, status < 0 ? "-" : "", magnitude);
}

void hal_power_off(int32_t status)
{
    print_status("power off", status);
    switch_off(status == 0 ? DEBUG_EXIT_OK : DEBUG_EXIT_STATUS);
}

/* The machine comes up again or, under a monitor that was told so, ends there (QEMU: -no-reboot). */
void hal_restart(int32_t status)
{
    static const struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) no_idt;

    print_status("restart", status);
    x86_cli();
    x86_coverage_write();
    if (x86_power.has_reset && x86_power.reset_space == ACPI_SPACE_IO &&
        x86_power.reset_address <= UINT16_MAX) {
        x86_outb((uint16_t)x86_power.reset_address, x86_power.reset_value);
        give_time();
    } else if (reset_register != NULL) {
        *reset_register = x86_power.reset_value;
        give_time();
    }
    /* The reset control register of PCI chipsets: select a hard reset, then do it (Intel ICH9 data
     * sheet, 13.7.5). */
    x86_outb(0xcf9, 0x02);
    x86_outb(0xcf9, 0x06);
    give_time();
    /* An exception without any gate shuts the CPU down, which resets the machine (SDM vol. 3A, 6.15, #DF). */
    __asm__ volatile("lidt %0; ud2" : : "m"(no_idt));
    x86_halt_forever();
}

void x86_power_fail(void)
{
    x86_print("keel: panic\n");
    switch_off(DEBUG_EXIT_PANIC);
}
