#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The coverage gate must be able to fail."""

import contextlib
import io
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import guest
import mcdc
import report

HERE = os.path.dirname(os.path.abspath(__file__))


def read(reader, text, *arguments):
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(text)
        file.flush()
        return reader(file.name, *arguments)


class Gate(unittest.TestCase):
    GATE = {"line": 90.0, "branch": 75.0}

    def test_reached(self):
        self.assertEqual(report.below({"line": (900, 1000), "branch": (3, 4)}, self.GATE, "api"), [])

    def test_below(self):
        sentences = report.below({"line": (89999, 100000), "branch": (2, 4)}, self.GATE, "api")
        self.assertEqual(sentences, ["line coverage of api is 89.9 %, the gate is 90 %",
                                     "branch coverage of api is 50.0 %, the gate is 75 %"])

    def test_nothing_measured_fails(self):
        self.assertEqual(len(report.below({"line": (0, 0), "branch": (0, 0)}, self.GATE, "api")), 2)

    def test_folders_are_told_apart(self):
        files = [{"filename": name, "line_covered": 1, "line_total": 2, "branch_covered": 3, "branch_total": 4}
                 for name in ("api/a.c", "api/include/b.h", "apis/c.c", "core/d.c")]
        self.assertEqual(report.totals_of(files, "api"), {"line": (2, 4), "branch": (6, 8)})

    def test_the_gate_of_this_tree_is_readable(self):
        gate = report.read_gate(os.path.join(HERE, "gate.txt"), "unit")
        self.assertEqual(set(gate), {"api", "core", "hal/x86_common"})
        self.assertTrue(all(set(one) == {"line", "branch"} for one in gate.values()))

    def test_a_gate_for_some_tests(self):
        text = "# a comment\nunit api 90 80\n\nfuzz api 70 -\n"
        self.assertEqual(read(report.read_gate, text, "fuzz"), {"api": {"line": 70.0}})

    def test_a_gate_that_sets_less_is_refused(self):
        for text in ("unit api 90\n", "fuzz api 90 80\n", "unit api 90 many\n"):
            with self.assertRaises(ValueError):
                read(report.read_gate, text, "unit")


class Exclusions(unittest.TestCase):
    def test_expressions_may_have_spaces(self):
        text = "# why\nall branches \\bassert \\(\nfuzz lines never$\n"
        found = read(report.read_exclusions, text, "fuzz")
        self.assertEqual(found, {"lines": [".*never$"], "branches": [".*\\bassert \\("]})
        self.assertEqual(read(report.read_exclusions, text, "unit")["lines"], [])

    def test_those_of_this_tree_are_few(self):
        found = report.read_exclusions(os.path.join(HERE, "exclusions.txt"), "unit")
        folders = ("api", "core", "hal/x86_common")
        self.assertLess(report.count_excluded(folders, found["lines"]), 10)
        self.assertGreater(report.count_excluded(folders, found["branches"]), 50)


class Guest(unittest.TestCase):
    RECORDS = "SF:/keel/hal/x86_64/a.c\nFN:3,f\nFNDA:2,f\nDA:3,2\nDA:4,0\nBRDA:4,0,0,-\nLF:2\nend_of_record\n" \
              "SF:/keel/hal/x86_common/b.c\nFN:7,g\nDA:7,18446744073709551615\nend_of_record\n" \
              "SF:/keel/hal/x86_64/macros.h\nDA:1,1\nend_of_record\n"

    def test_lines_of_each_file(self):
        files = guest.lines_of(self.RECORDS, "/keel")
        self.assertEqual(files, {"hal/x86_64/a.c": {3: 2, 4: 0}, "hal/x86_common/b.c": {7: 2**64 - 1}})
        self.assertEqual(guest.reached(files["hal/x86_64/a.c"]), (1, 2))

    def test_what_is_missing_is_shown(self):
        source = ["", "", "void f(void)\n", "    g();\n"]
        self.assertEqual(guest.missing("a.c", {3: 2, 4: 0}, source), ["a.c:4: g();\n"])

    def test_excluded_lines_do_not_count(self):
        source = ["#define A 1\n", "    A;\n"]
        self.assertEqual(guest.counted({1: 0, 2: 3}, source, [r".*^#define"]), {2: 3})

    def test_a_kernel_that_wrote_nothing_is_named(self):
        with tempfile.TemporaryDirectory() as folder:
            paths = [os.path.join(folder, name) for name in ("full.profraw", "empty.profraw")]
            for path, text in zip(paths, ("counters", "")):
                with open(path, "w", encoding="ascii") as file:
                    file.write(text)
            self.assertEqual(guest.silent(paths), ["empty.profraw"])

    def test_the_gate_of_this_tree_is_readable(self):
        self.assertEqual(set(report.read_gate(os.path.join(HERE, "gate.txt"), "qemu")), {"hal/x86_64"})


class Conditions(unittest.TestCase):
    def test_inline_functions_count_once(self):
        records = [[7, 5, 7, 30, 0, 5, [True, False]], [9, 5, 9, 9, 0, 5, [False, False]], [7, 5, 7, 30, 0, 5, [False, True]]]
        self.assertEqual(mcdc.decisions_of(records), [(7, [True, True]), (9, [False, False])])

    def test_what_is_missing_is_shown(self):
        source = ["    if (a && b) {\n", "    CORE_ASSERT(a && b);\n"]
        decisions = [(1, [True, False]), (2, [False, False])]
        found = mcdc.look_at("a.c", decisions, source, [r".*\bCORE_ASSERT\("])
        self.assertEqual(found, (1, 2, ["a.c:1: +- if (a && b) {\n"]))

    def test_what_is_missing_or_broken_is_one_sentence(self):
        def complaint():
            with contextlib.redirect_stderr(io.StringIO()) as said:
                self.assertEqual(mcdc.main([build]), 1)
            self.assertRegex(said.getvalue(), r"\AFAILED: [^\n]+\n\Z")
            return said.getvalue()

        def write(folder, name):
            os.mkdir(os.path.join(build, folder))
            with open(os.path.join(build, folder, name), "w", encoding="ascii") as file:
                file.write("cut off")
            return file.name

        with tempfile.TemporaryDirectory() as build:
            self.assertIn("No test left counts", complaint())
            write("profiles", "test.profraw")
            self.assertIn("There is no program", complaint())
            os.chmod(write("unit", "test_calls"), 0o755)
            self.assertIn("llvm-profdata-19 failed", complaint())


if __name__ == "__main__":
    unittest.main()
