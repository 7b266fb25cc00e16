#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Plants deliberate bugs, one at a time, and demands that a test catches each (docs/soundness.md).

A mutant is one textual replacement in a scratch copy of the tree. The copy is built once; each mutant is built
incrementally and the named CTest tests are run. A mutant that no test catches, a text that is not found exactly once, or a
mutant that does not compile fails the whole run.

  mutants.py SCRATCH [-D CMAKE_OPTION]... [--share K/N] [ID]...
"""
import argparse
import os
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
    Mutant("unmap-without-flush", "A2", "core/unmap.c", "if (withdrawal.any) {\n        space_flush(",
           "if (withdrawal.page_count > 0) {\n        space_flush(", ("test_tlb", "test_space")),
    Mutant("protect-without-flush", "A2", "core/unmap.c", "if (changed) {", "if (changed && range->level > 9) {",
           ("test_tlb", "test_space")),
    Mutant("age-without-flush", "A2", "core/unmap.c", "if (*page_count > 0) {", "if (*page_count > UINT64_MAX / 2) {",
           ("test_mapping",)),
    Mutant("prune-without-flush", "A2", "core/unmap.c",
           "        space_flush(range->space, va & ~(HAL_PAGE_SIZE - 1), (va & ~(HAL_PAGE_SIZE - 1)) + HAL_PAGE_SIZE);\n", "",
           ("test_mapping", "test_tlb")),
    Mutant("promote-without-flush", "A2", "core/promote.c",
           "    space_flush(range->space, range->start, range->end);\n", "", ("test_mapping",)),
    Mutant("promotion-loses-late-marks", "A2", "core/promote.c", "if ((bits & ~entry) != 0) {",
           "if ((bits & ~entry) == UINT64_MAX) {", ("test_explore_mapping",)),
    Mutant("promotion-of-strangers", "A1", "core/promote.c", "if (((entry ^ expected) & ~ENTRY_STICKY) != 0) {",
           "if (((entry ^ expected) & HAL_PTE_WRITE) != 0) {", ("test_mapping",)),
    Mutant("large-page-of-misplaced-frames", "A1", "core/mapping.c",
           " && target_of(plan, va).value % hal_pt_span(level) == 0);", ");", ("test_mapping",)),
    Mutant("large-page-not-split", "A2", "core/unmap.c", "return border % hal_pt_span(level) != 0;",
           "return border % hal_pt_span(level) == 1;", ("test_mapping",)),
    Mutant("mapped-over-something", "M8", "core/mapping.c", "last + 1) > last ? KEEL_OK : KEEL_E_EXISTS;",
           "last + 1) <= HAL_PT_ENTRIES ? KEEL_OK : KEEL_E_EXISTS;", ("test_mapping", "test_space")),
    Mutant("table-freed-under-a-walk", "M1", "core/range.c", "(HAL_PAGE_SIZE - 1)) != root) {", "(HAL_PAGE_SIZE - 1)) != root + 1) {",
           ("test_explore_mapping",)),
    Mutant("tables-below-not-locked", "A3", "core/range.c",
           "status = lock_below(range, range->cover, range->level, base_of(range), &stop);",
           "status = range->level > 9 ? lock_below(range, range->cover, range->level, base_of(range), &stop) : KEEL_OK;",
           ("test_cursor",)),
    Mutant("covering-table-not-locked", "A3", "core/range.c", "uint32_t found = try_table(slot.table);",
           "uint32_t found = level > 9 ? try_table(slot.table) : TABLE_FREE;", ("test_explore_mapping", "test_cursor")),
    Mutant("failed-lock-gives-back-a-cursor's", "A3", "core/range.c", "if (child.value == stop.value) {",
           "if (child.value + 1 == stop.value) {", ("test_cursor",)),
    Mutant("cursor-keeps-nothing", "A3", "core/range.c", "set_all(range, TABLE_KEPT, hal_paddr(0));",
           "set_all(range, TABLE_FREE, hal_paddr(0));", ("test_cursor",)),
    Mutant("cursor-is-anybody's", "A3", "core/cursor.c", "return atomic_u64_load_relaxed(&cursor->owner) ==",
           "return atomic_u64_load_relaxed(&cursor->owner) != 1 +", ("test_cursor",)),
    Mutant("closed-cursor-still-counts", "A3", "core/cursor.c", "    task_current()->cursor_count--;\n", "",
           ("test_cursor",)),
    Mutant("cursor-outlives-its-task", "A3", "core/task.c", "    cursor_close_all(task_current());\n", "", ("test_cursor",)),
    Mutant("area-unmapped-without-flush", "A2", "core/area.c",
           "    tlb_shootdown(cpu_online_mask(), hal_kernel_root(), va, count);\n", "", ("test_area", "test_tlb")),
    Mutant("window-table-freed-without-flush", "A2", "core/area.c",
           "        tlb_shootdown(cpu_online_mask(), hal_kernel_root(), span_va(span), 1);\n", "",
           ("test_area",)),
    Mutant("span-given-out-before-its-table-is-free", "A2", "core/area.c",
           "        set_taken(span * SPAN_GRANULES, (span + 1) * SPAN_GRANULES, true);\n    } else {",
           "        set_taken(from, end, false);\n    } else {", ("test_explore_area",)),
    Mutant("table-of-another-area-freed", "A2", "core/area.c", "bool last = --users[span] == 0;",
           "bool last = --users[span] <= 1;", ("test_area",)),
    Mutant("table-too-many-is-lost", "M8", "core/area.c", "    tables_free(&spare);\n", "", ("test_explore_area",)),
    Mutant("addresses-handed-out-twice", "A2", "core/area.c", "    set_taken(first, first + count, true);\n", "",
           ("test_area",)),
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
           "        if (atomic_u64_cas(&ref->word, &word, (word & ~REF_MARK) + 1)) {\n            return KEEL_OK;\n"
           "        }\n    }\n}\n\n"
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
    Mutant("kind-of-object-not-checked", "H1", "core/object.c", "return object_in_range(kind, handle) ?",
           "return handle_slot(handle) < pools[kind].count ?", ("test_calls", "test_object")),
    Mutant("kind-not-checked", "H1", "core/include/core/object.h",
           "return (uint32_t)(handle >> 32) - handle_prefix(kind);",
           "return handle_slot(handle) + (handle_prefix(kind) & 0);", ("test_calls", "test_frame")),
    Mutant("kinds-share-a-prefix", "H1", "core/include/core/object.h", "(kind - OBJECT_SHORT_PREFIXES) << 24;",
           "(kind - OBJECT_SHORT_PREFIXES) / 2 << 24;", ("test_calls", "test_object")),
    Mutant("slot-not-checked", "H1", "core/include/core/object.h",
           "return object_slot_index(kind, handle) < object_tables[kind].count;",
           "return object_slot_index(kind, handle) <= object_tables[kind].count;", ("test_object",)),
    Mutant("generation-not-checked-quickly", "H1", "core/include/core/ref.h",
           "uint64_t count = word ^ ((uint64_t)generation << 32 | (uint64_t)REF_LIVE << 24);",
           "uint64_t count = (uint32_t)(word + generation - generation) ^ ((uint64_t)REF_LIVE << 24);",
           ("test_ref", "test_frame")),
    Mutant("quick-lookup-revives-from-zero", "M2", "core/include/core/ref.h",
           "!= 0 &&\n           atomic_u64_cas(&ref->word, &word, word + 1)", "!= 0 &&\n           atomic_u64_fetch_add(&ref->word, 1) != 0",
           ("test_explore",)),
    Mutant("closed-handle-found-quickly", "H1", "core/include/core/ref.h",
           " && atomic_u32_load_acquire(&ref->handles) != 0", "", ("test_ref", "test_frame")),
    Mutant("quick-put-drops-the-last", "M2", "core/include/core/ref.h", "return count - 2 <", "return count - 1 <",
           ("test_ref", "test_frame")),
    Mutant("frame-not-zeroed", "M9", "core/frame.c",
           "    hal_phys_zero(hal_frame_address(number), count << HAL_PAGE_SHIFT);\n", "", ("test_frame",)),
    Mutant("tables-leak-when-memory-runs-out", "M8", "core/pagetable.c", "            tables_free(list);\n", "            *list = NULL;\n",
           ("test_pagetable", "test_exhaustion")),
    Mutant("allocator-alignment-not-checked", "P1", "api/policies.c", " || answer % alignment != 0", "",
           ("test_frame_choose",)),
    Mutant("allocator-range-not-checked", "P1", "api/policies.c",
           "bool inside = answer < frame_end() && count <= frame_end() - answer;",
           "bool inside = answer <= frame_end();", ("test_frame_choose",)),
    Mutant("write-and-execute-allowed", "A4", "api/mappings.c",
           "if ((rights & KEEL_WRITE) != 0 && (rights & KEEL_EXEC) != 0) {",
           "if ((rights & KEEL_WRITE) != 0 && (rights & KEEL_EXEC) == 7) {", ("test_space",)),
    Mutant("user-range-one-page-too-long", "A6", "api/user_memory.c",
           "va <= KEEL_USER_END && size <= KEEL_USER_END - va",
           "va <= KEEL_USER_END + 4096 && size <= KEEL_USER_END + 4096 - va", ("test_space", "test_user_memory")),
    Mutant("user-range-begins-a-page-too-early", "A6", "api/user_memory.c", "return va >= KEEL_USER_START && ",
           "return va >= KEEL_USER_START - 4096 && ", ("test_space", "test_user_memory")),
    Mutant("string-not-cut-at-the-limit", "A6", "api/user_memory.c", "buffer_size < room ? buffer_size : (size_t)room",
           "room == 0 ? 0 : buffer_size", ("test_user_memory",)),
    Mutant("user-access-not-aligned", "A6", "api/user_memory.c", " || va % width != 0", "", ("test_user_memory",)),
    Mutant("cas-without-the-right-to-write", "A6", "hal/hosted/user_copy.c",
           "char *memory = reach_whole(va, width, HOSTED_WRITE);\n    if (!memory) {\n        return false;\n    }\n"
           "    *found",
           "char *memory = reach_whole(va, width, HOSTED_READ);\n    if (!memory) {\n        return false;\n    }\n"
           "    *found", ("test_user_memory",)),
    Mutant("copy-begins-again-after-a-fault", "M4", "core/user_memory.c",
           "done += hal_user_copy_in((char *)to + done, va + done, size - done);",
           "done = hal_user_copy_in(to, va, size);", ("test_fault_handler",)),
    Mutant("write-begins-again-after-a-fault", "M4", "core/user_memory.c",
           "done += hal_user_copy_out(va + done, (const char *)from + done, size - done);",
           "done = hal_user_copy_out(va, from, size);", ("test_fault_handler",)),
    Mutant("string-fetched-twice", "M4", "core/user_memory.c",
           "size_t done = hal_user_copy_string(to, va, size, &ended);",
           "size_t done = hal_user_copy_string(to, va, size, &ended);\n"
           "    done = ended ? hal_user_copy_in(to, va, done) : done;", ("test_user_memory", "test_explore_user")),
    Mutant("wide-load-in-two-halves", "M4", "core/user_memory.c", "    while (!hal_user_load(va, width, value)) {",
           "    uint64_t high = 0;\n"
           "    while (!hal_user_load(va, 4, value) || !hal_user_load(va + width - 4, 4, &high) ||\n"
           "           (*value |= width == 8 ? high << 32 : 0) == 1) {", ("test_user_memory",)),
    Mutant("fault-tried-again-for-ever", "P2", "core/user_memory.c", "        *retry = (struct retry){.va = va, .tries = 0};",
           "        *retry = (struct retry){.va = 0, .tries = 0};", ("test_fault_handler",)),
    Mutant("fault-handlers-nest-without-end", "P2", "core/user_memory.c", "    task->fault_depth = depth + 1;",
           "    task->fault_depth = depth;", ("test_fault_handler",)),
    Mutant("copy-goes-on-without-a-space", "A6", "core/user_memory.c", "return again && task->space != NULL;",
           "return again;", ("test_fault_handler",)),
    Mutant("any-answer-is-a-yes", "P2", "api/faults.c", "write ? KEEL_WRITE : KEEL_READ) == 1;",
           "write ? KEEL_WRITE : KEEL_READ) != 0;", ("test_fault_handler",)),
    Mutant("fault-handler-announced-too-early", "P2", "api/faults.c",
           "    handler = *given;\n    atomic_u32_store_release(&injected, 1);",
           "    atomic_u32_store_release(&injected, 1);\n    atomic_fence();\n    handler = *given;", ("test_explore_user",)),
    Mutant("fault-handler-injected-twice", "P2", "api/faults.c", "atomic_u32_exchange(&claimed, 1) != 0",
           "atomic_u32_exchange(&claimed, 1) > 1", ("test_fault_handler",)),
    Mutant("map-range-one-page-too-long", "A6", "api/mappings.h", "page_count <= (KEEL_USER_END - va) / KEEL_PAGE_SIZE",
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
           "    if ((state & TASK_ON) == 0) {\n        kicks = enqueue(task, KEEL_ENQUEUE_WOKEN);",
           "    if ((state & TASK_ON) != 1) {\n        kicks = enqueue(task, KEEL_ENQUEUE_WOKEN);", ("test_sched",)),
    # Where tasks run
    Mutant("picked-outside-the-mask", "T1", "core/sched.c", "if (!task_may_run(task, hal_cpu_id()) ||", "if (",
           ("test_sched_place",)),
    Mutant("running-task-not-moved", "T1", "core/sched.c", "        kicks = ask(task->last_cpu);", "        kicks = 0;",
           ("test_sched_place",)),
    Mutant("moved-from-where-it-ran-before", "T1", "core/sched.c",
           "    task->last_cpu = hal_cpu_id();\n    runnable_count--;\n", "    runnable_count--;\n", ("test_sched_place",)),
    Mutant("stays-where-it-may-not", "T1", "core/sched.c",
           "bool leaves = next != NULL || !task_may_run(current, hal_cpu_id());", "bool leaves = next != NULL;",
           ("test_sched_place",)),
    Mutant("audit-blind-to-masks", "T1", "core/audit.c", "if (running && !may_run && atomic", "if (!running && !may_run && atomic",
           ("test_audit",)),
    Mutant("mask-without-cpus", "P1", "api/tasks.c", "return (task_affinity_of(affinity) & cpu_online_mask()) != 0;",
           "return task_affinity_of(affinity) != 0;", ("test_task",)),
    Mutant("any-cpu-number-believed", "P1", "api/policies.c",
           "!cpu_is_online(place.cpu) || !task_may_run(task, place.cpu)", "!task_may_run(task, place.cpu % 64)", ("test_sched",)),
    Mutant("named-cpu-outside-the-mask", "P1", "api/policies.c", " || !task_may_run(task, place.cpu)", " || task == NULL",
           ("test_sched_place",)),
    Mutant("preempting-without-end", "P1", "core/sched.c",
           "(reason == KEEL_ENQUEUE_NEW || reason == KEEL_ENQUEUE_WOKEN);", "reason != 0;", ("test_sched",)),
    Mutant("idle-cpu-not-kicked", "T9", "core/sched.c", "        idle_mask &= ~bit_of(cpu);\n        return bit_of(cpu);",
           "        return 0;", ("test_sched_place",)),
    Mutant("busy-cpu-not-interrupted", "T9", "core/sched.c", "return preempt ? ask(cpu) : 0;",
           "return preempt && ask(cpu) == 0;", ("test_sched_place",)),
    Mutant("own-cpu-not-interrupted", "T9", "core/sched.c", "        cpu_timer_by(0);", "        (void)0;", ("test_sched_place",)),
    Mutant("idle-seen-too-late", "T9", "core/sched.c",
           "            note_idle(cpu);\n        }\n        unlock_after_pick(cpu, interrupts);\n",
           "        }\n        unlock_after_pick(cpu, interrupts);\n        if (next == NULL) {\n            note_idle(cpu);\n        }\n",
           ("test_explore_sched",)),
    Mutant("idle-cpus-tick", "T9", "core/sched.c", "runnable_count > 0 ? cpu->next_tick : UINT64_MAX;", "cpu->next_tick;",
           ("test_sched_place",)),
    Mutant("sleepers-not-told-of-work", "T9", "core/sched.c", "        kicks = tickless_mask;\n", "", ("test_sched_place",)),
    Mutant("idle-without-ticks-beside-work", "T9", "core/sched.c",
           "    if (runnable_count > 0) {\n        start_ticks(cpu);\n    } else if",
           "    if", ("test_sched_place",)),
    Mutant("busy-without-ticks", "T9", "core/sched.c", "    if (task != NULL) {\n        start_ticks(cpu);\n    }\n", "",
           ("test_sched",)),
    Mutant("deadline-in-nobody's-hands", "T9", "core/deadline.c", "        keeper = hal_cpu_id();\n", "", ("test_sched_place",)),
    Mutant("fifo-gives-what-may-not-run", "P1", "services/fifo.c", "while (name != 0 && !fifo_allows(fifo_node(fifo, name), cpu)) {",
           "while (name != 0 && cpu > SERVICES_FIFO_CPUS) {", ("test_services_fifo",)),
    Mutant("fair-takes-what-may-not-run", "P1", "services/fair.c", "if (fair_allows(fair_node(fair, first), cpu)) {",
           "if (fair_allows(fair_node(fair, first), fair_node(fair, first)->cpu)) {", ("test_services_fair",)),
    Mutant("fair-times-do-not-wrap", "P1", "services/fair_nodes.h", "return (int64_t)(time - other) < 0;", "return time < other;",
           ("test_services_fair",)),
    Mutant("fair-weights-not-counted", "P1", "services/fair.c", "fair_virtual(ran, node->weight);",
           "fair_virtual(ran, SERVICES_FAIR_WEIGHT);", ("test_services_fair",)),
    Mutant("fair-time-stands-still", "P1", "services/fair.c", "        cpu->virtual_now += fair_virtual(ran, cpu->weight);\n", "",
           ("test_services_fair",)),
    Mutant("fair-sleepers-save-up", "P1", "services/fair.c", "        node->received = least;\n", "        node->received -= 0;\n",
           ("test_services_fair",)),
    Mutant("fair-heap-loses-a-child", "P1", "services/fair_nodes.c", "fair_meld(fair, node->left, node->right);",
           "node->left != 0 ? node->left : node->right;", ("test_services_fair",)),
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
    Mutant("policy-answer-claimed-without-a-swap", "M5", "core/ref.c",
           "    return atomic_u64_cas(&ref->word, &word, word_make(ref_word_generation(word), REF_BUSY, 0));\n",
           "    atomic_u64_store_release(&ref->word, word_make(ref_word_generation(word), REF_BUSY, 0));\n"
           "    return true;\n", ("test_explore_policy",)),
    Mutant("allocator-visible-before-all-is-announced", "P1", "api/policies.c",
           "    frame_choose_inject(announce_free, publish_allocator);\n",
           "    publish_allocator();\n    frame_choose_inject(announce_free, publish_allocator);\n",
           ("test_explore_policy",)),
    Mutant("no-second-look-for-an-allocator", "P1", "core/frame_choose.c",
           "    spinlock_acquire(&lock);\n    if (!policy_frame_present()) {\n        return true;\n    }\n",
           "    spinlock_acquire(&lock);\n    if (!policy_frame_present() || frame_end() > 0) {\n        return true;\n    }\n",
           ("test_explore_policy",)),
    Mutant("allocator-told-before-the-frame-is-free", "P1", "core/frame_choose.c",
           "    uint64_t run = first, end = first + count;\n",
           "    uint64_t run = first, end = first + count;\n    tell_policy(first, tell ? count : 0);\n    tell = false;\n",
           ("test_explore_policy",)),
    Mutant("free-frames-counted-in-the-wrong-order", "M6", "core/frame_count.c",
           "    uint64_t taken = sum_taken(); /* first: see the header */\n    uint64_t returned = sum_returned();\n",
           "    uint64_t returned = sum_returned();\n    uint64_t taken = sum_taken();\n", ("test_explore_policy",)),
    Mutant("batch-duplicates-a-frame", "M5", "services/buddy_blocks.c",
           "buddy_blocks_insert(blocks, first + taken, size - taken);",
           "buddy_blocks_insert(blocks, first + taken - 1, size - taken + 1);", ("test_services_buddy",)),
    Mutant("caches-hide-frames", "M8", "services/buddy.c",
           "    if (first == KEEL_FRAME_NONE) {\n        drain_all(buddy);\n", "    if (first == 0) {\n        drain_all(buddy);\n",
           ("test_services_buddy",)),
    Mutant("buddy-lock-does-not-lock", "M5", "services/buddy.c", "memory_order_acquire) != 0) {",
           "memory_order_acquire) > 1) {", ("test_services_buddy_threads",)),
    Mutant("no-guard-below-an-area", "T3", "core/area.c", "uint32_t guard = granules_for(guard_count), count",
           "uint32_t guard = 0 * granules_for(guard_count), count", ("test_area",)),
    # Forms of a frame, client words
    Mutant("unique-beside-other-references", "M2", "core/ref.c", "if (ref_word_count(word) != 2) {",
           "if (ref_word_count(word) > 3) {", ("test_ref", "test_unique")),
    Mutant("mapping-taken-for-the-handle", "M2", "core/ref.c", "if (atomic_u32_load_acquire(&ref->handles) != 1) {",
           "if (atomic_u32_load_acquire(&ref->handles) > 1) {", ("test_explore_frames",)),
    Mutant("conversion-without-a-mark", "M1", "core/ref.c", "!atomic_u64_cas(&ref->word, &word, marked)",
           "(marked = word) == 0", ("test_explore_frames",)),
    Mutant("mark-of-another-conversion", "M2", "core/ref.c",
           "if (atomic_u32_load_acquire(&ref->handles) != 1 || !atomic_u64_cas", "if (!atomic_u64_cas",
           ("test_explore_frames",)),
    Mutant("sharing-keeps-the-generation", "H3", "core/ref.c", "holder_step(ref, word, generation + 1, REF_BUSY);",
           "holder_step(ref, word, generation, REF_BUSY);", ("test_ref", "test_unique", "test_list")),
    Mutant("becoming-unique-keeps-the-generation", "H3", "core/ref.c", "&marked, word_make(generation + 1, REF_BUSY, 0)",
           "&marked, word_make(generation, REF_BUSY, 0)", ("test_ref", "test_unique")),
    Mutant("unique-frame-for-two-calls", "M2", "core/ref.c",
           "if (ref_word_count(word) != 0) {\n            return KEEL_E_BUSY;",
           "if (ref_word_count(word) > 1) {\n            return KEEL_E_BUSY;", ("test_ref", "test_unique")),
    Mutant("taken-handle-let-go-again", "M6", "api/gen_calls.py", "if self.taken:  # on success",
           "if self.taken == 7:  # on success", ("test_unique",)),
    Mutant("kind-of-unique-frame-not-checked", "H1", "api/resolve.c", "if (!object_in_range(OBJECT_UNIQUE, handle)) {",
           "if (handle_slot(handle) >= frame_end()) {", ("test_calls", "test_unique")),
    Mutant("tag-not-checked", "M3", "core/unique.c", "return frame->client.tag == tag;",
           "return frame->client.tag <= tag;", ("test_unique",)),
    Mutant("old-words-kept", "M9", "core/frame.c", "frames[i].words[word] = 0;",
           "frames[i].words[word] &= type == FRAME_UNTYPED ? UINT64_MAX : 0;", ("test_unique",)),
    # Lists
    Mutant("member-of-another-list", "M2", "core/list.c", "load_relaxed(&frame->list) == id_of(list) ?",
           "load_relaxed(&frame->list) != 0 * id_of(list) ?", ("test_list",)),
    Mutant("left-list-not-forgotten", "M2", "core/list.c", "    atomic_u32_store_relaxed(&frame->list, 0);\n", "",
           ("test_list",)),
    Mutant("pop-looks-outside-the-lock", "M2", "core/list.c",
           "    bool interrupts = spinlock_acquire(&list->lock);\n"
           "    uint32_t number = end == LIST_FRONT ? list->first : list->last;\n",
           "    uint32_t number = end == LIST_FRONT ? list->first : list->last;\n"
           "    bool interrupts = spinlock_acquire(&list->lock);\n", ("test_explore_frames",)),
    Mutant("list-ends-without-its-frames", "M8", "core/list.c", "while (list->first != FRAME_NUMBER_NONE) {",
           "while (list->first == 0) {", ("test_list",)),
    # Slices
    Mutant("slice-range-overflows", "M5", "api/frames.c",
           "index > segment->frame_count || frame_count > segment->frame_count - index",
           "index + frame_count > segment->frame_count", ("test_segment",)),
    Mutant("failed-slice-keeps-a-reference", "M8", "core/segment.c", "for (uint64_t i = 0; i < slice->frame_count; i++) {",
           "for (uint64_t i = 1; i < slice->frame_count; i++) {", ("test_segment",)),
    Mutant("split-takes-any-reference", "M6", "core/segment.c",
           "keel_status_t status = ref_handle_drop(&segment->object.ref);", "keel_status_t status = KEEL_OK;",
           ("test_segment",)),
    # Boot memory
    Mutant("boot-data-handed-out-too-early", "M5", "core/frame.c",
           "if (map->regions[i].kind == HAL_REGION_USABLE) {\n            mark_free",
           "if (map->regions[i].kind <= HAL_REGION_RECLAIMABLE) {\n            mark_free", ("test_boot",)),
    Mutant("boot-data-never-freed", "M8", "core/frame.c", "if (region->kind == HAL_REGION_RECLAIMABLE && first < end) {",
           "if (region->kind == HAL_REGION_RECLAIMABLE && first > end) {", ("test_boot",)),
    Mutant("array-too-short-for-boot-data", "M5", "core/frame.c",
           "if (region->kind <= HAL_REGION_RECLAIMABLE) {\n            end",
           "if (region->kind == HAL_REGION_USABLE) {\n            end", ("test_boot",)),
    Mutant("boot-data-freed-twice", "M2", "core/frame.c", "if (atomic_u32_exchange(&reclaimed, 1) != 0) {",
           "if (atomic_u32_exchange(&reclaimed, 1) > 1) {", ("test_boot",)),
    Mutant("page-with-boot-data-is-usable", "M5", "core/memmap.c", "if (found.touched && found.kind",
           "if (!found.covered && found.kind", ("test_memmap",)),
    Mutant("reclaimed-frames-not-announced", "P1", "core/frame_choose.c", "        policy_frame_added(hal_cpu_id(), first, count);\n", "",
           ("test_boot",)),
    Mutant("slot-claimed-whatever-its-bit", "M7", "core/slab.c",
           "(atomic_u64_fetch_or(&frame->slab.used[index / 64], bit) & bit) != 0) {",
           "(atomic_u64_fetch_or(&frame->slab.used[index / 64], bit) & 0) != 0) {", ("test_slab",)),
    Mutant("class-of-a-named-slot-not-checked", "M7", "core/slab.c", "frame->slab.size_class != size_class ||", "",
           ("test_slab",)),
    Mutant("slot-of-keel's-own-slab-can-be-named", "M7", "core/slab.c",
           "if (frame == NULL || !pin(frame, true, 2, &word)) {", "if (frame == NULL || !pin(frame, false, 2, &word)) {",
           ("test_slab",)),
    Mutant("any-private-frame-passes-for-a-slab", "M7", "core/slab.c", "(lent_only || state != REF_HEAP)",
           "(lent_only || state != REF_PRIVATE)", ("test_heap", "test_explore_heap")),
    Mutant("address-inside-a-slot-accepted", "M7", "core/slab.c", "return *index * size == offset;",
           "return *index < SLAB_SLOTS_MAX;", ("test_heap",)),
    Mutant("slot-freed-twice-at-once", "M7", "core/slab.c", "if ((atomic_u64_fetch_and(used, ~bit) & bit) == 0) {",
           "if ((atomic_u64_fetch_and(used, ~bit) & 0) != 0) {", ("test_explore_heap",)),
    Mutant("slab-page-freed-with-a-slot-in-use", "M7", "core/slab.c",
           "- holds;\n    bool ends = false;\n    if (ref_word_count(word) == 0) {",
           "- holds;\n    bool ends = false;\n    if (ref_word_count(word) <= 1) {", ("test_slab", "test_heap")),
    Mutant("slot-prepared-without-a-hold", "M7", "core/slab.c",
           "    slot_prepare(*slot, size_class, size);\n    let_go_kept(frame, 1, false);\n",
           "    let_go_kept(frame, 1, false);\n    slot_prepare(*slot, size_class, size);\n", ("test_explore_heap",)),
    Mutant("allocator-told-without-a-hold", "M7", "core/slab.c",
           "        tell_allocator(hal_frame_number(address), size_class, index);\n    }\n    let_go(frame, word, 2, true);\n",
           "        let_go(frame, word, 2, true);\n        tell_allocator(hal_frame_number(address), size_class, index);\n"
           "        return KEEL_OK;\n    }\n    let_go(frame, word, 2, true);\n", ("test_slab",)),
    Mutant("pointer-frees-what-a-handle-names", "M7", "core/slab.c", "slab_classes[size_class].use != use || ",
           "slab_classes[size_class].use + use > SLAB_USES || ", ("test_heap",)),
    Mutant("slot-not-zeroed", "M9", "core/slab.c", "    hal_object_clear(slot, size);\n", "", ("test_heap",)),
    Mutant("memory-range-not-checked", "M4", "api/bytes.h", "size <= room - offset", "size <= room",
           ("test_heap",)),
    Mutant("page-mapped-past-the-end-of-its-range", "A5", "core/io_memory.c",
           "end = (io->address + io->size) & ~(HAL_PAGE_SIZE - 1);",
           "end = (io->address + io->size + HAL_PAGE_SIZE - 1) & ~(HAL_PAGE_SIZE - 1);", ("test_io_memory",)),
    Mutant("page-mapped-from-before-its-range", "A5", "core/io_memory.c",
           "return hal_paddr((io->address + HAL_PAGE_SIZE - 1) &", "return hal_paddr(io->address &", ("test_io_memory",)),
    Mutant("pages-beyond-the-range-mapped", "A5", "api/io_memory.c", "page_count > pages - index", "page_count > pages",
           ("test_io_memory",)),
    Mutant("io-memory-mapped-executable", "A5", "api/io_memory.c", "(rights & KEEL_EXEC) != 0 ?", "rights == 0 ?",
           ("test_io_memory",)),
    Mutant("io-memory-made-executable", "A5", "core/unmap.c", "if ((prot & HAL_PROT_EXEC) != 0 && has_io",
           "if (prot == 0 && has_io", ("test_io_memory",)),
    Mutant("io-memory-mapped-large", "A5", "core/mapping.c", "(plan->io_bits == 0 && ", "(", ("test_io_memory",)),
    Mutant("io-memory-promoted", "A5", "core/promote.c", "hal_pte_is_io(first) ||", "", ("test_io_memory",)),
    Mutant("io-leaf-taken-for-a-frame", "A5", "core/pagetable.c", "if (hal_pte_is_io(entry)) {", "if (hal_pte_is_io(entry) && entry == 0) {",
           ("test_io_memory",)),
    Mutant("mapping-does-not-hold-its-range", "A5", "core/io_memory.c",
           "keel_status_t status = ref_get(&io->object.ref);",
           "keel_status_t status = i > 0 ? ref_get(&io->object.ref) : KEEL_OK;", ("test_io_memory",)),
    Mutant("ranges-overlap", "D5", "core/io_memory.c", "if (io->size > 0 && overlap(", "if (io->size > 100 && overlap(",
           ("test_io_memory",)),
    Mutant("overlap-misses-the-last-byte", "D5", "core/io_memory.c", "other_base - base < size :",
           "other_base - base < size - 1 :", ("test_io_memory",)),
    Mutant("ranges-compared-without-the-lock", "D5", "core/io_memory.c",
           "    bool interrupts = spinlock_acquire(&lock);\n    bool taken = is_taken(address, size);\n",
           "    bool taken = is_taken(address, size);\n    bool interrupts = spinlock_acquire(&lock);\n",
           ("test_explore_io",)),
    Mutant("range-free-before-it-ended", "D5", "core/io_memory.c", "if (!ref_put(&io->object.ref)) {",
           "io->size = 0;\n    if (!ref_put(&io->object.ref)) {", ("test_io_memory",)),
    Mutant("range-past-the-offer", "D5", "core/io_memory.c", "size <= offers[i].size - offset", "size <= offers[i].size",
           ("test_io_memory",)),
    Mutant("ram-offered-as-io-memory", "D5", "core/io_memory.c", "if (!is_ram(map, range)) {",
           "if (!is_ram(map, range) || range->size > 0) {", ("test_io_memory",)),
    Mutant("late-cpu-has-its-way", "T1", "hal/x86_common/cpu_start.c", "return atomic_u32_cas(state, &from, CPU_START_WITHDRAWN);",
           "return atomic_u32_peek(state) == from;", ("test_cpu_start",)),
    Mutant("late-answer-counts", "T1", "hal/x86_common/cpu_start.c", "if (answer == CPU_START_TAKEN && withdraw(state, CPU_START_TAKEN)) {",
           "if (answer == CPU_START_TAKEN) {", ("test_cpu_start",)),
    Mutant("old-time-believed", "T9", "hal/x86_common/cpu_start.c", "!next_time(state, after, &after) || before", "before", ("test_cpu_start",)),
    Mutant("clocks-compared-from-afar", "T9", "hal/x86_common/cpu_start.c", "++looks < LOOKS_MAX", "++looks < 1", ("test_cpu_start",)),
    Mutant("counter-stored-over-another's", "T9", "hal/x86_common/clock.c",
           "} while (!atomic_u64_cas(&counter->ticks, &last, sum(last, passed)));",
           "    atomic_u64_store_release(&counter->ticks, sum(last, passed));\n    } while (passed > counter->mask);", ("test_clock",)),
    Mutant("counter-goes-back", "D7", "hal/x86_common/clock.c",
           "if (passed > counter->mask - counter->mask / CLOCK_COUNTER_BACK) {", "if (passed > counter->mask) {", ("test_clock",)),
    Mutant("hpet-period-not-bounded", "D7", "hal/x86_common/clock.c", "period > HPET_PERIOD_MAX ||", "", ("test_clock",)),
    Mutant("one-measurement-is-enough", "T9", "hal/x86_common/clock.c", "return count >= CLOCK_ROUNDS_AGREE;", "return count >= 1;",
           ("test_clock",)),
    Mutant("reference-that-wrapped-is-believed", "T9", "hal/x86_common/clock.c", "if (passed <= patience && apart >", "if (apart >",
           ("test_clock",)),
    Mutant("date-read-in-an-update", "D7", "hal/x86_common/rtc.c", "if (is_same(&one, &two)) {", "if (is_same(&one, &one)) {",
           ("test_rtc",)),
    Mutant("date-of-no-digits", "D7", "hal/x86_common/rtc.c", "return (raw >> 4) <= 9 && (raw & 0xf) <= 9;", "return (raw >> 4) <= 9;",
           ("test_rtc",)),
    Mutant("waker-takes-who-is-late", "T9", "core/wait.c", "    return end_wait(first, WAIT_WOKEN);",
           "    atomic_u32_store_release(&first->wait.outcome, WAIT_WOKEN);\n    return true;", ("test_explore_sync",)),
    Mutant("deadline-takes-who-is-woken", "T9", "core/deadline.c",
           "if (atomic_u32_cas(&task->wait.outcome, &outcome, WAIT_TIMED_OUT)) {",
           "(void)outcome;\n        atomic_u32_store_release(&task->wait.outcome, WAIT_TIMED_OUT);\n        {", ("test_explore_sync",)),
    Mutant("late-waiter-stays-queued", "T9", "core/wait.c", "if (task->wait.queued) {", "if (task->wait.deadline == 0) {", ("test_sync",)),
    Mutant("signal-that-came-is-waited-for", "T9", "core/sync.c", "if (event->sequence != sequence) {",
           "if (event->sequence < sequence) {", ("test_sync",)),
    Mutant("signal-is-not-counted", "T9", "core/sync.c", "    event->sequence++;\n", "", ("test_explore_sync",)),
    Mutant("token-in-two-hands", "T9", "core/sync.c", "tokens - wait_queue_wake(&semaphore->queue, tokens);",
           "tokens;\n        (void)wait_queue_wake(&semaphore->queue, tokens);", ("test_sync",)),
    Mutant("anybody-unlocks", "T5", "core/mutex.c",
           "    struct hold *hold = hold_of(self, mutex);\n    if (hold == NULL) {\n        return KEEL_E_DENIED;\n    }\n",
           "    struct hold *hold = hold_of(self, mutex);\n    if (hold == NULL && mutex->holder != NULL) {\n"
           "        self = mutex->holder;\n        hold = hold_of(self, mutex);\n    }\n"
           "    if (hold == NULL) {\n        return KEEL_E_DENIED;\n    }\n", ("test_sync",)),
    Mutant("held-things-outlive-their-holder", "T5", "core/task.c", "    holds_release_all();", "    (void)holds_release_atomic();",
           ("test_sync",)),
    Mutant("held-mutex-has-no-reference", "T5", "core/mutex.c",
           "holds_full(&self->holds) ? KEEL_E_LIMIT : ref_get_more(&mutex->object.ref);",
           "holds_full(&self->holds) ? KEEL_E_LIMIT : KEEL_OK;", ("test_sync",)),
    Mutant("sharer-overtakes", "T9", "core/mutex.c", "wait_queue_first(&mutex->queue) == NULL && admits(mutex, wanted)",
           "admits(mutex, wanted)", ("test_mutex",)),
    Mutant("who-gives-up-keeps-others-out", "T9", "core/mutex.c", "        settle(mutex);\n", "        (void)settle;\n", ("test_mutex",)),
    Mutant("upgrade-waits-its-turn", "T9", "core/mutex.c", "wanted == UPGRADE ? WAIT_FIRST : WAIT_LAST", "WAIT_LAST", ("test_mutex",)),
    Mutant("two-wait-for-each-other-s-share", "T9", "core/mutex.c", "first != NULL && first->wait.want == UPGRADE",
           "first != NULL && first->wait.want > UPGRADE", ("test_mutex",)),
    Mutant("one-sharer-at-a-time", "T9", "core/mutex.c",
           "            sched_wake(first);\n        }\n        first = wait_queue_first(&mutex->queue);\n",
           "            sched_wake(first);\n            break;\n        }\n        first = wait_queue_first(&mutex->queue);\n",
           ("test_mutex",)),
    Mutant("alone-beside-sharers", "T5", "core/mutex.c", "wanted == SHARED || mutex->shared ==", "wanted != UPGRADE || mutex->shared ==",
           ("test_mutex",)),
    Mutant("full-list-not-seen", "M6", "core/mutex.c", "holds_full(&self->holds) ? KEEL_E_LIMIT :", "self->holds.count > HOLDS_MAX ? KEEL_E_LIMIT :",
           ("test_mutex",)),
    Mutant("request-before-sleep-missed", "T9", "core/wait.c",
           "atomic_u32_load_acquire(&task->wait.cancel) != WAIT_CANCEL_NONE && end_wait",
           "atomic_u32_load_acquire(&task->wait.cancel) > WAIT_CANCEL_ALL && end_wait", ("test_explore_locks",)),
    Mutant("request-during-sleep-missed", "T9", "core/wait.c", "    if (end_wait(task, WAIT_CANCELED)) {\n        sched_wake(task);",
           "    if (task->wait.place == UINT32_MAX && end_wait(task, WAIT_CANCELED)) {\n        sched_wake(task);", ("test_explore_locks",)),
    Mutant("request-cancels-twice", "T9", "core/wait.c", "~(uint32_t)WAIT_CANCEL_ONE", "UINT32_MAX", ("test_cancel",)),
    Mutant("the-killed-go-on", "T9", "core/wait.c", "~(uint32_t)WAIT_CANCEL_ONE", "0", ("test_cancel",)),
    Mutant("interrupts-back-with-the-first", "T5", "core/hold.c", "hal_irq_restore(holds->irq_off == 0);", "hal_irq_restore(irq_off);",
           ("test_guard",)),
    Mutant("interrupts-stay-off", "T5", "core/hold.c", "    holds->irq_off -= irq_off;\n", "    holds->irq_off -= irq_off && holds->atomic > 1;\n",
           ("test_guard",)),
    Mutant("atomic-mode-ends-early", "T2", "core/hold.c", "    if (--holds->atomic == 0) {", "    if (--holds->atomic <= 1) {", ("test_guard",)),
    Mutant("atomic-mode-is-not-said", "T2", "core/hold.c", "        hal_cpu_word_set(CONTEXT_ATOMIC);\n", "", ("test_calls",)),
    Mutant("preempted-in-atomic-mode", "T2", "core/sched.c", "cpu->current != NULL && cpu->current->holds.atomic == 0;",
           "cpu->current != NULL;", ("test_guard",)),
    Mutant("preemption-forgotten", "T2", "core/hold.c", "        sched_preempt();\n", "", ("test_guard",)),
    Mutant("guard-of-anybody", "T5", "core/hold.c", "is_guard && hold->token == token", "is_guard && token != 0", ("test_guard",)),
    Mutant("guard-named-twice", "H3", "core/hold.c", "    cpu->guards_made++;\n", "", ("test_guard",)),
    Mutant("handler-leaves-atomic-mode-behind", "T2", "core/user_memory.c", "again = !holds_release_atomic() && again;",
           "again = again || false;", ("test_guard",)),
    Mutant("spinlock-twice", "T5", "core/queued_spinlock.c", "    if (hold_of(holds, lock) != NULL) {", "    if (holds_full(holds)) {",
           ("test_spinlock",)),
    Mutant("reader-overtakes-who-spins", "T9", "core/queued_spinlock.c", "lock->head == NULL && admits(lock, shared)", "admits(lock, shared)",
           ("test_spinlock",)),
    Mutant("writer-beside-readers", "T5", "core/queued_spinlock.c", "(lock->shared && shared)", "shared || lock->shared", ("test_spinlock",)),
    Mutant("circle-not-seen", "T5", "core/queued_spinlock.c", "turn % TURNS_PER_LOOK == 0 && is_circle(lock)",
           "turn == 0 && is_circle(lock)", ("test_explore_locks",)),
    Mutant("long-wait-is-a-circle", "T5", "core/queued_spinlock.c",
           "return (atomic_u64_load_acquire(&lock->holders) & stuck) != 0;",
           "return atomic_u64_load_acquire(&lock->holders) != 0 && stuck != 0;", ("test_spinlock",)),
    Mutant("who-leaves-keeps-others-spinning", "T9", "core/queued_spinlock.c",
           "        hand_over(lock); /* it may have stood between readers */\n", "", ("test_spinlock",)),
    Mutant("spinner-serves-nobody", "A2", "core/queued_spinlock.c", "        tlb_serve();\n", "", ("test_spinlock",)),
    Mutant("grace-period-without-a-wait", "T7", "core/rcu.c", "return began != 0 && began < since;", "return began > since;",
           ("test_explore_rcu",)),
    Mutant("grace-period-of-the-last-epoch", "T7", "core/rcu.c", "atomic_u64_fetch_add(&epoch, 1) + 1;", "atomic_u64_fetch_add(&epoch, 1);",
           ("test_explore_rcu",)),
    Mutant("inner-section-ends-the-outer", "T7", "core/rcu.c", "    if (--cpu->rcu_depth == 0) {", "    if (--cpu->rcu_depth <= 1) {",
           ("test_rcu",)),
    Mutant("guard-of-a-section-does-not-begin-it", "T7", "core/hold.c", "        rcu_enter();\n", "        (void)rcu_enter;\n        cpu->rcu_depth++;\n",
           ("test_rcu",)),
    Mutant("retired-at-once", "T7", "core/retire.c", "while (rcu_synchronize(expedited != 0, WAIT_FOREVER) != KEEL_OK) {",
           "while (expedited > 1) {", ("test_rcu",)),
    Mutant("last-retired-is-left", "M8", "core/retire.c", "    has_task = count > 0;\n", "    has_task = true;\n", ("test_rcu",)),
    Mutant("retired-without-a-task-is-left", "M8", "core/retire.c", "        empty_ring(true);\n", "        head = tail;\n", ("test_rcu",)),
    Mutant("ring-overruns", "M8", "core/retire.c", "tail - head == RETIRED_MAX;", "tail - head == 2 * RETIRED_MAX;", ("test_rcu",)),
    Mutant("cpu-s-numbers-without-a-pin", "T6", "api/calls.tbl", "cpu_local_load          | atomic ", "cpu_local_load          | task atomic ",
           ("test_cpu_local",)),
    Mutant("old-numbers-show", "M9", "core/cpu_local.c", "        atomic_u64_init(&local->values[cpu], 0);\n", "", ("test_cpu_local",)),
    Mutant("old-words-show", "M9", "core/task.c", "        task->words[i] = 0;\n", "", ("test_cpu_local",)),
    Mutant("heap-sinks-to-the-later-child", "T9", "core/deadline.c",
           "heap[child + 1]->wait.deadline < heap[child]->wait.deadline", "heap[child + 1]->wait.deadline > heap[child]->wait.deadline",
           ("test_sync",)),
    Mutant("explorer-lets-loads-and-stores-commute", "HAL", "hal/hosted/explore_points.c",
           "(one->kind == HAL_POINT_LOAD && other->kind == HAL_POINT_LOAD)", "(one->kind == HAL_POINT_LOAD || other->kind == HAL_POINT_LOAD)",
           ("test_explorer",)),
    Mutant("explorer-cuts-what-was-disturbed", "HAL", "hal/hosted/explore_points.c", "points.preempted[cpu] && !points.disturbed[cpu];",
           "points.preempted[cpu];", ("test_explorer",)),
    Mutant("explorer-looks-not-into-hal-calls", "HAL", "hal/hosted/explore_points.c",
           "if ((!one_local && !one->address) || (!other_local && !other->address)) {", "if (!one_local && !one->address && one == other) {",
           ("test_explorer",)),
    Mutant("explorer-preempts-beyond-the-bound", "HAL", "hal/hosted/explore_choose.c",
           "machine.preemptions >= search.explore->bound;", "machine.preemptions > search.explore->bound;", ("test_explorer",)),
    Mutant("explorer-counts-turns-of-all-cpus", "HAL", "hal/hosted/explore_choose.c", "    search.turns[cpu]++;\n",
           "    search.turns[0]++;\n", ("test_explorer",)),
    Mutant("explorer-keeps-priorities", "HAL", "hal/hosted/explore_choose.c", "        demote();\n    }\n    unsigned best",
           "    }\n    unsigned best", ("test_explorer",)),
    Mutant("explorer-forgets-timers", "HAL", "hal/hosted/schedule.c", "            explore_disturb();\n", "", ("test_explorer",)),
    Mutant("explorer-forgets-audits", "HAL", "hal/hosted/power.c", "    explore_disturb(); /* the caller may look at everything */\n", "",
           ("test_explorer",)),
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
    """Makes the copy what the tests are built from. Only what differs is written: a file that the last mutant of an
    earlier run was planted in must keep its time, which is later than its object's."""
    wanted = set()
    for part in PARTS:
        path = ROOT / part
        wanted |= {file for file in (path.rglob("*") if path.is_dir() else [path])
                   if file.is_file() and "__pycache__" not in file.parts}
    for file in wanted:
        target = scratch / file.relative_to(ROOT)
        if not target.is_file() or target.read_bytes() != file.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    for part in PARTS:
        for target in (scratch / part).rglob("*"):
            if target.is_file() and ROOT / target.relative_to(scratch) not in wanted:
                target.unlink()


