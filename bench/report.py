#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs a benchmark kernel and prints what its measures cost: instructions counted by callgrind, and times as ratios to
peers that ran in the same process in turn. The rows stand in memory.tbl and tasks.tbl; docs/benchmarks.md says how to
read them."""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

# jemalloc wants room for its thread-local variables although it is loaded late.
ENVIRONMENT = dict(os.environ, GLIBC_TUNABLES="glibc.rtld.optional_static_tls=16384")
REPEAT_LIMIT = 1e-4
GROWTH_AIM, METADATA_AIM = 1.7, 64
MEMORIES = (1024, 1536)  # MiB; from the first on, Keel's pools of objects have their full size
DEFAULT = "bench.policy=default"
# How a measure runs, by what stands after its @: words of the kernel's command line, options of the kernel.
HOWS = {"": (DEFAULT, []), "builtin": ("", []), "fair": ("bench.policy=fair", []), "2cpus": (DEFAULT, ["--cpus", "2"])}
UNSTEADY = ("fair", "2cpus")  # what they execute depends on the clock, or on the other CPU: timed, not counted


class Row:
    """One line of the table."""

    def __init__(self, text, where):
        parts = [part.strip() for part in text.split("|")]
        if len(parts) != 5:
            raise ValueError(f"{where}: expected 'what | measure | peers | aim | cost'")
        self.what = parts[0]
        self.measure, self.base, self.take, self.functions = parse_measure(parts[1], where)
        self.counted = how_of(self.measure) not in UNSTEADY
        words = parts[2].split()
        self.peers = [word.strip("()") for word in words]
        self.counted_peers = [word for word in words if self.counted and not word.startswith("(")]
        self.aim = parse_aim(parts[3], where)
        self.cost = None if parts[4] == "-" else float(parts[4])


def parse_measure(text, where):
    """(measure, measure to take off or None, "without" or "of" or None, functions)"""
    match = re.fullmatch(r"(\w+(?:@\w+)?)(?: - (\w+) over unchecked| (without|of) (\w+(?: \w+)*))?", text)
    if not match or how_of(match[1]) not in HOWS:
        raise ValueError(f"{where}: cannot read the measure '{text}'")
    return match[1], match[2], match[3], (match[4] or "").split()


def how_of(measure):
    return measure.partition("@")[2]


def parse_aim(text, where):
    match = re.fullmatch(r"(?:(instructions|best) <= ([\d.]+))?", text)
    if not match:
        raise ValueError(f"{where}: cannot read the aim '{text}'")
    return (match[1], float(match[2])) if match[1] else None


def read_rows(path):
    with open(path, encoding="utf-8") as file:
        lines = [(number, line) for number, line in enumerate(file, 1) if line.strip() and not line.startswith("#")]
    return [Row(line, f"{path}:{number}") for number, line in lines]


def run_kernel(kernel, words, options=(), before=()):
    """What the benchmark kernel prints, as lists of words."""
    command = [*before, kernel, *options, "--command-line", words]
    result = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {result.returncode}:\n{result.stdout}{result.stderr}")
    return [line.split() for line in result.stdout.splitlines()]


# ---- instructions ----


def read_costs(text):
    """Instructions that each function executes itself, and all of them together (key None), in a file of callgrind's.
    See the manual of valgrind, "Callgrind Format Specification"."""
    names, costs, current, inclusive = {}, {None: 0}, None, False
    for line in text.splitlines():
        match = re.match(r"(c?)fn=\((\d+)\)(?: (.*))?$", line)  # a name stands where its number comes first
        if match:
            name = names.setdefault(match[2], re.sub(r"'\d+$", "", match[3] or ""))  # 'N: N frames of it are on the stack
            current = current if match[1] else name
        elif line.startswith("calls="):
            inclusive = True  # the next line is what the callee needed
        elif re.match(r"[+*\-\d]", line):
            if not inclusive:
                cost = int(line.split()[1])
                costs[current] = costs.get(current, 0) + cost
                costs[None] += cost
            inclusive = False
    return costs


def count_once(kernel, measure, scale):
    """(costs by function, things handled, flush operations) of one run under callgrind."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        before = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--compress-pos=no", "--compress-strings=yes"]
        name, _, how = measure.partition("@")
        words, options = HOWS[how]
        lines = run_kernel(kernel, f"bench.count={name} bench.scale={scale} {words}", options, before)
        with open(out, encoding="utf-8") as file:
            costs = read_costs(file.read())
    counted = next(line for line in lines if line[:1] == ["counted"])
    return costs, int(counted[1]), int(counted[2])


