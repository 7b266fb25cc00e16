#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Tests of what plants and judges deliberate bugs (mutants.py): schemata are compiled and run, and what output means is read
off examples."""
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mutant_fuzz as fuzz
import mutant_operators as operators
import mutant_same as same
import mutant_schemata as schemata
import mutant_trial as trial
import mutants
from mutant_tree import Children, Error, Run, Tree, run

COMPILER = "clang-19"


class OneAtATime:
    """A pool that does one thing after the other."""
    map = staticmethod(map)


PROGRAM = """#include <stdio.h>
#include <stdlib.h>

#define CORE_ASSERT(condition) ((void)(condition))

static int seen;

/* Calls itself, and returns nothing. */
static void note(int times, const char *const names[])
{
    if (times > 0) {
        seen += 1;
        note(times - 1, names);
    }
}

__attribute__((noinline)) unsigned
shifted(unsigned value, unsigned (*by)(void))
{
    CORE_ASSERT(value != 7);
    return value >> by();
}

static unsigned two(void)
{
    return 2; /* not 3 */
}

int main(void)
{
    note(3, NULL);
    printf("%d %u\\n", seen, shifted(16, two));
    return 0;
}
"""


def edit(old, new, key=None, text=PROGRAM):
    start = text.index(old)
    return schemata.Edit(key or new, start, start + len(old), new)


class Schemata(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def compile(self, planted, *options):
        for name, text in (("schemata.h", schemata.HEADER), ("schemata.c", schemata.SOURCE), ("program.c", planted.text)):
            (self.folder / name).write_text(text, encoding="utf-8")
        return subprocess.run([COMPILER, "-w", "-O1", "-include", "schemata.h", "program.c", *options], cwd=self.folder,
                              capture_output=True, text=True, check=False)

    def output(self, key=None, **environment):
        number = {"KEEL_MUTANT": str(schemata.number_of(key))} if key else {}
        return subprocess.run(["./program"], cwd=self.folder, capture_output=True, text=True, check=True,
                              env=os.environ | number | environment).stdout

    def test_functions_are_found(self):
        found = {function.name: function for function in schemata.functions(PROGRAM)}
        self.assertEqual(list(found), ["note", "shifted", "two", "main"])
        self.assertEqual(found["note"].parameters, ("times", "names"))
        self.assertTrue(found["note"].is_void)
        self.assertEqual(found["shifted"].parameters, ("value", "by"))
        self.assertEqual(PROGRAM[found["two"].start :][:10], "static uns")

    def test_one_is_active_at_a_time(self):
        reached = {}
        edits = [edit("seen += 1", "seen += 5"), edit(">> by", "<< by"), edit("times - 1", "times - 2")]
        planted = schemata.plant(PROGRAM, edits, reached)
        done = self.compile(planted, "schemata.c", "-o", "program")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(planted.functions, {"seen += 5": "note", "<< by": "shifted", "times - 2": "note"})
        self.assertEqual(self.output(), "3 4\n")
        self.assertEqual(self.output("seen += 5"), "15 4\n")
        self.assertEqual(self.output("times - 2"), "2 4\n")
        self.assertEqual(self.output("<< by", KEEL_REACHED="reached.txt"), "3 64\n")
        numbers = (self.folder / "reached.txt").read_text(encoding="ascii").split()
        self.assertEqual(sorted(map(int, numbers)), sorted(reached.values()))

    def test_what_does_not_compile_is_named(self):
        planted = schemata.plant(PROGRAM, [edit("seen += 1", "seen += 2"), edit("times - 1", "nothing - 1")])
        tree = Tree(self.folder / "a folder", {})
        tree.planted = {"program.c": planted}
        errors = self.compile(planted, "-c").stderr.replace("program.c:", f"{tree.folder}/program.c:")
        self.assertEqual(tree.blamed(errors), {"nothing - 1"})

    def test_places_without_a_copy(self):
        text = PROGRAM.replace("    seen += 1", "    static int count;\n        seen += 1")
        outside = schemata.Edit("outside", PROGRAM.index("seen;"), PROGRAM.index("seen;") + 4, "none")
        self.assertEqual(schemata.plant(text, [edit("seen += 1", "seen += 2", text=text)]).text, text)
        self.assertEqual(schemata.plant(PROGRAM, [outside]).text, PROGRAM)

    def test_same_code(self):
        edits = [edit(">> by", ">> +by"), edit("value >> by", "value << by")]
        planted = schemata.plant(PROGRAM, edits, kept=True)
        done = self.compile(planted, "-c", "-o", "program.o")
        self.assertEqual(done.returncode, 0, done.stderr)
        changes = [operators.Change(change, "program.c", "shifted", 1, "operator") for change in edits]
        found = same.same([self.folder / "program.o"], changes, OneAtATime)
        self.assertEqual(found, {">> +by"})


class Operators(unittest.TestCase):
    def changed(self, name):
        return {(change.kind, PROGRAM[change.edit.start : change.edit.end], change.edit.replacement)
                for change in operators.changes("program.c", PROGRAM) if change.function == name}

    def test_all_kinds(self):
        self.assertEqual(self.changed("note"), {
            ("condition", "times > 0", "!(times > 0)"), ("operator", ">", ">="), ("constant", "0", "(0 + 1)"),
            ("operator", "+=", "-="), ("constant", "1", "(1 + 1)"), ("constant", "1", "(1 - 1)"), ("operator", "-", "+"),
            ("statement", "seen += 1", ""), ("statement", "note(times - 1, names)", "")})

    def test_assertions_comments_and_texts_are_left(self):
        self.assertEqual(self.changed("shifted"), {("operator", ">>", "<<")})
        self.assertEqual(self.changed("two"), {("constant", "2", "(2 + 1)"), ("constant", "2", "(2 - 1)")})
        self.assertNotIn(("operator", "%", "+"), self.changed("main"))

    def test_keys_are_unique(self):
        keys = [change.edit.key for change in operators.changes("program.c", PROGRAM)]
        self.assertEqual(len(keys), len(set(keys)))


class Trials(unittest.TestCase):
    OUTPUT = ("[ RUN      ] T1_first\nT1_first: 12 schedules within 1 preemptions\n[       OK ] T1_first\n"
              "[ RUN      ] T1_second\nT1_second: 3 schedules within 1 preemptions\n")

    def test_who_caught_it(self):
        self.assertEqual(trial.culprit("test_x", Run(1, self.OUTPUT)), "test_x: T1_second")
        self.assertEqual(trial.culprit("test_x", Run(1, self.OUTPUT + "[  FAILED  ] T1_first\n")), "test_x: T1_first")
        self.assertEqual(trial.culprit("test_x", Run(None, "")), "test_x (it hangs)")

    def test_limits(self):
        begun = "import sys; print('begun', flush=True); "
        busy = run([sys.executable, "-c", begun + "exec('while True: pass')"], 60, cpu_limit=1)
        self.assertEqual(busy[:2], (None, "begun\n"))
        self.assertGreater(busy.seconds, 0.5)
        self.assertEqual(run([sys.executable, "-c", begun + "sys.stdin.close(); __import__('time').sleep(60)"], 2).status, None)
        self.assertEqual(run([sys.executable, "-c", begun + "sys.exit(3)"], 60)[:2], (3, "begun\n"))

    def test_limits_end_all_that_was_started(self):
        with tempfile.TemporaryDirectory() as folder:
            os.mkfifo(f"{folder}/fifo")
            reader = os.open(f"{folder}/fifo", os.O_RDONLY | os.O_NONBLOCK)
            self.addCleanup(os.close, reader)
            # Stopped at its limit, and ended before what it started, which has a group of its own.
            for last, status in (("wait", None), ("exit 3", 3)):
                script = f"set -m; sleep 60 >{folder}/fifo & echo begun >{folder}/fifo; {last}"
                self.assertEqual(run(["bash", "-c", script], 2).status, status)
                self.assertEqual(os.read(reader, 100), b"begun\n")
                self.assertTrue(select.select([reader], [], [], 20)[0])
                self.assertEqual(os.read(reader, 100), b"")  # nobody has it open

    def test_who_killed_it(self):
        killed = run(["sh", "-c", "kill -KILL $$"], 60, cpu_limit=5)
        self.assertTrue(killed.is_killed)
        self.assertFalse(run(["sleep", "60"], 1).is_killed)

    def test_an_interrupt_ends_what_runs(self):
        script = (f"import sys; sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})\n"
                  "import mutant_tree\n"
                  "mutant_tree.run(['sh', '-c', 'sleep 1; kill -INT $PPID; sleep 60 & wait'], 60)\n")
        begun = time.monotonic()
        done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        self.assertIn("KeyboardInterrupt", done.stdout)
        self.assertLess(time.monotonic() - begun, 30)

    def test_nothing_starts_after_a_stop(self):
        children = Children()
        child = children.start(["sleep", "60"])
        children.stop()
        children.end(child)
        self.assertEqual(child.returncode, -signal.SIGKILL)
        children.kill(child.pid)  # which may be another's now
        with self.assertRaises(Error):
            children.start(["true"])

    def test_executions_are_counted(self):
        counts = trial.Counts()
        counts.add(self.OUTPUT)
        self.assertEqual(str(counts), "2 tests, 15 schedules")
        counts.add("#8\tpulse\n#64\tpulse\nstat::number_of_executed_units: 70\n")
        self.assertEqual(str(counts), "2 tests, 15 schedules, 70 inputs")

    def test_score(self):
        verdicts = [("one", trial.Verdict("test_x", "1 test", 2.0)), ("two", trial.Verdict("", "4 tests", 60.0)),
                    ("three", trial.judge("test_x", Run(None, "", 9), trial.Counts(), 4.0)),
                    ("four", trial.judge("test_x", Run(-signal.SIGKILL, ""), trial.Counts(), 1.0))]
        self.assertEqual(mutants.summary(verdicts).splitlines(), [
            f"survived: two (KEEL_MUTANT={schemata.number_of('two')})",
            f"no verdict: four (KEEL_MUTANT={schemata.number_of('four')})",
            "4 mutants, 2 caught (66.7 %), 1 of them by a time limit, 1 without a verdict, median 3.00 s, longest 4.0 s"])

    def test_baseline_has_the_stores_of_the_mutants(self):
        with tempfile.TemporaryDirectory() as folder:
            tree = Tree(Path(folder), {})
            program = tree.folder / "build" / "unit" / "test_x"
            program.parent.mkdir(parents=True)
            program.write_text('#!/bin/sh\necho "$UNIT_STORES" >>runs\n', encoding="utf-8")
            program.chmod(0o755)
            every = [mutants.MUTANTS[0]._replace(tests=("test_x",), stores=stores) for stores in (0, 8, 0)]
            self.assertEqual(set(trial.check_tests(tree, every, OneAtATime)), {("test_x", 0), ("test_x", 8)})
            self.assertEqual((program.parent / "runs").read_text(encoding="ascii").split(), ["0", "8"])

    def test_all_fuzz_targets_are_tried(self):
        lists = (mutants.ROOT / "fuzz" / "CMakeLists.txt").read_text(encoding="utf-8")
        added = re.findall(r"^ *(?:add_target|keel_add_fuzz_target)\((\w+) ", lists, re.M)
        self.assertEqual(sorted(added), list(fuzz.TARGETS))

    def test_one_run_at_a_time(self):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, mutants.__file__, f"{folder}/scratch", mutants.MUTANTS[0].id]
            for _ in range(2):  # it can be had again
                with mutants.only_one(Path(folder, "scratch")):
                    done = subprocess.run(command, capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (2, f"keel: another ./keel mutants is running in {folder}/scratch.\n"))

    def test_misplaced(self):
        first, second = mutants.MUTANTS[:2]
        wrong = [first._replace(text="no such text"), second, second]
        sentences = list(mutants.misplaced(wrong))
        self.assertIn("occurs 0 times", sentences[0])
        self.assertEqual(len(sentences), 3)


if __name__ == "__main__":
    unittest.main()
