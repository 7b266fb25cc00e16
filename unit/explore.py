#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Searches the interleavings of a test for one that fails, shrinks it, and shows it. ./keel explore uses it.

The search itself runs in the test program (unit/explore_tool.c). It keeps the schedule that it is trying in a file, so
that one which ends the process, as a sanitizer's report does, is known as well. Each attempt at shrinking is a process
of its own.

Exit status: 0 nothing failed, 1 a schedule failed, 2 the arguments are wrong.
"""

import argparse
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

import explore_trace

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
BOUND_MAX_TO_PROVE = 3  # whether fewer preemptions suffice is looked for below so many
SCHEDULES_TO_PROVE = 20000
UNBOUNDED = 0xFFFFFFFF
STORES_MAX = 8  # HOSTED_STORES_MAX
REPORT_LINES_MAX = 30
ENVIRONMENT = {
    "ASAN_OPTIONS": "abort_on_error=0:detect_leaks=0:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=1:symbolize=0",
}


class Mistake(Exception):
    """The caller's; its text says what to do."""


class Step(NamedTuple):
    """struct hosted_step: `cpu` chose something else than to go on, at its choice number `at`."""
    at: int
    cpu: int
    choice: int = 1

    def __str__(self):
        return f"{self.cpu}.{self.at}" + (f"={self.choice}" if self.choice != 1 else "")


def schedule_text(steps):
    """A schedule as --replay takes it."""
    return ",".join(map(str, steps)) or "-"


def read_schedule(text):
    """The steps of a schedule; Mistake if it is none."""
    steps = []
    for word in [] if text == "-" else text.split(","):
        place, _, choice = word.partition("=")
        cpu, _, at = place.partition(".")
        if not (cpu.isdecimal() and at.isdecimal() and (choice.isdecimal() or "=" not in word)):
            raise Mistake(f'"{text}" is no schedule; one looks like 0.12,1.3 or, without preemptions, -')
        steps.append(Step(int(at), int(cpu), int(choice or 1)))
    return steps


class Outcome(NamedTuple):
    """How a search or a replay ended."""
    failed: bool
    counts: dict  # what the program counted; empty if it did not live to say so
    steps: list  # the schedule that failed, otherwise the last
    schedules: int  # begun
    report: list  # lines on standard error
    trace: list  # lines of events


class Program:
    """A test program and one explored test in it."""

    def __init__(self, path, test, bound):
        self.path, self.test, self.bound = path, test, bound
        self.stores = 0  # that a CPU keeps back
        self.name = os.path.basename(path)
        self.runs = 0

    def run(self, options, trace=False):
        """One process: a search, or the replay of one schedule."""
        self.runs += 1
        with tempfile.TemporaryDirectory() as folder:
            journal, events = os.path.join(folder, "journal"), os.path.join(folder, "events")
            command = [self.path, "--explore", self.test, *options, "--journal", journal]
            command += ["--trace", events] if trace else []
            environment = {**os.environ, **ENVIRONMENT, "UNIT_STORES": str(self.stores)}
            result = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL,
                                    capture_output=True, text=True, errors="replace", check=False)
            if result.returncode == EXIT_USAGE:
                raise Mistake(result.stderr.strip())
            schedules, steps = read_journal(journal)
            lines = read_lines(events) if trace else []
        words = result.stdout.split()
        counts = {key: int(value) for key, _, value in (word.partition("=") for word in words)}
        failed = result.returncode != 0
        report = result.stderr.splitlines()
        if result.returncode < 0:
            report.append(f"{self.name} was ended by signal {-result.returncode}")
        return Outcome(failed, counts, steps, schedules, report, lines)

    def search(self, strategy, bound, schedules=0, seed=0, reduce=False):
        """A search as ./keel explore was asked for it."""
        return self.run(["--strategy", strategy, "--bound", str(bound), "--schedules", str(schedules),
                         "--seed", str(seed), "--reduce", str(int(reduce))])

    def replay(self, steps, trace=False):
        """One schedule, in a fresh process."""
        return self.run(["--strategy", "steps", "--steps", schedule_text(steps)], trace)


def read_journal(path):
    """(schedules, steps) of the beginning of struct hosted_explored."""
    with open(path, "rb") as file:
        data = file.read()
    schedules, count = struct.unpack_from("<QQ", data)
    return schedules, [Step(*struct.unpack_from("<IBB", data, 16 + 8 * i)) for i in range(count)]


