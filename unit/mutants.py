#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Plants deliberate bugs and demands that a test catches each (./keel help mutants, docs/testing.md)."""
import argparse
import fcntl
import os
import signal
import statistics
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import mutant_fuzz as fuzz
import mutant_systematic as systematic
import mutant_trial as trial
from mutant_schemata import Edit, number_of
from mutant_tree import CHILDREN, ROOT, Error, Tree, phase
from mutants_devices import DEVICES
from mutants_memory import MEMORY
from mutants_tasks import TASKS

MUTANTS = MEMORY + TASKS + DEVICES
SYSTEMATIC_COUNT, SEED, SECONDS = 200, 1, 60


def misplaced(mutants):
    """A sentence for each mutant that does not name one place of the tree, or is named as another."""
    ids = [mutant.id for mutant in mutants]
    for mutant in mutants:
        path = ROOT / mutant.file
        count = path.read_text(encoding="utf-8").count(mutant.text) if path.is_file() else 0
        if count != 1:
            yield f"{mutant.id}: its text occurs {count} times in {mutant.file}"
        if ids.count(mutant.id) > 1:
            yield f"{mutant.id}: there are {ids.count(mutant.id)} of this name"


def edits_of(mutants):
    """The catalogue as changes of files."""
    edits = {}
    for mutant in mutants:
        start = (ROOT / mutant.file).read_text(encoding="utf-8").index(mutant.text)
        edits.setdefault(mutant.file, []).append(Edit(mutant.id, start, start + len(mutant.text), mutant.replacement))
    return edits


def summary(verdicts):
    """What is said at the end, of (id, verdict)."""
    caught = [verdict.seconds for _, verdict in verdicts if verdict.caught]
    hangs = sum(verdict.hangs for _, verdict in verdicts)
    errors = sum(verdict.error != "" for _, verdict in verdicts)
    lines = [f"{'no verdict' if verdict.error else 'survived'}: {name} (KEEL_MUTANT={number_of(name)})"
             for name, verdict in verdicts if not verdict.caught]
    share = 100 * len(caught) / max(1, len(verdicts) - errors)
    lines.append(f"{len(verdicts)} mutants, {len(caught)} caught ({share:.1f} %), {hangs} of them by a time limit"
                 + (f", {errors} without a verdict" if errors else "")
                 + (f", median {statistics.median(caught):.2f} s, longest {max(caught):.1f} s" if caught else ""))
    return "\n".join(lines)


def refuse(sentence):
    """A mistake of the caller, as ./keel says it."""
    print(f"keel: {sentence}", file=sys.stderr)
    sys.exit(2)


class Catalogue:
    """The mutants that were written by hand. All stand in the copy, which so stays the same from run to run."""

    def __init__(self, arguments, pool):
        self.arguments, self.pool = arguments, pool
        self.chosen = [mutant for mutant in MUTANTS if not arguments.ids or mutant.id in arguments.ids]
        self.tree = Tree(arguments.scratch, {} if arguments.patch else edits_of(MUTANTS))
        self.verdicts = []
        if arguments.fuzz:
            self.tree.plan()
            self.check_choice()

    def check_choice(self):
        """With --fuzz mutants are only chosen at run time. Who asks for another one is told; of the whole catalogue they are
        left out."""
        keys = self.tree.keys()
        others = [mutant.id for mutant in self.chosen if mutant.id not in keys]
        if others and self.arguments.ids:
            refuse(f"{', '.join(others)} cannot be chosen at run time, which --fuzz needs.")
        return others

    def report(self, mutant, verdict):
        self.verdicts.append((mutant.id, verdict))
        print(f"{mutant.invariant:3} {mutant.id}: {verdict}", flush=True)

    def try_all(self, attempt, mutants):
        for mutant, verdict in zip(mutants, self.pool.map(attempt, mutants)):
            self.report(mutant, verdict)

    def run(self):
        """[(id, verdict)] of those that were asked for."""
        self.tree.plant()
        if self.arguments.fuzz:
            return self.fuzz()
        self.tree.configure("build", self.arguments.options)
        programs = sorted({program for mutant in self.chosen for program in mutant.programs()})
        self.tree.build("build", programs)
        with phase("the tests without mutants"):
            seconds = trial.check_tests(self.tree, self.chosen, self.pool)
        keys = self.tree.keys()
        self.try_all(lambda mutant: trial.try_schema(self.tree, mutant, seconds),
                     [mutant for mutant in self.chosen if mutant.id in keys])
        rest = [mutant for mutant in self.chosen if mutant.id not in keys]
        for mutant in rest:
            original = (ROOT / mutant.file).read_text(encoding="utf-8")
            self.report(mutant, trial.try_patch(self.tree, mutant, seconds, original))
        if rest:  # the next run writes files with their old times: no object of a mutant may be newer
            self.tree.make("build", programs)
        print(f"{len(self.chosen) - len(rest)} chosen at run time, {len(rest)} built each")
        return self.verdicts

    def fuzz(self):
        """The same of fuzzing alone; of those that can be chosen at run time."""
        fuzz.build(self.tree, self.arguments.options, self.pool)
        others = self.check_choice()  # once more: some do not compile so
        self.try_all(lambda mutant: fuzz.attempt(self.tree, number_of(mutant.id), self.arguments.seconds),
                     [mutant for mutant in self.chosen if mutant.id not in others])
        if others:
            print(f"left out: {len(others)} cannot be chosen at run time: {' '.join(others)}")
        return self.verdicts


