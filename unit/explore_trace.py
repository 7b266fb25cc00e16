# SPDX-License-Identifier: BSD-2-Clause
"""Shows the events of one schedule (struct hosted_event): one column for each CPU, time running down."""

import os
import re
import subprocess
from typing import NamedTuple

SYMBOLIZER, NM = "llvm-symbolizer-19", "llvm-nm-19"
KEEL = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOTS = [os.environ.get("KEEL_PROJECT", KEEL), KEEL]  # files are named as they stand in one of these trees
POINT, PREEMPTED, RELAXES, WAITS, TIMER, INTERRUPT = range(6)
LOAD, STORE, UPDATE, FENCE, IRQ, RELAX, HAL = range(7)
POINTS = ("load", "store", "update", "fence", "interrupts", "relax", "HAL call")  # where no function says more
MARKS = {
    PREEMPTED: "== preempted ({cpu}.{at}) before:",
    RELAXES: "-- spins",
    WAITS: "-- waits for an interrupt",
    TIMER: "== the timer rings ({cpu}.{at})",
    INTERRUPT: "-- interrupt",
}
COLUMN = 58
ROWS_MAX = 60
CONTEXTS = (6, 4, 3, 2, 1)  # points shown on both sides of a switch: as many as fit


class Event(NamedTuple):
    """One line of the trace."""
    kind: int
    cpu: int
    at: int
    point: int
    address: int
    frames: tuple


class Place(NamedTuple):
    """A function in the source, inlined or not."""
    function: str
    file: str
    line: int


class Symbols:
    """Names of an executable's code and data."""

    def __init__(self, path):
        self.path = path
        self.places = {}
        self.data = None

    def resolve(self, addresses):
        """Fills `places`: for each return address the chain of functions there, the innermost first."""
        wanted = sorted(set(addresses) - set(self.places))
        if not wanted:
            return
        # One less is inside the call itself.
        text = "".join(f"{address - 1:#x}\n" for address in wanted)
        result = subprocess.run([SYMBOLIZER, f"--obj={self.path}", "--functions=linkage", "--inlines"], input=text,
                                capture_output=True, text=True, check=True)
        blocks = result.stdout.strip("\n").split("\n\n")
        for address, block in zip(wanted, blocks, strict=True):
            lines = block.splitlines()
            self.places[address] = tuple(map(place, lines[0::2], lines[1::2]))

    def variable(self, address):
        """The static variable at an address of the executable, with an offset; None if there is none."""
        if self.data is None:
            command = [NM, "--numeric-sort", "--print-size", "--defined-only", self.path]
            lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
            words = [line.split() for line in lines]
            self.data = [(int(w[0], 16), int(w[1], 16), w[3]) for w in words if len(w) == 4 and w[2] in "bBdD"]
        for start, size, name in self.data:
            if start <= address < start + size:
                return name + (f"+{address - start:#x}" if address != start else "")
        return None

    def in_report(self, line):
        """A line of a sanitizer's report, with a name in place of an address in this executable."""
        found = re.search(r"\(" + re.escape(os.path.basename(self.path)) + r"\+(0x[0-9a-f]+)\)", line)
        if found is None:
            return line
        address = int(found.group(1), 16) + 1
        self.resolve([address])
        names = " < ".join(f"{p.function} {p.file}:{p.line}" for p in self.places[address][:3])
        return line[:found.start()].replace("<null> <null> ", "") + names


def place(function, position):
    file, line, _ = position.rsplit(":", 2)
    root = next((root for root in ROOTS if file.startswith(root + os.sep)), None)
    return Place(function, os.path.relpath(file, root) if root else file, int(line))


def read_event(line):
    words = line.split()
    numbers = [int(word) for word in words[:4]]
    return Event(*numbers, int(words[4], 16), tuple(int(word, 16) for word in words[5:]))


