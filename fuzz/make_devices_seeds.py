#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the seeds of fuzz_devices: honest devices of each type, and some that do something else now and then, the same
each time. fuzz/fuzz_devices.c says what the bytes mean."""
import random
import sys
from pathlib import Path

SEQUENCES = 40
DRIVERS = ("disk", "rng", "net", "console")  # as fuzz/devices_drivers.c has them


def requests(source):
    """What each driver makes of three bytes, it says itself; the first one is which request."""
    return bytes(byte for _ in range(5) for byte in (source.choice((0, 1, 2)), source.randrange(60), source.randrange(63)))


def device(source, rate):
    """Each byte is one access of the driver; what is above 0xbf is no honest answer."""
    return bytes(source.randrange(256) if source.random() < rate else 0 for _ in range(600))


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(SEQUENCES):
        source = random.Random(number)
        driver = number % len(DRIVERS)
        rate = 0 if number < len(DRIVERS) else source.choice((0.01, 0.03, 0.1, 0.3))
        header = bytes([number // len(DRIVERS) % 16 | driver << 4, number, 5])
        (folder / f"{DRIVERS[driver]}-{number:02}").write_bytes(header + requests(source) + device(source, rate))


if __name__ == "__main__":
    main()
