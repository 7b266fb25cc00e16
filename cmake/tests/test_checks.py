#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The checks of borders and style must see what they are there for."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import check_border
import check_style

LICENCE = "/* SPDX-License-Identifier: BSD-2-Clause */\n"


class Style(unittest.TestCase):
    def complaints(self, text):
        return list(check_style.check_file("x.c", text))

    def test_clean(self):
        self.assertEqual(self.complaints(LICENCE + "int f(void)\n{\n    return 0;\n}\n"), [])

    def test_planted_faults(self):
        self.assertIn("SPDX", self.complaints("int x;\n")[0])
        self.assertIn("white space", self.complaints(LICENCE + "int x; \n")[0])
        self.assertIn("601 lines", self.complaints(LICENCE + "\n" * 600)[0])
        long = LICENCE + "void f(void)\n{\n" + "    f();\n" * 71 + "}\n"
        self.assertIn("71 lines", self.complaints(long)[0])

    def test_names_like_options(self):
        with tempfile.TemporaryDirectory() as root:
            for folder in ("sub/-x", "sub/a-b", "build/-y", "--help"):
                os.makedirs(os.path.join(root, folder))
            with open(os.path.join(root, "sub", "-o"), "w", encoding="ascii"):
                pass
            wrong = sorted(sentence.split(":")[0] for sentence in check_style.names_like_options(root))
            self.assertEqual(wrong, ["--help", "sub/-o", "sub/-x"])


class Border(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.public = os.path.join(folder.name, "api", "include")
        self.hidden = os.path.join(folder.name, "core", "include")
        for path in (self.public + "/keel/keel.h", self.hidden + "/core/frame.h"):
            os.makedirs(os.path.dirname(path))
            with open(path, "w", encoding="ascii") as file:
                file.write(LICENCE)

    def check(self, paths):
        return check_border.check(os.environ.get("CC", "clang-19"), paths, [self.hidden + "/core/frame.h"])

    def test_closed(self):
        self.assertEqual(self.check([self.public]), [])

    def test_a_breach_is_seen(self):
        self.assertIn("core/frame.h is within", self.check([self.public, self.hidden])[0])

    def test_a_broken_control_is_seen(self):
        self.assertIn("control", self.check([])[0])


if __name__ == "__main__":
    unittest.main()
