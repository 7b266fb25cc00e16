#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Holds docs/soundness.md against the tree: an invariant that is said to hold needs living evidence.

A row of the table is `| id | what holds | enforced in | evidence |`. Evidence is a list of `file:name`, where `name` must
stand in that file; a test file must also be named by a CMakeLists.txt, so that somebody runs it. A row whose evidence
begins with "not yet" makes no claim. Every id that a test's name carries must have a row, and every id of the design
must be in the table.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "soundness.md"
FAMILIES = {"M": 9, "A": 6, "U": 5, "T": 9, "D": 8, "P": 2, "H": 4}
REFERENCE = re.compile(r"`([\w./-]+):([^`]+)`")
TEST_FOLDERS = ("unit", "fuzz", "boot/tests/kernels")


def expected_ids():
    return [f"{letter}{number}" for letter, last in FAMILIES.items() for number in range(1, last + 1)]


def read_rows(text):
    """id -> (enforced, evidence)"""
    rows = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if line.startswith("| ") and len(cells) == 4 and re.fullmatch(r"[A-Z]\d", cells[0]):
            if cells[0] in rows:
                yield_error(f"{cells[0]} has two rows")
            rows[cells[0]] = (cells[2], cells[3])
    return rows


ERRORS = []


def yield_error(sentence):
    ERRORS.append(sentence)


def check_reference(invariant, path, name, is_test):
    file = ROOT / path
    if not file.is_file():
        yield_error(f"{invariant}: {path} does not exist")
    elif name not in file.read_text(encoding="utf-8"):
        yield_error(f"{invariant}: {path} does not contain '{name}'")
    elif is_test and not is_run(file):
        yield_error(f"{invariant}: no CMakeLists.txt names {path}, so nobody runs it")


def is_run(file):
    """A test's source is named by a CMakeLists.txt of its folder or above; what stands beside a runner is run by it."""
    folder = file.parent
    while True:
        lists = folder / "CMakeLists.txt"
        if lists.is_file() and re.search(rf"\b{re.escape(file.stem)}\b|\b{re.escape(file.parent.name)}\b",
                                         lists.read_text(encoding="utf-8")):
            return True
        if folder == ROOT:
            return False
        folder = folder.parent


def check_row(invariant, enforced, evidence):
    if evidence.startswith("not yet"):
        return False
    places = REFERENCE.findall(enforced)
    tests = REFERENCE.findall(evidence)
    if not places:
        yield_error(f"{invariant}: no place that enforces it")
    if not tests:
        yield_error(f"{invariant}: no evidence")
    for path, name in places:
        check_reference(invariant, path, name, False)
    for path, name in tests:
        check_reference(invariant, path, name, True)
    return True


def ids_in_test_names():
    found = {}
    for folder in TEST_FOLDERS:
        for file in sorted((ROOT / folder).glob("*.[ch]")):
            for invariant in re.findall(r"\bvoid ([A-Z]\d)_\w+\(", file.read_text(encoding="utf-8")):
                found.setdefault(invariant, file.relative_to(ROOT))
    return found


def main():
    rows = read_rows(TABLE.read_text(encoding="utf-8"))
    claimed = 0
    for invariant in expected_ids():
        if invariant not in rows:
            yield_error(f"{invariant} has no row")
        else:
            claimed += check_row(invariant, *rows[invariant])
    for invariant, file in ids_in_test_names().items():
        if invariant not in rows:
            yield_error(f"{file} tests {invariant}, which has no row")
        elif rows[invariant][1].startswith("not yet"):
            yield_error(f"{file} tests {invariant}, which the table calls 'not yet'")
    for sentence in ERRORS:
        print(f"docs/soundness.md: {sentence}")
    print(f"{len(rows)} invariants, {claimed} claimed with evidence, {len(ERRORS)} complaints")
    return 1 if ERRORS else 0


if __name__ == "__main__":
    sys.exit(main())
