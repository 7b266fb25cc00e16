#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""test_explore_tool.py BUILD: ./keel explore finds the planted faults of unit/explore_canary.c by every strategy, shrinks
them to what is known to be the smallest, and the command that it prints repeats them; what is right passes."""

import contextlib
import io
import os
import re
import shlex
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import explore
import explore_trace

BUILD = sys.argv.pop(1)
SCREEN_LINES = 100


def sanitizers():
    with open(os.path.join(BUILD, "CMakeCache.txt"), encoding="utf-8") as file:
        return re.search(r"^KEEL_SANITIZE:[A-Z]*=(.*)$", file.read(), re.M).group(1)


def run(*arguments):
    """(exit status, standard output, standard error) of the tool."""
    with contextlib.redirect_stdout(io.StringIO()) as output, contextlib.redirect_stderr(io.StringIO()) as errors:
        status = explore.main(["--build", BUILD, "--preset", os.path.basename(BUILD), *arguments])
    return status, output.getvalue(), errors.getvalue()


def replay_of(output):
    """The arguments of the command that was printed, without those for ./keel itself."""
    return shlex.split(output.rsplit("replay with: ./keel explore ", 1)[1].splitlines()[0])


class Planted(unittest.TestCase):
    """Faults of which it is known how many preemptions they need."""

    def found(self, test, preemptions, *options):
        """The fault is found, shrunk, shown, and repeats by the printed command; answers what was printed."""
        status, output, _ = run(f"explore_canary:{test}", *options)
        self.assertEqual(status, explore.EXIT_FAILED, output)
        self.assertRegex(output, rf"smallest: {preemptions} preemptions? \(none fails with fewer\)")
        self.assertLess(len(output.splitlines()), SCREEN_LINES)
        command = replay_of(output)
        self.assertEqual(len(explore.read_schedule(command[2])), preemptions)
        status, again, _ = run(*command)
        self.assertEqual(status, explore.EXIT_FAILED, again)
        return output

    def test_lost_update(self):
        for strategy in ("exhaustive", "random", "pct"):
            with self.subTest(strategy):
                output = self.found("lost_update", 1, "--strategy", strategy, "--bound", "2")
                self.assertIn("is 0x1, not 0x2", output)
                self.assertIn("CPU 0", output)
                left = [line.split("|")[0].strip() for line in output.splitlines()]
                start = left.index("load_relaxed counter")
                self.assertTrue(left[start + 1].startswith("[add_badly, unit/explore_canary.c:"))
                self.assertIn("preempted (0.2) before: store_relaxed counter", left[start + 2])
                right = [line.split("|")[1].strip() for line in output.splitlines() if line.startswith(" " * 20)]
                self.assertIn("store_relaxed counter", right)

    def test_missed_wake_up(self):
        for strategy in ("exhaustive", "random", "pct"):
            with self.subTest(strategy):
                bound = [] if strategy == "random" else ["--bound", "3"]
                output = self.found("missed_wake_up", 2, "--strategy", strategy, *bound)
                looked = output.index("load_acquire condition")
                self.assertIn("== preempted (1.", output[looked:])
                self.assertIn("store_release condition", output[output.index("== preempted (1."):])

    def test_client_code(self):
        output = self.found("client_lost_update", 1)
        self.assertRegex(output, r"preempted .* before: store hits")
        self.assertEqual(run("explore_canary:client_right_update")[0], 0)

    def test_store_buffer(self):
        self.assertEqual(run("explore_canary:store_overtaken")[0], 0)
        self.assertEqual(run("explore_canary:store_fenced", "--stores", "8")[0], 0)
        if "thread" not in sanitizers():
            for stores in ("1", "8"):
                output = self.found("store_overtaken", 1, "--stores", stores)
                self.assertIn(f" --stores {stores}", output.splitlines()[-1])

    def test_store_buffer_that_is_none(self):
        self.assertIn("at most 8", run("explore_canary:store_overtaken", "--stores", "9")[2])
        self.assertIn("does not go with --stores", run("explore_canary:store_overtaken", "--stores", "1", "--reduce")[2])

    def test_end_of_the_process(self):
        self.assertIn("ended by signal 6" if "address" not in sanitizers() else "explore_canary", self.found("death", 1))

    def test_data_race(self):
        if "thread" in sanitizers():
            output = self.found("data_race", 0)
            self.assertIn("ThreadSanitizer: data race", output)
            self.assertIn("other_adds_plainly unit/explore_canary.c", output)
        else:
            self.assertEqual(run("explore_canary:data_race")[0], 0)

    def test_memory_from_run_to_run(self):
        status, output, _ = run("explore_canary:forgetful")
        self.assertEqual(status, explore.EXIT_FAILED)
        self.assertIn("schedule 10,", output)
        self.assertIn("does not fail in a process of its own", output)
        self.assertNotIn("replay with", output)

    def test_reduction_finds_the_same(self):
        self.found("lost_update", 1, "--reduce")
        self.found("missed_wake_up", 2, "--reduce")


class Right(unittest.TestCase):
    """What is right passes, and the counts say how much was tried."""

    def counts(self, *options):
        status, output, _ = run("explore_canary:counted_by_hand", *options)
        self.assertEqual(status, 0, output)
        found = re.search(r"tried: (\d+) schedules?(?: \((\d+) of them cut)?.*?, (\d+) states,", output)
        return tuple(int(number or 0) for number in found.groups()), output

    def test_counted_by_hand(self):
        for bound, schedules in ((0, 1), (1, 3), (2, 7), (4, 11), (9, 11)):
            counts, output = self.counts("--bound", str(bound))
            self.assertEqual(counts[:2], (schedules, 0))
            self.assertIn("was left out", output)
        self.assertEqual(counts[2], 9)
        self.assertEqual(self.counts("--bound", "2", "--reduce")[0], (7, 1, 9))

    def test_not_all_were_tried(self):
        counts, output = self.counts("--schedules", "6")
        self.assertEqual(counts[0], 6)
        self.assertIn("not all schedules were tried", output)

    def test_seeds(self):
        one, two = (self.counts("--strategy", "random", "--schedules", "50", "--seed", "7") for _ in range(2))
        self.assertEqual(one[0], two[0])
        self.assertEqual(one[0][0], 51)
        again = "./keel explore explore_canary:counted_by_hand --strategy random --seed 7 --schedules 50"
        self.assertIn(f"again with: {again}", one[1])

    def test_wake_up(self):
        self.assertEqual(run("explore_canary:right_wake_up")[0], 0)
        self.assertEqual(run("explore_canary:right_wake_up", "--reduce")[0], 0)


class Mistakes(unittest.TestCase):
    """Each is one sentence."""

    def test_mistakes(self):
        for arguments, sentence in ((("none_such",), 'no test is called "none_such"'),
                                    (("update",), '"update" is part of several names'),
                                    (("explore_canary:death", "--replay", "0.x"), '"0.x" is no schedule'),
                                    (("explore_canary:death", "--replay", "9.1"), "no schedule: 9.1"),
                                    (("explore_canary:death", "--replay", "1.1=999"), "no schedule: 1.1=999")):
            status, output, errors = run(*arguments)
            self.assertEqual((status, output), (explore.EXIT_USAGE, ""))
            self.assertIn(sentence, errors)
            self.assertEqual(errors.count("\n"), 1)

    def test_list(self):
        status, output, _ = run()
        self.assertEqual(status, 0)
        self.assertIn("explore_canary:lost_update  (bound 2)", output)
        self.assertIn("test_explore_sync:T9_explore_signal_against_wait", output)


class Scripted:
    """A program of which it is known which schedules fail."""

    def __init__(self, fails):
        self.fails, self.runs = fails, 0

    def replay(self, steps):
        self.runs += 1
        return explore.Outcome(self.fails(steps), {}, steps, 1, [], [])


class Parts(unittest.TestCase):
    """The parts that need no machine."""

    def test_shrinking(self):
        steps = [explore.Step(at, at % 2) for at in range(40)]
        needed = {steps[3], steps[17], steps[38]}
        program = Scripted(lambda given: needed <= set(given))
        self.assertEqual(explore.drop_steps(program, steps), sorted(needed))
        self.assertLess(program.runs, 200)
        self.assertEqual(explore.drop_steps(Scripted(lambda given: True), steps), [])

    def test_schedules(self):
        for text in ("-", "0.12", "0.12,1.3=2"):
            self.assertEqual(explore.schedule_text(explore.read_schedule(text)), text)

    def test_fold(self):
        self.assertEqual(explore_trace.fold("short"), ["short"])
        lines = explore_trace.fold("x" * 40 + "  [function, file.c:1]" + " y" * 40, 58)
        self.assertTrue(all(len(line) <= 58 for line in lines), lines)

    def test_many_switches_fit_a_screen(self):
        events = [explore_trace.Event(explore_trace.PREEMPTED if i % 7 == 0 else explore_trace.POINT, i // 7 % 2, i,
                                      explore_trace.STORE, 8, ()) for i in range(3000)]
        self.assertLessEqual(len(explore_trace.choose(events)), explore_trace.ROWS_MAX)

    def test_idle_spins_are_shown_once(self):
        spin = [explore_trace.Event(explore_trace.POINT, cpu, 0, explore_trace.RELAX, 0, ()) for cpu in (0, 1)]
        store = explore_trace.Event(explore_trace.POINT, 0, 0, explore_trace.STORE, 8, ())
        self.assertEqual(explore_trace.without_idle_spins(spin * 50 + [store] + spin), spin + [store] + spin)


if __name__ == "__main__":
    unittest.main()
