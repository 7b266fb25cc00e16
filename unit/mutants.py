#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Plants deliberate bugs, one at a time, and demands that a test catches each (docs/soundness.md).

A mutant is one textual replacement in a scratch copy of the tree. The copy is built once; each mutant is built
incrementally and the named CTest tests are run. A mutant that no test catches, a text that is not found exactly once, or a
mutant that does not compile fails the whole run.

  mutants.py SCRATCH [-D CMAKE_OPTION]... [ID]...
"""
import argparse
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("CMakeLists.txt", "cmake", "api", "core", "hal", "services", "unit")


class Mutant(NamedTuple):
    """A deliberate bug."""
    id: str
    invariant: str
    file: str
    text: str
    replacement: str
    tests: tuple


MUTANTS = (
    Mutant("unmap-without-flush", "A2", "core/space.c",
           "if (count > 0) {\n            space_shootdown(space, from,",
           "if (count > BATCH_PAGES) {\n            space_shootdown(space, from,", ("test_tlb", "test_space")),
    Mutant("protect-without-flush", "A2", "core/space.c", "if (changed > changed_before) {",
           "if (changed < changed_before) {", ("test_tlb", "test_space")),
    Mutant("stack-unmapped-without-flush", "A2", "core/window.c",
           "    tlb_shootdown(cpu_online_mask(), hal_kernel_root(), base, HAL_STACK_PAGES);\n", "",
           ("test_window", "test_tlb")),
    Mutant("shootdown-does-not-wait", "A2", "core/tlb.c", "while ((others >> target & 1) && ",
           "while ((others >> target & 2) > 2 && ", ("test_tlb", "test_explore")),
    Mutant("space-loaded-before-its-bit-is-set", "A2", "core/space.c",
           "    if (space != NULL) {\n"
           "        atomic_u64_fetch_or(&space->cpus, bit);\n"
           "    }\n"
           "    hal_root_load(space != NULL ? frame_address(space->root) : hal_kernel_root());\n",
           "    hal_root_load(space != NULL ? frame_address(space->root) : hal_kernel_root());\n"
           "    if (space != NULL) {\n"
           "        atomic_u64_fetch_or(&space->cpus, bit);\n"
           "    }\n", ("test_explore",)),
    Mutant("generation-not-checked", "H1", "core/ref.c",
           "ref_word_state(word) != REF_LIVE || ref_word_generation(word) != generation",
           "ref_word_state(word) != REF_LIVE || generation == 0", ("test_ref", "test_frame", "test_object")),
    Mutant("frame-claimed-whatever-its-state", "M5", "core/ref.c",
           "if (ref_word_state(word) != REF_FREE) {\n        return false;",
           "if (ref_word_state(word) == REF_RETIRED) {\n        return false;", ("test_frame", "test_frame_choose")),
    Mutant("lookup-revives-from-zero", "M2", "core/ref.c",
           "        if (atomic_u64_cas(&ref->word, &word, word + 1)) {\n            return KEEL_OK;\n        }\n    }\n}\n\n"
           "keel_status_t ref_get(struct ref *ref)",
           "        atomic_u64_fetch_add(&ref->word, 1);\n        return KEEL_OK;\n    }\n}\n\n"
           "keel_status_t ref_get(struct ref *ref)", ("test_explore",)),
    Mutant("count-limit-not-checked", "M6", "core/ref.c", "if (handles >= REF_HANDLES_MAX) {",
           "if (handles > REF_HANDLES_MAX) {", ("test_ref", "test_frame")),
    Mutant("client-releases-a-mapping's-reference", "M6", "core/ref.c",
           "if (handles == 0) {\n            return KEEL_E_BAD_HANDLE;",
           "if (handles == 0) {\n            return KEEL_OK;", ("test_ref", "test_explore")),
    Mutant("generation-wraps", "H3", "core/ref.c", "bool used_up = generation == UINT32_MAX;",
           "bool used_up = generation == 0;", ("test_ref", "test_frame")),
    Mutant("kind-of-object-not-checked", "H1", "core/object.c", "handle_kind(handle) != (unsigned)kind || ", "",
           ("test_calls", "test_object")),
    Mutant("kind-not-checked", "H1", "core/include/core/object.h",
           "return (uint32_t)(handle >> 32) - ((uint32_t)kind << 28);",
           "return handle_slot(handle) + ((uint32_t)kind >> 31);", ("test_calls", "test_frame")),
    Mutant("slot-not-checked", "H1", "core/include/core/object.h",
           "return object_slot_index(kind, handle) < object_tables[kind].count;",
           "return object_slot_index(kind, handle) <= object_tables[kind].count;", ("test_object",)),
    Mutant("generation-not-checked-quickly", "H1", "core/include/core/ref.h",
           "uint64_t count = word ^ ((uint64_t)generation << 32 | (uint64_t)REF_LIVE << 24);",
           "uint64_t count = (uint32_t)(word + generation - generation) ^ ((uint64_t)REF_LIVE << 24);",
           ("test_ref", "test_frame")),
    Mutant("quick-lookup-revives-from-zero", "M2", "core/include/core/ref.h",
           "atomic_u64_cas(&ref->word, &word, word + 1)", "atomic_u64_fetch_add(&ref->word, 1) != 0", ("test_explore",)),
    Mutant("closed-handle-found-quickly", "H1", "core/include/core/ref.h",
           " && atomic_u32_load_acquire(&ref->handles) != 0", "", ("test_ref", "test_frame")),
    Mutant("quick-put-drops-the-last", "M2", "core/include/core/ref.h", "return count - 2 <", "return count - 1 <",
           ("test_ref", "test_frame")),
    Mutant("frame-not-zeroed", "M9", "core/frame.c",
           "    hal_phys_zero(hal_frame_address(number), count << HAL_PAGE_SHIFT);\n", "", ("test_frame",)),
    Mutant("tables-leak-when-memory-runs-out", "M8", "core/pagetable.c", "frame_free_private(tables[--i], 1);", "i--;",
           ("test_pagetable", "test_exhaustion")),
    Mutant("allocator-alignment-not-checked", "P1", "api/policies.c", " || answer % alignment != 0", "",
           ("test_frame_choose",)),
    Mutant("allocator-range-not-checked", "P1", "api/policies.c",
           "bool inside = answer < frame_end() && count <= frame_end() - answer;",
           "bool inside = answer <= frame_end();", ("test_frame_choose",)),
    Mutant("write-and-execute-allowed", "A4", "api/spaces.c",
           "if ((rights & KEEL_WRITE) != 0 && (rights & KEEL_EXEC) != 0) {",
           "if ((rights & KEEL_WRITE) != 0 && (rights & KEEL_EXEC) == 7) {", ("test_space",)),
    Mutant("user-range-one-page-too-long", "A6", "api/spaces.c",
           "va <= KEEL_USER_END && size <= KEEL_USER_END - va",
           "va <= KEEL_USER_END + 4096 && size <= KEEL_USER_END + 4096 - va", ("test_space",)),
    Mutant("map-range-one-page-too-long", "A6", "api/spaces.c", "page_count <= (KEEL_USER_END - va) / KEEL_PAGE_SIZE",
           "page_count <= (KEEL_USER_END - va) / KEEL_PAGE_SIZE + 1", ("test_space",)),
    Mutant("context-not-checked", "H4", "api/calls.h",
           "return (contexts & cpu_context()) != 0 ? KEEL_OK : KEEL_E_CONTEXT;",
           "return contexts != 0 ? KEEL_OK : KEEL_E_CONTEXT;", ("test_calls",)),
    Mutant("canonical-rip-not-checked", "U1", "hal/x86_common/user_sanitise.c", "if (!is_canonical(regs->rip) || ",
           "if (", ("test_user",)),
    Mutant("any-flag-allowed", "U1", "hal/x86_common/user_sanitise.c", "(regs->rflags & USER_FLAGS)", "regs->rflags",
           ("test_user",)),
    Mutant("vector-image-not-sanitised", "U1", "core/user.c", "    hal_vector_sanitise(image);\n", "", ("test_user",)),
    Mutant("vector-state-not-saved", "U3", "core/user.c",
           "        hal_vector_save(task_vector_image(cpu->vector_owner));\n", "", ("test_user",)),
    Mutant("vector-state-kept-across-a-switch", "U3", "core/sched.c", "    user_vector_detach();\n", "", ("test_user",)),
    Mutant("task-on-a-cpu-can-be-picked", "T1", "core/sched.c", "    uint32_t state = TASK_RUNNABLE;\n",
           "    uint32_t state = TASK_RUNNABLE | (atomic_u32_peek(&task->state) & TASK_ON);\n",
           ("test_sched", "test_explore")),
    Mutant("enqueued-before-switched-out", "T1", "core/sched.c",
           "        if ((state & TASK_ON) == 0) {\n            enqueue(task, KEEL_ENQUEUE_WOKEN);",
           "        if ((state & TASK_ON) != 1) {\n            enqueue(task, KEEL_ENQUEUE_WOKEN);", ("test_sched",)),
    Mutant("join-looks-outside-the-lock", "T9", "core/task.c",
           "        bool interrupts = spinlock_acquire(&task->joiners.lock);\n"
           "        if (task_state(task) == TASK_DEAD) {\n"
           "            *status = task->exit_status;\n"
           "            spinlock_release(&task->joiners.lock, interrupts);\n"
           "            return KEEL_OK;\n"
           "        }\n",
           "        if (task_state(task) == TASK_DEAD) {\n"
           "            *status = task->exit_status;\n"
           "            return KEEL_OK;\n"
           "        }\n"
           "        bool interrupts = spinlock_acquire(&task->joiners.lock);\n", ("test_explore", "test_task")),
    Mutant("no-guard-below-the-stack", "T3", "core/window.c", "#define SLOT_BYTES  (2 * STACK_BYTES)",
           "#define SLOT_BYTES  STACK_BYTES", ("test_window",)),
)


def run(command, cwd=None, limit=300):
    """(exit status, output); a run past its time limit counts as failed."""
    try:
        done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=limit,
                              errors="replace", check=False)
    except subprocess.TimeoutExpired:
        return 1, "time limit"
    return done.returncode, done.stdout


def copy_tree(scratch):
    """A fresh copy of what the tests are built from. Files that did not change keep their times, and their objects."""
    for part in PARTS:
        source, target = ROOT / part, scratch / part
        if source.is_dir():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)


def build(tree, targets):
    return run(["cmake", "--build", str(tree / "build"), "--target", *targets])


def test(tree, names):
    """True if every test passes."""
    pattern = "^(" + "|".join(names) + ")$"
    status, output = run(["ctest", "--test-dir", str(tree / "build"), "-R", pattern, "--timeout", "60",
                          "--no-tests=error", "--stop-on-failure"])
    return status == 0, output


def try_mutant(tree, mutant):
    """None if it was caught, otherwise a sentence."""
    path = tree / mutant.file
    original = path.read_text(encoding="utf-8")
    if original.count(mutant.text) != 1:
        return f"its text occurs {original.count(mutant.text)} times in {mutant.file}"
    path.write_text(original.replace(mutant.text, mutant.replacement), encoding="utf-8")
    try:
        status, output = build(tree, mutant.tests)
        if status != 0:
            return "it does not build:\n" + output
        for name in mutant.tests:
            if not test(tree, [name])[0]:
                return None
        return "it survived " + ", ".join(mutant.tests)
    finally:
        path.write_text(original, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("scratch", type=Path)
    parser.add_argument("-D", dest="options", action="append", default=[])
    parser.add_argument("ids", nargs="*")
    arguments = parser.parse_intermixed_args()
    chosen = [mutant for mutant in MUTANTS if not arguments.ids or mutant.id in arguments.ids]
    tree = arguments.scratch.resolve() / "tree"
    tree.mkdir(parents=True, exist_ok=True)
    copy_tree(tree)
    programs = sorted({name for mutant in chosen for name in mutant.tests})
    options = ["-D" + option for option in arguments.options]
    status, output = run(["cmake", "-S", str(tree), "-B", str(tree / "build"), "-G", "Ninja", *options])
    if status == 0:
        status, output = build(tree, programs)
    passed = False
    if status == 0:
        passed, output = test(tree, programs)
    if not passed:
        print(output)
        sys.exit("mutants: the tests fail without any mutant")
    survivors = 0
    for mutant in chosen:
        sentence = try_mutant(tree, mutant)
        survivors += sentence is not None
        print(f"{mutant.invariant:3} {mutant.id}: {sentence or 'caught'}", flush=True)
    build(tree, programs)  # the next run copies files with their old times: no object of a mutant may be newer
    print(f"{len(chosen)} mutants, {len(chosen) - survivors} caught")
    return 1 if survivors or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
