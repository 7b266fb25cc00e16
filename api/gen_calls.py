#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Turns the table of calls (api/calls.tbl) into C.

  calls_gen.h  one number per call; prototypes of the bodies (`call_NAME`) that api/*.c define
  thunks.c     the public functions: context check, arguments checked and copied in, handles looked up and held, body
               called, handles let go, results copied out. Written once here instead of fifty times by hand.
  table.c      descriptors for whoever decodes, prints or counts calls, and call_invoke, which makes any call from
               an array of values (the fuzzers' way in)
  calls.md     the reference table for people

With --unchecked first, thunks.c has no checks: the benchmarks measure with it what they cost.

It also holds the table against the public headers: a prototype there without a line here stops the build, and the
C compiler stops it where the two disagree about arguments.
"""
import re
import sys
from pathlib import Path

OBJECTS = ("frame", "segment", "space", "task", "cursor", "unique", "list", "memory", "io_memory", "event", "semaphore", "mutex",
           "spinlock", "cpu_local", "timer", "irq_handler", "work", "io_port", "pci_device", "dma", "guard")
# What a body gets for an object whose C type has another name: both forms of a frame are one.
OBJECT_TYPES = {"unique": "frame", "spinlock": "queued_spinlock", "guard": "hold"}
HELD = ("mutex", "spinlock")  # what can be looked up among what the caller holds
NUMBERS = {"u32": "uint32_t", "u64": "uint64_t", "i32": "int32_t"}
CONTEXTS = {"task": "CONTEXT_TASK", "atomic": "CONTEXT_ATOMIC", "irq": "CONTEXT_INTERRUPT | CONTEXT_SOFT",
            "policy": "CONTEXT_POLICY"}
ARGUMENTS_MAX = 6


class Argument:
    """One argument of a call: what C declares, what the body gets, how it is checked."""

    def __init__(self, text, where):
        words = text.split()
        self.name = words[-1]
        kind = words[:-1]
        self.direction, self.type, self.object = None, None, None
        self.taken, self.held = kind[:1] == ["take"], kind[:1] == ["held"]
        kind = kind[1:] if self.taken or self.held else kind
        if len(kind) == 1 and kind[0].rstrip("?") in OBJECTS:
            self.kind = "HANDLE_OPTIONAL" if kind[0].endswith("?") else "HANDLE"
            self.object = kind[0].rstrip("?")
        elif len(kind) == 1 and kind[0] in NUMBERS:
            self.kind, self.type = "NUMBER", NUMBERS[kind[0]]
        elif len(kind) == 2 and kind[0] == "out" and kind[1] in NUMBERS:
            self.kind, self.type = "OUT_NUMBER", NUMBERS[kind[1]]
        elif len(kind) == 2 and kind[0] == "new" and kind[1] in OBJECTS:
            self.kind, self.object = "NEW_HANDLE", kind[1]
        elif len(kind) == 3 and kind[0] in ("in", "out", "inout") and kind[1] == "struct":
            self.kind, self.type, self.direction = "STRUCT", "struct " + kind[2], kind[0]
        elif kind in (["pointer"], ["out", "pointer"]):
            self.kind = "POINTER" if len(kind) == 1 else "OUT_POINTER"
            self.type = "void *"
        elif kind in (["bytes_in"], ["bytes_out"]):
            self.kind, self.direction = kind[0].upper(), kind[0]
        else:
            sys.exit(f"{where}: cannot read the argument '{text.strip()}'")
        if self.taken and self.kind != "HANDLE":
            sys.exit(f"{where}: only a handle can be taken: '{text.strip()}'")
        if self.held and (self.kind != "HANDLE" or self.object not in HELD):
            sys.exit(f"{where}: only a lock can be held: '{text.strip()}'")
        self.finder = ("held_" if self.held else "") + (self.object or "")

    def object_type(self):
        return "struct " + ("hold" if self.held else OBJECT_TYPES.get(self.object, self.object))

    def prototype(self):
        if self.kind in ("HANDLE", "HANDLE_OPTIONAL"):
            return f"keel_{self.object}_t {self.name}"
        if self.kind == "NUMBER":
            return f"{self.type} {self.name}"
        if self.kind == "OUT_NUMBER":
            return f"{self.type} *{self.name}"
        if self.kind == "NEW_HANDLE":
            return f"keel_{self.object}_t *{self.name}"
        if self.kind == "POINTER":
            return f"void *{self.name}"
        if self.kind == "OUT_POINTER":
            return f"void **{self.name}"
        if self.kind == "STRUCT":
            return f"{'const ' if self.direction == 'in' else ''}{self.type} *{self.name}"
        return f"{'const ' if self.kind == 'BYTES_IN' else ''}void *{self.name}, size_t {self.name}_size"

    def body_prototype(self):
        if self.kind in ("HANDLE", "HANDLE_OPTIONAL"):
            return f"{self.object_type()} *{self.name}"
        if self.kind == "NEW_HANDLE":
            return f"uint64_t *{self.name}"
        return self.prototype()

    def body_argument(self):
        if self.kind in ("HANDLE", "HANDLE_OPTIONAL"):
            return f"{self.name}_object"
        if self.kind in ("OUT_NUMBER", "NEW_HANDLE", "STRUCT", "OUT_POINTER"):
            return f"&{self.name}_copy"
        if self.kind in ("NUMBER", "POINTER"):
            return self.name
        return f"{self.name}, {self.name}_size"

    def locals(self):
        if self.kind in ("HANDLE", "HANDLE_OPTIONAL"):
            return [f"{self.object_type()} *{self.name}_object = NULL;"]
        if self.kind == "OUT_NUMBER":
            return [f"{self.type} {self.name}_copy = 0;"]
        if self.kind == "NEW_HANDLE":
            return [f"uint64_t {self.name}_copy = 0;"]
        if self.kind == "OUT_POINTER":
            return [f"void *{self.name}_copy = NULL;"]
        if self.kind == "STRUCT":  # what is copied in is set before anybody looks
            return [f"{self.type} {self.name}_copy{' = {0}' if self.direction == 'out' else ''};"]
        return []

    def checks(self):
        """(condition that is wrong, statement when it is right) before any handle is looked up."""
        if self.kind in ("OUT_NUMBER", "NEW_HANDLE", "STRUCT", "OUT_POINTER"):
            return f"{self.name} == NULL"
        if self.kind in ("BYTES_IN", "BYTES_OUT"):
            return f"({self.name} == NULL && {self.name}_size > 0)"
        return None

    def copy_in(self):
        if self.kind == "STRUCT" and self.direction in ("in", "inout"):
            return f"{self.name}_copy = *{self.name};"
        return None

    def lookup(self):
        if self.kind == "HANDLE":
            return f"resolve_{self.finder}({self.name}.value, &{self.name}_object)"
        if self.kind == "HANDLE_OPTIONAL":
            return f"({self.name}.value == 0 ? KEEL_OK : resolve_{self.object}({self.name}.value, &{self.name}_object))"
        return None

    def bare_lookup(self, takes):
        found = f"bare_{'take_' if takes else ''}{self.finder}({self.name}.value)"
        if self.kind == "HANDLE_OPTIONAL":
            found = f"{self.name}.value == 0 ? NULL : {found}"
        return f"{self.name}_object = {found};"

    def let_go(self):
        condition = f"if ({self.name}_object != NULL) " if self.kind == "HANDLE_OPTIONAL" else ""
        if self.taken:  # on success the body has used it up
            condition = "if (result != KEEL_OK) "
        return f"{condition}let_go_{self.finder}({self.name}_object);"

    def copy_out(self):
        if self.kind in ("OUT_NUMBER", "OUT_POINTER") or (self.kind == "STRUCT" and self.direction in ("out", "inout")):
            return f"*{self.name} = {self.name}_copy;"
        if self.kind == "NEW_HANDLE":
            return f"{self.name}->value = {self.name}_copy;"
        return None

    def traced(self):
        if self.kind in ("HANDLE", "HANDLE_OPTIONAL"):
            return f"{self.name}.value"
        if self.kind == "NUMBER":
            return f"(uint64_t){self.name}"
        if self.kind in ("OUT_NUMBER", "NEW_HANDLE", "OUT_POINTER"):
            return f"(uint64_t){self.name}_copy"
        if self.kind == "POINTER":
            return f"(uint64_t){self.name}"
        if self.kind in ("BYTES_IN", "BYTES_OUT"):
            return f"{self.name}_size"
        return "0"

    def invoked(self, index):
        value = f"values[{index}]"
        if self.kind in ("HANDLE", "HANDLE_OPTIONAL"):
            return f"(keel_{self.object}_t){{{value}.number}}"
        if self.kind == "NUMBER":
            return f"({self.type}){value}.number"
        if self.kind == "POINTER":
            return f"(void *){value}.number"
        if self.kind in ("OUT_NUMBER", "NEW_HANDLE", "OUT_POINTER"):
            return f"{value}.memory == NULL ? NULL : &{self.name}"
        if self.kind == "STRUCT":
            return f"{value}.memory"
        return f"{value}.memory, {value}.size"

    def invoke_local(self):
        if self.kind == "OUT_NUMBER":
            return f"{self.type} {self.name} = 0;"
        if self.kind == "NEW_HANDLE":
            return f"keel_{self.object}_t {self.name} = {{0}};"
        if self.kind == "OUT_POINTER":
            return f"void *{self.name} = NULL;"
        return None

    def invoke_result(self, index):
        if self.kind in ("OUT_NUMBER", "OUT_POINTER"):
            return f"values[{index}].number = (uint64_t){self.name};"
        if self.kind == "NEW_HANDLE":
            return f"values[{index}].number = {self.name}.value;"
        return None

    def descriptor(self):
        object_kind = f"OBJECT_{self.object.upper()}" if self.object else "OBJECT_NONE"
        size = f"sizeof({self.type})" if self.kind == "STRUCT" else "0"
        kind = f"CALL_{self.kind}" + (f"_{self.direction.upper()}" if self.kind == "STRUCT" else "")
        return f'{{{kind}, {object_kind}, {size}, "{self.name}"}}'


class Call:
    def __init__(self, line, where):
        parts = [part.strip() for part in line.split("|")]
        if len(parts) != 3:
            sys.exit(f"{where}: expected 'name | contexts | arguments'")
        self.name = parts[0]
        unknown = [word for word in parts[1].split() if word not in CONTEXTS]
        if unknown or not parts[1]:
            sys.exit(f"{where}: unknown context '{' '.join(unknown)}'")
        self.contexts = parts[1].split()
        texts = [text for text in parts[2].split(",") if text.strip()]
        self.arguments = [Argument(text, where) for text in texts]
        if len(self.arguments) > ARGUMENTS_MAX:
            sys.exit(f"{where}: more than {ARGUMENTS_MAX} arguments")

    def enum(self):
        return "CALL_ID_" + self.name.upper()

    def context_bits(self):
        return " | ".join(CONTEXTS[word] for word in self.contexts)

    def joined(self, part):
        return ", ".join(part(argument) for argument in self.arguments) or "void"

    def passed(self):
        return ", ".join(argument.body_argument() for argument in self.arguments)

    def held(self, handles):
        """The body's call with these handles looked up around it, each let go when what is inside is done."""
        if not handles:
            return [f"result = call_{self.name}({self.passed()});"]
        first = handles[0]
        inside = ["    " + text for text in self.held(handles[1:])]
        return [f"result = {first.lookup()};", "if (result == KEEL_OK) {", *inside, f"    {first.let_go()}", "}"]

    def thunk(self):
        lines = [f"keel_status_t keel_{self.name}({self.joined(Argument.prototype)})", "{"]
        for argument in self.arguments:
            lines += ["    " + text for text in argument.locals()]
        lines += ["    keel_status_t result;", f"    if (!call_enter({self.context_bits()})) {{", "        result = KEEL_E_CONTEXT;"]
        wrong = [argument.checks() for argument in self.arguments if argument.checks()]
        if wrong:
            lines += [f"    }} else if ({' || '.join(wrong)}) {{", "        result = KEEL_E_INVALID;"]
        lines += ["    } else {"]
        lines += [f"        {argument.copy_in()}" for argument in self.arguments if argument.copy_in()]
        lines += ["        " + text for text in self.held([argument for argument in self.arguments if argument.lookup()])]
        results = [argument.copy_out() for argument in self.arguments if argument.copy_out()]
        if results:
            lines += ["        if (result == KEEL_OK) {"] + [f"            {text}" for text in results] + ["        }"]
        lines.append("    }")
        traced = ", ".join(argument.traced() for argument in self.arguments) or "0"
        lines += ["    if (call_traced) {", f"        const uint64_t arguments[] = {{{traced}}};",
                  f"        call_trace({self.enum()}, arguments, result);", "    }"]
        return "\n".join(lines + ["    return result;", "}", ""])

    def bare_thunk(self):
        """The entry point without a check: for KEEL_UNCHECKED, which measures what the checks cost."""
        handles = [argument for argument in self.arguments if argument.lookup()]
        if any(argument.object in ("unique", "guard") for argument in handles):
            return self.thunk()  # to be one call's or one task's is what these objects are, and no check
        lines = [f"keel_status_t keel_{self.name}({self.joined(Argument.prototype)})", "{"]
        lines += ["    " + text for argument in self.arguments for text in argument.locals()]
        lines += [f"    {argument.copy_in()}" for argument in self.arguments if argument.copy_in()]
        releases = self.name.endswith("_release")
        taken = [argument for argument in handles if argument.taken and not releases]
        lines += [f"    {argument.bare_lookup(argument in taken)}" for argument in handles]
        body = f"call_{self.name}({self.passed()})"
        if releases:
            body = f"bare_release_{handles[0].object}({handles[0].name}_object)"
        lines.append(f"    keel_status_t result = {body};")
        lines += [f"    {argument.let_go()}" for argument in taken]
        results = [argument.copy_out() for argument in self.arguments if argument.copy_out()]
        if results:
            lines += ["    if (result == KEEL_OK) {"] + [f"        {text}" for text in results] + ["    }"]
        return "\n".join(lines + ["    return result;", "}", ""])

    def invoker(self):
        lines = [f"    case {self.enum()}: {{"]
        lines += [f"        {a.invoke_local()}" for a in self.arguments if a.invoke_local()]
        arguments = ", ".join(a.invoked(i) for i, a in enumerate(self.arguments))
        lines.append(f"        keel_status_t result = keel_{self.name}({arguments});")
        lines += [f"        {a.invoke_result(i)}" for i, a in enumerate(self.arguments) if a.invoke_result(i)]
        return "\n".join(lines + ["        return result;", "    }"])

    def descriptor(self):
        contexts = self.context_bits()
        arguments = ", ".join(argument.descriptor() for argument in self.arguments) or "{CALL_NUMBER, OBJECT_NONE, 0, NULL}"
        return f'    [{self.enum()}] = {{"{self.name}", {contexts}, {len(self.arguments)}, {{{arguments}}}}},'

    def reference(self):
        arguments = ", ".join(f"`{argument.prototype()}`" for argument in self.arguments) or "none"
        return f"| `keel_{self.name}` | {', '.join(self.contexts)} | {arguments} |"


def read_table(path):
    calls = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            calls.append(Call(line, f"{path}:{number}"))
    names = [call.name for call in calls]
    twice = sorted({name for name in names if names.count(name) > 1})
    reserved = sorted(set(names) & {"enter", "trace", "traced", "trace_init", "invoke"})
    if reserved:
        sys.exit(f"{path}: calls.h uses the name call_{reserved[0]} itself")
    if twice:
        sys.exit(f"{path}: more than one line for {', '.join(twice)}")
    return calls


def check_headers(calls, headers):
    known = {call.name for call in calls}
    for header in headers:
        text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
        for name in re.findall(r"^keel_status_t\s+keel_(\w+)\(", text, flags=re.M):
            if name not in known:
                sys.exit(f"{header}: keel_{name} is not in the table of calls (api/calls.tbl)")


NOTICE = "/* Made by api/gen_calls.py from api/calls.tbl. */\n"


