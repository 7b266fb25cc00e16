#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the seeds of fuzz_model_tasks: the readable ones of fuzz/seeds/model_tasks/*.txt, compiled, and some random
sequences of several tasks and some of each object, the same each time.

Lines are those of make_calls_seeds.py, with the operations of fuzz/model_tasks_ops.h; the second name is the task that makes
the call. The header's bytes are flags and period. fuzz/model_tasks.h says what the bytes mean.
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
    (("task", "event", "semaphore", "mutex", "time", "guards", "handle", "references"), ("task_spawn", "time_passes")),
    (("mutex", "task_spawn", "task_cancel", "time"), ("mutex_lock", "mutex_unlock", "mutex_upgrade")),
    (("semaphore", "event", "task_cancel", "task_kill", "time"), ("semaphore_down", "semaphore_up", "event_wait", "event_signal")),
    (("task",), ("task_spawn", "task_join", "task_exit", "task_kill")),
)
SEQUENCES, LENGTH = 32, 70


def draw_number(source):
    return source.choice((source.randrange(8), source.randrange(64), source.randrange(256)))


def draw_operation(source, name, operations, few):
    """`few`: objects, and twice as many tasks, that most calls are about."""
    names = [source.randrange(few) if source.random() < 0.95 else source.randrange(256), source.randrange(2 * few)]
    numbers = [draw_number(source) for _ in range(3)]
    if name == "task_spawn" and source.random() < 0.9:
        numbers[0], numbers[2] = source.randrange(4), source.choice((0, 1, 8 * source.randrange(18), 6))
    size = source.randrange(256) if source.random() < 0.3 else 0
    return bytes([operations.index(name), *names, *numbers, size, source.randrange(few)])


def draw_sequence(number, operations):
    source = random.Random(number)
    subject = SUBJECTS[number % len(SUBJECTS)]
    few = 4 if number % 3 == 0 else 2
    names = [name for name in operations for prefix in subject[0] if name.startswith(prefix)]
    names += [name for name in names for prefix in subject[1] if name.startswith(prefix)] * 3
    drawn = ["task_spawn"] * source.randrange(2, 8)
    drawn += [name for name in ("event_create", "semaphore_create", "mutex_create") for _ in range(2)]
    drawn += [source.choice(names) for _ in range(LENGTH)]
    operation = (draw_operation(source, name, operations, few) for name in drawn)
    return bytes([number % 8, source.randrange(2, 6)]) + b"".join(operation)


def main():
    table = (ROOT / "model_tasks_ops.h").read_text(encoding="utf-8").split("define TASKS_CALLS(X)")[1]
    operations = re.findall(r"X\((\w+)\)", table)
    numbers = {name: number for number, name in enumerate(operations)}
    output = Path(sys.argv[1])
    output.mkdir(parents=True, exist_ok=True)
    for path in sorted((ROOT / "seeds" / "model_tasks").glob("*.txt")):
        (output / path.stem).write_bytes(compile_lines(path, numbers, HEADER))
    for number in range(SEQUENCES):
        (output / f"random_{number:02}").write_bytes(draw_sequence(number, operations))


if __name__ == "__main__":
    main()
