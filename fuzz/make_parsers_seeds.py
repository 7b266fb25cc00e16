#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the seed inputs of fuzz_parsers.

The first byte of an input picks the parser; see LLVMFuzzerTestOneInput in fuzz_parsers.c.
"""

import argparse
import os
import struct
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path += [os.path.join(ROOT, "boot"), os.path.join(ROOT, "examples", "hello", "programs")]
sys.dont_write_bytecode = True
import make_broken  # noqa: E402
import make_initrd  # noqa: E402

ELF, CPIO, ACPI_CHAIN, ACPI_TABLE, MEMMAP, CMDLINE, CLOCK, PCI = range(8)
ACPI_BASE = 0x1000
RSDP_SIZE = 36
ELF_HEADERS_SIZE = 64 + 17 * 56  # the sample with most program headers


def elf_seeds():
    """The broken files: their size, and their headers alone, because the harness makes up the rest."""
    for name, data in make_broken.samples().items():
        yield "elf-" + name, bytes([ELF]) + struct.pack("<H", len(data)) + data[:ELF_HEADERS_SIZE].rstrip(b"\0")


def cpio_seeds():
    files = [(b"hello", 0o100755, b"contents"), (b"folder", 0o040755, b""), (b"odd", 0o100644, b"12345")]
    archive = b"".join(make_initrd.entry(i + 1, mode, name.decode(), data)
                       for i, (name, mode, data) in enumerate(files))
    yield "cpio-good", bytes([CPIO]) + archive + make_initrd.entry(0, 0, "TRAILER!!!", b"")
    yield "cpio-no-trailer", bytes([CPIO]) + archive


def with_checksum(data, at, size):
    """`data` with the byte at `at` set so that the first `size` bytes add up to 0 modulo 256."""
    data = bytearray(data)
    data[at] = 0
    data[at] = -sum(data[:size]) % 256
    return bytes(data)


def table(signature, body, revision=1):
    data = signature + struct.pack("<IBB6s8sI4sI", 36 + len(body), revision, 0, b"KEEL", b"FUZZSEED", 1, b"KEEL", 1)
    return with_checksum(data + body, 9, 36 + len(body))


def madt():
    entries = b"".join(struct.pack("<BBBBI", 0, 8, i, i, 1) for i in range(3))
    entries += struct.pack("<BBHIII", 9, 16, 0, 0x100, 1, 3)
    entries += struct.pack("<BBHQ", 5, 12, 0, 0xFEE00000) + struct.pack("<BBBBII", 1, 12, 0, 0, 0xFEC00000, 0)
    entries += struct.pack("<BBBBIH", 2, 10, 0, 9, 20, 0xF) + struct.pack("<BBHI", 3, 8, 0, 23)
    return table(b"APIC", struct.pack("<II", 0xFEE00000, 1) + entries)


def fadt(dsdt):
    body = bytearray(244 - 36)

    def put(offset, form, value):
        struct.pack_into(form, body, offset - 36, value)

    put(40, "<I", dsdt)
    put(64, "<I", 0x604)
    put(76, "<I", 0x608)
    put(91, "<B", 4)
    put(112, "<I", 1 << 8 | 1 << 10)
    put(116, "<B", 1)
    put(120, "<Q", 0xCF9)
    put(128, "<B", 6)
    put(140, "<Q", dsdt)
    return table(b"FACP", bytes(body), revision=6)


def dsdt():
    return table(b"DSDT", b"\x10\x05\\" + b"\x08_S5_\x12\x06\x04\x0a\x05\x0a\x05\x00\x00", revision=2)


def hpet():
    return table(b"HPET", struct.pack("<IBBBBQBHB", 0x8086A201, 0, 64, 0, 0, 0xFED00000, 0, 100, 0))


def dmar():
    def scope(*hops):
        return struct.pack("<BBHBB", 1, 6 + len(hops), 0, 0, 0) + bytes(hops)

    def unit(flags, segment, address, scopes=b""):
        return struct.pack("<HHBBHQ", 0, 16 + len(scopes), flags, 0, segment, address) + scopes

    devices = scope(2, 0) + scope(28, 0, 0, 1)
    entries = unit(0, 0, 0xFED90000, devices) + unit(1, 0, 0xFED91000) + unit(1, 0, 0xFED91000)
    entries += struct.pack("<HHHHQQ", 1, 24 + 8, 0, 0, 0x7B800000, 0x7B8FFFFF) + scope(20, 0)
    return table(b"DMAR", struct.pack("<BB10s", 38, 1, b"") + entries)


def ivrs():
    def device(kind, source, other=None):
        entry = struct.pack("<BHB", kind, source, 0)
        return entry if other is None else entry + struct.pack("<BHB", 0, other, 1)

    def unit(kind, segment, address, devices):
        rest = bytes(6 if kind == 0x10 else 22)
        size = 18 + len(rest) + len(devices)
        return struct.pack("<BBHHHQH", kind, 0, size, 0x10, 0x40, address, segment) + rest + devices

    def memory(kind, first, last, address, size):
        return struct.pack("<BBHHHQQQ", kind, 8, 32, first, last, 0, address, size)

    devices = device(0, 0) + device(2, 0x28) + device(3, 0x30) + device(4, 0x3F) + device(70, 0x40, 0)
    devices += device(66, 0x100, 0x108) + device(67, 0x110, 0x118) + device(4, 0x111) + device(72, 0, 0xA0)
    named = struct.pack("<B20xB3s", 240, 3, b"KEY")
    entries = unit(0x10, 0, 0xFED80000, devices) + unit(0x11, 0, 0xFED80000, devices)
    entries += unit(0x40, 1, 0xFED84000, b"") + unit(0x40, 0, 0xFED88000, named + device(1, 0))
    entries += memory(0x20, 0, 0, 0x7B800000, 0x1000) + memory(0x21, 0x28, 0, 0x7B900000, 0x1000)
    return table(b"IVRS", struct.pack("<I8x", 0x203040) + entries + memory(0x22, 1, 7, 0x7BA00000, 0x1000))


def mcfg():
    other = struct.pack("<QHBBI", 0xE0000000, 1, 0, 3, 0)
    return table(b"MCFG", bytes(8) + other + struct.pack("<QHBBI", 0xB0000000, 0, 0, 255, 0))


def acpi_image():
    """RSDP, then XSDT, RSDT, MADT, HPET, DMAR, MCFG, IVRS, FADT and DSDT, at ACPI_BASE."""
    offsets, image = {}, b"\0" * RSDP_SIZE
    for name, data in (("dsdt", dsdt()), ("apic", madt()), ("hpet", hpet()), ("dmar", dmar()), ("mcfg", mcfg()), ("ivrs", ivrs())):
        offsets[name] = ACPI_BASE + len(image)
        image += data
    offsets["facp"] = ACPI_BASE + len(image)
    image += fadt(offsets["dsdt"])
    xsdt = ACPI_BASE + len(image)
    rsdt = ACPI_BASE + len(image)
    image += table(b"XSDT", struct.pack("<6Q", *(offsets[name] for name in ("facp", "apic", "hpet", "dmar", "mcfg", "ivrs"))))
    rsdt = ACPI_BASE + len(image)
    image += table(b"RSDT", struct.pack("<6I", *(offsets[name] for name in ("facp", "apic", "hpet", "dmar", "mcfg", "ivrs"))))
    rsdp = b"RSD PTR " + struct.pack("<B6sBIIQB3s", 0, b"KEEL", 2, rsdt, RSDP_SIZE, xsdt, 0, b"")
    rsdp = with_checksum(with_checksum(rsdp, 8, 20), 32, RSDP_SIZE)
    return rsdp + image[RSDP_SIZE:]


def acpi_seeds():
    image = acpi_image()
    yield "acpi-2", bytes([ACPI_CHAIN]) + image
    yield "acpi-1", bytes([ACPI_CHAIN]) + with_checksum(image[:15] + b"\0" + image[16:], 8, 20)
    tables = (("madt", madt()), ("fadt", fadt(0x2000)), ("dsdt", dsdt()), ("hpet", hpet()), ("dmar", dmar()), ("mcfg", mcfg()), ("ivrs", ivrs()))
    for kind, (name, data) in enumerate(tables):
        yield "acpi-" + name, bytes([ACPI_TABLE, kind]) + data


def memmap_seeds():
    def small(*regions):
        return bytes([MEMMAP]) + b"".join(bytes(region) for region in regions)

    def raw(*regions):
        return bytes([MEMMAP]) + b"".join(struct.pack("<BQQ", 0x80 | kind, base, size) for kind, base, size in regions)

    yield "memmap-overlap", small((0, 0, 64), (4, 16, 8), (2, 20, 12), (1, 48, 32))
    yield "memmap-unaligned", small((0, 1, 31), (4, 33, 2), (0, 35, 40))
    yield "memmap-boot-data", small((0, 0, 32), (1, 6, 9), (5, 40, 3), (6, 20, 1), (1, 31, 4))
    yield "memmap-pc", raw((0, 0, 0x9FC00), (4, 0x9FC00, 0x60400), (0, 0x100000, 0x7FE00000), (3, 0x1000000, 0x100000),
                           (2, 0x200000, 0x80000), (4, 0xFFFC0000, 0x40000), (0, 1 << 32, 1 << 31))
    yield "memmap-wild", raw((0, (1 << 64) - 4096, 8192), (4, 0, (1 << 64) - 1), (7, 1 << 51, 1 << 52))


def cmdline_seeds():
    for name, line in (("plain", b"a=12M ab keel.exit=isa-debug"), ("last", b"a a=1 a=2K  a=\ta=18446744073709551615"),
                       ("bare", b"ab a"), ("large", b"a=17179869184G a=00000000000000000001")):
        for key in range(3):
            yield f"cmdline-{name}-{key}", bytes([CMDLINE, key]) + line


def clock_seeds():
    def numbers(*values):
        return struct.pack(f"<{len(values)}Q", *values)

    rtc, counter, rates, wish = (bytes([CLOCK, part]) for part in range(4))
    date = b"\0" + bytes([0x58, 0x59, 0x23, 0x28, 0x02, 0x31, 0x02, 0x20])  # idle, then the date, B, the century
    yield "clock-rtc", rtc + bytes([0x32, 0x80]) + date + date
    yield "clock-rtc-twelve", rtc + bytes([0, 0x80]) + (b"\0" + bytes([1, 2, 0x92, 3, 4, 0x70, 0])) * 2
    yield "clock-rtc-busy", rtc + bytes([0x32]) + b"\x80" * 64
    for name, capabilities in (("64", 0x009896808086A201), ("32", 0x009896808086 << 16 | 0x8201)):
        yield "clock-counter-" + name, counter + numbers(capabilities, 5, 1 << 32, (1 << 32) + 7, 3, 2, (1 << 64) - 1)
    yield "clock-rates", rates + numbers(*(5 * [40000000, 2000000, 20000000]), 10**9, 10**9) + bytes(12)
    for name in (b"tsc", b"hpet", b"acpi", b"pit", b"sundial"):
        yield "clock-wish-" + name.decode(), wish + b"a keel.clock=" + name + b"\tb"


def pci_seeds():
    capabilities, bar, msix = (bytes([PCI, part]) for part in range(3))
    yield "pci-list", capabilities + bytes([0x40, 0x01, 0x50, 0x05, 0x60, 0x11, 0x00])
    yield "pci-list-circle", capabilities + bytes([0x40, 0x01, 0x50, 0x05, 0x40])
    for name, value, mask in (("io", 0xC001, 0xFFE1), ("32", 0xE0000000, 0xFFFE0000), ("64", 0x1000000000C, 0xFFFFFFFFFFFF000C),
                              ("holes", 0xE0000000, 0xFFFF5000)):
        yield "pci-bar-" + name, bar + struct.pack("<QQ", value, mask)
    yield "pci-msix", msix + struct.pack("<HII", 64, 0x2004, 0x3004)
    yield "pci-msix-nowhere", msix + struct.pack("<HII", 0x7FF, 6, 7)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder", help="where the inputs go")
    folder = parser.parse_args().folder
    os.makedirs(folder, exist_ok=True)
    for seeds in (elf_seeds, cpio_seeds, acpi_seeds, memmap_seeds, cmdline_seeds, clock_seeds, pci_seeds):
        for name, data in seeds():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)


if __name__ == "__main__":
    main()
