/* SPDX-License-Identifier: BSD-2-Clause
 *
 * HAL contract: interrupt sources. Each is a wire from devices to the machine's interrupt controllers,
 * numbered from 0: on a PC the global system interrupts of ACPI (6.4, 5.2.13). All are masked at boot. The
 * numbers from hal_irq_message_first() on are for messages, which a device of PCI writes instead (PCI Local
 * Bus Specification 3.0, 6.8).
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

/* Of a source that there is, or a message that is open: its interrupts go to this CPU from now on; it stays
 * masked or unmasked, but may be masked for a moment. One that is on its way may still arrive elsewhere.
 * False: it cannot reach that CPU, and nothing has changed; or hardware that remaps interrupts does not obey,
 * and nothing of it passes until it is routed again. Of a message nothing counts of the wire. */
bool hal_irq_route(unsigned source, struct hal_irq_wire wire, unsigned cpu);

/* Of a source that was routed, a message that is open among them: nothing of it passes any more until it is
 * routed again; a wire is masked. What was sent before may still arrive. */
void hal_irq_close(unsigned source);

/* For audits: was it routed, and not closed since? And of how many sources is that true? */
bool hal_irq_is_routed(unsigned source);
unsigned hal_irq_routed_count(void);

/* Of a wire. Edges that come while it is masked are lost. What was on its way before it was masked may still
 * arrive. (Messages are masked where they are sent.) */
void hal_irq_mask(unsigned source, bool masked);

/* Sources from this one on, below HAL_IRQ_SOURCES_MAX, are messages; HAL_IRQ_SOURCES_MAX: the machine has
 * none. Not below hal_irq_source_count(). Constant from hal_upcall_boot on. Any context. */
unsigned hal_irq_message_first(void);

/* Each requester is held to messages that were opened for it, and nothing else that it writes interrupts
 * (D4): VT-d 4.0, 5.1, with every unit remapping; AMD 3.0, 2.2.5. False: devices raise what they like.
 * Requesters whose messages come under one id are core's to find. Constant likewise. Any context. */
bool hal_irq_messages_are_held(void);

/* Of a message that is not open: it is from now on, for this requester (bus:8, device:5, function:3), whose
 * messages alone raise it where the machine can tell requesters apart. False: the machine cannot have one
 * more, or one of this requester, which it could not tell from another. */
bool hal_irq_message_open(unsigned source, uint16_t requester);
/* It is closed as above, and no requester's any more. */
void hal_irq_message_close(unsigned source);

/* What the requester must write, `data` to `address`, to raise it. It is open and was routed since; a route
 * that follows may change both, and no message with the old ones may be sent after that but such as was on
 * its way. */
struct hal_irq_message {
    uint32_t address;
    uint16_t data;
};
struct hal_irq_message hal_irq_message_describe(unsigned source);

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