def write(path, text):
    path.write_text(text)


def main():
    unchecked = sys.argv[1] == "--unchecked"
    table, include, output = (Path(argument) for argument in sys.argv[-3:])
    calls = read_table(table)
    check_headers(calls, sorted(include.glob("keel/*.h")))
    output.mkdir(parents=True, exist_ok=True)
    enums = "\n".join(f"    {call.enum()}," for call in calls)
    bodies = "\n".join(f"keel_status_t call_{call.name}({call.joined(Argument.body_prototype)});" for call in calls)
    write(output / "calls_gen.h", f"""{NOTICE}#ifndef CALLS_GEN_H
#define CALLS_GEN_H
#include "keel/keel.h"
struct frame;
struct segment;
struct space;
struct task;
struct cursor;
struct list;
struct memory;
struct io_memory;
struct event;
struct semaphore;
struct mutex;
struct queued_spinlock;
struct cpu_local;
struct timer;
struct irq_handler;
struct work;
struct io_port;
struct pci_device;
struct dma;
struct hold;
enum call_id {{
{enums}
    CALL_COUNT
}};
#define CALL_ARGUMENTS_MAX {ARGUMENTS_MAX}
{bodies}
#endif
""")
    thunks = "\n".join(call.bare_thunk() if unchecked else call.thunk() for call in calls)
    looked_up = "bare.h" if unchecked else "held.h"
    write(output / "thunks.c", f'{NOTICE}#include "calls.h"\n#include "{looked_up}"\n\n{thunks}')
    descriptors = "\n".join(call.descriptor() for call in calls)
    invokers = "\n".join(call.invoker() for call in calls)
    write(output / "table.c", f"""{NOTICE}#include "calls.h"
#include "core/cpu.h"

const struct call_descriptor call_descriptors[CALL_COUNT] = {{
{descriptors}
}};

keel_status_t call_invoke(enum call_id id, struct call_value *values)
{{
    (void)values;
    switch (id) {{
{invokers}
    case CALL_COUNT:
        break;
    }}
    return KEEL_E_INVALID;
}}
""")
    rows = "\n".join(call.reference() for call in calls)
    write(output / "calls.md", f"# The calls of Keel\n\n| call | contexts | arguments |\n|---|---|---|\n{rows}\n")


if __name__ == "__main__":
    main()
