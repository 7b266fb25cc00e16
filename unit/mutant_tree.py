# SPDX-License-Identifier: BSD-2-Clause
"""The scratch copy of the tree in which mutants are planted, its builds, and runs of its programs (mutants.py)."""
import math
import os
import re
import resource
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import mutant_schemata as schemata

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("CMakeLists.txt", "cmake", "api", "core", "hal", "services", "unit", "fuzz",
         "boot/make_initrd.py", "examples/hello/programs/make_broken.py")
BUILD_LIMIT, ROUNDS_MAX = 1500, 6
SANITIZER_OPTIONS = {"ASAN_OPTIONS": "abort_on_error=0:detect_leaks=1:strict_string_checks=1:symbolize=0",
                     "UBSAN_OPTIONS": "print_stacktrace=0:halt_on_error=1"}


class Error(Exception):
    """What keeps mutants from being tried at all."""


class Run(NamedTuple):
    """How a program ended, and the seconds of one CPU that it used; status None: it was stopped at its time limit."""
    status: int
    output: str
    seconds: float = 0

    @property
    def is_killed(self):
        """By somebody else, as the kernel does when memory is short."""
        return self.status == -signal.SIGKILL


def kill_session(session):
    """Kills all of it, also what has a process group of its own, as ninja's commands have. Its leader is not reaped yet."""
    os.killpg(session, signal.SIGKILL)
    killed, found = set(), {session}
    while found:  # what was killed may have started something before
        killed |= found
        found = set()
        for number in map(int, filter(str.isdecimal, os.listdir("/proc"))):
            if number not in killed and kill_member(number, session):
                found.add(number)


def kill_member(number, session):
    """Kills a process if it is of the session, which is asked of what the descriptor holds: the number may become another's."""
    try:
        if os.getsid(number) != session:
            return False
        descriptor = os.pidfd_open(number)
        try:
            is_member = os.getsid(number) == session
            if is_member:
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            return is_member
        finally:
            os.close(descriptor)
    except ProcessLookupError:
        return False


class Children:
    """The programs that run now, each with all that it starts in a session of its own. A session is killed only before its
    leader is reaped: after that its number may be another's."""

    def __init__(self):
        self.lock, self.sessions, self.are_stopped = threading.Lock(), set(), False

    def start(self, command, **options):
        with self.lock:
            if self.are_stopped:
                raise Error("no more programs are started")
            child = subprocess.Popen(command, start_new_session=True, **options)
            self.sessions.add(child.pid)
            return child

    def kill(self, session):
        with self.lock:
            if session in self.sessions:
                kill_session(session)

    def end(self, child):
        """Kills what is left of the session, and reaps its leader: what it used."""
        with self.lock:
            kill_session(child.pid)
            self.sessions.remove(child.pid)
            _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        return usage

    def stop(self):
        """Kills all; none is started afterwards."""
        with self.lock:
            self.are_stopped = True
            for session in self.sessions:
                kill_session(session)


CHILDREN = Children()


def run(command, limit, cwd=None, cpu_limit=None, **environment):
    """Runs a program for so many seconds at most. Those of a CPU do not depend on what else the host does."""
    with tempfile.TemporaryFile() as output:
        child = CHILDREN.start([str(word) for word in command], cwd=cwd, stdout=output, stderr=subprocess.STDOUT,
                               stdin=subprocess.DEVNULL, env=os.environ | SANITIZER_OPTIONS | environment)
        is_late = threading.Event()
        timer = threading.Timer(limit, lambda: (is_late.set(), CHILDREN.kill(child.pid)))
        timer.daemon = True
        try:
            timer.start()
            if cpu_limit is not None:
                whole = max(1, math.ceil(cpu_limit))
                resource.prlimit(child.pid, resource.RLIMIT_CPU, (whole, whole + 1))
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        finally:
            timer.cancel()
            usage = CHILDREN.end(child)
        seconds = usage.ru_utime + usage.ru_stime
        # The kernel's limit counts ticks, which differ from what was used.
        is_late = is_late.is_set() or (cpu_limit is not None and seconds >= 0.8 * whole)
        hangs = child.returncode == -signal.SIGXCPU or (child.returncode == -signal.SIGKILL and is_late)
        output.seek(0)
        return Run(None if hangs else child.returncode, output.read().decode(errors="replace"), seconds)