def count_difference(kernel, measure):
    """Instructions of one thing by function, as the difference of N and 2N operations; flush operations of it."""
    (once, things, flushes), (twice, more_things, more_flushes) = (count_once(kernel, measure, n) for n in (1, 2))
    extra = more_things - things
    costs = {name: (cost - once.get(name, 0)) / extra for name, cost in twice.items()}
    return costs, (more_flushes - flushes) / extra


def count_all(kernel, measures, jobs):
    """Every measure counted twice: {measure: (costs, flushes)}, and the largest disagreement with its measure."""
    measures = sorted(measures)
    with ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(lambda name: count_difference(kernel, name), [*measures, *measures]))
    first, second = results[:len(measures)], results[len(measures):]
    worst = max((abs(a[0][None] - b[0][None]) / b[0][None], name) for a, b, name in zip(first, second, measures))
    return dict(zip(measures, first)), worst


def instructions_of(row, counts, unchecked=None):
    total = counts[row.measure][0][None]
    if row.base:
        total -= counts[row.base][0][None]
        total -= unchecked[row.measure][0][None] - unchecked[row.base][0][None]
    if row.take:
        costs = counts[row.measure][0]
        gone = [name for name in row.functions if name not in costs]
        if gone:
            raise RuntimeError(f"{row.measure} executes no function {' or '.join(gone)}")
        own = sum(costs[name] for name in row.functions)
        total = own if row.take == "of" else total - own
    return total


# ---- times ----


def time_launch(kernel, measures, repetitions, how=""):
    """Nanoseconds of each measure in each repetition of one launch."""
    words, options = HOWS[how]
    times = {name: [] for name in measures}
    for line in run_kernel(kernel, f"bench.time={','.join(measures)} bench.repetitions={repetitions} {words}", options):
        if line[:1] == ["time"]:
            times[line[1]].append(float(line[2]))
    if any(len(values) != repetitions for values in times.values()):
        raise RuntimeError("the benchmark kernel printed too few times")
    return times


def time_ratios(kernel, measure, others, launches, repetitions):
    """{other: ratios of `measure` to it, one for each launch: the median of its repetitions}"""
    ratios = {other: [] for other in others}
    name, _, how = measure.partition("@")
    for _ in range(launches):
        times = time_launch(kernel, [name, *others], repetitions, how)
        for other in others:
            ratios[other].append(statistics.median(a / b for a, b in zip(times[name], times[other])))
    return ratios


def measure_growth(kernel, launches, repetitions):
    values = []
    for _ in range(launches):
        lines = run_kernel(kernel, f"bench.growth=1 bench.repetitions={repetitions} {DEFAULT}", ["--cpus", "2"])
        values.append(statistics.median(float(line[1]) for line in lines if line[:1] == ["growth"]))
    return values


def measure_metadata(kernel):
    """Bytes that one more frame of RAM costs Keel."""
    frames = []
    for memory in MEMORIES:
        lines = run_kernel(kernel, "bench.frames=1", ["--memory", str(memory)])
        frames.append(next([int(word) for word in line[1:]] for line in lines if line[:1] == ["frames"]))
    (total, free), (more_total, more_free) = frames
    return ((more_total - more_free) - (total - free)) * 4096 / (more_total - total)


# ---- printing ----


def name_of(peer):
    return peer.split("_")[0]


def verdict(holds):
    return "met" if holds else "NOT met"


def judge(row, value, counts):
    """(the aim in words, whether it is met)"""
    if row.aim is None:
        return "", ""
    kind, limit = row.aim
    if kind == "instructions":
        return f"<= {limit:g}", verdict(value <= limit)
    best = min(counts[peer][0][None] for peer in row.counted_peers)
    return f"<= {limit:g} x best", verdict(value <= limit * best)


def print_table(heads, lines):
    widths = [max(len(str(line[i])) for line in [heads, *lines]) for i in range(len(heads))]
    for line in [heads, ["-" * width for width in widths], *lines]:
        print("  ".join(str(word).ljust(width) for word, width in zip(line, widths)).rstrip())
    print()


