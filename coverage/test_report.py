#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The coverage gate must be able to fail."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import report


class Gate(unittest.TestCase):
    GATE = {"line": 90.0, "branch": 75.0}

    def test_reached(self):
        self.assertEqual(report.below({"line_percent": 90.0, "branch_percent": 99.0}, self.GATE), [])

    def test_below(self):
        sentences = report.below({"line_percent": 89.9, "branch_percent": 74.9}, self.GATE)
        self.assertEqual(len(sentences), 2)

    def test_nothing_measured_fails(self):
        self.assertEqual(len(report.below({"line_percent": None}, self.GATE)), 2)

    def test_the_gate_of_this_tree_is_readable(self):
        gate = report.read_gate(os.path.join(report.ROOT, "coverage", "gate.txt"))
        self.assertGreater(gate["line"], 0)

    def test_a_gate_that_sets_less_is_refused(self):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("line 90\n")
            file.flush()
            with self.assertRaises(ValueError):
                report.read_gate(file.name)


if __name__ == "__main__":
    unittest.main()