class Parser(argparse.ArgumentParser):
    def error(self, message):
        refuse(f"{message.removeprefix('argument ').rstrip('.')}.")


def above_zero(text):
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f'needs a number above 0, not "{text}"')
    return int(text)


def check(arguments):
    """Refuses what cannot be, and what would have no effect."""
    unknown = sorted(set(arguments.ids) - {mutant.id for mutant in MUTANTS})
    if unknown:
        refuse(f'There is no mutant "{unknown[0]}"; they are in unit/mutants_*.py.')
    if arguments.scratch is None and not arguments.check:
        refuse("mutants.py needs the folder to build in.")
    if arguments.systematic and arguments.ids:
        refuse("mutants takes no id with --systematic.")
    if arguments.patch and (arguments.systematic or arguments.fuzz):
        refuse("--patch is for tests of the catalogue.")
    if arguments.seed is not None and not arguments.systematic:
        refuse("--seed is for --systematic.")
    if arguments.seconds is not None and not arguments.systematic and not arguments.fuzz:
        refuse("--seconds is for --systematic and --fuzz.")


def parse():
    parser = Parser(description=__doc__)
    parser.add_argument("scratch", type=Path, nargs="?", help="where to build")
    parser.add_argument("--check", action="store_true", help="only look whether each mutant names one place")
    parser.add_argument("-D", dest="options", action="append", default=[], help="an option for cmake")
    parser.add_argument("--jobs", type=above_zero, default=os.cpu_count(), help="mutants that are tried at a time")
    parser.add_argument("--patch", action="store_true", help="build each mutant by itself, which is slow")
    parser.add_argument("--systematic", type=above_zero, nargs="?", const=SYSTEMATIC_COUNT,
                        help="try so many small changes instead")
    parser.add_argument("--seed", type=int, help="which of the systematic ones")
    parser.add_argument("--seconds", type=above_zero, help="for each systematic mutant, and for fuzzing")
    parser.add_argument("--fuzz", action="store_true", help="fuzz targets instead of tests")
    parser.add_argument("ids", nargs="*")
    arguments = parser.parse_intermixed_args()
    check(arguments)
    arguments.seed = SEED if arguments.seed is None else arguments.seed
    arguments.seconds = SECONDS if arguments.seconds is None else arguments.seconds
    return arguments


@contextmanager
def only_one(scratch):
    """Two runs in one folder would build each other's copies."""
    scratch.mkdir(parents=True, exist_ok=True)
    with open(scratch / "lock", "w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            refuse(f"another ./keel mutants is running in {scratch}.")
        yield


def try_mutants(arguments):
    """The verdicts. Whatever ends this ends all that was started: else the pool would go on until all its programs ended."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        trials = (systematic.Pass if arguments.systematic else Catalogue)(arguments, pool)
        try:
            with only_one(arguments.scratch):
                return trials.run()
        except BaseException:
            CHILDREN.stop()
            raise


def main():
    arguments = parse()
    sentences = list(misplaced(MUTANTS))
    if sentences:
        sys.exit("\n".join(sentences))
    if arguments.check:
        print(f"{len(MUTANTS)} mutants, each in one place")
        return 0
    try:
        verdicts = try_mutants(arguments)
    except Error as error:
        sys.exit(f"{error}\nmutants: nothing can be tried")
    except KeyboardInterrupt:
        print("mutants: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    print(summary(verdicts))
    if arguments.systematic or arguments.fuzz:
        return 0 if verdicts else 1  # a measure; some survive
    return 0 if verdicts and all(verdict.caught for _, verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