def growth_line(kernel, launches, repetitions):
    growth = measure_growth(kernel, launches, repetitions)
    median = statistics.median(growth)
    return ["growth from 1 to 2 CPUs, a cursor each", f"{median:.2f} x (best {max(growth):.2f})", "", f">= {GROWTH_AIM}", verdict(median >= GROWTH_AIM)]


def metadata_line(kernel):
    metadata = measure_metadata(kernel)
    return ["metadata of a frame", f"{metadata:.1f} bytes", "", f"<= {METADATA_AIM}", verdict(metadata <= METADATA_AIM)]


def print_main(rows, counts, unchecked, ratios, more_lines):
    lines = []
    counted = [row for row in rows if row.counted]
    for row in counted:
        value = instructions_of(row, counts, unchecked)
        peers = ", ".join(f"{name_of(peer)} {counts[peer][0][None]:.0f}" for peer in row.counted_peers)
        lines.append([row.what, f"{value:.1f}", peers, *judge(row, value, counts)])
    print("Instructions of one operation (of one page, where it is a range)\n")
    print_table(["what", "Keel", "peers", "aim", ""], lines + more_lines)

    print("Time of one operation as a ratio to a peer's in the same process: minimum / median of the launches\n")
    times = [(row.what, peer, values) for (row, peer), values in ratios.items()]
    print_table(["what", "peer", "ratio"], [[what, name_of(peer), f"{min(v):.2f} / {statistics.median(v):.2f}"] for what, peer, v in times])

    flushes = [[row.what, f"{counts[row.measure][1]:.4f}"] for row in counted if counts[row.measure][1] and not row.base]
    print("TLB flush operations of one page, exact\n")
    print_table(["what", "flushes"], flushes)


def print_soundness(rows, checked, unchecked, times):
    lines = []
    for row in rows:
        if row.cost is None:
            continue
        with_checks, without = instructions_of(row, checked), instructions_of(row, unchecked)
        cost = (with_checks / without - 1) * 100
        time = statistics.median(times[row.measure][0]) / statistics.median(times[row.measure][1])
        lines.append([row.what, f"{with_checks:.1f}", f"{without:.1f}", f"{cost:+.1f} %", f"{(time - 1) * 100:+.1f} %",
                      f"<= {row.cost:g} %", verdict(cost <= row.cost)])
    print("What soundness costs: the same with the entry points' checks compiled out\n")
    print_table(["what", "checked", "unchecked", "instructions", "time", "aim", ""], lines)


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("memory", "tasks"))
    parser.add_argument("--kernel", required=True)
    parser.add_argument("--unchecked", required=True, help="the same kernel with the checks compiled out")
    parser.add_argument("--launches", type=int, default=5)
    parser.add_argument("--repetitions", type=int, default=11)
    parsed = parser.parse_args(arguments)
    rows = read_rows(os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{parsed.what}.tbl"))
    own = {name for row in rows if row.counted for name in (row.measure, row.base) if name}
    peers = {peer for row in rows for peer in row.counted_peers}
    compared = sorted({row.measure for row in rows if row.cost is not None})

    # Times first, while nothing else of ours runs.
    launches, repetitions = parsed.launches, parsed.repetitions
    ratios = {}
    for row in rows:
        by_peer = time_ratios(parsed.kernel, row.measure, row.peers, launches, repetitions) if row.peers and not row.take else {}
        ratios.update({(row, peer): values for peer, values in by_peer.items()})
    times = {
        name: [time_ratios(kernel, name, ["yardstick"], launches, repetitions)["yardstick"] for kernel in (parsed.kernel, parsed.unchecked)]
        for name in compared
    }
    more_lines = [growth_line(parsed.kernel, launches, repetitions), metadata_line(parsed.kernel)] if parsed.what == "memory" else []
    counts, (worst, unsteady) = count_all(parsed.kernel, own | peers, os.cpu_count())
    bases = {name for row in rows if row.base for name in (row.measure, row.base)}
    unchecked, _ = count_all(parsed.unchecked, bases.union(compared), os.cpu_count())

    print_main(rows, counts, unchecked, ratios, more_lines)
    print_soundness(rows, counts, unchecked, times)
    print(f"{launches} launches of {repetitions} repetitions; two counts of the same differ by at most {worst * 100:.4f} %.")
    if worst > REPEAT_LIMIT:
        print(f"report: the counts of {unsteady} do not repeat within 0.01 %; something runs that should not", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (RuntimeError, ValueError, OSError) as error:
        sys.exit(f"report: {error}")
