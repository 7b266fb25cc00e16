# SPDX-License-Identifier: BSD-2-Clause
"""Deliberate bugs against what devices can reach: interrupt lines (mutants.py)."""
from mutant import Mutant

IRQ = "core/irq.c"
STORM = "core/irq_storm.c"
IOAPIC = "hal/x86_common/ioapic.c"

DEVICES = (
    Mutant("disabled-handler-called", "T9", IRQ, "handler != NULL && handler->enabled && !line->masked &&", "handler != NULL && !line->masked &&",
           ("test_irq",)),
    Mutant("released-handler-called", "T8", IRQ,
           "ref_get_by_handle(&handler->object.ref,\n"
           "                          ref_word_generation(atomic_u64_peek(&handler->object.ref.word))) == KEEL_OK;",
           "ref_get(&handler->object.ref) == KEEL_OK;", ("test_irq", "test_explore_irq")),
    Mutant("line-unmasked-while-held", "T9", IRQ, "|| !enabled || held;", "|| !enabled;", ("test_irq",)),
    Mutant("line-unmasked-without-handlers", "T8", IRQ, "|| !enabled || held;", "|| held;", ("test_irq",)),
    Mutant("masked-line-served", "D4", IRQ, "bool expected = !line->masked;", "bool expected = line->interrupts != UINT64_MAX;",
           ("test_irq", "test_explore_irq")),
    Mutant("line-served-twice-at-once", "T8", IRQ, "bool serves = expected && !line->in_service;", "bool serves = expected;",
           ("test_explore_irq",)),
    Mutant("interrupt-in-service-lost", "T9", IRQ, "line->again = line->again || (expected && line->in_service);", "", ("test_explore_irq",)),
    Mutant("edges-lost-while-masked", "T9", IRQ, "    if (!masked) {\n        resample(line);\n    }\n", "", ("test_irq",)),
    Mutant("edges-lost-while-moving", "T9", IRQ, "if (status == KEEL_OK && !handler->line->masked) {",
           "if (status != KEEL_OK && !handler->line->masked) {", ("test_explore_irq",)),
    Mutant("resume-before-the-answer-lost", "T9", IRQ, "answer == IRQ_HOLD && !handler->resumed;", "answer == IRQ_HOLD;",
           ("test_explore_irq", "test_irq")),
    Mutant("running-handler-not-told", "T9", IRQ, "return running ? KEEL_E_BUSY : KEEL_OK;", "return running ? KEEL_OK : KEEL_OK;", ("test_irq", "test_explore_irq")),
    Mutant("line-shared-unasked", "T8", IRQ, "return line->shared && options->shared &&", "return options->shared &&", ("test_irq",)),
    Mutant("line-shared-with-another-wire", "T8", IRQ, "line->wire.level == options->wire.level &&", "", ("test_irq",)),
    Mutant("ninth-handler-taken", "T8", IRQ, "line->sharer_count == IRQ_SHARERS_MAX", "line->sharer_count > IRQ_SHARERS_MAX", ("test_irq",)),
    Mutant("line-stays-open", "T8", IRQ, "if (line->sharer_count == 0) {", "if (line->sharer_count == UINT32_MAX) {", ("test_irq",)),
    Mutant("line-goes-to-any-cpu", "T8", IRQ, "best = (cpus >> cpu & 1) != 0 && better", "best = cpus != 0 && better", ("test_irq",)),
    Mutant("lines-pile-up-on-a-cpu", "T8", IRQ, "lines_of[cpu] < lines_of[best];", "lines_of[cpu] > lines_of[best];", ("test_irq",)),
    Mutant("storms-not-silenced", "D8", IRQ, "    if (storms) {\n        silence(line, now);", "    if (storms && line->storms > 99) {\n        silence(line, now);",
           ("test_irq",)),
    Mutant("throttled-for-ever", "D8", IRQ, "(void)deadline_set(&line->deadline, line->silent_until);", "", ("test_irq",)),
    Mutant("unclaimed-interrupts-claimed", "D8", IRQ, "return answer == IRQ_HANDLED || answer == IRQ_HOLD;", "return answer != IRQ_NOT_MINE;",
           ("test_irq",)),
    Mutant("never-cut-off", "D8", STORM, "if (storm->pauses == IRQ_STORM_PAUSES) {", "if (storm->pauses > IRQ_STORM_PAUSES) {", ("test_irq",)),
    Mutant("calm-is-not-seen", "D8", STORM, "        storm->pauses = 0;\n    }\n", "    }\n", ("test_irq",)),
    Mutant("clock-behind-ends-a-storm", "D8", STORM, "begin > storm->window && ", "", ("test_irq",)),
    Mutant("slow-handlers-are-no-storm", "D8", STORM, "(storm->busy > IRQ_STORM_BUSY_NS && storm->count >= IRQ_STORM_BUSY_COUNT)",
           "storm->count > 2 * IRQ_STORM_COUNT", ("test_irq",)),
    Mutant("slow-cpu-is-a-storm", "D8", STORM, " && storm->count >= IRQ_STORM_BUSY_COUNT)", ")", ("test_irq",)),
    Mutant("entry-changed-unmasked", "D4", IOAPIC, "write_low(pin, pin->low | ENTRY_MASKED);", "", ("test_ioapic",)),
    Mutant("pin-of-nmis-given-away", "D4", IOAPIC, " || pins[source].kept", "", ("test_ioapic", "test_irq")),
    Mutant("pin-given-to-two-units", "D4", IOAPIC, "source >= HAL_IRQ_SOURCES_MAX || pin->exists", "source >= HAL_IRQ_SOURCES_MAX",
           ("test_ioapic",)),
    Mutant("pins-left-armed", "D4", IOAPIC, "    write_low(pin, ENTRY_MASKED);\n", "    pin->low = ENTRY_MASKED;\n", ("test_ioapic",)),
    Mutant("broadcast-destination", "D4", IOAPIC, "if (apic_id >= DESTINATION_LIMIT) {", "if (apic_id > DESTINATION_LIMIT) {", ("test_ioapic",)),
)
