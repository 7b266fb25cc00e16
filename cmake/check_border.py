#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Proves that a client cannot include what lies behind the API: with the include paths that the build gives to the
client, every header named must be out of reach, while keel/keel.h (the control) compiles."""

import argparse
import os
import subprocess
import sys


def spelling(header):
    """How code includes the header: the path below its include folder."""
    return header.rsplit("/include/", 1)[1]


def compiles(compiler, paths, include):
    """Whether a file that includes `include` compiles, and what the compiler said."""
    command = [compiler, "-std=c17", "-x", "c", "-fsyntax-only", *(f"-I{path}" for path in paths), "-"]
    source = f'#include "{include}"\nint border;\n'
    result = subprocess.run(command, input=source, text=True, capture_output=True, check=False)
    return result.returncode == 0, result.stderr


def check(compiler, paths, headers):
    """One sentence for each breach of the border."""
    sentences = []
    works, message = compiles(compiler, paths, "keel/keel.h")
    if not works:
        sentences.append(f"the control keel/keel.h does not compile:\n{message}")
    for header in headers:
        works, message = compiles(compiler, paths, spelling(header))
        missing = "file not found" in message or "No such file" in message
        if works or not missing:
            sentences.append(f"{spelling(header)} is within a client's reach")
    return sentences


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--include", required=True, help="the client's include paths, separated by semicolons")
    parser.add_argument("headers", nargs="+")
    parsed = parser.parse_args(arguments)
    paths = [path for path in parsed.include.split(";") if path]
    sentences = check(parsed.compiler, paths, parsed.headers)
    for sentence in sentences:
        print(f"border: {sentence}")
    print(f"{len(parsed.headers)} headers checked from {', '.join(os.path.relpath(path) for path in paths)}")
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
