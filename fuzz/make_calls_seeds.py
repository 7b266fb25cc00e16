#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compiles the readable seeds of fuzz_calls (fuzz/seeds/calls/*.txt) to its binary inputs.

A seed is a list of lines. `header KEY=BYTE...` sets bytes of the header (flags, switch_period, seed, seed_high,
allocator_lies, scheduler_lies, workers, slab_lies). Every other line is an operation: a call of api/calls.tbl by name, then `h=A,B` (bytes
that name handles), `n=A,B,C` (bytes for numbers), `b=SIZE` (buffer), `s=SLOT` (where a new handle goes). What is
left out is 0. `repeat N` before an operation makes it N times. `#` begins a comment. fuzz/calls_input.h says what the bytes mean.
"""
import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = ("flags", "switch_period", "seed", "seed_high", "allocator_lies", "scheduler_lies", "workers", "slab_lies")


def call_numbers():
    lines = (ROOT / "api" / "calls.tbl").read_text(encoding="utf-8").splitlines()
    names = [line.split("|")[0].strip() for line in lines if "|" in line and not line.startswith("#")]
    return {name: number for number, name in enumerate(names)}


def operation(words, numbers, where):
    if words[0] not in numbers:
        sys.exit(f"{where}: no call is named '{words[0]}'")
    fields = {"h": [0, 0], "n": [0, 0, 0], "b": [0], "s": [0]}
    for word in words[1:]:
        key, _, value = word.partition("=")
        if key not in fields:
            sys.exit(f"{where}: cannot read '{word}'")
        given = [int(part, 0) for part in value.split(",")]
        fields[key][: len(given)] = given
    return bytes([numbers[words[0]], *fields["h"][:2], *fields["n"][:3], fields["b"][0], fields["s"][0]])


def compile_lines(path, numbers, names):
    """One seed; `names` are those of the header's bytes."""
    header, operations = bytearray(len(names)), b""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        words = line.split("#")[0].split()
        where = f"{path}:{number}"
        if not words:
            continue
        if words[0] == "header":
            for word in words[1:]:
                key, _, value = word.partition("=")
                header[names.index(key)] = int(value, 0)
            continue
        times = 1
        if words[0] == "repeat":
            times, words = int(words[1]), words[2:]
        operations += operation(words, numbers, where) * times
    return bytes(header) + operations


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path, help="where the inputs go")
    output = parser.parse_args().folder
    numbers = call_numbers()
    output.mkdir(parents=True, exist_ok=True)
    for path in sorted((ROOT / "fuzz" / "seeds" / "calls").glob("*.txt")):
        (output / path.stem).write_bytes(compile_lines(path, numbers, HEADER))


if __name__ == "__main__":
    main()
