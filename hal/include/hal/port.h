/* SPDX-License-Identifier: BSD-2-Clause
 *
 * HAL contract: I/O ports. What may be reached says struct hal_boot (hal/boot.h). Any context.
 */
#ifndef HAL_PORT_H
#define HAL_PORT_H

#include "hal/types.h"

/* `size` bytes at once: 1, 2 or 4, aligned, in one range that the machine offers. One access each: devices
 * may answer another value, and do something, whenever they are asked. */
uint32_t hal_port_read(uint16_t port, unsigned size);
void hal_port_write(uint16_t port, unsigned size, uint32_t value);

#endif
