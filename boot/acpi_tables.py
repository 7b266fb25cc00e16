# SPDX-License-Identifier: BSD-2-Clause
"""ACPI tables for a PC as Bochs makes it, whose firmware has none (boot/firmware installs them).

The chipset is Intel's 440FX with a PIIX3 and the power management of a PIIX4 at the ports that OVMF chooses. Numbers in
the text are of ACPI 6.4.
"""

import struct

BASE = 0x3000000  # one page that the firmware leaves free
PAGE = 4096
XSDT_OFFSET = 64  # the root pointer is before it

LOCAL_APIC, IO_APIC, HPET = 0xFEE00000, 0xFEC00000, 0xFED00000
PM_BASE, SCI_LINE = 0xB000, 9
PM1_CONTROL, PM_TIMER = PM_BASE + 4, PM_BASE + 8
RESET_PORT, RESET_VALUE = 0xCF9, 6
CENTURY = 0x32  # the byte of CMOS

ACTIVE_HIGH_LEVEL = 0xD  # table 5.26
FLAG_WBINVD, FLAG_RESET = 1 << 0, 1 << 10  # table 5.10
SPACE_MEMORY, SPACE_PORT = 0, 1


def with_checksum(data, offset):
    """The same bytes, of which the one at `offset` (0 so far) makes the sum 0."""
    return data[:offset] + bytes([-sum(data) & 0xFF]) + data[offset + 1 :]


def table(signature, revision, body):
    """A table with its header (5.2.6)."""
    header = struct.pack("<4sIBB6s8sI4sI", signature, 36 + len(body), revision, 0, b"KEEL  ", b"KEELTEST", 1, b"KEEL", 1)
    return with_checksum(header + body, 9)


def madt(cpu_count):
    """CPUs with the APIC ids 0, 1, ...; the I/O APIC's id comes after them (5.2.12)."""
    entries = [struct.pack("<BBBBI", 0, 8, cpu, cpu, 1) for cpu in range(cpu_count)]
    entries.append(struct.pack("<BBBBII", 1, 12, cpu_count, 0, IO_APIC, 0))
    entries.append(struct.pack("<BBBBIH", 2, 10, 0, 0, 2, 0))  # the 8254 is at pin 2
    entries.append(struct.pack("<BBBBIH", 2, 10, 0, SCI_LINE, SCI_LINE, ACTIVE_HIGH_LEVEL))
    entries.append(struct.pack("<BBBHB", 4, 6, 0xFF, 0, 1))  # NMI at LINT1 of all
    return table(b"APIC", 4, struct.pack("<II", LOCAL_APIC, 1) + b"".join(entries))


def address_structure(space, width, address):
    return struct.pack("<BBBBQ", space, width, 0, 0, address)


def fadt(dsdt_address):
    """Switching off, restarting, the PM timer, the clock's century (5.2.9)."""
    fields = bytearray(244)
    for form, offset, value in (
        ("<I", 40, dsdt_address),
        ("<H", 46, SCI_LINE),
        ("<I", 56, PM_BASE),
        ("<I", 64, PM1_CONTROL),
        ("<I", 76, PM_TIMER),
        ("<B", 88, 4),  # lengths of the blocks
        ("<B", 89, 2),
        ("<B", 91, 4),
        ("<B", 108, CENTURY),
        ("<I", 112, FLAG_WBINVD | FLAG_RESET),
        ("<12s", 116, address_structure(SPACE_PORT, 8, RESET_PORT)),
        ("<B", 128, RESET_VALUE),
        ("<Q", 140, dsdt_address),
    ):
        struct.pack_into(form, fields, offset, value)
    return table(b"FACP", 3, bytes(fields[36:]))


def dsdt():
    """Name(_S5_, Package(4){0, 0, 0, 0}): sleep type 0 switches the machine off (20.2)."""
    return table(b"DSDT", 1, b"\x08_S5_\x12\x06\x04\x00\x00\x00\x00")


def hpet():
    """IA-PC HPET specification 1.0a, 3.2.4."""
    return table(b"HPET", 1, struct.pack("<I12sBHB", 0x8086A201, address_structure(SPACE_MEMORY, 0, HPET), 0, 0, 0))


def root_pointer(xsdt_address):
    """Two checksums: of the first 20 bytes, and of all (5.2.5.3)."""
    first = with_checksum(struct.pack("<8sB6sBI", b"RSD PTR ", 0, b"KEEL  ", 2, 0), 8)
    return with_checksum(first + struct.pack("<IQBBBB", 36, xsdt_address, 0, 0, 0, 0), 32)


def build(cpu_count, base=BASE):
    """All tables as they lie in memory from `base` on, the root pointer first."""
    named = 3  # by the XSDT
    placed, end = [], XSDT_OFFSET + 36 + 8 * named

    def place(data):
        nonlocal end
        end += -end % 16
        placed.append((end, data))
        end += len(data)
        return base + placed[-1][0]

    dsdt_address = place(dsdt())
    addresses = [place(data) for data in (fadt(dsdt_address), madt(cpu_count), hpet())]
    placed.append((XSDT_OFFSET, table(b"XSDT", 1, struct.pack(f"<{named}Q", *addresses))))
    placed.append((0, root_pointer(base + XSDT_OFFSET)))
    memory = bytearray(end)
    for offset, data in placed:
        memory[offset : offset + len(data)] = data
    assert len(memory) <= PAGE
    return bytes(memory)
