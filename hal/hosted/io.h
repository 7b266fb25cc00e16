/* SPDX-License-Identifier: BSD-2-Clause
 *
 * I/O memory, as the rest of the machine sees it.
 */
#ifndef HOSTED_IO_H
#define HOSTED_IO_H

#include <stdint.h>

/* As at power on: nobody has reached anything. */
void io_prepare(void);

/* A range ends that the page is wholly in: whoever has it next may choose how it is cached. */
void io_released(uint64_t address);

#endif
