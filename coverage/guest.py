#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""guest.py BUILD: which lines of the machine's own code the boot tests of a build tree with KEEL_COVERAGE=guest have executed in
QEMU, all of them together: a line for each file, the sums, and the gate of coverage/gate.txt. Each line that none has come to
goes to BUILD/report/missing.txt."""

import glob
import os
import re
import subprocess
import sys

from report import ROOT, below, percent, read_exclusions, read_gate

# The second is shared with the hosted machine, where unit tests measure it (report.py): one sum is enough.
FOLDERS = {"hal/x86_64": True, "hal/x86_common": False}


def silent(profiles):
    """The runs that have written nothing: their kernels did not come to an end of their own."""
    return [os.path.basename(path) for path in profiles if not os.path.getsize(path)]


def export(build, profiles):
    """What llvm-cov says of all kernels together, as lcov's records."""
    merged = os.path.join(build, "profiles", "all.profdata")
    subprocess.run(["llvm-profdata-19", "merge", "-sparse", "-o", merged, *profiles], check=True)
    kernels = sorted(glob.glob(os.path.join(build, "kernels", "*.elf")))
    command = ["llvm-cov-19", "export", "-format=lcov", "-instr-profile", merged, kernels[0]]
    command += [word for kernel in kernels[1:] for word in ("-object", kernel)]
    command += [os.path.join(ROOT, folder) for folder in FOLDERS]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True).stdout


def lines_of(records, root=ROOT):
    """{file below the root: {line: how often}} of files that have functions: a macro counts where it is used."""
    files, name, lines = {}, "", {}
    for record in records.splitlines():
        kind, _, value = record.partition(":")
        if kind == "SF":
            name, lines = os.path.relpath(value, root), {}
        elif kind == "FN":
            files[name] = lines
        elif kind == "DA":
            number, count = value.split(",")[:2]
            lines[int(number)] = int(count)
    return files


def reached(lines):
    return sum(count > 0 for count in lines.values()), len(lines)


def counted(lines, source, excluded):
    """The lines whose text matches none of the expressions."""
    return {number: count for number, count in lines.items() if not any(re.match(one, source[number - 1]) for one in excluded)}


def missing(name, lines, source):
    """A line of text for each line that was never executed."""
    return [f"{name}:{number}: {source[number - 1].strip()}\n" for number, count in sorted(lines.items()) if count == 0]


def look_at(build, files):
    """Leaves out of the files what coverage/exclusions.txt names, writes down the lines that are missing, and answers how many
    were left out."""
    excluded = read_exclusions(os.path.join(ROOT, "coverage", "exclusions.txt"), "qemu")["lines"]
    before = sum(map(len, files.values()))
    os.makedirs(os.path.join(build, "report"), exist_ok=True)
    with open(os.path.join(build, "report", "missing.txt"), "w", encoding="utf-8") as output:
        for name in sorted(files):
            with open(os.path.join(ROOT, name), encoding="utf-8") as file:
                source = file.readlines()
            files[name] = counted(files[name], source, excluded)
            output.writelines(missing(name, files[name], source))
    return before - sum(map(len, files.values()))


def show(files):
    """Prints files and sums; answers {folder: (reached, all)}."""
    sums = {}
    for folder, each in FOLDERS.items():
        inside = {name: reached(lines) for name, lines in sorted(files.items()) if name.startswith(f"{folder}/")}
        sums[folder] = tuple(map(sum, zip(*inside.values()))) if inside else (0, 0)
        for name, (some, total) in inside.items() if each else ():
            print(f"{name:36}{some:5} of {total:4} lines ({percent(some, total)} %)")
        some, total = sums[folder]
        print(f"{folder:36}{some:5} of {total:4} lines ({percent(some, total)} %)")
    return sums


def main(arguments):
    if len(arguments) != 1:
        print("usage: guest.py BUILD", file=sys.stderr)
        return 2
    build = arguments[0]
    gate = read_gate(os.path.join(ROOT, "coverage", "gate.txt"), "qemu")
    profiles = sorted(glob.glob(os.path.join(build, "profiles", "*.profraw")))
    failures = [f"{name} is empty: that kernel has not written what it counted" for name in silent(profiles)]
    files = lines_of(export(build, [path for path in profiles if os.path.getsize(path)]))
    left_out = look_at(build, files)
    sums = show(files)
    print(f"not counted: {left_out} lines (coverage/exclusions.txt)")
    print(f"{len(profiles)} runs; lines that none came to: {build}/report/missing.txt")
    for folder, wanted in gate.items():
        failures += below({"line": sums[folder]}, wanted, folder)
    for sentence in failures:
        print(f"FAILED: {sentence}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
