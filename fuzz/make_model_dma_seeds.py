#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the seeds of fuzz_model_dma: the readable ones of fuzz/seeds/model_dma/*.txt, compiled, and some random sequences
with a few devices and segments, the same each time.

Lines are those of make_calls_seeds.py, with the operations of fuzz/model_dma_ops.h; the header's bytes are flags and
period. fuzz/model_dma.h says what the bytes mean.
"""
import random
import re
import sys
from pathlib import Path

from make_calls_seeds import compile_lines

ROOT = Path(__file__).resolve().parent
HEADER = ("flags", "period")
OFTEN = ("dma_map", "dma_map_list", "dma_ref", "dma_release", "dma_release_later", "device_reads", "device_writes")
SEQUENCES, LENGTH = 40, 120
FLAGS = (0x00, 0x01, 0x10, 0x11, 0x02, 0x03, 0x04, 0x05, 0x08, 0x09, 0xe0, 0xe1, 0xf0, 0xf4)


def draw_number(source):
    return source.choice((source.randrange(4), source.randrange(8), source.randrange(64), source.randrange(256)))


def draw_operation(source, name, operations):
    few = 2 if name.startswith(("dma_map", "dma_enable")) else 4
    names = [source.randrange(few) if source.random() < 0.95 else source.randrange(256) for _ in range(2)]
    numbers = [draw_number(source) for _ in range(3)]
    if name.startswith("dma_map") and source.random() < 0.8:
        numbers = [source.randrange(3), source.randrange(1, 4), source.randrange(3)]
    if name.startswith("device_r") or name.startswith("device_w"):
        names[0] = source.choice((0, 0, 0, source.randrange(256)))
    return bytes([operations.index(name), *names, *numbers, source.randrange(256), source.randrange(4)])


def draw_sequence(number, operations):
    source = random.Random(number)
    begin = []
    for slot in range(3):
        begin.append(bytes([operations.index("pci_device_acquire"), 0, 0, slot, 0, 0, 0, slot]))
        begin.append(bytes([operations.index("segment_alloc"), 0, 0, source.randrange(6), 0, 0, 0, slot]))
        begin.append(bytes([operations.index("dma_enable"), slot, 0, source.choice((0, 9)), 0, 0, 0, 0]))
    storms = ["device_storms"] if number % 8 == 7 else []
    names = [name for name in operations if name != "device_storms"] + list(OFTEN) * 4 + storms
    drawn = b"".join(begin) + b"".join(draw_operation(source, source.choice(names), operations) for _ in range(LENGTH))
    return bytes([FLAGS[number % len(FLAGS)], source.randrange(2, 6)]) + drawn


def main():
    table = (ROOT / "model_dma_ops.h").read_text(encoding="utf-8").split("define DMA_OPERATIONS(X)")[1]
    operations = re.findall(r"X\((\w+)\)", table)
    numbers = {name: number for number, name in enumerate(operations)}
    output = Path(sys.argv[1])
    output.mkdir(parents=True, exist_ok=True)
    for path in sorted((ROOT / "seeds" / "model_dma").glob("*.txt")):
        (output / path.stem).write_bytes(compile_lines(path, numbers, HEADER))
    for number in range(SEQUENCES):
        (output / f"random_{number:02}").write_bytes(draw_sequence(number, operations))


if __name__ == "__main__":
    main()
