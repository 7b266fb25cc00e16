#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Fuzzes several targets with libFuzzer, as many at a time as there are CPUs: ./keel fuzz --all.

Each target has the same time. A line for each now and then says how it goes on: executions, and what its coverage was at the
beginning and is now. At the end of a target its corpus is made small: what adds nothing goes (libFuzzer's -merge=1).
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

STATUS = re.compile(r"^#(\d+)\s+\w+\s+cov: (\d+) ft: (\d+) corp: (\d+)", re.MULTILINE)
INTERVAL = 30  # seconds between two lines of one target


class Run:
    """One target: fuzzed, then its corpus merged."""

    def __init__(self, build, name, seconds):
        self.name, self.program = name, build / "fuzz" / "fuzz" / f"fuzz_{name}"
        self.seeds, self.corpus = build / "fuzz" / "seeds" / name, build / "corpus" / name
        self.findings, self.log = build / "findings" / name, build / "logs" / f"fuzz-{name}.log"
        for folder in (self.corpus, self.findings, self.log.parent):
            folder.mkdir(parents=True, exist_ok=True)
        words = Path(__file__).resolve().parent / f"{name}.dict"
        self.line = [str(self.program), f"-max_total_time={seconds}", f"-artifact_prefix={self.findings}/",
                     *([f"-dict={words}"] if words.exists() else []), str(self.corpus), str(self.seeds)]
        self.process, self.next_line = None, time.monotonic() + INTERVAL

    def start(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.line, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        print(f"{self.name}: {' '.join(self.line)}", flush=True)

    def progress(self):
        found = STATUS.findall(self.log.read_text(encoding="utf-8", errors="replace"))
        if not found:
            return "it has not begun"
        (_, coverage, features, _), last = found[0], found[-1]
        return (f"{last[0]} executions, {last[1]} edges ({coverage} at first), {last[2]} features ({features}), "
                f"{last[3]} inputs")

    def has_ended(self):
        if self.process.poll() is None:
            if time.monotonic() >= self.next_line:
                self.next_line += INTERVAL
                print(f"{self.name}: {self.progress()}", flush=True)
            return False
        print(f"{self.name}: {'ended' if self.process.returncode == 0 else 'FAILED'}: {self.progress()}", flush=True)
        return True

    def merge(self):
        """What is worth keeping, in place of the corpus; if that fails the corpus stays."""
        small = self.corpus.with_name(f"{self.name}.small")
        shutil.rmtree(small, ignore_errors=True)
        small.mkdir()
        line = [str(self.program), "-merge=1", str(small), str(self.seeds), str(self.corpus)]
        merged = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if merged.returncode == 0:
            before = len(list(self.corpus.iterdir()))
            shutil.rmtree(self.corpus)
            small.rename(self.corpus)
            print(f"{self.name}: the corpus had {before} inputs, and has {len(list(self.corpus.iterdir()))} now", flush=True)
        else:
            shutil.rmtree(small)


def fuzz(runs, at_once):
    """True: none has failed."""
    waiting, running = list(runs), []
    while waiting or running:
        while waiting and len(running) < at_once:
            running.append(waiting.pop(0))
            running[-1].start()
        for run in [run for run in running if run.has_ended()]:
            running.remove(run)
            if run.process.returncode == 0:
                run.merge()
        time.sleep(0.2)
    return all(run.process.returncode == 0 for run in runs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("build", type=Path, help="the folder with the build trees")
    parser.add_argument("targets", nargs="+")
    parser.add_argument("--time", type=int, required=True, help="seconds for each target")
    options = parser.parse_args()
    runs = [Run(options.build.resolve(), name, options.time) for name in options.targets]
    if fuzz(runs, len(os.sched_getaffinity(0))):
        return 0
    print("keel: a target has failed; look at build/logs/fuzz-TARGET.log, and at the input in build/findings/TARGET with "
          "./keel replay FILE", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
