#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the seeds of fuzz_world: the readable ones of fuzz/seeds/world/*.txt, compiled, and those of fuzz_calls, on other machines.

The lines of the former are those of make_calls_seeds.py, with more bytes of the header (cpus, machine, left_out, stalls,
program, strategy, more), more operations (the events of fuzz/world_events.h, by name), and `program HEX...`, bytes of the user program. The
number of a header's byte `program` is counted, not given. fuzz/calls_input.h says what the bytes mean.
"""
import argparse
import sys
import tempfile
from pathlib import Path

from make_calls_seeds import HEADER, call_numbers, compile_lines

ROOT = Path(__file__).resolve().parent
MORE = ("cpus", "machine", "left_out", "stalls", "program", "strategy", "more", "nothing")
EVENTS = ("reach", "send", "forge", "line", "config", "fail", "program_map", "program_run")
OPERATION_SIZE = 8
# For the seeds of fuzz_calls, one after the other: CPUs, machine, stalls, strategy (the higher half: stores that are kept back).
MACHINES = ((1, 0, 0, 0), (3, 0, 0, 0x83), (1, 1, 0, 0x10), (2, 8, 3, 0), (0, 0, 0, 0), (3, 2, 0, 5), (1, 4, 0, 0x80), (2, 0x10, 0, 0x10))


def split_program(path):
    """The program's bytes, a whole number of operations, and the other lines."""
    program, lines = b"", []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.split()[:1] == ["program"]:
            program += bytes.fromhex(line.split("#")[0].split(maxsplit=1)[1])
            line = "#"
        lines.append(line)
    return program + bytes(-len(program) % OPERATION_SIZE), lines


def compile_world(path, numbers):
    program, lines = split_program(path)
    with tempfile.TemporaryDirectory() as folder:
        rest = Path(folder) / path.name
        rest.write_text("\n".join(lines), encoding="utf-8")
        compiled = bytearray(compile_lines(rest, numbers, HEADER + MORE))
    compiled[len(HEADER) + MORE.index("program")] = len(program) // OPERATION_SIZE
    return bytes(compiled) + program


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path, help="where the inputs go")
    output = parser.parse_args().folder
    numbers = call_numbers()
    numbers.update({name: len(numbers) + index for index, name in enumerate(EVENTS)})
    if len(numbers) > 256:
        sys.exit("one byte does not say any more what an operation is")
    output.mkdir(parents=True, exist_ok=True)
    for path in sorted((ROOT / "seeds" / "world").glob("*.txt")):
        (output / path.stem).write_bytes(compile_world(path, numbers))
    for index, path in enumerate(sorted((ROOT / "seeds" / "calls").glob("*.txt"))):
        compiled = compile_lines(path, numbers, HEADER)
        cpus, machine, stalls, strategy = MACHINES[index % len(MACHINES)]
        more = bytes([cpus, machine, 0, stalls, 0, strategy, 0, 0])
        (output / f"calls-{path.stem}").write_bytes(compiled[: len(HEADER)] + more + compiled[len(HEADER) :])


if __name__ == "__main__":
    main()
