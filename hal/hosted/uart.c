/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A UART (PC16550D data sheet, 8) without FIFOs: what is sent is gone at once, or in loopback mode received.
 * It interrupts by the PC's old line 3 as long as there is a reason, whatever the mode (as QEMU's does).
 */
#include "uart.h"

#include "hal/atomic.h"
#include "hal/port.h"
#include "hosted/machine.h"
#include "report.h"
#include "state.h"

#define UART      0x2f8u
#define UART_LINE 3u
/* The values there change from read to read. */
#define HOSTILE 0x378u

const struct hal_port_range hosted_port_ranges[HOSTED_PORT_RANGES] = {{UART, 8}, {HOSTILE, 4}};

enum { DATA, ENABLE, IDENTIFY, LINE_CONTROL, MODEM_CONTROL, LINE_STATUS, MODEM_STATUS, SCRATCH, REGISTERS };

enum {
    ENABLE_RECEIVED = 1 << 0,
    ENABLE_SENT = 1 << 1,
    IDENTIFY_NONE = 1,
    IDENTIFY_SENT = 2,
    IDENTIFY_RECEIVED = 4,
    DIVISOR = 1 << 7,  /* in LINE_CONTROL: the first two registers are the divisor */
    LOOPBACK = 1 << 4, /* in MODEM_CONTROL */
    STATUS_RECEIVED = 1 << 0,
    STATUS_OVERRUN = 1 << 1,
    STATUS_SENT = 3 << 5,
};

static struct uart {
    uint8_t registers[REGISTERS];
    uint8_t divisor[2];
    uint8_t received;
    bool has_received, overrun, sent; /* sent: its interrupt was not answered yet */
} uart;

void uart_prepare(void)
{
    uart = (struct uart){.sent = false};
}

static uint8_t reason(void)
{
    if (uart.has_received && (uart.registers[ENABLE] & ENABLE_RECEIVED) != 0) {
        return IDENTIFY_RECEIVED;
    }
    return uart.sent && (uart.registers[ENABLE] & ENABLE_SENT) != 0 ? IDENTIFY_SENT : IDENTIFY_NONE;
}

static void send(uint8_t value)
{
    uart.sent = true;
    if ((uart.registers[MODEM_CONTROL] & LOOPBACK) != 0) {
        uart.overrun = uart.overrun || uart.has_received;
        uart.has_received = true;
        uart.received = value;
    }
}

static uint8_t read_register(unsigned index)
{
    uint8_t value = uart.registers[index];
    switch (index) {
    case DATA:
        uart.has_received = false;
        return uart.received;
    case IDENTIFY:
        value = reason();
        uart.sent = uart.sent && value != IDENTIFY_SENT;
        return value;
    case LINE_STATUS:
        value = (uint8_t)(STATUS_SENT | (uart.has_received ? STATUS_RECEIVED : 0) |
                          (uart.overrun ? STATUS_OVERRUN : 0));
        uart.overrun = false;
        return value;
    default:
        return value;
    }
}

static void write_register(unsigned index, uint8_t value)
{
    if (index == DATA) {
        send(value);
        return;
    }
    /* It has nothing to send: that is a reason as soon as one may be given. */
    bool enabled = index == ENABLE && (value & ~uart.registers[ENABLE] & ENABLE_SENT) != 0;
    uart.sent = uart.sent || enabled;
    if (index != IDENTIFY) { /* there it controls FIFOs */
        uart.registers[index] = value;
    }
}

static uint8_t access_byte(uint16_t port, bool write, uint8_t value)
{
    unsigned index = port - UART;
    bool divisor = (uart.registers[LINE_CONTROL] & DIVISOR) != 0 && index <= ENABLE;
    if (port >= HOSTILE) {
        machine.random = machine.random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        return (uint8_t)(machine.random >> 56);
    }
    if (divisor) {
        uart.divisor[index] = write ? value : uart.divisor[index];
        return uart.divisor[index];
    }
    if (write) {
        write_register(index, value);
        return 0;
    }
    return read_register(index);
}

static bool is_offered(uint16_t port, unsigned size)
{
    for (unsigned i = 0; i < HOSTED_PORT_RANGES; i++) {
        uint32_t offset = (uint32_t)port - hosted_port_ranges[i].first;
        if (offset < hosted_port_ranges[i].count && size <= hosted_port_ranges[i].count - offset) {
            return true;
        }
    }
    return false;
}

/* Devices that know bytes only answer a wider access byte by byte. */
static uint32_t access(uint16_t port, unsigned size, bool write, uint32_t value)
{
    uint32_t read = 0;
    hosted_point(HAL_POINT_HAL, NULL);
    if (!CONTRACT((size == 1 || size == 2 || size == 4) && port % size == 0 && is_offered(port, size),
                  "not a port that may be reached")) {
        return 0;
    }
    for (unsigned i = 0; i < size; i++) {
        read |= (uint32_t)access_byte((uint16_t)(port + i), write, (uint8_t)(value >> 8 * i)) << 8 * i;
    }
    if (port < HOSTILE) {
        hosted_irq_assert(UART_LINE, reason() != IDENTIFY_NONE);
    }
    return read;
}

uint32_t hal_port_read(uint16_t port, unsigned size)
{
    return access(port, size, false, 0);
}

void hal_port_write(uint16_t port, unsigned size, uint32_t value)
{
    (void)access(port, size, true, value);
}
