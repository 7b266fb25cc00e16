#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Does what the author of a kernel outside this tree does: installs Keel, makes a project with `keel new`, builds it with
one of its presets and runs all of its tests. What only exists in the checkout cannot help: nothing refers to it.

usage: test_clients.py KEEL PRESET [CMAKE OPTION...]

KEEL is the command of the checkout; the options are for the project's build tree.
"""

import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

NAME = "pigeon"
# By preset, what CTest must have run; the smoke test of the fuzz target makes so many executions.
TESTS = {
    "hosted": [f"boot_{NAME}", "explore_mailbox", "test_mailbox"],
    "fuzz": ["fuzz_mailbox_smoke"],
    "x86_64": [f"boot_{NAME}"],
}
# By preset, a bug: what stands in src/mailbox.c once, and what is put in its place.
PLANTED = {
    # Another task may come in between; only some interleavings show it.
    "hosted": ("    mailbox->count++;\n", """    (void)keel_spinlock_unlock(mailbox->lock);
    (void)keel_spinlock_lock(mailbox->lock);
    mailbox->count++;
"""),
    "fuzz": ("    mailbox->count--;\n", ""),
}


class Failure(Exception):
    """A sentence that says what is wrong."""


def run(command, folder, succeeds=True):
    """Standard output and error of a command, which must end as it should."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("KEEL_", "Keel_"))}
    result = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, errors="replace", check=False, env=environment)
    if (result.returncode == 0) != succeeds:
        raise Failure(f"{shlex.join(map(str, command))} ended with status {result.returncode}:\n{result.stdout}")
    return result.stdout


def expect(text, where, what):
    if text not in where:
        raise Failure(f'{what} does not say "{text}":\n{where}')


def make_project(keel, folder):
    """Installs, and makes the project; answers its folder and Keel's."""
    prefix, project = folder / "prefix", folder / "project"
    (folder / "other" / "share" / "keel").mkdir(parents=True)
    said = run([keel, "install", folder / "other"], folder, False)
    expect("is no installed Keel; nothing was written", " ".join(said.split()), "keel install")
    (folder / "third" / "bin").mkdir(parents=True)
    (folder / "third" / "bin" / "keel").write_text("somebody else's", encoding="ascii")
    said = run([keel, "install", folder / "third"], folder, False)
    expect("is no installed Keel's; nothing was written", " ".join(said.split()), "keel install")
    if [path.name for path in (folder / "third").iterdir()] != ["bin"]:
        raise Failure("keel install has written nevertheless")
    for _ in range(2):  # the second replaces the first
        run([keel, "install", prefix], folder)
    installed = prefix / "bin" / "keel"
    run([installed, "new", NAME, project], folder)
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    expect("exists; nothing was written", run([installed, "new", "other", project], folder, False), "keel new")
    if before != {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}:
        raise Failure("keel new has changed a project that was there")
    expect("Make one with: keel new", run([installed, "run"], folder, False), "an installed keel run")
    text = "".join(data.decode() for data in before.values())
    if "@NAME@" in text or "@KEEL@" in text or str(keel.parent) + "/" in text:
        raise Failure("the project has unfilled places, or names the checkout")
    return project, prefix / "share" / "keel"


def build(project, preset, options):
    run(["cmake", "--preset", preset, *options], project)
    run(["cmake", "--build", "--preset", preset, "-j", str(os.cpu_count())], project)


def check_tests(project, preset):
    """Each test that must be there has run, and passed."""
    said = run(["ctest", "--preset", preset], project)
    expect("100% tests passed", said, "ctest")
    for test in TESTS[preset]:
        expect(f" {test} .", said, "ctest")


def check_borders(project, keel):
    """Whatever the project compiles is out of reach of what lies behind the API, by the compiler's real options."""
    headers = [path for folder in ("core/include", "core/lock_order/on/include", "hal/include", "hal/hosted/include",
                                   "hal/x86_common/include") for path in (keel / folder).rglob("*.h")]
    checked = 0
    for entry in json.loads((project / "build" / "hosted" / "compile_commands.json").read_text(encoding="utf-8")):
        if not any(Path(entry["file"]).is_relative_to(project / part) for part in ("src", "test")):
            continue
        words = shlex.split(entry["command"])
        folders = [word[2:] for word in words if word.startswith("-I")]
        folders += [after for word, after in zip(words, words[1:]) if word in ("-isystem", "-I")]
        run([sys.executable, keel / "cmake" / "check_border.py", "--compiler", "clang-19", "--include", ";".join(folders),
             *headers[checked % 7 :: 7]], project)
        checked += 1
    if checked < 6:
        raise Failure(f"only {checked} files of the project were compiled")


def check_names(project):
    """A function that is called as one of core's, where the linker would say nothing: it does not build."""
    source = project / "src" / "mailbox.c"
    text = source.read_text(encoding="utf-8")
    source.write_text(text + "int pci_virtio_goes_past(void);\nint pci_virtio_goes_past(void)\n{\n    return 0;\n}\n", encoding="utf-8")
    said = run(["cmake", "--build", "--preset", "hosted", "--target", NAME], project, False)
    expect("names: pci_virtio_goes_past is also a name of Keel's", said, "the build")
    source.write_text(text, encoding="utf-8")


def check_planted(project, preset):
    """The tests find a bug that is put in, and say how to see it again."""
    source = project / "src" / "mailbox.c"
    text = source.read_text(encoding="utf-8")
    if text.count(PLANTED[preset][0]) != 1:
        raise Failure("there is no place for the planted bug")
    source.write_text(text.replace(*PLANTED[preset]), encoding="utf-8")
    run(["cmake", "--build", "--preset", preset], project)
    said = run(["ctest", "--preset", preset, "-R", "mailbox"], project, False)
    if preset == "hosted":
        expect("1 tests failed out of 2", said, "ctest")
        expect("to see it: ./keel explore put_against_put --replay ", said, "the exploration")
    else:
        expect("message is 0, not 0x33", said, "the fuzz target")
        expect("./keel replay /", said, "the smoke test")


def check(keel, folder, preset, options):
    project, installed = make_project(keel, folder)
    build(project, preset, options)
    check_tests(project, preset)
    if preset == "hosted":
        check_borders(project, installed)
        check_names(project)
    if preset in PLANTED:
        check_planted(project, preset)


def main(arguments):
    keel, preset, *options = arguments
    # Elsewhere: nothing that is found by being in the checkout may help.
    with tempfile.TemporaryDirectory(prefix="keel-clients-") as folder:
        try:
            check(Path(keel).resolve(), Path(folder).resolve(), preset, options)
        except Failure as failure:
            print(f"FAILED: {failure}")
            return 1
    print(f"{preset}: a kernel outside the tree builds, and passes {len(TESTS[preset])} tests of its own")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
