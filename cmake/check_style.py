#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks what a reader expects of every file: the licence line, clang-format, sizes (a file past 600 lines or a
C function past 70 is asking to be split), and a name that no tool takes for an option."""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CODE = (".c", ".h", ".S", ".ld", ".py", ".sh", ".cmake")
FILE_LINES_MAX, FUNCTION_LINES_MAX = 600, 70
SKIPPED = ("build", ".git", "__pycache__")


def source_files(root):
    """Every file of ours that holds code, relative to the root."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        for name in sorted(names):
            if name.endswith(CODE) or name in ("CMakeLists.txt", "keel"):
                yield os.path.relpath(os.path.join(folder, name), root)


def names_like_options(root):
    """One sentence for each file or folder, of any kind, whose name begins like an option: somebody gave a tool an
    option where it expects a path."""
    for folder, folders, names in os.walk(root):
        for name in sorted(folders + names):
            if name.startswith("-"):
                yield f"{os.path.relpath(os.path.join(folder, name), root)}:1: the name begins like an option"
        folders[:] = sorted(name for name in folders if name not in SKIPPED)


def long_functions(lines):
    """(line number, length) of every C function that is too long. The code is formatted: a function's braces stand
    in the first column."""
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line.startswith("}") and start is not None:
            if number - start - 1 > FUNCTION_LINES_MAX:
                yield start, number - start - 1
            start = None


def check_file(name, text):
    """One sentence for each thing that is wrong with a file."""
    lines = text.splitlines()
    if not any("SPDX-License-Identifier: BSD-2-Clause" in line for line in lines[:3]):
        yield f"{name}:1: the first comment does not say SPDX-License-Identifier: BSD-2-Clause"
    if len(lines) > FILE_LINES_MAX:
        yield f"{name}:{FILE_LINES_MAX}: the file has {len(lines)} lines"
    for number, line in enumerate(lines, 1):
        if re.search(r"[ \t]+$", line):
            yield f"{name}:{number}: white space at the end of the line"
    if name.endswith((".c", ".h")):
        for start, length in long_functions(lines):
            yield f"{name}:{start}: the function has {length} lines"


def check_format(root, names):
    """One sentence for each file that clang-format would change."""
    command = ["clang-format-19", "--dry-run", "-Werror", *names]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    wrong = dict.fromkeys(line.split(":")[0] for line in result.stderr.splitlines() if ": error:" in line)
    return [f"{name}:1: not formatted; run clang-format-19 -i {name}" for name in wrong]


def main():
    names = list(source_files(ROOT))
    sentences = list(names_like_options(ROOT))
    for name in names:
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            sentences += check_file(name, file.read())
    sentences += check_format(ROOT, [name for name in names if name.endswith((".c", ".h"))])
    for sentence in sentences:
        print(sentence)
    print(f"{len(names)} files checked, {len(sentences)} complaints")
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main())
