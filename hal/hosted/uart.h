/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The machine's I/O ports: a serial port, and ports behind which something answers anything.
 */
#ifndef HOSTED_UART_H
#define HOSTED_UART_H

#include "hal/boot.h"

#define HOSTED_PORT_RANGES 2u
extern const struct hal_port_range hosted_port_ranges[HOSTED_PORT_RANGES];

void uart_prepare(void);

#endif
