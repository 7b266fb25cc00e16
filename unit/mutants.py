#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Plants deliberate bugs, one at a time, and demands that a test catches each (docs/soundness.md).

A mutant is one textual replacement in a scratch copy of the tree. The copy is built once; each mutant is built
incrementally and the named CTest tests are run. A mutant that no test catches, a text that is not found exactly once, or a
mutant that does not compile fails the whole run.

  mutants.py SCRATCH [-D CMAKE_OPTION]... [--share K/N] [ID]...
"""
import argparse
import os
import subprocess
import sys
from pathlib import Path

from mutants_devices import DEVICES
from mutants_memory import MEMORY
from mutants_tasks import TASKS

ROOT = Path(__file__).resolve().parent.parent
MUTANTS = MEMORY + TASKS + DEVICES
PARTS = ("CMakeLists.txt", "cmake", "api", "core", "hal", "services", "unit")


def run(command, cwd=None, limit=300):
    """(exit status, output); a run past its time limit counts as failed."""
    try:
        done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=limit,
                              errors="replace", check=False)
    except subprocess.TimeoutExpired:
        return 1, "time limit"
    return done.returncode, done.stdout


def copy_tree(scratch):
    """Makes the copy what the tests are built from. Only what differs is written: a file that the last mutant of an
    earlier run was planted in must keep its time, which is later than its object's."""
    wanted = set()
    for part in PARTS:
        path = ROOT / part
        wanted |= {file for file in (path.rglob("*") if path.is_dir() else [path])
                   if file.is_file() and "__pycache__" not in file.parts}
    for file in wanted:
        target = scratch / file.relative_to(ROOT)
        if not target.is_file() or target.read_bytes() != file.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    for part in PARTS:
        for target in (scratch / part).rglob("*"):
            if target.is_file() and ROOT / target.relative_to(scratch) not in wanted:
                target.unlink()


def build(tree, targets):
    return run(["cmake", "--build", str(tree / "build"), "--target", *targets])


def test(tree, names):
    """True if every test passes."""
    pattern = "^(" + "|".join(names) + ")$"
    status, output = run(["ctest", "--test-dir", str(tree / "build"), "-R", pattern, "--timeout", "60",
                          "--no-tests=error", "--stop-on-failure"])
    return status == 0, output


def misplaced(mutants):
    """A sentence for each mutant that does not name one place of the tree."""
    for mutant in mutants:
        path = ROOT / mutant.file
        count = path.read_text(encoding="utf-8").count(mutant.text) if path.is_file() else 0
        if count != 1:
            yield f"{mutant.id}: its text occurs {count} times in {mutant.file}"


def bounds(name):
    """The values of UNIT_BOUND to try a program with: most races show within one preemption, in a fraction of the time."""
    return ("1", "") if name.startswith("test_explore") else ("",)


def is_caught(tree, name):
    """True if some test of the program fails."""
    for bound in bounds(name):
        os.environ.pop("UNIT_BOUND", None)
        if bound:
            os.environ["UNIT_BOUND"] = bound
        if not test(tree, [name])[0]:
            return True
    return False


def try_mutant(tree, mutant):
    """None if it was caught, otherwise a sentence."""
    path = tree / mutant.file
    original = path.read_text(encoding="utf-8")
    path.write_text(original.replace(mutant.text, mutant.replacement), encoding="utf-8")
    os.environ["UNIT_STOP"] = "1"  # one failure is enough
    os.environ["UNIT_STORES"] = str(mutant.stores)
    try:
        status, output = build(tree, mutant.tests)
        if status != 0:
            return "it does not build:\n" + output
        if any(is_caught(tree, name) for name in mutant.tests):
            return None
        return "it survived " + ", ".join(mutant.tests)
    finally:
        os.environ.pop("UNIT_STOP", None)
        os.environ.pop("UNIT_STORES", None)
        os.environ.pop("UNIT_BOUND", None)
        path.write_text(original, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("scratch", type=Path, nargs="?")
    parser.add_argument("--check", action="store_true", help="only look whether each mutant names one place")
    parser.add_argument("-D", dest="options", action="append", default=[])
    parser.add_argument("--share", default="1/1", help="K/N: only every Nth mutant, from the Kth on")
    parser.add_argument("ids", nargs="*")
    arguments = parser.parse_intermixed_args()
    sentences = list(misplaced(MUTANTS))
    if sentences:
        sys.exit("\n".join(sentences))
    if arguments.check:
        print(f"{len(MUTANTS)} mutants, each in one place")
        return 0
    if arguments.scratch is None:
        parser.error("where to build is missing")
    share, shares = (int(part) for part in arguments.share.split("/"))
    chosen = [mutant for mutant in MUTANTS if not arguments.ids or mutant.id in arguments.ids][share - 1 :: shares]
    tree = arguments.scratch.resolve() / "tree"
    tree.mkdir(parents=True, exist_ok=True)
    copy_tree(tree)
    programs = sorted({name for mutant in chosen for name in mutant.tests})
    options = ["-D" + option for option in arguments.options]
    status, output = run(["cmake", "-S", str(tree), "-B", str(tree / "build"), "-G", "Ninja", *options])
    if status == 0:
        status, output = build(tree, programs)
    passed = False
    if status == 0:
        os.environ["UNIT_BOUND"] = "1"  # the whole of each is a test of its own
        passed, output = test(tree, programs)
    if not passed:
        print(output)
        sys.exit("mutants: the tests fail without any mutant")
    survivors = 0
    for mutant in chosen:
        sentence = try_mutant(tree, mutant)
        survivors += sentence is not None
        print(f"{mutant.invariant:3} {mutant.id}: {sentence or 'caught'}", flush=True)
    build(tree, programs)  # the next run copies files with their old times: no object of a mutant may be newer
    print(f"{len(chosen)} mutants, {len(chosen) - survivors} caught")
    return 1 if survivors or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
