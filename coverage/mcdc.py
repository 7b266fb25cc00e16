#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""mcdc.py BUILD: how many conditions of decisions in api and core the unit tests of a build tree with KEEL_COVERAGE=mcdc have
shown to decide on their own (modified condition/decision coverage, by clang), without what coverage/exclusions.txt names. Each
decision that is not covered whole goes to BUILD/report/mcdc.txt."""

import glob
import json
import os
import re
import subprocess
import sys

from report import ROOT, percent, read_exclusions

FOLDERS = ("api", "core")


class NothingMeasured(Exception):
    """Why there is nothing to report, as a sentence for the user."""


def run(command):
    """What the command printed."""
    try:
        result = subprocess.run(command, check=False, capture_output=True, stdin=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise NothingMeasured(f"{command[0]} was not found; ./keel coverage installs it.") from error
    if result.returncode != 0:
        said = result.stderr.decode(errors="replace").strip().splitlines() or ["it does not say why"]
        raise NothingMeasured(f"{command[0]} failed: {said[0]}")
    return result.stdout


def export(build):
    """What llvm-cov says of each file. One program with the whole API in it knows every decision; the counts are of all."""
    profile = os.path.join(build, "profiles", "all.profdata")
    counts = [name for name in glob.glob(os.path.join(build, "profiles", "*.profraw")) if os.path.getsize(name)]
    program = os.path.join(build, "unit", "test_calls")
    if not counts:
        raise NothingMeasured(f"No test left counts in {build}/profiles; run the tests first: ./keel coverage --mcdc")
    if not os.access(program, os.X_OK):
        raise NothingMeasured(f"There is no program {program}; build first: ./keel coverage --mcdc")
    run(["llvm-profdata-19", "merge", "-sparse", "-o", profile, *counts])
    folders = [os.path.join(ROOT, folder) for folder in FOLDERS]
    return json.loads(run(["llvm-cov-19", "export", "-instr-profile", profile, program, *folders]))["data"][0]["files"]


def decisions_of(records):
    """(line, [condition is covered]) of each decision. A function that several files have by a header counts once: what one of
    them has shown holds for all."""
    found = {}
    for record in records:
        place, conditions = tuple(record[:4]), record[-1]
        before = found.get(place, [False] * len(conditions))
        found[place] = [one or other for one, other in zip(before, conditions)]
    return [(place[0], conditions) for place, conditions in sorted(found.items())]


def look_at(name, decisions, source, excluded):
    """(covered, all) conditions of a file, and a line of text for each decision with one that is not."""
    covered = total = 0
    missing = []
    for line, conditions in decisions:
        text = source[line - 1]
        if any(re.match(one, text) for one in excluded):
            continue
        covered += sum(conditions)
        total += len(conditions)
        if not all(conditions):
            marks = "".join("+" if one else "-" for one in conditions)
            missing.append(f"{name}:{line}: {marks} {text.strip()}\n")
    return covered, total, missing


def report_on(build, files):
    rules = read_exclusions(os.path.join(ROOT, "coverage", "exclusions.txt"), "unit")
    excluded = rules["lines"] + rules["branches"]
    sums = {folder: [0, 0] for folder in FOLDERS}
    os.makedirs(os.path.join(build, "report"), exist_ok=True)
    with open(os.path.join(build, "report", "mcdc.txt"), "w", encoding="utf-8") as output:
        for file in files:
            name = os.path.relpath(file["filename"], ROOT)
            with open(file["filename"], encoding="utf-8") as source:
                covered, total, missing = look_at(name, decisions_of(file.get("mcdc_records", [])), source.readlines(), excluded)
            folder = name.split("/")[0]
            sums[folder][0] += covered
            sums[folder][1] += total
            output.writelines(missing)
    for folder, (covered, total) in sums.items():
        print(f"{folder:16}{covered} of {total} conditions ({percent(covered, total)} %)")
    print(f"missing         {build}/report/mcdc.txt")


def main(arguments):
    if len(arguments) != 1:
        print("usage: mcdc.py BUILD", file=sys.stderr)
        return 2
    try:
        report_on(arguments[0], export(arguments[0]))
    except NothingMeasured as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
