/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The console: a 16550 UART at COM1, polled (National Semiconductor PC16550D data sheet, 8).
 */
#include "hal/atomic.h"
#include "hal/cpu.h"
#include "hal/machine.h"
#include "insn.h"
#include "parts.h"

enum {
    COM1 = 0x3f8,
    DATA = COM1 + 0,             /* divisor low while DLAB */
    INTERRUPT_ENABLE = COM1 + 1, /* divisor high while DLAB */
    FIFO_CONTROL = COM1 + 2,
    LINE_CONTROL = COM1 + 3,
    MODEM_CONTROL = COM1 + 4,
    LINE_STATUS = COM1 + 5,
    SCRATCH = COM1 + 7,

    LINE_8N1 = 0x03,
    LINE_DLAB = 0x80,
    FIFO_ON_AND_CLEAR = 0x07,
    MODEM_DTR_RTS = 0x03,
    STATUS_EMPTY = 0x20,
    DIVISOR_115200 = 1,
};

/* A byte takes 87 us at 115200 baud; a port access about 1 us. A UART that takes this long, so many times in
 * a row, is not there any more, and not waited for again. */
#define POLLS_MAX    100000u
#define TIMEOUTS_MAX 3u

static bool present;
static atomic_u32_t timeouts; /* in a row */

void x86_serial_init(void)
{
    /* The scratch register of a port that is not there does not keep what is written. */
    x86_outb(SCRATCH, 0x5a);
    present = x86_inb(SCRATCH) == 0x5a;
    if (!present) {
        return;
    }
    x86_outb(INTERRUPT_ENABLE, 0);
    x86_outb(LINE_CONTROL, LINE_DLAB);
    x86_outb(DATA, DIVISOR_115200);
    x86_outb(INTERRUPT_ENABLE, 0);
    x86_outb(LINE_CONTROL, LINE_8N1);
    x86_outb(FIFO_CONTROL, FIFO_ON_AND_CLEAR);
    x86_outb(MODEM_CONTROL, MODEM_DTR_RTS);
}

static void write_byte(uint8_t byte)
{
    for (unsigned polls = 0; (x86_inb(LINE_STATUS) & STATUS_EMPTY) == 0; polls++) {
        if (polls == POLLS_MAX) {
            atomic_u32_fetch_add(&timeouts, 1);
            return;
        }
        x86_pause();
    }
    atomic_u32_store_relaxed(&timeouts, 0);
    x86_outb(DATA, byte);
}

/* Core and the backend write lines in one piece each, from any CPU: one waits for the other. Not for ever: a
 * panic's last words come out whoever was stopped in the middle of a line. */
#define WAITS_MAX 1000000u

static atomic_u32_t writing;

void hal_console_write(const char *bytes, size_t size)
{
    bool interrupts = hal_irq_disable();

    for (unsigned waits = 0; waits < WAITS_MAX && atomic_u32_exchange(&writing, 1) != 0; waits++) {
        x86_pause();
    }
    for (size_t i = 0; i < size && present && atomic_u32_load_relaxed(&timeouts) < TIMEOUTS_MAX; i++) {
        if (bytes[i] == '\n') {
            write_byte('\r');
        }
        write_byte((uint8_t)bytes[i]);
    }
    atomic_u32_store_release(&writing, 0);
    hal_irq_restore(interrupts);
}
