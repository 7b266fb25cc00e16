#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the seeds of fuzz_devices: an honest disk, and disks that do something else now and then, the same each time.
fuzz/fuzz_devices.c says what the bytes mean."""
import random
import sys
from pathlib import Path

SEQUENCES = 40
READ, WRITE, FLUSH = 0, 1, 2


def requests(source):
    return bytes(byte for _ in range(5) for byte in (source.choice((READ, WRITE, FLUSH)), source.randrange(60), source.randrange(63)))


def device(source, rate):
    """Each byte is one access of the driver; what is above 0xbf is no honest answer."""
    return bytes(source.randrange(256) if source.random() < rate else 0 for _ in range(600))


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(SEQUENCES):
        source = random.Random(number)
        rate = 0 if number == 0 else source.choice((0.01, 0.03, 0.1, 0.3))
        header = bytes([number % 16, number, 5])
        (folder / f"disk-{number:02}").write_bytes(header + requests(source) + device(source, rate))


if __name__ == "__main__":
    main()
