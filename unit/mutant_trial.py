# SPDX-License-Identifier: BSD-2-Clause
"""Trials of mutants (mutants.py): programs are run until one fails, and what they say tells who caught the mutant, and
after how much."""
import re
import tempfile
from pathlib import Path
from typing import NamedTuple

from mutant_schemata import number_of
from mutant_tree import Error, run

# All seconds are those of one CPU.
HANG_FACTOR, HANG_LEAST = 10, 5  # a run that takes so many times as long as without a mutant, and so many seconds, hangs
EXPLORE_LIMIT = 300  # for an exploration within its whole bound; that it takes so long says nothing
STILL_LIMIT = 900  # of the clock: for a program that waits and uses no CPU


class Verdict(NamedTuple):
    """What became of a mutant. `harness` is empty if nothing caught it."""
    harness: str
    executions: str
    seconds: float
    error: str = ""  # why there is no verdict
    hangs: bool = False  # caught by the time limit

    @property
    def caught(self):
        return self.harness != ""

    def __str__(self):
        if self.error:
            return self.error
        how = f"caught by {self.harness}" if self.caught else "SURVIVED"
        return f"{how}, {self.executions}, {self.seconds:.2f} s"


def is_exploration(program):
    return program.startswith("test_explore")


def bounds(program):
    """The values of UNIT_BOUND to try a program with: most races show within one preemption, in a fraction of the time."""
    return ("1", None) if is_exploration(program) else (None,)


class Counts:
    """Executions: tests that were begun, schedules that were explored, inputs that a fuzz target was given."""

    def __init__(self):
        self.numbers = {"tests": 0, "schedules": 0, "inputs": 0}

    def add(self, output):
        self.numbers["tests"] += output.count("[ RUN      ]")
        self.numbers["schedules"] += sum(map(int, re.findall(r": (\d+) schedules within \d+ preemption", output)))
        found = re.search(r"stat::number_of_executed_units: *(\d+)", output)
        executed = [int(number) for number in re.findall(r"^#(\d+)", output, re.M)]
        self.numbers["inputs"] += int(found.group(1)) if found else max(executed, default=0)

    def __str__(self):
        return ", ".join(f"{number} {name if number != 1 else name[:-1]}" for name, number in self.numbers.items()
                         if number) or "0 tests"


def culprit(program, done):
    """The test of a program that failed."""
    program = program.split(":")[0]
    if done.status is None:
        return f"{program} (it hangs)"
    failed = re.findall(r"\[  FAILED  \] (\w+)", done.output) or re.findall(r"\[ RUN      \] (\w+)", done.output)[-1:]
    return f"{program}: {failed[0]}" if failed else program


def judge(name, done, counts, used):
    """The verdict of a run that did not pass."""
    if done.is_killed:
        return Verdict("", str(counts), used, f"no verdict: {name} was killed by somebody else")
    return Verdict(culprit(name, done), str(counts), used, hangs=done.status is None)


def run_test(tree, name, limit, **environment):
    """Runs a program, or one of its tests: PROGRAM:TEST. UNIT_STOP: one failure is enough."""
    program, *test = name.split(":")
    return run([tree.folder / "build" / "unit" / program, *test], STILL_LIMIT, cwd=tree.folder / "build" / "unit",
               cpu_limit=limit, UNIT_STOP="1", **environment)


def hangs_after(seconds):
    return max(HANG_LEAST, HANG_FACTOR * seconds)


def check_program(tree, program, **environment):
    """Stops unless a program passes without a mutant; the seconds that it took."""
    done = run_test(tree, program, EXPLORE_LIMIT, UNIT_BOUND="1", **environment)
    if done.status != 0:
        raise Error(f"{done.output}\nmutants: {program} fails without any mutant")
    return done.seconds


def with_stores(stores):
    return {"UNIT_STORES": str(stores)}


def check_tests(tree, mutants, pool):
    """Checks so all that the mutants name, with the stores that they have kept back: {(program, stores): seconds}."""
    runs = sorted({(name, mutant.stores) for mutant in mutants for name in mutant.tests})
    return dict(zip(runs, pool.map(lambda one: check_program(tree, one[0], **with_stores(one[1])), runs)))


def try_programs(tree, mutant, seconds, environment):
    """Runs the programs that the mutant names, in that order; without a mutant they take so many seconds."""
    used, counts = 0, Counts()
    for name in mutant.tests:
        for bound in bounds(name):
            whole = is_exploration(name) and bound is None
            bounded = {"UNIT_BOUND": bound} if bound else {}
            done = run_test(tree, name, EXPLORE_LIMIT if whole else hangs_after(seconds[name, mutant.stores]),
                            **with_stores(mutant.stores), **bounded, **environment)
            counts.add(done.output)
            used += done.seconds
            if done.status != 0 and not (whole and done.status is None):
                return judge(name, done, counts, used)
    return Verdict("", str(counts), used)


def try_schema(tree, mutant, seconds):
    return try_programs(tree, mutant, seconds, {"KEEL_MUTANT": str(number_of(mutant.id))})


def try_patch(tree, mutant, seconds, original):
    """Plants the mutant in the text of the file, without schemata, and builds."""
    path = tree.folder / mutant.file
    planted = path.read_bytes()
    path.write_text(original.replace(mutant.text, mutant.replacement), encoding="utf-8")
    try:
        done = tree.make("build", mutant.programs())
        if done.status != 0:
            return Verdict("", "", 0, "it does not build:\n" + done.output)
        return try_programs(tree, mutant, seconds, {})
    finally:
        path.write_bytes(planted)


def reached_by(tree, programs, pool, **environment):
    """(the functions with mutants, by number, that each program calls; the seconds that it takes)."""
    with tempfile.TemporaryDirectory() as folder:
        seconds = dict(zip(programs, pool.map(
            lambda name: check_program(tree, name, KEEL_REACHED=f"{folder}/{name}", **environment), programs)))
        reached = {program: set(map(int, Path(folder, program).read_text(encoding="ascii").split()))
                   for program in programs}
    return reached, seconds


def try_within(tree, number, programs, seconds, budget):
    """Runs programs, of which is known how long each takes without a mutant, until one fails or the budget is spent."""
    used, counts = 0, Counts()
    for program in programs:
        left, hang = budget - used, hangs_after(seconds[program])
        if left < seconds[program]:
            break
        bounded = {"UNIT_BOUND": "1"} if is_exploration(program) else {}
        done = run_test(tree, program, min(left, hang), KEEL_MUTANT=str(number), **bounded)
        counts.add(done.output)
        used += done.seconds
        if done.status is None and left < hang:
            break
        if done.status != 0:
            return judge(program, done, counts, used)
    return Verdict("", str(counts), used)
