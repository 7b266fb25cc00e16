#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""make_disk.py ARCHIVE IMAGE EXPECTED: the disk of the example kernel `disk`, and what it is to be afterwards.

The first half of the image holds the archive, the second one zeros, which the kernel overwrites with a pattern (disk.c:fill).
"""

import sys

SIZE = 128 << 10
MULTIPLIER = 0x9E3779B97F4A7C15


def pattern(first, end):
    """The bytes that the kernel writes there, 8 of each word of the disk."""
    return b"".join((at // 8 * MULTIPLIER % 2**64).to_bytes(8, "little") for at in range(first, end, 8))


def main(arguments):
    if len(arguments) != 3:
        print("usage: make_disk.py ARCHIVE IMAGE EXPECTED", file=sys.stderr)
        return 2
    with open(arguments[0], "rb") as file:
        archive = file.read()
    if len(archive) > SIZE // 2:
        print("make_disk.py: the archive does not fit into half of the disk", file=sys.stderr)
        return 1
    half = archive.ljust(SIZE // 2, b"\0")
    for path, rest in ((arguments[1], bytes(SIZE // 2)), (arguments[2], pattern(SIZE // 2, SIZE))):
        with open(path, "wb") as file:
            file.write(half + rest)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