@contextmanager
def phase(name):
    """Says afterwards how long it took."""
    begun = time.monotonic()
    yield
    print(f"-- {name}: {time.monotonic() - begun:.0f} s", flush=True)


def write(path, content):
    """Writes only what differs: otherwise a file keeps its time, and nothing is built again."""
    if not path.is_file() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


class Tree:
    """A copy of the tree whose files have schemata. `edits` has those of each file, by its name."""

    def __init__(self, scratch, edits, **planting):
        self.folder = scratch.resolve() / "tree"
        self.edits, self.planting = edits, planting
        self.left_out = set()  # keys of edits that do not compile as schemata
        self.planted = {}

    def plan(self):
        """What files with edits become."""
        self.planted = {}
        for name, edits in self.edits.items():
            if name.endswith((".c", ".h")):
                text = (ROOT / name).read_text(encoding="utf-8")
                chosen = [edit for edit in edits if edit.key not in self.left_out]
                self.planted[name] = schemata.plant(text, chosen, **self.planting)

    def plant(self):
        """Writes all files; those with edits as schemata."""
        self.plan()
        wanted = set()
        for part in PARTS:
            path = ROOT / part
            wanted |= {file.relative_to(ROOT) for file in (path.rglob("*") if path.is_dir() else [path])
                       if file.is_file() and "__pycache__" not in file.parts}
        for name in wanted:
            planted = self.planted.get(str(name))
            write(self.folder / name, planted.text.encode() if planted else (ROOT / name).read_bytes())
        for part in PARTS:
            for target in (self.folder / part).rglob("*"):
                if target.is_file() and target.relative_to(self.folder) not in wanted:
                    target.unlink()

    def keys(self):
        """Of the mutants that stand as schemata."""
        return {key for planted in self.planted.values() for key in planted.functions}

    def configure(self, build, options):
        """Makes the build tree `build`; its compiler is asked not to warn of what mutants leave unused."""
        header, source, linked = (self.folder.parent / f"schemata.{end}" for end in "hco")
        write(header, schemata.HEADER.encode())
        write(source, schemata.SOURCE.encode())
        settings = dict(option.split("=", maxsplit=1) for option in options)
        compiler = settings.get("CMAKE_C_COMPILER", "cc")
        flags = settings.pop("CMAKE_C_FLAGS", "")
        settings["CMAKE_C_FLAGS"] = f'{flags} -w -include "{header}"'.strip()
        settings["CMAKE_EXE_LINKER_FLAGS"] = f'"{linked}"'
        for command in ([compiler, "-O1", "-c", source, "-o", linked],
                        ["cmake", "-S", self.folder, "-B", self.folder / build, "-G", "Ninja",
                         *(f"-D{name}={value}" for name, value in settings.items())]):
            done = run(command, BUILD_LIMIT)
            if done.status != 0:
                raise Error(done.output)

    def make(self, build, targets):
        return run(["cmake", "--build", self.folder / build, "--target", *targets, "--", "-k", "0"], BUILD_LIMIT)

    def blamed(self, output):
        """The keys of the copies in which a compiler found errors."""
        found = set()
        for name, line in re.findall(r"^(/[^:\n]+):(\d+):\d+: (?:fatal )?error:", output, re.M):
            path = Path(os.path.normpath(name))
            planted = self.planted.get(str(path.relative_to(self.folder))) if path.is_relative_to(self.folder) else None
            found |= {key for first, last, key in (planted.lines if planted else ()) if key and first <= int(line) <= last}
        return found

    def build(self, build, targets):
        """Builds; what does not compile as a schema is left out."""
        with phase(f"building {len(targets)} programs"):
            for _ in range(ROUNDS_MAX):
                done = self.make(build, targets)
                if done.status == 0:
                    return
                blamed = self.blamed(done.output)
                if not blamed:
                    break
                self.left_out |= blamed
                self.plant()
            raise Error(done.output)
