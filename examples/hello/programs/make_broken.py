#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""make_broken.py FOLDER: writes ELF files that a kernel must refuse, each broken in one way.

All begin as the same good file: one page of code that exits with status 7 and one page of data. `good` is that
file, unbroken, so that the others are known to be refused for their one flaw alone.
"""

import os
import struct
import sys

PAGE = 4096
CODE_VA = 0x400000
DATA_VA = 0x500000
R, W, X = 4, 2, 1
PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
ET_EXEC, ET_DYN = 2, 3
HEADER_SIZE, PROGRAM_HEADER_SIZE = 64, 56

# mov $60, %eax; mov $7, %edi; syscall (exit(7)); ud2
CODE = bytes.fromhex("b83c000000" "bf07000000" "0f05" "0f0b")


def segment(va, offset, flags, file_size=PAGE, memory_size=PAGE, align=PAGE, kind=PT_LOAD):
    return {"kind": kind, "flags": flags, "offset": offset, "va": va, "file_size": file_size,
            "memory_size": memory_size, "align": align}


def good_segments():
    return [segment(CODE_VA, PAGE, R | X), segment(DATA_VA, 2 * PAGE, R | W)]


def elf(segments, entry=CODE_VA, kind=ET_EXEC, machine=62, ident=b"\x7fELF\x02\x01\x01", count=None,
        header_size=HEADER_SIZE, program_header_size=PROGRAM_HEADER_SIZE, table=HEADER_SIZE):
    """The file's bytes: header, program headers, a page of code at PAGE, a page of data at 2 * PAGE."""
    header = ident.ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", kind, machine, 1, entry, table, 0, 0, header_size, program_header_size,
        len(segments) if count is None else count, 64, 0, 0)
    for s in segments:
        header += struct.pack("<IIQQQQQQ", s["kind"], s["flags"], s["offset"], s["va"], s["va"], s["file_size"],
                              s["memory_size"], s["align"])
    return header.ljust(PAGE, b"\0") + CODE.ljust(PAGE, b"\xcc") + b"data".ljust(PAGE, b"\0")


def with_data(**changes):
    """The good file with fields of its data segment replaced."""
    segments = good_segments()
    segments[1].update(changes)
    return elf(segments)


def with_more(*segments):
    return elf(good_segments() + list(segments))


def samples():
    code = segment(CODE_VA, PAGE, R | X)
    return {
        "good": elf(good_segments()),
        "truncated": elf(good_segments())[: 2 * PAGE + 100],
        "truncated-header": elf(good_segments())[:40],
        "truncated-table": elf(good_segments(), table=3 * PAGE - 8),
        "overlapping": with_data(va=CODE_VA + PAGE // 2, offset=PAGE + PAGE // 2),
        "overlapping-page": with_more(segment(DATA_VA + PAGE - 16, 2 * PAGE - 16, R, 16, 32)),
        "overlapping-self": with_more(segment(DATA_VA, 2 * PAGE, R | W)),
        "huge": with_data(memory_size=1 << 40),
        "huge-sum": with_more(*[segment(0x10000000 * (i + 1), 2 * PAGE, R | W, 0, 16 << 20) for i in range(5)]),
        "huge-file-size": with_data(file_size=(1 << 64) - PAGE, memory_size=(1 << 64) - 1),
        "misaligned": with_data(va=DATA_VA + 0x10),
        "misaligned-align": with_data(align=3000),
        "wx": with_data(flags=R | W | X),
        "kernel-address": with_data(va=0xFFFFFFFF80000000),
        "null-page": with_data(va=0),
        "past-limit": with_data(va=0x7FFFFFFFE000, memory_size=2 * PAGE),
        "on-the-stack": with_data(va=0x7FFFEFFFF000),
        "small-in-memory": with_data(memory_size=PAGE - 1),
        "entry-in-data": elf(good_segments(), entry=DATA_VA),
        "entry-non-canonical": elf(good_segments(), entry=0x8000000000000000),
        "interpreter": with_more(segment(DATA_VA, 2 * PAGE, R, kind=PT_INTERP)),
        "dynamic": with_more(segment(DATA_VA, 2 * PAGE, R, kind=PT_DYNAMIC)),
        "shared": elf(good_segments(), kind=ET_DYN),
        "core-dump": elf(good_segments(), kind=4),
        "32-bit": elf(good_segments(), ident=b"\x7fELF\x01\x01\x01"),
        "big-endian": elf(good_segments(), ident=b"\x7fELF\x02\x02\x01"),
        "arm": elf(good_segments(), machine=183),
        "header-size": elf(good_segments(), header_size=52),
        "table-entry-size": elf(good_segments(), program_header_size=32),
        "no-segments": elf([]),
        "many-headers": elf(good_segments(), count=0xFFFF),
        "many-segments": elf([code] + [segment(DATA_VA + i * PAGE, 2 * PAGE, R) for i in range(16)]),
        "text": b"#!/bin/sh\n" * 20,
        "empty": b"",
    }


def main(arguments):
    if len(arguments) != 1:
        print("usage: make_broken.py FOLDER", file=sys.stderr)
        return 2
    os.makedirs(arguments[0], exist_ok=True)
    for name, data in samples().items():
        with open(os.path.join(arguments[0], "broken-" + name if name != "good" else name), "wb") as file:
            file.write(data)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
