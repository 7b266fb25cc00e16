#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Tests of report.py: what it reads, how it counts, how it judges."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import report  # pylint: disable=wrong-import-position

PROFILE = """\
version: 1
events: Ir

fl=(1) a.c
fn=(1) outer
10 5
cfn=(2) inner
calls=2 20
11 70
12 1
fn=(2)
20 70

fn=(4) inner'2
20 7

fn=(3) zero
30 512
totals: 595
"""


def row(text):
    return report.Row(text, "test")


class Reading(unittest.TestCase):
    def test_rows_of_the_table(self):
        memory, tasks = (report.read_rows(os.path.join(os.path.dirname(report.__file__), name)) for name in ("memory.tbl", "tasks.tbl"))
        for rows in (memory, tasks):
            self.assertGreater(len(rows), 10)
            self.assertTrue(any(r.aim for r in rows) and any(r.cost for r in rows))
        self.assertTrue(any(r.base for r in memory))
        self.assertTrue(any(not r.counted for r in tasks) and any(r.take == "of" for r in tasks))

    def test_parts_of_a_row(self):
        read = row("a page | frame without zero | one_page two_page | instructions <= 200 | 7")
        self.assertEqual((read.measure, read.base, read.take, read.functions), ("frame", None, "without", ["zero"]))
        self.assertEqual((read.peers, read.aim, read.cost), (["one_page", "two_page"], ("instructions", 200.0), 7.0))
        read = row("check | with - without over unchecked | | | -")
        self.assertEqual((read.measure, read.base, read.aim, read.cost), ("with", "without", None, None))
        read = row("two | turn@builtin of one two | peer (slow) | | -")
        self.assertEqual((read.measure, read.take, read.functions), ("turn@builtin", "of", ["one", "two"]))
        self.assertEqual((read.peers, read.counted_peers), (["peer", "slow"], ["peer"]))
        self.assertEqual(row("two | lock@2cpus | peer | | -").counted_peers, [])

    def test_wrong_rows_are_refused(self):
        for text in ("a | b | c", "a | b - c | | | -", "a | b@never | | | -", "a | b of | | | -", "a | b | | faster | -", "a | b | | | cheap"):
            with self.assertRaises(ValueError):
                row(text)

    def test_costs_are_a_function_s_own(self):
        costs = report.read_costs(PROFILE)
        self.assertEqual(costs, {None: 595, "outer": 6, "inner": 77, "zero": 512})


class Judging(unittest.TestCase):
    counts = {"frame": ({None: 700.0, "zero": 512.0}, 0), "peer": ({None: 100.0}, 0), "other": ({None: 80.0}, 0)}

    def test_a_function_is_left_out(self):
        self.assertEqual(report.instructions_of(row("a | frame without zero | | | -"), self.counts), 188)
        self.assertEqual(report.instructions_of(row("a | frame of zero | | | -"), self.counts), 512)
        with self.assertRaisesRegex(RuntimeError, "no function gone"):
            report.instructions_of(row("a | frame without gone | | | -"), self.counts)

    def test_the_same_without_checks_is_taken_off(self):
        unchecked = {"frame": ({None: 650.0}, 0), "peer": ({None: 90.0}, 0)}
        value = report.instructions_of(row("a | frame - peer over unchecked | | | -"), self.counts, unchecked)
        self.assertEqual(value, (700 - 100) - (650 - 90))

    def test_aims(self):
        absolute = row("a | frame | | instructions <= 200 | -")
        self.assertEqual(report.judge(absolute, 200, self.counts)[1], "met")
        self.assertEqual(report.judge(absolute, 200.1, self.counts)[1], "NOT met")
        relative = row("a | frame | peer other | best <= 1.5 | -")
        self.assertEqual(report.judge(relative, 120, self.counts)[1], "met")
        self.assertEqual(report.judge(relative, 121, self.counts)[1], "NOT met")
        self.assertEqual(report.judge(row("a | frame | | | -"), 1, self.counts), ("", ""))


class Running(unittest.TestCase):
    def kernel(self, folder, script):
        path = os.path.join(folder, "kernel")
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n" + script)
        os.chmod(path, 0o755)
        return path

    def test_a_failing_kernel_stops_the_report(self):
        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaisesRegex(RuntimeError, "no such thing"):
                report.run_kernel(self.kernel(folder, "echo no such thing; exit 1\n"), "bench.time=x")

    def test_missing_times_are_seen(self):
        with tempfile.TemporaryDirectory() as folder:
            kernel = self.kernel(folder, "echo time a 1.5; echo time b 3\n")
            self.assertEqual(report.time_launch(kernel, ["a", "b"], 1), {"a": [1.5], "b": [3.0]})
            self.assertEqual(report.time_ratios(kernel, "a", ["b"], 3, 1), {"b": [0.5] * 3})
            with self.assertRaisesRegex(RuntimeError, "too few"):
                report.time_launch(kernel, ["a", "b"], 2)

    def test_how_a_measure_runs(self):
        with tempfile.TemporaryDirectory() as folder:
            for measure, wanted in (("a", "policy=default"), ("a@fair", "policy=fair"), ("a@2cpus", "--cpus 2")):
                kernel = self.kernel(folder, f"""echo "$*" | grep -q -e "{wanted}" && echo time a 1; echo time b 2\n""")
                self.assertEqual(report.time_ratios(kernel, measure, ["b"], 1, 1), {"b": [0.5]})
            with self.assertRaisesRegex(RuntimeError, "too few"):
                report.time_ratios(kernel, "a@builtin", ["b"], 1, 1)


if __name__ == "__main__":
    unittest.main()
