/* SPDX-License-Identifier: BSD-2-Clause
 *
 * I/O ports of devices. A client acquires a range of them, exclusively, and reads and writes them. Only what
 * the machine names as harmless can be acquired: everything else is E_DENIED (D5), and a machine may have no
 * ports at all. The range is free for others when its last handle is released; what the device then does is
 * what it was told last.
 *
 * E_BAD_HANDLE and E_LIMIT (the object's count is full) of each call's handle are not repeated below. Context
 * of all calls: task, atomic, irq.
 */
#ifndef KEEL_IO_PORT_H
#define KEEL_IO_PORT_H

#include "keel/handle.h"

#define KEEL_IO_PORT_COUNT UINT32_C(0x10000)

struct keel_io_port_info {
    uint32_t port, count; /* as acquired */
};

/* Ports [port, port + count). Errors: E_INVALID (count 0, the range ends after KEEL_IO_PORT_COUNT), E_DENIED
 * (not wholly inside one range that the machine offers), E_BUSY (one of them is acquired already), E_LIMIT
 * (too many ranges). */
keel_status_t keel_io_port_acquire(uint32_t port, uint32_t count, keel_io_port_t *io);
keel_status_t keel_io_port_ref(keel_io_port_t io);
keel_status_t keel_io_port_release(keel_io_port_t io);
keel_status_t keel_io_port_info(keel_io_port_t io, struct keel_io_port_info *info);

/* One access of `size` bytes, 1, 2 or 4, to the ports from `index` on, counted from the beginning of the
 * range. What is read may be anything; what is written is cut to the size. Errors: E_INVALID (size, not
 * wholly inside the range, the port is no multiple of the size). */
keel_status_t keel_io_port_read(keel_io_port_t io, uint32_t index, uint32_t size, uint32_t *value);
keel_status_t keel_io_port_write(keel_io_port_t io, uint32_t index, uint32_t size, uint32_t value);

#endif