class Describer:
    """Events in words."""

    def __init__(self, path, base):
        self.symbols = Symbols(path)
        self.base = base
        self.words = {}  # addresses of no static variable, in the order in which they came up

    def word(self, address):
        """A name for the word at an address."""
        if not address:
            return ""
        name = self.symbols.variable(address - self.base)
        if name is None:
            name = self.words.setdefault(address, f"word{len(self.words) + 1}")
        return name

    def operation(self, event):
        """(what is done, by which line of the source)"""
        chain = [p for frame in event.frames for p in self.symbols.places[frame] if p.function != "hal_point"]
        what, names = POINTS[event.point], []
        while chain and (chain[0].file.endswith(".h") or chain[0].file.startswith("hal/")):
            names.append(re.sub(r"^(atomic_(u32_|u64_)?|client_)", "", chain[0].function))
            chain.pop(0)
        if names:
            what = names[0] if len(names) == 1 else f"{names[-1]} ({names[0]})"
        where = f"{chain[0].function}, {chain[0].file}:{chain[0].line}" if chain else ""
        return what, where

    def text(self, event):
        """One cell."""
        if event.kind in (RELAXES, WAITS, TIMER, INTERRUPT):
            return MARKS[event.kind].format(**event._asdict())
        what, where = self.operation(event)
        word = self.word(event.address)
        text = f"{what} {word}".strip()
        if event.kind == PREEMPTED:
            text = f"{MARKS[PREEMPTED].format(**event._asdict())} {text}"
        return f"{text}  [{where}]" if where else text


def fold(cells, width=COLUMN):
    """A cell as lines of at most `width`: what does not fit goes on in a second line, further in."""
    if len(cells) <= width:
        return [cells]
    cut = cells.rfind("  [", 1, width)
    cut = cut if cut > 0 else cells.rfind(" ", 1, width)
    cut = cut if cut > 0 else width
    return [cells[:cut], *("    " + part for part in fold(cells[cut:].strip(), width - 4))]


def shown(events, context):
    """Which events are near a switch. A spin that changes nothing is one of many: switches between CPUs that both only
    spin are not shown."""
    keep = set(range(min(context, len(events)))) | set(range(max(0, len(events) - context), len(events)))
    for i, event in enumerate(events):
        if event.kind in (PREEMPTED, TIMER):
            keep.update(range(max(0, i - context), min(len(events), i + 2 + context)))
        elif event.kind in (WAITS, INTERRUPT, RELAXES):
            keep.update(range(max(0, i - context // 2), min(len(events), i + 1 + context // 2)))
    return keep


def without_idle_spins(events):
    """Spinning CPUs hand over to each other for as long as nothing happens: of such turns only the first stays."""
    result, seen = [], set()
    for event in events:
        if event.point == RELAX or event.kind == RELAXES:
            if (event.cpu, event.kind) in seen:
                continue
            seen.add((event.cpu, event.kind))
        elif event.kind != POINT or event.point not in (LOAD, FENCE):
            seen = set()
        result.append(event)
    return result


def choose(events):
    """The events to show, at most about ROWS_MAX."""
    for context in CONTEXTS:
        keep = shown(events, context)
        if len(keep) <= ROWS_MAX:
            break
    kept = sorted(keep)
    return kept if len(kept) <= ROWS_MAX else kept[:ROWS_MAX // 2] + kept[-ROWS_MAX // 2:]


def columns(path, lines):
    """The schedule on a screen, line by line."""
    if not lines:
        return
    base, events = int(lines[0], 16), without_idle_spins([read_event(line) for line in lines[1:]])
    describer = Describer(path, base)
    kept = choose(events)
    describer.symbols.resolve(frame for i in kept for frame in events[i].frames)
    cpus = sorted({event.cpu for event in events})
    yield " | ".join(f"CPU {cpu}".ljust(COLUMN) for cpu in cpus).rstrip()
    yield "-+-".join("-" * COLUMN for _ in cpus)
    before = -1
    for i in kept:
        if i != before + 1:
            yield f"{'':4}... {i - before - 1} more points"
        before = i
        for line in fold(describer.text(events[i])):
            cells = [line if cpu == events[i].cpu else "" for cpu in cpus]
            yield " | ".join(cell.ljust(COLUMN) for cell in cells).rstrip()
