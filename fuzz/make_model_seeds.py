#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compiles the readable seeds of fuzz_model (fuzz/seeds/model/*.txt) to its binary inputs.

The lines are those of make_calls_seeds.py, with the operations of fuzz/model_ops.h; the header's bytes are flags and
period. fuzz/model.h says what the bytes mean.
"""
import re
import sys
from pathlib import Path

from make_calls_seeds import compile_lines

ROOT = Path(__file__).resolve().parent
HEADER = ("flags", "period")


def main():
    names = re.findall(r"X\((\w+)\)", (ROOT / "model_ops.h").read_text(encoding="utf-8").split("define MODEL_OPERATIONS", 1)[1])
    numbers = {name: number for number, name in enumerate(names)}
    output = Path(sys.argv[1])
    output.mkdir(parents=True, exist_ok=True)
    for path in sorted((ROOT / "seeds" / "model").glob("*.txt")):
        (output / path.stem).write_bytes(compile_lines(path, numbers, HEADER))


if __name__ == "__main__":
    main()
