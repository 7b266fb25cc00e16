/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Storms, see core/irq_storm.h.
 */
#include "core/irq_storm.h"

static void begin_window(struct irq_storm *storm, uint64_t now)
{
    storm->window = now;
    storm->busy = 0;
    storm->count = 0;
    storm->unclaimed = 0;
}

void irq_storm_init(struct irq_storm *storm, uint64_t now)
{
    irq_storm_resume(storm, now);
    storm->pauses = 0;
}

bool irq_storm_note(struct irq_storm *storm, uint64_t begin, uint64_t end, bool claimed)
{
    /* Another CPU, whose clock is a little ahead, may have begun it. */
    if (begin > storm->window && begin - storm->window >= IRQ_STORM_WINDOW_NS) {
        /* A slow handler may have made it long. */
        bool busy = storm->busy > (begin - storm->window) / 2;
        storm->busy_windows = busy ? storm->busy_windows + 1 : 0;
        storm->pauses = busy ? storm->pauses : 0;
        begin_window(storm, begin);
    }
    storm->busy += end - begin;
    storm->count++;
    storm->unclaimed = claimed ? 0 : storm->unclaimed + 1;
    return storm->busy_windows >= IRQ_STORM_BUSY_WINDOWS || storm->count > IRQ_STORM_COUNT ||
           storm->unclaimed >= IRQ_STORM_UNCLAIMED ||
           (storm->busy > IRQ_STORM_BUSY_NS && storm->count >= IRQ_STORM_BUSY_COUNT);
}

uint64_t irq_storm_pause(struct irq_storm *storm)
{
    if (storm->pauses == IRQ_STORM_PAUSES) {
        return 0;
    }
    return IRQ_STORM_WINDOW_NS << storm->pauses++;
}

void irq_storm_resume(struct irq_storm *storm, uint64_t now)
{
    begin_window(storm, now);
    storm->busy_windows = 0;
}
