/* SPDX-License-Identifier: BSD-2-Clause
 *
 * I/O ports: ranges that the machine calls harmless (hal/boot.h). A range belongs to one object, to the port,
 * and is free for others when the last reference is gone.
 */
#ifndef CORE_IO_PORT_H
#define CORE_IO_PORT_H

#include "core/object.h"
#include "hal/boot.h"

#define IO_PORT_END UINT32_C(0x10000)

struct io_port {
    struct object object;  /* first */
    uint32_t first, count; /* count 0: the slot has no range. Changed under the lock of all ranges */
};

/* Boot CPU, once: what the machine offers. */
void io_port_init(const struct hal_boot *boot);

/* [first, first + count) for one object: not empty, ends by IO_PORT_END. E_DENIED: not inside one range that
 * the machine offers; E_BUSY: shares a port with another object's; E_LIMIT. */
keel_status_t io_port_acquire(uint32_t first, uint32_t count, uint64_t *handle);
void io_port_put(struct io_port *io);

#endif
