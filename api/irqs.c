/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Calls of keel/irq.h.
 */
#include "core/irq.h"

#include "calls.h"
#include "core/cpu.h"
#include "core/task.h"
#include "reference.h"

#define FLAGS ((uint32_t)(KEEL_IRQ_LEVEL | KEEL_IRQ_LOW | KEEL_IRQ_SHARED))

_Static_assert(KEEL_IRQ_SHARERS_MAX == IRQ_SHARERS_MAX, "the documented limit is the real one");
_Static_assert(KEEL_IRQ_NOT_LEGACY == HAL_IRQ_NOT_LEGACY, "one number for both");
_Static_assert(KEEL_IRQ_NOT_MINE == (int)IRQ_NOT_MINE && KEEL_IRQ_HANDLED == (int)IRQ_HANDLED &&
                   KEEL_IRQ_HOLD == (int)IRQ_HOLD,
               "answers pass as they are");
_Static_assert(KEEL_IRQ_OPEN == (int)IRQ_OPEN && KEEL_IRQ_THROTTLED == (int)IRQ_THROTTLED &&
                   KEEL_IRQ_CUT_OFF == (int)IRQ_CUT_OFF && KEEL_IRQ_GONE == (int)IRQ_GONE,
               "states pass as they are");

static uint32_t flags_of(struct hal_irq_wire wire, bool shared)
{
    return (wire.level ? (uint32_t)KEEL_IRQ_LEVEL : 0) | (wire.low ? (uint32_t)KEEL_IRQ_LOW : 0) |
           (shared ? (uint32_t)KEEL_IRQ_SHARED : 0);
}

keel_status_t call_irq_source_info(uint32_t source, struct keel_irq_source_info *info)
{
    struct hal_irq_source found;
    if (source >= hal_irq_source_count() || !hal_irq_source(source, &found)) {
        return KEEL_E_NOT_FOUND;
    }
    info->flags = flags_of(found.wire, false);
    info->legacy = found.legacy;
    return KEEL_OK;
}

static bool some_online(uint64_t affinity)
{
    return (task_affinity_of(affinity) & cpu_online_mask()) != 0;
}

keel_status_t call_irq_handler_create(const struct keel_irq_handler_options *given, uint64_t *handler)
{
    if (given->handler == NULL || (given->flags & ~FLAGS) != 0 || !some_online(given->affinity)) {
        return KEEL_E_INVALID;
    }
    const struct irq_handler_options options = {
        .function = given->handler,
        .context = given->context,
        .source = given->source,
        .wire = {.level = (given->flags & KEEL_IRQ_LEVEL) != 0, .low = (given->flags & KEEL_IRQ_LOW) != 0},
        .shared = (given->flags & KEEL_IRQ_SHARED) != 0,
        .affinity = task_affinity_of(given->affinity),
    };
    return irq_handler_make(&options, handler);
}

REFERENCE_CALLS(irq_handler, object.ref)

keel_status_t call_irq_handler_enable(struct irq_handler *handler)
{
    irq_handler_enable(handler);
    return KEEL_OK;
}

keel_status_t call_irq_handler_disable(struct irq_handler *handler)
{
    return irq_handler_disable(handler);
}

keel_status_t call_irq_handler_resume(struct irq_handler *handler)
{
    return irq_handler_resume(handler);
}

keel_status_t call_irq_handler_set_affinity(struct irq_handler *handler, uint64_t affinity)
{
    return some_online(affinity) ? irq_handler_set_affinity(handler, task_affinity_of(affinity))
                                 : KEEL_E_INVALID;
}

keel_status_t call_irq_handler_info(struct irq_handler *handler, struct keel_irq_handler_info *info)
{
    struct irq_line_info line;
    irq_handler_info(handler, &line);
    *info = (struct keel_irq_handler_info){.source = line.source,
                                           .flags = flags_of(line.wire, line.shared),
                                           .state = line.state,
                                           .cpu = line.cpu,
                                           .interrupts = line.interrupts,
                                           .unclaimed = line.unclaimed,
                                           .storms = line.storms};
    return KEEL_OK;
}

keel_status_t call_irq_counts(uint32_t cpu, struct keel_irq_counts *counts)
{
    if (!cpu_is_online(cpu)) {
        return KEEL_E_INVALID;
    }
    const struct cpu *of = cpu_at(cpu);
    struct hal_irq_counts machine = hal_irq_counts(cpu);
    *counts = (struct keel_irq_counts){
        .timer = atomic_u64_load_relaxed(&of->counts[CPU_COUNT_TIMER]),
        .ipi = atomic_u64_load_relaxed(&of->counts[CPU_COUNT_IPI]),
        .line = atomic_u64_load_relaxed(&of->counts[CPU_COUNT_LINE]),
        .stray = atomic_u64_load_relaxed(&of->counts[CPU_COUNT_STRAY]) + machine.stray,
        .nmi = machine.nmi,
    };
    return KEEL_OK;
}
