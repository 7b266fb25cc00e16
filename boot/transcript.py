# SPDX-License-Identifier: BSD-2-Clause
"""The transcript of a run: what programs printed and what the kernel reported of them, nothing else.

Lines of interest look like `NAME| text`. Log lines, firmware messages and escape sequences are dropped. Programs
run concurrently, so lines are grouped by NAME, the groups ordered by name and the lines of each kept in order:
two runs of the same programs then give the same transcript on every machine.
"""

import difflib
import re

LINE = re.compile(r"^([A-Za-z0-9_.-]+)\| ")
# CSI sequences and the two-byte ones (ECMA-48, 5.4 and 5.5).
ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\^_=>78])")


def clean_line(raw):
    """One console line as text, without what a terminal would not show."""
    text = ESCAPE.sub("", raw.decode("ascii", errors="replace"))
    return "".join(c for c in text if c == "\t" or c.isprintable()).rstrip()


def transcript(lines):
    """The transcript of cleaned console lines, as a list of lines."""
    groups = {}
    for line in lines:
        match = LINE.match(line)
        if match:
            groups.setdefault(match.group(1), []).append(line)
    return [line for name in sorted(groups) for line in groups[name]]


def difference(expected, actual, expected_name, actual_name):
    """A unified diff as text, empty if the transcripts are equal."""
    diff = difflib.unified_diff(expected, actual, expected_name, actual_name, lineterm="", n=1)
    return "\n".join(diff)


def write(path, lines):
    with open(path, "w", encoding="ascii", errors="replace") as file:
        file.writelines(line + "\n" for line in lines)


def read(path):
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read().splitlines()
