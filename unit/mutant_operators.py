# SPDX-License-Identifier: BSD-2-Clause
"""Systematic mutants: small changes of operators, constants, conditions and statements, wherever functions have them
(mutants.py). The code is formatted: binary operators stand between blanks."""
import re
from typing import NamedTuple

from mutant_schemata import Edit, functions

SWAPPED = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "&&": "||", "||": "&&", "+": "-", "-": "+",
           "&": "|", "|": "&", "<<": ">>", ">>": "<<", "+=": "-=", "-=": "+=", "&=": "|=", "|=": "&=", "++": "--",
           "--": "++", "true": "false", "false": "true"}
OPERATOR = re.compile(r"(?<=[\w)\]] )(<=|>=|==|!=|<<|>>|&&|\|\||[<>+&|-]|[-+&|]=)(?=[ \n])|(\+\+|--)|\b(true|false)\b")
NUMBER = re.compile(r"(?<![\w.])(0[xX][0-9a-fA-F]+|[0-9]+)[uUlL]*\b")
CONDITION = re.compile(r"\b(?:if|while) \(")
NOT = re.compile(r"(?<![\w)\]])!(?=[\w(])")
CALL = re.compile(r"(?:\(void\))?[a-z]\w*\(.*\)", re.S)
ASSIGNMENT = re.compile(r"\*?[\w\[\]>.()-]+ [-+|&]?= .*|[\w\[\]>.-]+(?:\+\+|--)", re.S)
# What is text for people, what callers inside core owe (assertions: core/assert.h), and declarations.
UNTOUCHED = re.compile(r"/\*.*?\*/|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|^ *#.*?$", re.S | re.M)
ASSERTED = re.compile(r"\b(?:CORE_ASSERT|_Static_assert|sizeof)\s*\(")


class Change(NamedTuple):
    """One systematic mutant: the change of a file, where it is, and what it says there before and after."""
    edit: Edit
    file: str
    function: str
    line: int
    kind: str


def closing(text, opening):
    """Where the parenthesis at `opening` is closed."""
    depth = 0
    for at in range(opening, len(text)):
        depth += (text[at] == "(") - (text[at] == ")")
        if depth == 0:
            return at
    return len(text)


def masked(text):
    """The text with blanks in place of what is not to be changed."""
    def blank(found):
        return re.sub(r"[^\n]", " ", found.group())
    text = UNTOUCHED.sub(blank, text)
    for found in ASSERTED.finditer(text):
        end = closing(text, found.end() - 1)
        text = text[: found.start()] + re.sub(r"[^\n]", " ", text[found.start() : end + 1]) + text[end + 1 :]
    return text


def statements(body):
    """(start, end) of each simple statement, without its semicolon."""
    start = depth = 0
    for at, character in enumerate(body):
        depth += (character in "([") - (character in ")]")
        if character in "{}" or (character == ":" and body[at + 1] == "\n") or (character == ";" and depth == 0):
            if character == ";":
                yield at - len(body[start:at].lstrip()), at
            start = at + 1


def changes_of(body):
    """(kind, start, end, replacement) of every mutant of a function's body, whose text is masked."""
    for found in OPERATOR.finditer(body):
        yield "operator", found.start(), found.end(), SWAPPED[found.group()]
    for found in NUMBER.finditer(body):
        yield "constant", found.start(), found.end(), f"({found.group()} + 1)"
        if int(found.group(1), 0) > 0:
            yield "constant", found.start(), found.end(), f"({found.group()} - 1)"
    for found in CONDITION.finditer(body):
        end = closing(body, found.end() - 1)
        if not re.fullmatch(r"[^&|?]* [=!]= [^&|?]*", body[found.end() : end]):  # which swapping operators negates
            yield "condition", found.end(), end, None
    for found in NOT.finditer(body):
        yield "condition", found.start(), found.end(), ""
    for start, end in statements(body):
        if CALL.fullmatch(body, start, end) or ASSIGNMENT.fullmatch(body, start, end):
            yield "statement", start, end, ""


def changes(name, text):
    """All systematic mutants of a file."""
    blank = masked(text)
    for function in functions(text):
        for kind, start, end, replacement in changes_of(blank[function.opening : function.end]):
            start, end = start + function.opening, end + function.opening
            old = text[start:end]
            new = f"!({old})" if replacement is None else replacement
            line = text.count("\n", 0, start) + 1
            key = f"{name}:{line}:{start - text.rfind(chr(10), 0, start)}: {kind}: {' '.join(old.split())} -> {' '.join(new.split())}"
            yield Change(Edit(key, start, end, new), name, function.name, line, kind)
