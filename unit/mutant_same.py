# SPDX-License-Identifier: BSD-2-Clause
"""Which mutants the compiler makes the same code of as of what they are copies of (mutants.py): they are no bugs."""
import re

from mutant_schemata import number_of
from mutant_tree import run

FUNCTION = re.compile(r"^[0-9a-f]+ <(\w+)__([0-9a-f]{8})>:$")
DISASSEMBLE_LIMIT = 120


def code_of(lines, name):
    """A function's instructions, without where they stand: its own addresses become offsets."""
    code = []
    for line in lines:
        instruction = re.fullmatch(r" *[0-9a-f]+:\t(.*)", line)
        relocation = re.fullmatch(r"\t\t\t[0-9a-f]+: (.*)", line)
        if instruction:
            text = re.sub(rf"\b[0-9a-f]+ <{name}(\+0x[0-9a-f]+)?>", r"<self\1>", instruction.group(1))
            code.append(re.sub(r"\b[0-9a-f]+ (<[^>]*>)", r"\1", text).split("#")[0].strip())
        elif relocation:
            code.append(relocation.group(1))
    while code and re.match("(?:cs |data16 )*nop|xchg +%ax,%ax|int3", code[-1]):  # up to the next function
        code.pop()
    return tuple(code)


def copies_of(disassembly):
    """{(name of the function, number of the copy): code} of all copies in an object file; 0: the one without a change."""
    found, name, lines = {}, None, []
    for line in [*disassembly.splitlines(), "0 <end>:"]:
        if line.endswith(">:"):
            if name is not None:
                whole = f"{name[0]}__{name[1]}"
                found[name[0], int(name[1], 16)] = code_of(lines, whole)
            match = FUNCTION.match(line)
            name, lines = (match.groups() if match else None), []
        else:
            lines.append(line)
    return found


def same(objects, changes, pool):
    """The keys of the changes whose copy is the same code in every object file that has it."""
    results = pool.map(lambda path: copies_of(run(["objdump", "-d", "-r", "--no-show-raw-insn", path],
                                                  DISASSEMBLE_LIMIT).output), objects)
    equal, different = set(), set()
    numbers = {(change.function, number_of(change.edit.key)): change.edit.key for change in changes}
    for copies in results:
        for (function, number), code in copies.items():
            key = numbers.get((function, number))
            if key is not None:
                (equal if copies.get((function, 0)) == code else different).add(key)
    return equal - different
