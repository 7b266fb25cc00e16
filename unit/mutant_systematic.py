# SPDX-License-Identifier: BSD-2-Clause
"""The systematic pass: a random sample of all small changes of api/ and core/, each tried with the test programs that reach
its function: those named after its file first, then the fastest, explorations within one preemption (mutants.py)."""
import json
import random
from pathlib import Path

import mutant_fuzz as fuzz
import mutant_operators as operators
import mutant_same
import mutant_trial as trial
from mutant_schemata import number_of
from mutant_tree import ROOT, Error, Tree, phase, run

FOLDERS = ("api", "core")
CTEST_LIMIT = 60


def all_changes():
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.[ch]")):
            name = str(path.relative_to(ROOT))
            yield from operators.changes(name, path.read_text(encoding="utf-8"))


def test_programs(tree):
    """Those in unit/ that are tests by themselves, named as they are."""
    listing = json.loads(run(["ctest", "--test-dir", tree.folder / "build", "--show-only=json-v1"], CTEST_LIMIT).output)
    here = {"name": "WORKING_DIRECTORY", "value": str(tree.folder / "build" / "unit")}
    return sorted(test["name"] for test in listing["tests"]
                  if test["name"].startswith("test_") and here in test["properties"])


def in_order(programs, seconds, file):
    """Those first that are named after the file; explorations last."""
    subject = Path(file).stem
    return sorted(programs, key=lambda name: (subject not in name, trial.is_exploration(name), seconds[name]))


class Pass:
    """One systematic pass."""

    def __init__(self, arguments, pool):
        self.arguments, self.pool = arguments, pool
        every = list(all_changes())
        count = min(arguments.systematic, len(every))
        self.sample = random.Random(arguments.seed).sample(every, count)
        print(f"{count} of {len(every)} systematic mutants, seed {arguments.seed}", flush=True)
        self.reached = {}
        edits = {}
        for change in self.sample:
            edits.setdefault(change.file, []).append(change.edit)
        self.tree = Tree(arguments.scratch, edits, reached=self.reached, kept=True)
        self.reached_by, self.seconds = {}, {}

    def prepare(self):
        """Builds, and learns which programs reach which function."""
        # Assertions name their line, which is another in every copy.
        options = [option + " -D__LINE__=0" if option.startswith("CMAKE_C_FLAGS=") else option
                   for option in self.arguments.options]
        self.tree.plant()
        self.tree.configure("build", options)
        if self.arguments.fuzz:
            fuzz.build(self.tree, options, self.pool)
            return
        names = test_programs(self.tree)
        if not names:
            raise Error("no test programs")
        self.tree.build("build", names)
        with phase("the tests without mutants"):
            reached, self.seconds = trial.reached_by(self.tree, names, self.pool)
        self.reached_by = {function: [name for name in names if index in reached[name]]
                           for function, index in self.reached.items()}

    def skipped(self):
        """{key: why} of what is no mutant."""
        why = {change.edit.key: "does not compile" for change in self.sample if change.edit.key not in self.tree.keys()}
        objects = sorted(self.tree.folder.glob("build*/**/*.o"))
        equal = mutant_same.same(objects, self.sample, self.pool)
        return why | dict.fromkeys(equal - set(why), "same code")

    def attempt(self, change):
        if self.arguments.fuzz:
            return fuzz.attempt(self.tree, number_of(change.edit.key), self.arguments.seconds)
        programs = in_order(self.reached_by[change.function], self.seconds, change.file)
        return trial.try_within(self.tree, number_of(change.edit.key), programs, self.seconds, self.arguments.seconds)

    def run(self):
        """[(key, verdict)] of all mutants."""
        self.prepare()
        skipped = self.skipped()
        for key, why in skipped.items():
            print(f"{key}: {why}")
        changes = sorted((change for change in self.sample if change.edit.key not in skipped),
                         key=lambda change: (change.file, change.line))
        verdicts = []
        for change, verdict in zip(changes, self.pool.map(self.attempt, changes)):
            verdicts.append((change.edit.key, verdict))
            reached = self.arguments.fuzz or self.reached_by[change.function]
            print(f"{change.edit.key}: {verdict}" + ("" if reached else " (no test calls the function)"), flush=True)
        reasons = list(skipped.values())
        print(f"left out: {reasons.count('does not compile')} do not compile, {reasons.count('same code')} are the same code")
        return verdicts