def read_lines(path):
    with open(path, encoding="ascii") as file:
        return file.read().splitlines()


# ---- shrinking ----


def drop_steps(program, steps):
    """The steps that are still needed once none of them can be left out alone (Zeller's ddmin, in its simple form: drop
    halves, quarters, ... single steps, and begin again after each success)."""
    size = max(len(steps) // 2, 1)
    while steps:
        for start in range(0, len(steps), size):
            fewer = steps[:start] + steps[start + size:]
            if program.replay(fewer).failed:
                steps, size = fewer, max(min(size, len(fewer) // 2), 1)
                break
        else:
            if size == 1:
                break
            size = max(size // 2, 1)
    return steps


def fewest_preemptions(program, steps):
    """(steps, with fewer than how many none fails): looks for a failing schedule with fewer preemptions, from none
    upwards, exhaustively where that is not too much."""
    count = program.replay(steps).counts.get("preemptions", len(steps))
    for bound in range(min(count, BOUND_MAX_TO_PROVE)):
        smaller = program.search("exhaustive", bound, SCHEDULES_TO_PROVE)
        if smaller.failed:
            return drop_steps(program, smaller.steps), bound
        if not smaller.counts["complete"]:
            return steps, bound
    return steps, min(count, BOUND_MAX_TO_PROVE)


# ---- printing ----


def plural(count, noun):
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


class Printer:
    """Says what was found, and how to see it again."""

    def __init__(self, program, preset):
        self.program, self.preset = program, preset

    def line(self, *options):
        """The one command that does this again."""
        stores = ["--stores", str(self.program.stores)] if self.program.stores else []
        preset = [] if self.preset == "hosted" else ["--preset", self.preset]
        return " ".join(["./keel explore", f"{self.program.name}:{self.program.test}", *options, *stores, *preset])

    def summary(self, arguments, outcome, seconds):
        counts = outcome.counts
        words = [arguments.strategy]
        if arguments.bound != UNBOUNDED:
            words.append(f"{'depth' if arguments.strategy == 'pct' else 'bound'} {arguments.bound}")
        words += [f"seed {arguments.seed}"] if arguments.strategy != "exhaustive" else []
        tried = plural(outcome.schedules, "schedule")
        if counts.get("cut"):
            tried += f" ({counts['cut']:,} of them cut as equivalent to others)"
        print(f"{self.program.name}:{self.program.test}: {', '.join(words)}")
        if counts:
            states = ("more than " if counts["states_full"] else "") + plural(counts["states"], "state")
            tried += f", {plural(counts['points'], 'point')}, {states}, {seconds:.1f} s"
        print(f"  tried: {tried}")

    def passed(self, arguments, outcome):
        if arguments.strategy != "exhaustive":
            print("  nothing failed")
        elif outcome.counts["complete"]:
            print(f"  nothing failed, and nothing within {plural(arguments.bound, 'preemption')} was left out")
        else:
            print("  nothing failed; not all schedules were tried")

    def report(self, outcome):
        resolve = explore_trace.Symbols(self.program.path)
        for line in outcome.report[:REPORT_LINES_MAX]:
            print(f"  | {resolve.in_report(line)}")
        if len(outcome.report) > REPORT_LINES_MAX:
            print(f"  | ... {len(outcome.report) - REPORT_LINES_MAX} more lines")

    def schedule(self, outcome):
        """The failure and the way to it."""
        self.report(outcome)
        print()
        for line in explore_trace.columns(self.program.path, outcome.trace):
            print(line)


def explain_failure(program, printer, outcome):
    """Shrinks, shows, and says how to replay; or says why that cannot be done."""
    print(f"  FAILED: schedule {outcome.schedules:,}, {plural(len(outcome.steps), 'step')}")
    if not program.replay(outcome.steps).failed:
        printer.report(outcome)
        print("  The schedule does not fail in a process of its own. The test remembers something from run to run:\n"
              "  set every static variable that it uses at its beginning.")
        return
    before = program.runs
    steps, proven = fewest_preemptions(program, drop_steps(program, outcome.steps))
    shown = program.replay(steps, trace=True)
    count = shown.counts.get("preemptions", len(steps))
    claim = "none fails with fewer" if proven >= count else f"none fails with fewer than {proven}"
    print(f"  smallest: {plural(count, 'preemption')} ({claim}), after {plural(program.runs - before, 'run')}")
    printer.schedule(shown)
    print(f"\nreplay with: {printer.line('--replay', schedule_text(steps))}")


def explore(program, printer, arguments):
    started = time.monotonic()
    outcome = program.search(arguments.strategy, arguments.bound, arguments.schedules, arguments.seed, arguments.reduce)
    printer.summary(arguments, outcome, time.monotonic() - started)
    if outcome.failed:
        explain_failure(program, printer, outcome)
        return EXIT_FAILED
    printer.passed(arguments, outcome)
    print(f"  again with: {printer.line(*repeat_options(arguments))}")
    return 0


def repeat_options(arguments):
    options = ["--strategy", arguments.strategy]
    options += ["--bound", str(arguments.bound)] if arguments.bound != UNBOUNDED else []
    if arguments.strategy != "exhaustive":
        options += ["--seed", str(arguments.seed)]
    if arguments.schedules:
        options += ["--schedules", str(arguments.schedules)]
    return options + (["--reduce"] if arguments.reduce else [])


def replay(program, printer, steps):
    outcome = program.replay(steps, trace=True)
    print(f"{program.name}:{program.test}: schedule {schedule_text(steps)}: {'FAILED' if outcome.failed else 'passed'}")
    printer.schedule(outcome)
    return EXIT_FAILED if outcome.failed else 0


# ---- finding tests ----


def find_tests(build, wanted):
    """Every explored test of a build tree that is built; if PROGRAM:TEST is wanted, of that program."""
    programs = []
    program, colon, _ = (wanted or "").partition(":")
    for path in read_lines(os.path.join(build, "explored.txt")):
        if os.path.exists(path) and (not colon or program in os.path.basename(path)):
            listed = subprocess.run([path, "--list"], env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True,
                                    check=True)
            for line in listed.stdout.splitlines():
                test, bound = line.split()
                programs.append(Program(path, test, int(bound)))
    return programs


def choose_test(programs, wanted):
    """The one whose name is meant: PROGRAM:TEST or TEST, whole or a part that only one has."""
    names = [f"{program.name}:{program.test}" for program in programs]
    whole = [i for i, name in enumerate(names) if wanted in (name, programs[i].test)]
    part = [i for i, name in enumerate(names) if wanted in name]
    found = whole or part
    if len(found) == 1:
        return programs[found[0]]
    if not found:
        raise Mistake(f'no test is called "{wanted}"; without a name, explore lists them')
    raise Mistake(f'"{wanted}" is part of several names: ' + ", ".join(names[i] for i in found[:8]) +
                  (", ..." if len(found) > 8 else ""))


def parse(argument_list):
    parser = argparse.ArgumentParser(prog="explore.py", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", required=True, help="the build tree with the test programs")
    parser.add_argument("--preset", default="hosted", help="of the build tree, for the command that is printed")
    parser.add_argument("test", nargs="?", help="PROGRAM:TEST, or a part of that; without it: the list")
    parser.add_argument("--strategy", choices=("exhaustive", "random", "pct"), default="exhaustive")
    parser.add_argument("--bound", type=int, help="preemptions; for pct the depth")
    parser.add_argument("--schedules", type=int, default=0, help="stop after so many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reduce", action="store_true", help="leave out schedules that are equivalent to others")
    parser.add_argument("--stores", type=int, default=0, help="atomic stores that each CPU keeps back (x86-TSO)")
    parser.add_argument("--replay", metavar="SCHEDULE")
    return parser.parse_args(argument_list)


def main(argument_list):
    arguments = parse(argument_list)
    try:
        programs = find_tests(arguments.build, arguments.test)
        if arguments.test is None:
            for program in programs:
                print(f"  {program.name}:{program.test}  (bound {program.bound})")
            return 0
        program = choose_test(programs, arguments.test)
        program.stores = arguments.stores
        if not 0 <= arguments.stores <= STORES_MAX:
            raise Mistake(f"a CPU keeps back at most {STORES_MAX} stores")
        if arguments.stores and arguments.reduce:
            raise Mistake("--reduce takes each operation to be visible at once: it does not go with --stores")
        if arguments.bound is None:
            arguments.bound = UNBOUNDED if arguments.strategy == "random" else program.bound
        arguments.bound = min(arguments.bound, UNBOUNDED)
        printer = Printer(program, arguments.preset)
        if arguments.replay is not None:
            return replay(program, printer, read_schedule(arguments.replay))
        return explore(program, printer, arguments)
    except Mistake as mistake:
        print(f"keel: {str(mistake).removeprefix('keel: ')}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main(sys.argv[1:]))
