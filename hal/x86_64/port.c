/* SPDX-License-Identifier: BSD-2-Clause
 *
 * I/O ports (hal/port.h), and which of them are harmless.
 */
#include "hal/port.h"

#include "insn.h"
#include "parts.h"

/* A PC's serial ports but the console's, and its parallel ports: on every PC theirs or nobody's. What else
 * stands at fixed ports steers the machine (interrupt controllers, timers, DMA, reset, configuration space)
 * or can: the keyboard's controller resets it, the real-time clock's index switches NMIs off. */
const struct hal_port_range x86_port_ranges[X86_PORT_RANGES] = {
    {0x278, 3}, {0x2e8, 8}, {0x2f8, 8}, {0x378, 3}, {0x3e8, 8},
};

uint32_t hal_port_read(uint16_t port, unsigned size)
{
    return x86_in(port, size);
}

void hal_port_write(uint16_t port, unsigned size, uint32_t value)
{
    x86_out(port, size, value);
}
