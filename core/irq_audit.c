/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The audit of interrupt lines: lines and handlers agree (T8, D8), and with what is routed (D4). It runs
 * frozen.
 */
#include "core/irq.h"

static void check_line(const struct irq_line *line, unsigned source, audit_report_t *report)
{
    bool is_message = source >= hal_irq_message_first();
    uint32_t count = 0;
    for (uint32_t i = 0; i < IRQ_SHARERS_MAX; i++) {
        const struct irq_handler *handler = line->sharers[i];
        if (handler == NULL) {
            continue;
        }
        count++;
        if (handler->line != line || ref_word_state(atomic_u64_peek(&handler->object.ref.word)) == REF_FREE) {
            report("T8", "a line calls a handler that is not its own, source", source);
        }
    }
    if (count != line->sharer_count || (count == 0) != (line->state == IRQ_CLOSED)) {
        report("T8", "a line is open without handlers, or the other way round, source", source);
    }
    if (line->masked != irq_must_be_masked(line)) {
        report("D8", "a line is not masked as it must be, source", source);
    }
    bool leads_nowhere = line->state != IRQ_CLOSED && line->message == NULL && is_message;
    if (leads_nowhere != (line->state == IRQ_GONE) || (line->message != NULL && !is_message)) {
        report("D4", "a line stands for a message that is not open, source", source);
    }
    if (hal_irq_is_routed(source) != irq_must_be_routed(line)) {
        report("D4", "a source is routed though its line is closed, or the other way round, source", source);
    }
}

/* As most are, most of the time: there is nothing to disagree about. */
static bool is_unused(const struct irq_line *line)
{
    bool unused =
        line->state == IRQ_CLOSED && line->masked && line->sharer_count == 0 && line->message == NULL;
    for (uint32_t i = 0; i < IRQ_SHARERS_MAX && unused; i++) {
        unused = line->sharers[i] == NULL;
    }
    return unused;
}

static bool is_quiet(const struct irq_line *line)
{
    return atomic_u32_peek(&line->lock.next_ticket) == atomic_u32_peek(&line->lock.serving);
}

/* The sources of unused lines are looked at only where the number of those that are routed is not right, or
 * cannot be known. */
static void check_unused(audit_report_t *report)
{
    for (unsigned source = 0; source < HAL_IRQ_SOURCES_MAX; source++) {
        const struct irq_line *line = irq_line_at(source);
        if (is_quiet(line) && is_unused(line) && hal_irq_is_routed(source)) {
            report("D4", "a source is routed though its line is unused, source", source);
        }
    }
}

void irq_audit(audit_report_t *report)
{
    unsigned routed = 0;
    bool all_quiet = true;
    const struct irq_line *line = irq_line_at(0); /* one look-up for all: this runs after every step */
    for (unsigned source = 0; source < HAL_IRQ_SOURCES_MAX; source++, line++) {
        bool quiet = is_quiet(line); /* otherwise a CPU may stand in the middle of a step */
        all_quiet = all_quiet && quiet;
        if (quiet && !is_unused(line)) {
            routed += irq_must_be_routed(line);
            check_line(line, source, report);
        }
    }
    if (!all_quiet || hal_irq_routed_count() != routed) {
        check_unused(report);
    }
}
