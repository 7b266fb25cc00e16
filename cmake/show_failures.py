#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
#
# Prints how the output of each test that failed ends.
#
#     show_failures.py REPORT...    REPORT: JUnit file that ctest wrote

import os
import sys
import xml.etree.ElementTree as ElementTree

TESTS_MAX = 5
LINES_MAX = 30
COLUMNS_MAX = 300


def show(preset, case):
    lines = (case.findtext("system-out") or "").splitlines()
    print(f"-- {preset}: {case.get('name')} {case.get('status')}, its last lines:")
    for line in lines[-LINES_MAX:]:
        print(f"   {line[:COLUMNS_MAX]}")


def main(reports):
    failed = []
    for report in reports:
        preset = os.path.basename(report).removeprefix("tests-").removesuffix(".xml")
        cases = ElementTree.parse(report).getroot().iter("testcase")
        failed += [(preset, case) for case in cases if case.get("status") != "run"]
    for preset, case in failed[:TESTS_MAX]:
        show(preset, case)
    if len(failed) > TESTS_MAX:
        print(f"-- {len(failed) - TESTS_MAX} more failed")


main(sys.argv[1:])
