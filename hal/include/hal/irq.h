/* SPDX-License-Identifier: BSD-2-Clause
 *
 * HAL contract: interrupt sources. Each is a wire from devices to the machine's interrupt controllers,
 * numbered from 0: on a PC the global system interrupts of ACPI (6.4, 5.2.13). All are masked at boot.
 *
 * Core makes the calls below with interrupts off, and never two at once.
 */
#ifndef HAL_IRQ_H
#define HAL_IRQ_H

#include "hal/types.h"

#define HAL_IRQ_SOURCES_MAX 160u
#define HAL_IRQ_NOT_LEGACY  UINT32_MAX

/* How a source interrupts: at a change of its wire, or as long as that is active. */
struct hal_irq_wire {
    bool level;
    bool low; /* active low, or at the falling edge */
};

struct hal_irq_source {
    struct hal_irq_wire wire; /* as firmware says that it is */
    uint32_t legacy;          /* which of a PC's 16 old lines it is, or HAL_IRQ_NOT_LEGACY */
};

/* At most HAL_IRQ_SOURCES_MAX. Constant from hal_upcall_boot on. */
unsigned hal_irq_source_count(void);

/* False: there is none of this number (there may be gaps), or the machine keeps it for itself. Any context.
 */
bool hal_irq_source(unsigned source, struct hal_irq_source *description);

/* Of a source that there is: its interrupts go to this CPU from now on; it stays masked or unmasked,
 * but may be masked for a moment. One that is on its way may still arrive elsewhere. False: it cannot reach
 * that CPU; nothing has changed. */
bool hal_irq_route(unsigned source, struct hal_irq_wire wire, unsigned cpu);

/* Edges that come while it is masked are lost. What was on its way before it was masked may still arrive. */
void hal_irq_mask(unsigned source, bool masked);

/* Upcall from an interrupt, with interrupts off, on whatever kernel stack was interrupted. It must not switch
 * context. A level that is still active when it returns, and not masked, interrupts again. Core expects it at
 * any time, for any source below HAL_IRQ_SOURCES_MAX: devices may forge messages. */
void hal_upcall_irq(unsigned source);

/* What else a CPU has seen. Of another CPU the numbers are those of some moment. */
struct hal_irq_counts {
    uint64_t nmi;
    uint64_t stray; /* of vectors that nobody was given */
};
struct hal_irq_counts hal_irq_counts(unsigned cpu);

#endif