def build(tree, targets):
    return run(["cmake", "--build", str(tree / "build"), "--target", *targets])


def test(tree, names):
    """True if every test passes."""
    pattern = "^(" + "|".join(names) + ")$"
    status, output = run(["ctest", "--test-dir", str(tree / "build"), "-R", pattern, "--timeout", "60",
                          "--no-tests=error", "--stop-on-failure"])
    return status == 0, output


def misplaced(mutants):
    """A sentence for each mutant that does not name one place of the tree."""
    for mutant in mutants:
        path = ROOT / mutant.file
        count = path.read_text(encoding="utf-8").count(mutant.text) if path.is_file() else 0
        if count != 1:
            yield f"{mutant.id}: its text occurs {count} times in {mutant.file}"


def try_mutant(tree, mutant):
    """None if it was caught, otherwise a sentence."""
    path = tree / mutant.file
    original = path.read_text(encoding="utf-8")
    path.write_text(original.replace(mutant.text, mutant.replacement), encoding="utf-8")
    os.environ["UNIT_STOP"] = "1"  # one failure is enough
    try:
        status, output = build(tree, mutant.tests)
        if status != 0:
            return "it does not build:\n" + output
        for name in mutant.tests:
            if not test(tree, [name])[0]:
                return None
        return "it survived " + ", ".join(mutant.tests)
    finally:
        del os.environ["UNIT_STOP"]
        path.write_text(original, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("scratch", type=Path, nargs="?")
    parser.add_argument("--check", action="store_true", help="only look whether each mutant names one place")
    parser.add_argument("-D", dest="options", action="append", default=[])
    parser.add_argument("--share", default="1/1", help="K/N: only every Nth mutant, from the Kth on")
    parser.add_argument("ids", nargs="*")
    arguments = parser.parse_intermixed_args()
    sentences = list(misplaced(MUTANTS))
    if sentences:
        sys.exit("\n".join(sentences))
    if arguments.check:
        print(f"{len(MUTANTS)} mutants, each in one place")
        return 0
    if arguments.scratch is None:
        parser.error("where to build is missing")
    share, shares = (int(part) for part in arguments.share.split("/"))
    chosen = [mutant for mutant in MUTANTS if not arguments.ids or mutant.id in arguments.ids][share - 1 :: shares]
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
