/* SPDX-License-Identifier: BSD-2-Clause
 *
 * I/O ports (core/io_port.c) of the hosted machine: a UART at 0x2f8, something hostile at 0x378.
 */
#include "core/io_port.h"

#include "support.h"

#define UART    0x2f8u
#define HOSTILE 0x378u
#define SCRATCH 7u

static keel_io_port_t acquire(uint32_t port, uint32_t count)
{
    keel_io_port_t io = {0};
    CHECK_OK(keel_io_port_acquire(port, count, &io));
    return io;
}

static void D5_only_what_the_machine_offers_is_acquired(void)
{
    keel_io_port_t io = {0};
    /* 8237, 8259, 8254, keyboard, real-time clock, port 92, SMI, the console, PCI configuration, reset. */
    static const uint16_t sensitive[] = {0x00,  0x20,  0x21,  0x40,  0x43,  0x60,  0x64,  0x70,
                                         0x71,  0x80,  0x92,  0xa0,  0xb2,  0xc0,  0xf4,  0x3f8,
                                         0x4d0, 0xcf8, 0xcf9, 0xcfc, 0xcff, 0x600, 0xffff};
    for (unsigned i = 0; i < sizeof sensitive / sizeof sensitive[0]; i++) {
        CHECK_STATUS(keel_io_port_acquire(sensitive[i], 1, &io), KEEL_E_DENIED);
    }
    CHECK_STATUS(keel_io_port_acquire(UART - 1, 2, &io), KEEL_E_DENIED);
    CHECK_STATUS(keel_io_port_acquire(UART, 9, &io), KEEL_E_DENIED);
    CHECK_STATUS(keel_io_port_acquire(UART + 7, 2, &io), KEEL_E_DENIED);
    CHECK_STATUS(keel_io_port_acquire(0, KEEL_IO_PORT_COUNT, &io), KEEL_E_DENIED);
    CHECK_STATUS(keel_io_port_acquire(UART, 0, &io), KEEL_E_INVALID);
    CHECK_STATUS(keel_io_port_acquire(0xffff, 2, &io), KEEL_E_INVALID);
    CHECK_STATUS(keel_io_port_acquire(1, KEEL_IO_PORT_COUNT, &io), KEEL_E_INVALID);
    CHECK_STATUS(keel_io_port_acquire(UINT32_MAX, 1, &io), KEEL_E_INVALID);
    CHECK_STATUS(keel_io_port_acquire(UART + 0x10000, 1, &io), KEEL_E_INVALID);
    CHECK_STATUS(keel_io_port_acquire(UART, UINT32_MAX, &io), KEEL_E_INVALID);
}

static void D5_ranges_are_exclusive_and_come_back(void)
{
    keel_io_port_t other = {0};
    keel_io_port_t io = acquire(UART + 2, 3);
    struct keel_io_port_info info = {0};
    CHECK_OK(keel_io_port_info(io, &info));
    CHECK(info.port == UART + 2 && info.count == 3);
    CHECK_STATUS(keel_io_port_acquire(UART, 8, &other), KEEL_E_BUSY);
    CHECK_STATUS(keel_io_port_acquire(UART, 3, &other), KEEL_E_BUSY);
    CHECK_STATUS(keel_io_port_acquire(UART + 4, 4, &other), KEEL_E_BUSY);
    CHECK_STATUS(keel_io_port_acquire(UART + 3, 1, &other), KEEL_E_BUSY);
    keel_io_port_t below = acquire(UART, 2), above = acquire(UART + 5, 3);
    CHECK_OK(keel_io_port_ref(io));
    CHECK_OK(keel_io_port_release(io));
    CHECK_STATUS(keel_io_port_acquire(UART + 2, 3, &other), KEEL_E_BUSY); /* a handle is left */
    CHECK_OK(keel_io_port_release(io));
    CHECK_STATUS(keel_io_port_info(io, &info), KEEL_E_BAD_HANDLE);
    other = acquire(UART + 2, 3);
    CHECK_OK(keel_io_port_release(below));
    CHECK_OK(keel_io_port_release(other));
    CHECK_OK(keel_io_port_release(above));
    CHECK_OK(keel_io_port_release(acquire(UART, 8)));
}

/* The widest access reaches no further than the range, wherever that begins and ends. */
static void try_accesses(uint32_t first, uint32_t count)
{
    uint32_t value = 77;
    keel_io_port_t io = acquire(UART + first, count);
    for (uint32_t index = 0; index < 8; index++) {
        for (uint32_t size = 0; size <= 8; size++) {
            bool known = size == 1 || size == 2 || size == 4;
            bool fits = known && index + size <= count && (UART + first + index) % size == 0;
            CHECK_STATUS(keel_io_port_read(io, index, size, &value), fits ? KEEL_OK : KEEL_E_INVALID);
            CHECK_STATUS(keel_io_port_write(io, index, size, 0), fits ? KEEL_OK : KEEL_E_INVALID);
        }
    }
    CHECK_STATUS(keel_io_port_read(io, 0, UINT32_MAX, &value), KEEL_E_INVALID);
    CHECK_STATUS(keel_io_port_read(io, UINT32_MAX, 1, &value), KEEL_E_INVALID);
    CHECK_STATUS(keel_io_port_read(io, UINT32_MAX, 4, &value), KEEL_E_INVALID);
    CHECK_OK(keel_io_port_release(io));
}

static void D5_accesses_stay_inside(void)
{
    for (uint32_t first = 0; first < 8; first++) {
        for (uint32_t count = 1; count <= 8 - first; count++) {
            try_accesses(first, count);
        }
    }
}

/* Devices get the bytes, all of the size and no more, and answer what they like. */
static void D7_values_pass_as_they_are(void)
{
    uint32_t value = 0, changes = 0, last = 0;
    keel_io_port_t io = acquire(UART, 8), hostile = acquire(HOSTILE, 4);
    CHECK_OK(keel_io_port_write(io, SCRATCH, 1, 0x12345678));
    CHECK_OK(keel_io_port_read(io, SCRATCH, 1, &value));
    CHECK_EQUAL(value, 0x78);
    CHECK_OK(keel_io_port_read(io, SCRATCH - 1, 2, &value));
    CHECK_EQUAL(value, 0x7800);
    CHECK_OK(keel_io_port_write(io, SCRATCH - 1, 2, 0xabcd0000 + 0x5600));
    CHECK_OK(keel_io_port_read(io, 4, 4, &value));
    CHECK_EQUAL(value >> 24, 0x56);
    for (unsigned i = 0; i < 20; i++) {
        CHECK_OK(keel_io_port_read(hostile, 0, 4, &value));
        changes += value != last;
        last = value;
    }
    CHECK(changes > 10);
    CHECK_OK(keel_io_port_release(io));
    CHECK_OK(keel_io_port_release(hostile));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(D5_only_what_the_machine_offers_is_acquired),
        UNIT(D5_ranges_are_exclusive_and_come_back),
        UNIT(D5_accesses_stay_inside),
        UNIT(D7_values_pass_as_they_are),
    };
    return unit_main(tests, argc, argv);
}
