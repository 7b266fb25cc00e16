#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the seeds of fuzz_model: the readable ones of fuzz/seeds/model/*.txt, compiled, and some random sequences.

The lines of the former are those of make_calls_seeds.py, with the operations of fuzz/model_ops.h; the header's bytes are
flags and period. The latter are long, on one subject or on all of them, and the same each time. fuzz/model.h says what the
bytes mean.
"""
import random
import re
import sys
from pathlib import Path

from make_calls_seeds import compile_lines

ROOT = Path(__file__).resolve().parent
HEADER = ("flags", "period")
# Operations whose names begin so are drawn; those of the second tuple four times as often.
SUBJECTS = (
    (("frame", "unique", "list"), ("unique_alloc", "list_create", "list_push", "list_insert")),
    (("segment", "frame"), ("segment_alloc", "segment_slice", "segment_split")),
    (("space", "user", "segment_alloc", "frame_alloc"), ("space_map", "user_write", "segment_alloc")),
    (("space", "user", "cursor", "segment_alloc"), ("space_map_segment", "cursor_map", "cursor_open")),
    (("memory", "heap"), ("memory_alloc", "heap_alloc", "heap_touch")),
    (("",), ("segment_alloc", "space_map", "user_write", "unique_alloc")),
)
SEQUENCES, LENGTH = 48, 200


def draw_name(source):
    return source.randrange(4) if source.random() < 0.9 else source.randrange(256)


def draw_number(source):
    return source.choice((source.randrange(4), source.randrange(16), source.randrange(16), source.randrange(256)))


def draw_operation(source, name, operations, much):
    numbers = [draw_number(source), source.choice((1, 2, 3, 3, 5, source.randrange(256))), draw_number(source)]
    size = source.choice((200, 255, source.randrange(16), source.randrange(16), source.randrange(256)))
    if much and source.random() < 0.5:  # a large page, or a part of one
        numbers[0] = source.choice((0xd2, 0xd0, 0xe0, 0x50, 0x58, 0x60, 0x68))
        numbers[1] = source.choice((3, 3, source.randrange(8), 0xd0, 0xd2, 0xd2))
        size = source.choice((0xd2, source.randrange(256)))
    slot = source.randrange(4) if source.random() < 0.9 else source.randrange(16)
    return bytes([operations.index(name), draw_name(source), draw_name(source), *numbers, size, slot])


def draw_sequence(number, operations):
    source = random.Random(number)
    subject = SUBJECTS[number % len(SUBJECTS)]
    names = [name for name in operations for prefix in subject[0] if name.startswith(prefix)]
    names += [name for name in names for prefix in subject[1] if name.startswith(prefix)] * 3
    much = number % 12 >= 8 and subject[0][0] in ("space", "")
    flags = source.randrange(4) | (0xf0 if much else 0)
    first = [name for name in names if name.endswith(("alloc", "create"))] + ["space_activate"] * 2
    few = ["frame_alloc"] * (80 + number % 32 if number % 4 == 1 and not much else 0)  # frames that are left
    drawn = [*few, *(first if "space_map" in names else first[:-2]), *(source.choice(names) for _ in range(LENGTH))]
    operation = (draw_operation(source, name, operations, much) for name in drawn)
    return bytes([flags, source.randrange(2, 6)]) + b"".join(operation)


def main():
    table = (ROOT / "model_ops.h").read_text(encoding="utf-8").split("define MODEL_OPERATIONS(X)")[1]
    operations = re.findall(r"X\((\w+)\)", table)
    numbers = {name: number for number, name in enumerate(operations)}
    output = Path(sys.argv[1])
    output.mkdir(parents=True, exist_ok=True)
    for path in sorted((ROOT / "seeds" / "model").glob("*.txt")):
        (output / path.stem).write_bytes(compile_lines(path, numbers, HEADER))
    for number in range(SEQUENCES):
        (output / f"random_{number:02}").write_bytes(draw_sequence(number, operations))


if __name__ == "__main__":
    main()
