#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes a failing fuzz input small: ./keel minimize.

An input is a header, then units of the same size (operations, or bytes). Stretches of units are left out, large ones
first, then bytes are cleared one by one, for as long as what is left fails in the same way: by the same message, numbers
apart. Every step is a run of the target in a process of its own, so the result fails when it is replayed.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# The first that matches says how a run has failed: what the audit finds comes before the panic that follows, and the
# sanitizers' last lines name the place.
MESSAGES = (
    re.compile(r"^(audit: .*)", re.MULTILINE),
    re.compile(r"^(/\S+\.[ch]:\d+: .*)", re.MULTILINE),
    re.compile(r"^fuzz\w*: (.*)", re.MULTILINE),
    re.compile(r"runtime error: (.*)"),
    re.compile(r"^SUMMARY: \w+: (.*)", re.MULTILINE),
)
NUMBER = re.compile(r"0x[0-9a-f]+|\b\d+")  # not of an invariant's name


class Target:
    """The program, which runs one input at a time."""

    def __init__(self, program, timeout):
        self.program, self.timeout, self.runs = program, timeout, 0
        self.folder = tempfile.TemporaryDirectory()

    def failure(self, data):
        """How it fails; None: it does not."""
        path = Path(self.folder.name) / "input"
        path.write_bytes(data)
        self.runs += 1
        try:
            run = subprocess.run([self.program, path], env={**os.environ, "KEEL_PRINT": "1"}, stdin=subprocess.DEVNULL, capture_output=True,
                                 timeout=self.timeout, check=False)
        except subprocess.TimeoutExpired:
            return "it does not end"
        if run.returncode == 0:
            return None
        output = (run.stdout + run.stderr).decode(errors="replace")
        for message in MESSAGES:
            found = message.search(output)
            if found:
                return NUMBER.sub("N", found.group(1))
        return f"status {run.returncode}"


def leave_out(units, fails):
    """Tries to leave out half of them, quarters, ..., single ones, until no single one can go."""
    size = max(len(units) // 2, 1)
    while True:
        at, before = 0, len(units)
        while at < len(units):
            rest = units[:at] + units[at + size:]
            if fails(rest):
                units = rest
            else:
                at += size
        if size == 1 and len(units) == before:
            return units
        size = max(size // 2, 1)


def clear_bytes(data, fails):
    data = bytearray(data)
    for at, value in enumerate(data):
        if value != 0:
            data[at] = 0
            if not fails(bytes(data)):
                data[at] = value
    return bytes(data)


def minimize(data, header, unit, target):
    expected = target.failure(data)
    if expected is None:
        return None, None
    head, body = data[:header], data[header:]
    units = [body[at:at + unit] for at in range(0, len(body), unit)]
    units = leave_out(units, lambda some: target.failure(head + b"".join(some)) == expected)
    return clear_bytes(head + b"".join(units), lambda some: target.failure(some) == expected), expected


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--header", type=int, default=0, help="bytes that are cleared only")
    parser.add_argument("--unit", type=int, default=1, help="bytes that are left out together")
    parser.add_argument("--timeout", type=float, default=60, help="seconds that a run may take")
    parser.add_argument("input", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("program", type=Path)
    options = parser.parse_args()
    target = Target(options.program.resolve(), options.timeout)
    data = options.input.read_bytes()
    small, expected = minimize(data, options.header, options.unit, target)
    if small is None:
        print(f"keel: {options.input} does not fail.", file=sys.stderr)
        return 1
    options.output.write_bytes(small)
    print(f"{len(data)} bytes become {len(small)} after {target.runs} runs; it still fails: {expected}")
    print(f"Look at it with ./keel replay {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
