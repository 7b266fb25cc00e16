#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""report.py BUILD: makes the coverage report of a build tree (HTML and text) and applies coverage/gate.txt."""

import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def read_gate(path):
    """{"line": percent, "branch": percent}"""
    gate = {}
    with open(path, encoding="ascii") as file:
        for line in file:
            words = line.split("#")[0].split()
            if words:
                name, percent = words
                gate[name] = float(percent)
    if set(gate) != {"line", "branch"}:
        raise ValueError(f"{path} must set line and branch, nothing else")
    return gate


def make_report(build, folder):
    """Runs gcovr; answers its totals."""
    os.makedirs(folder, exist_ok=True)
    summary = os.path.join(folder, "summary.json")
    command = ["gcovr", "--root", ROOT, "--object-directory", build, "--gcov-executable", "gcov-12"]
    command += ["--filter", os.path.join(ROOT, "core", ""), "--filter", os.path.join(ROOT, "api", "")]
    command += ["--html-details", os.path.join(folder, "index.html")]
    command += ["--txt", os.path.join(folder, "summary.txt"), "--json-summary", summary, build]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    with open(summary, encoding="utf-8") as file:
        return json.load(file)


def below(totals, gate):
    """One sentence for each percentage that is too low. Nothing measured is 0 %."""
    sentences = []
    for name, wanted in sorted(gate.items()):
        reached = totals.get(f"{name}_percent") or 0.0
        if reached < wanted:
            sentences.append(f"{name} coverage of api and core is {reached} %, the gate is {wanted:g} %")
    return sentences


def main(arguments):
    if len(arguments) != 1:
        print("usage: report.py BUILD", file=sys.stderr)
        return 2
    folder = os.path.join(arguments[0], "report")
    gate = read_gate(os.path.join(ROOT, "coverage", "gate.txt"))
    totals = make_report(arguments[0], folder)
    print(f"lines    {totals['line_covered']} of {totals['line_total']} ({totals['line_percent']} %)")
    print(f"branches {totals['branch_covered']} of {totals['branch_total']} ({totals['branch_percent']} %)")
    print(f"report   {folder}/index.html, {folder}/summary.txt")
    failures = below(totals, gate)
    for sentence in failures:
        print(f"FAILED: {sentence}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
