#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""report.py BUILD TESTS: makes the coverage report of a build tree (HTML and text), without what coverage/exclusions.txt
names, and applies the lines of coverage/gate.txt that are for these tests."""

import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KINDS = ("line", "branch")


def words_of(path, most):
    """The words of each line, without comments; the last of `most` is the rest of the line."""
    with open(path, encoding="ascii") as file:
        lines = [line.strip() for line in file]
    return [line.split(None, most - 1) for line in lines if line and not line.startswith("#")]


def read_gate(path, tests):
    """{folder: {"line": percent, "branch": percent}} of these tests; what has no gate is left out."""
    gate = {}
    for name, folder, *percents in words_of(path, 4):
        if len(percents) != len(KINDS):
            raise ValueError(f"{path}: {name} {folder} must set lines and branches")
        if name == tests:
            gate[folder] = {kind: float(text) for kind, text in zip(KINDS, percents) if text != "-"}
    if not gate:
        raise ValueError(f"{path} sets nothing for {tests}")
    return gate


def read_exclusions(path, tests):
    """{"lines": [expression], "branches": [expression]} for these tests."""
    exclusions = {"lines": [], "branches": []}
    for name, what, expression in words_of(path, 3):
        if name in ("all", tests):
            exclusions[what].append(f".*{expression}")
    return exclusions


def count_excluded(folders, expressions):
    """How many lines of the folders' files match one of them."""
    count = 0
    for folder in folders:
        for where, _, names in os.walk(os.path.join(ROOT, folder)):
            for name in names:
                if name.endswith((".c", ".h")):
                    with open(os.path.join(where, name), encoding="utf-8") as file:
                        count += sum(any(re.match(one, line) for one in expressions) for line in file)
    return count


def reader_of(build):
    """The gcov that reads what the build's compiler counts."""
    with open(os.path.join(build, "CMakeCache.txt"), encoding="utf-8") as file:
        clang = re.search(r"^CMAKE_C_COMPILER:\w+=.*clang", file.read(), re.MULTILINE)
    return "llvm-cov-19 gcov" if clang else "gcov-12"


def make_report(build, folders, exclusions):
    """Runs gcovr; answers what it says of each file."""
    folder = os.path.join(build, "report")
    os.makedirs(folder, exist_ok=True)
    summary = os.path.join(folder, "summary.json")
    command = ["gcovr", "--root", ROOT, "--object-directory", build, "--gcov-executable", reader_of(build)]
    for name in folders:
        command += ["--filter", re.escape(os.path.join(ROOT, name, ""))]
    for what, expressions in exclusions.items():
        if expressions:
            command += [f"--exclude-{what}-by-pattern", "|".join(expressions)]
    # One gcov after the other: several write files of the same names, and read each other's half written.
    command += ["--html-details", os.path.join(folder, "index.html")]
    command += ["--txt", os.path.join(folder, "summary.txt"), "--json-summary", summary, build]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    with open(summary, encoding="utf-8") as file:
        return json.load(file)["files"]


def totals_of(files, folder):
    """{"line": (reached, all), "branch": (reached, all)} of a folder's files."""
    inside = [file for file in files if file["filename"].startswith(f"{folder}/")]
    return {kind: (sum(file[f"{kind}_covered"] for file in inside), sum(file[f"{kind}_total"] for file in inside))
            for kind in KINDS}


def percent(reached, total):
    """Rounded down, so that a gate is never reached by rounding. Nothing measured is 0 %."""
    return reached * 1000 // total / 10 if total else 0.0


def below(totals, gate, folder):
    """One sentence for each percentage that is too low."""
    sentences = []
    for kind, wanted in gate.items():
        value = percent(*totals[kind])
        if value < wanted:
            sentences.append(f"{kind} coverage of {folder} is {value} %, the gate is {wanted:g} %")
    return sentences


def main(arguments):
    if len(arguments) != 2:
        print("usage: report.py BUILD TESTS", file=sys.stderr)
        return 2
    build, tests = arguments
    gate = read_gate(os.path.join(ROOT, "coverage", "gate.txt"), tests)
    exclusions = read_exclusions(os.path.join(ROOT, "coverage", "exclusions.txt"), tests)
    files = make_report(build, gate, exclusions)
    failures = []
    for folder, wanted in gate.items():
        totals = totals_of(files, folder)
        shown = [f"{kind} {reached} of {total} ({percent(reached, total)} %)" for kind, (reached, total) in totals.items()]
        print(f"{folder:16}{', '.join(shown)}")
        failures += below(totals, wanted, folder)
    counts = [f"{count_excluded(gate, expressions)} {what}" for what, expressions in exclusions.items()]
    print(f"not counted     {counts[0]}, and the branches of {counts[1].split()[0]} more (coverage/exclusions.txt)")
    print(f"report          {build}/report/index.html, {build}/report/summary.txt")
    for sentence in failures:
        print(f"FAILED: {sentence}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
