#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Proves that nothing of ours takes the place of a function of a shared library in a hosted program: the C library,
or Unicorn. A kernel function that is called like one of libc's overrides it for the whole process, sanitizer run times
included, and whoever calls the library's function then runs kernel code."""

import subprocess
import sys


def defined(command):
    """Global symbols that the files of an `nm` command line define."""
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    words = [line.split() for line in lines]
    return {parts[-1].split("@")[0] for parts in words if len(parts) >= 2 and parts[-2] in "TDBRVWi"}


def main(arguments):
    nm, library, *ours = arguments
    taken = defined([nm, "-D", "--defined-only", library])
    clashes = sorted(defined([nm, "-g", "--defined-only", *ours]) & taken)
    for name in clashes:
        print(f"symbols: {name} is also a function of {library}; give it another name")
    print(f"{len(ours)} archives checked against {len(taken)} symbols of {library}")
    return 1 if clashes or not taken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
