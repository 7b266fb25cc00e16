# SPDX-License-Identifier: BSD-2-Clause
"""Schemata: many mutants in one build, one of which is active at run time (mutants.py). A function with mutants is
followed by a copy of itself for each, and begins by a jump to the active one. Only scratch copies of the tree have that.

The code is formatted: a function's braces stand in the first column."""
import re
import zlib
from typing import NamedTuple

# Every file of the scratch copy sees these, and every program is linked with the rest.
HEADER = """extern unsigned keel_mutant;
extern unsigned char keel_reached[];
"""
SOURCE = """#include <stdio.h>
#include <stdlib.h>

#define REACHED_MAX 8192

unsigned keel_mutant;
unsigned char keel_reached[REACHED_MAX];

__attribute__((constructor)) static void choose(void)
{
    const char *number = getenv("KEEL_MUTANT");
    keel_mutant = number != NULL ? (unsigned)strtoul(number, NULL, 0) : 0;
}

/* Which of the functions with mutants were called. */
__attribute__((destructor)) static void tell(void)
{
    const char *name = getenv("KEEL_REACHED");
    FILE *file = name != NULL ? fopen(name, "w") : NULL;
    for (unsigned i = 0; file != NULL && i < REACHED_MAX; i++) {
        if (keel_reached[i] != 0) {
            fprintf(file, "%u\\n", i);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}
"""
# Places that a copy cannot stand for: its own variables that last, and arguments that have no names.
COPIED_NOT = re.compile(r"^ +static (?!const)|\bva_start\b|__attribute__\(\((?:constructor|naked|weak)", re.M)


class Edit(NamedTuple):
    """A change of a file: who makes it, and what is written instead of text[start:end]."""
    key: str
    start: int
    end: int
    replacement: str


class Function(NamedTuple):
    """A function's definition: text[start:opening] is its head, text[opening:end] the body with its braces."""
    name: str
    start: int
    opening: int
    end: int
    parameters: tuple
    is_void: bool


def number_of(key):
    """By which the mutant is chosen at run time."""
    return zlib.crc32(key.encode()) or 1


def split_arguments(text):
    depth, parts = 0, [""]
    for character in text:
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def parameter_name(text):
    pointer = re.search(r"\(\*\s*(?:const )?(\w+)\)", text)
    return pointer.group(1) if pointer else re.sub(r"\[[^\]]*\]", "", text).split()[-1].lstrip("*")


def parse_head(head):
    """(name, names of the parameters, whether it returns nothing) of a definition's head, or None."""
    plain = re.sub(r"__attribute__\s*\(\(.*?\)\)\)*", lambda found: " " * len(found.group()), head, flags=re.S)
    found = re.search(r"\b(\w+)\(", plain)
    if found is None or "..." in head or not head.rstrip().endswith(")"):
        return None
    inside = plain.rstrip()[found.end() : -1]
    names = () if inside.strip() == "void" else tuple(parameter_name(part) for part in split_arguments(inside))
    result = plain[: found.start()].split()
    return found.group(1), names, result[-1:] == ["void"]


def functions(text):
    """The definitions in a file."""
    lines, offsets, offset = text.splitlines(keepends=True), [], 0
    for line in lines:
        offsets.append(offset)
        offset += len(line)
    opening = None
    for index, line in enumerate(lines):
        if line == "{\n":
            opening = index
        elif line == "}\n" and opening is not None:
            first = opening
            while first > 0 and re.match(r"[\w ]", lines[first - 1]) and not re.search(r"([;{}]|\*/)\n$", lines[first - 1]):
                first -= 1
            parsed = parse_head("".join(lines[first:opening]))
            if parsed is not None:
                yield Function(parsed[0], offsets[first], offsets[opening], offsets[index] + len(line), *parsed[1:])
            opening = None


def copy_name(function, key):
    return f"{function.name}__{number_of(key) if key else 0:08x}"


def copy_head(text, function, key, attributes):
    head = re.sub(rf"\b{function.name}\(", copy_name(function, key) + "(", text[function.start : function.opening].rstrip())
    storage = "" if re.search(r"\bstatic\b", head) else "static "
    return attributes + storage + re.sub(r"\bextern ", "", head)


def dispatch(function, edits, reached):
    """What the function begins with."""
    lines = [] if reached is None else [f"    keel_reached[{reached}] = 1;\n"]
    for edit in edits:
        call = f"{copy_name(function, edit.key)}({', '.join(function.parameters)})"
        action = f"{{ {call}; return; }}" if function.is_void else f"return {call};"
        lines.append(f"    if (keel_mutant == {number_of(edit.key)}u) {action}\n")
    return "".join(lines)


class Planted(NamedTuple):
    """A file with its schemata."""
    text: str
    lines: tuple  # (first line, last line, key) of each copy
    functions: dict  # the name of the function of each mutant in it; others are not in it


def plant(text, edits, reached=None, kept=False):
    """The file with its schemata. `reached` numbers the functions that tell of being called; `kept`: copies, and one
    without any change, stay apart in the object file, so that they can be compared."""
    places = [(function, tuple(edit for edit in edits if function.opening <= edit.start and edit.end < function.end))
              for function in functions(text)]
    attributes = "__attribute__((noinline, used)) " if kept else ""
    out, line, ranges, names, done = [], 1, [], {}, 0

    def put(piece):
        nonlocal line
        out.append(piece)
        line += piece.count("\n")

    for function, inside in places:
        body = text[function.opening : function.end]
        if not inside or COPIED_NOT.search(text[function.start : function.end]):
            continue
        copies = [*inside, Edit("", function.opening, function.opening, "")] if kept else inside
        put(text[done : function.start])
        for edit in copies:
            put(copy_head(text, function, edit.key, attributes) + ";\n")
        index = reached.setdefault(function.name, len(reached)) if reached is not None else None
        put(text[function.start : function.opening] + "{\n" + dispatch(function, inside, index) + body[2:])
        for edit in copies:
            start, first = edit.start - function.opening, line
            put(copy_head(text, function, edit.key, "") + "\n")
            put(body[:start] + edit.replacement + body[edit.end - function.opening :])
            ranges.append((first, line - 1, edit.key))
            names[edit.key] = function.name
        done = function.end
    put(text[done:])
    names.pop("", None)
    return Planted("".join(out), tuple(ranges), names)
