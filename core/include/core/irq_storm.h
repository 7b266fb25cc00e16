/* SPDX-License-Identifier: BSD-2-Clause
 *
 * When an interrupt line storms, and how long it is silenced for (D8). Numbers only: core/irq.c masks. Times
 * are hal_time_now's nanoseconds.
 */
#ifndef CORE_IRQ_STORM_H
#define CORE_IRQ_STORM_H

#include "hal/types.h"

#define IRQ_STORM_WINDOW_NS UINT64_C(10000000)
#define IRQ_STORM_COUNT     1000u /* interrupts in a window */
#define IRQ_STORM_UNCLAIMED 100u  /* in a row in a window */
/* Handlers may take half of a window. A CPU that stood still in the middle of one, as virtual ones do, looks
 * as if they had taken it all: a few slow ones are a storm only if that goes on for some windows. */
#define IRQ_STORM_BUSY_NS      (IRQ_STORM_WINDOW_NS / 2)
#define IRQ_STORM_BUSY_COUNT   16u
#define IRQ_STORM_BUSY_WINDOWS 3u
#define IRQ_STORM_PAUSES       8u /* in a row; after that it is cut off */

struct irq_storm {
    uint64_t window; /* when it began */
    uint64_t busy;   /* nanoseconds of it in handlers */
    uint32_t count;  /* interrupts in it */
    uint32_t unclaimed;
    uint32_t busy_windows; /* in a row, before this one, of which handlers took more than half */
    uint32_t pauses;       /* so often in a row it was silenced */
};

void irq_storm_init(struct irq_storm *storm, uint64_t now);

/* One more interrupt, and what its handlers took. True: that is a storm. */
bool irq_storm_note(struct irq_storm *storm, uint64_t begin, uint64_t end, bool claimed);

/* For how long it is to be silenced; 0: for good. */
uint64_t irq_storm_pause(struct irq_storm *storm);
/* The pause is over: a new window begins, and a full one without a storm ends the row. */
void irq_storm_resume(struct irq_storm *storm, uint64_t now);

#endif
