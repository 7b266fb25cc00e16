/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Calls of keel/io_port.h.
 */
#include "core/io_port.h"

#include "calls.h"
#include "hal/port.h"
#include "reference.h"

_Static_assert(KEEL_IO_PORT_COUNT == IO_PORT_END, "the documented limit is the real one");

keel_status_t call_io_port_acquire(uint32_t port, uint32_t count, uint64_t *io)
{
    if (count == 0 || count > IO_PORT_END || port > IO_PORT_END - count) {
        return KEEL_E_INVALID;
    }
    return io_port_acquire(port, count, io);
}

REFERENCE_CALLS(io_port, object.ref)

keel_status_t call_io_port_info(struct io_port *io, struct keel_io_port_info *info)
{
    info->port = io->first;
    info->count = io->count;
    return KEEL_OK;
}

/* The whole access is inside the range, so no wider one reaches a neighbour's port (D5). */
static bool is_access(const struct io_port *io, uint32_t index, uint32_t size)
{
    return (size == 1 || size == 2 || size == 4) && index < io->count && size <= io->count - index &&
           (io->first + index) % size == 0;
}

keel_status_t call_io_port_read(struct io_port *io, uint32_t index, uint32_t size, uint32_t *value)
{
    if (!is_access(io, index, size)) {
        return KEEL_E_INVALID;
    }
    *value = hal_port_read((uint16_t)(io->first + index), size);
    return KEEL_OK;
}

keel_status_t call_io_port_write(struct io_port *io, uint32_t index, uint32_t size, uint32_t value)
{
    if (!is_access(io, index, size)) {
        return KEEL_E_INVALID;
    }
    hal_port_write((uint16_t)(io->first + index), size, value);
    return KEEL_OK;
}
