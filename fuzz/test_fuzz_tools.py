#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""minimize.py and fuzz_all.py, on programs that stand for fuzz targets."""
import contextlib
import io
import os
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fuzz_all
import minimize

# Fails if an operation that begins with 0x11 stands before one that begins with 0x22; in another way if any begins with 0x33.
PICKY = """#!/usr/bin/env python3
import sys
data = open(sys.argv[1], "rb").read()
calls = data[8::8]
if 0x33 in calls:
    sys.exit("fuzz_picky: something else, at 7")
if 0x44 in calls:
    print("audit: D3: one invariant at 0x5")
    sys.exit("fuzz_picky: panic: the audit found violations")
if 0x55 in calls:
    print("audit: D4: another invariant at 0x5")
    sys.exit("fuzz_picky: panic: the audit found violations")
if 0x66 in calls:
    sys.exit("/home/client/test.c:7: it is 1, not 2\\nfuzz: cut short")
if 0x11 in calls and 0x22 in calls[calls.index(0x11):]:
    sys.exit(f"fuzz_picky: panic: frame {len(data)} is lost")
"""

# As libFuzzer: fuzzes, or merges the last folders into the first.
LIKE_LIBFUZZER = """#!/usr/bin/env python3
import pathlib, shutil, sys
folders = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
if "-merge=1" in sys.argv:
    for folder in folders[1:]:
        for file in pathlib.Path(folder).glob("good*"):
            shutil.copy(file, folders[0])
    sys.exit(0)
print("#10\\tINITED cov: 5 ft: 7 corp: 2/20b")
print("#99\\tNEW    cov: 8 ft: 9 corp: 3/30b")
for name in ("good1", "good2", "useless"):
    (pathlib.Path(folders[0]) / name).write_text(name)
sys.exit(STATUS)
"""


def write_program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="ascii")
    path.chmod(0o755)


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)


class Minimize(Folder):
    def setUp(self):
        super().setUp()
        write_program(self.folder / "picky", PICKY)
        self.target = minimize.Target(self.folder / "picky", 30)

    def minimize(self, *calls):
        operations = b"".join(bytes([call, 9, 9, 9, 9, 9, 9, 9]) for call in calls)
        return minimize.minimize(b"headers!" + operations, 8, 8, self.target)

    def test_what_matters_stays(self):
        small, expected = self.minimize(1, 0x11, 2, 3, 0x22, 4, 0x22, 5, 0x11)
        self.assertEqual(small, bytes(8) + bytes([0x11, *bytes(7), 0x22, *bytes(7)]))
        self.assertEqual(expected, "panic: frame N is lost")

    def test_another_failure_is_none(self):
        small, expected = self.minimize(0x33, 0x11, 0x22)
        self.assertEqual(small, bytes(8) + bytes([0x33, *bytes(7)]))
        self.assertEqual(expected, "something else, at N")

    def test_the_audit_says_which(self):
        for call, expected in ((0x44, "audit: D3: one invariant at N"), (0x66, "/home/client/test.c:N: it is N, not N")):
            small, found = self.minimize(call, 0x11)
            self.assertEqual((small, found), (bytes(8) + bytes([call, *bytes(7)]), expected))
        operations = bytes(8) + bytes([0x55, *bytes(7)])
        self.assertNotEqual(self.target.failure(operations), self.target.failure(operations.replace(b"\x55", b"\x44")))

    def test_what_does_not_fail(self):
        self.assertEqual(self.minimize(0x22, 0x11), (None, None))

    def test_as_a_command(self):
        given, result = self.folder / "given", self.folder / "given.min"
        line = ["minimize.py", "--header", "8", "--unit", "8", str(given), str(result), str(self.folder / "picky")]
        given.write_bytes(bytes(8) + bytes([0x11, *bytes(7)]) * 2 + bytes([0x22, *bytes(7)]) * 2)
        with mock.patch.object(sys, "argv", line), contextlib.redirect_stdout(io.StringIO()) as said:
            self.assertEqual(minimize.main(), 0)
        self.assertIn("40 bytes become 24", said.getvalue())
        self.assertEqual(len(result.read_bytes()), 24)
        given.write_bytes(bytes(16))
        with mock.patch.object(sys, "argv", line), contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertEqual(minimize.main(), 1)
        self.assertIn("does not fail", said.getvalue())


class FuzzAll(Folder):
    def fuzz(self, *statuses):
        runs = []
        for number, status in enumerate(statuses):
            program = self.folder / "fuzz" / "fuzz" / f"fuzz_t{number}"
            write_program(program, LIKE_LIBFUZZER.replace("STATUS", str(status)))
            runs.append(fuzz_all.Run(self.folder, f"t{number}", 1))
        with contextlib.redirect_stdout(io.StringIO()) as said:
            passed = fuzz_all.fuzz(runs, 2)
        return passed, said.getvalue()

    def test_all_are_run_and_made_small(self):
        passed, said = self.fuzz(0, 0, 0)
        self.assertTrue(passed)
        for number in range(3):
            self.assertIn(f"t{number}: ended: 99 executions, 8 edges (5 at first), 9 features (7), 3 inputs", said)
            kept = sorted(path.name for path in (self.folder / "corpus" / f"t{number}").iterdir())
            self.assertEqual(kept, ["good1", "good2"])

    def test_a_failure_is_seen_and_keeps_its_corpus(self):
        passed, said = self.fuzz(0, 77, 0)
        self.assertFalse(passed)
        self.assertIn("t1: FAILED", said)
        self.assertIn("t2: ended", said)
        self.assertEqual(len(list((self.folder / "corpus" / "t1").iterdir())), 3)


if __name__ == "__main__":
    unittest.main()
