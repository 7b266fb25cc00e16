# SPDX-License-Identifier: BSD-2-Clause
"""Runs a machine as a child process and follows its console line by line."""

import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time

import transcript

# The last line of a panic's report.
PANIC = re.compile(r"^keel: panic$")


class MachineError(Exception):
    """What is missing, as a sentence for the user."""


class Console:
    """The output of a running machine. Shows it, keeps the cleaned lines, and knows how the machine ended."""

    def __init__(self, command, timeout=None, until=None, watch=None):
        self.command = command
        self.timeout = timeout  # seconds; None: no limit
        self.until = until  # a compiled expression: the line that ends the run
        self.watch = watch  # called with each line
        self.lines = []
        self.status = None  # exit status of the process, None if it was stopped here
        self.matched = False  # `until` was seen
        self.timed_out = False

    def run(self):
        """Returns when the machine ended or was stopped; never leaves it running."""
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        with subprocess.Popen(self.command, **pipes) as process:
            try:
                self._follow(process)
                if not self.matched and not self.timed_out:
                    self.status = process.wait()
            finally:
                process.kill()

    def _follow(self, process):
        deadline = None if self.timeout is None else time.monotonic() + self.timeout
        source = process.stdout.fileno()
        partial = b""
        while not self.matched:
            wait = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([source], [], [], wait)[0]:
                self.timed_out = True
                break
            chunk = os.read(source, 65536)
            if not chunk:
                break
            *whole, partial = (partial + chunk).split(b"\n")
            for raw in whole:
                self._line(raw)
        if partial:
            self._line(partial)

    def _line(self, raw):
        line = transcript.clean_line(raw)
        if not line and raw.strip():
            return  # nothing but cursor movements
        self.lines.append(line)
        print(line, flush=True)
        if self.watch:
            self.watch(line)
        if self.until and self.until.search(line):
            self.matched = True

    def last_matching(self, pattern):
        """The match of the last line that matches, or None."""
        for line in reversed(self.lines):
            match = pattern.search(line)
            if match:
                return match
        return None


def finish(console, failure, arguments):
    """Writes and judges the transcript; `failure` is why the run itself failed, or None. Answers the exit status."""
    lines = transcript.transcript(console.lines)
    if arguments.transcript:
        transcript.write(arguments.transcript, lines)
    if failure is None and arguments.expect:
        diff = transcript.difference(
            transcript.read(arguments.expect), lines, arguments.expect, "this run"
        )
        if diff:
            print(diff)
            failure = f"The transcript is not the one in {arguments.expect}; the lines above differ."
    if failure is not None:
        print(f"FAILED: {failure}", file=sys.stderr, flush=True)
        return 1
    return 0


def missing_line(console, patterns):
    """The first of the expressions that no line matches, as a sentence, or None."""
    for pattern in patterns:
        if console.last_matching(re.compile(pattern)) is None:
            return f"No line of the console matches: {pattern}"
    return None


def judge_panic(console, patterns, panicked):
    """For a run that must end in a panic: why it failed, or None."""
    if not panicked:
        return f"The kernel did not panic; the machine ended with status {console.status}."
    return missing_line(console, patterns)


def add_common_options(parser):
    parser.add_argument("--initrd", required=True, help="the initial ramdisk, as make_initrd.py makes it")
    parser.add_argument("--command-line", default="", help="what the kernel is told")
    parser.add_argument("--transcript", metavar="FILE", help="where to write the transcript of the run")
    parser.add_argument("--expect", metavar="FILE", help="fail unless the transcript equals this one")
    parser.add_argument(
        "--says", metavar="REGEX", action="append", default=[], help="a line must match; may be repeated"
    )
    parser.add_argument("--panic", action="store_true", help="the run must end in a panic")


def start(problem, prefix, run):
    """What run(folder) answers, or 2 where the run cannot be started: because of a problem, a sentence, or a MachineError."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an exception: neither machine nor folder outlives it
    if problem is None:
        # Not in the build tree: machines' options cannot carry every character that a path may have.
        with tempfile.TemporaryDirectory(prefix=prefix, dir="/tmp") as folder:
            try:
                return run(folder)
            except MachineError as error:
                problem = str(error)
            except KeyboardInterrupt:
                print("interrupted", file=sys.stderr)
                return 130
    print(f"FAILED: {problem}", file=sys.stderr)
    return 2


def readable(*paths):
    """The sentence about the first of the files that cannot be read, or None."""
    for path in paths:
        if not os.access(path, os.R_OK):
            return f"Cannot read {path}; build first: ./keel test, or cmake --build."
    return None
