#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs user programs on the Linux that this is, and compares with what a kernel of ours made them print.

Exit status: 0 every program printed and ended as the transcript says, 1 one did not, 77 this system cannot run them.
"""

import argparse
import os
import platform
import subprocess
import sys

import transcript

EXIT_SKIPPED = 77


def parse(argument_list):
    parser = argparse.ArgumentParser(prog="run_linux.py", description=__doc__.split("\n")[0])
    parser.add_argument("programs", nargs="+", help="static ELF files for x86-64")
    parser.add_argument("--expect", metavar="FILE", required=True, help="the transcript; lines of other names do not count")
    parser.add_argument("--timeout", type=float, default=60, help="seconds after which a program counts as hung")
    return parser.parse_args(argument_list)


def run(path, timeout):
    """What a kernel's console would show of the program: its lines, and how it ended."""
    name = os.path.basename(path)
    result = subprocess.run(
        [name], executable=path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=timeout, check=False
    )
    lines = result.stdout.decode("ascii", errors="replace").splitlines()
    end = f"exited with status {result.returncode}" if result.returncode >= 0 else f"killed by signal {-result.returncode}"
    return [f"{name}| {line}" for line in [*lines, f"[{end}]"]]


def main(argument_list):
    arguments = parse(argument_list)
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        print("skipped: this is not Linux on x86-64")
        return EXIT_SKIPPED
    names = tuple(f"{os.path.basename(path)}| " for path in arguments.programs)
    expected = [line for line in transcript.read(arguments.expect) if line.startswith(names)]
    actual = []
    for path in arguments.programs:
        try:
            actual += run(path, arguments.timeout)
        except subprocess.TimeoutExpired:
            print(f"FAILED: {path} hangs: it did not end within {arguments.timeout:g} s.", file=sys.stderr)
            return 1
    diff = transcript.difference(expected, transcript.transcript(actual), arguments.expect, "this system")
    if diff:
        print(diff)
        print("FAILED: The programs do not behave here as they did there; the lines above differ.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
