#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""test_loader.py FAULT OPTION... boots a kernel file with one planted fault and passes if the loader refuses it with
the sentence that names the fault. OPTION... are run_qemu.py's. `test_loader.py --list` prints the faults."""

import os
import struct
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import run_qemu

# Offsets in the ELF64 header and in a program header (System V ABI, chapters 4 and 5).
E_MACHINE, E_ENTRY, E_PHOFF, E_PHNUM = 18, 24, 32, 56
P_FLAGS, P_OFFSET, P_VADDR, P_MEMSZ, P_SIZE = 4, 8, 16, 40, 56
PT_LOAD, PF_X, PF_W = 1, 1, 2


def loads(data):
    """Offsets of the PT_LOAD program headers."""
    offset, count = struct.unpack_from("<Q", data, E_PHOFF)[0], struct.unpack_from("<H", data, E_PHNUM)[0]
    headers = [offset + index * P_SIZE for index in range(count)]
    return [header for header in headers if struct.unpack_from("<I", data, header)[0] == PT_LOAD]


def store(form, field):
    """A fault that stores a value into a field of the ELF header."""

    def plant(data, value):
        struct.pack_into(form, data, field, value)
        return data

    return plant


def store_load(form, field):
    """A fault that stores a value into a field of the first PT_LOAD."""

    def plant(data, value):
        struct.pack_into(form, data, loads(data)[0] + field, value)
        return data

    return plant


# name: what the loader must say, how to plant the fault, the value that it takes
FAULTS = {
    "missing": (r"there is no file \\keel\\kernel\.elf", None, None),
    "empty": (r"too short to be an ELF file", lambda data, value: data[:value], 0),
    "not-elf": (r"it is not an ELF file$", lambda data, value: value + data[len(value) :], b"MZ"),
    "other-machine": (r"not an ELF file for x86-64", store("<H", E_MACHINE), 183),
    "no-headers": (r"truncated: its program headers", lambda data, value: data[:value], 100),
    "truncated": (r"truncated: a segment is not there", lambda data, value: data[:value], 0x1800),
    "far-headers": (r"program headers", store("<Q", E_PHOFF), 2**64 - 8),
    "far-segment": (r"truncated: a segment is not there", store_load("<Q", P_OFFSET), 2**64 - 4096),
    "huge-segment": (r"outside the kernel's addresses", store_load("<Q", P_MEMSZ), 2**63),
    "low-segment": (r"outside the kernel's addresses", store_load("<Q", P_VADDR), 0x100000),
    "writable-code": (r"both writable and executable", store_load("<I", P_FLAGS), PF_X | PF_W),
    "far-entry": (r"entry point is not in its code", store("<Q", E_ENTRY), 0x1000),
}


def main(arguments):
    if arguments == ["--list"]:
        print("\n".join(FAULTS))
        return 0
    fault, options = arguments[0], arguments[1:]
    sentence, plant, value = FAULTS[fault]
    kernel = options[options.index("--kernel") + 1]
    own = ["--refusal", r"^keel loader: .*" + sentence]
    if plant is None:
        return run_qemu.main([*own, "--no-kernel", *options])
    with open(kernel, "rb") as file:
        data = bytearray(file.read())
    with tempfile.NamedTemporaryFile(prefix="keel-kernel-") as file:
        file.write(plant(data, value))
        file.flush()
        # Of repeated options the last one counts.
        return run_qemu.main([*own, *options, "--kernel", file.name])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
