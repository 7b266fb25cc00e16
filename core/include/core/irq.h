/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Interrupt lines and their handlers.
 *
 * A line stands for a source of the machine (hal/irq.h): a wire, or a message that core/pci_message.c has
 * opened.
 *
 *             first handler               storm
 *   CLOSED ------------------> OPEN <---------------> THROTTLED
 *     ^                         |   time has passed       |
 *     |        last one is gone v                         v storms on and on
 *     +-------------------------+<--------------------- CUT_OFF
 *
 * When a message is closed while there are handlers, its line is GONE, whatever it was, until the last one
 * is: only then can its source stand for another message.
 *
 * It is masked unless it is OPEN, a handler is enabled, and none holds it. Its lock guards all of it, and is
 * not held while handlers run. One CPU at a time serves it, calling its handlers in turn: who comes
 * meanwhile, which takes a line that goes to another CPU now, leaves the interrupt to that one. A handler is
 * called with a reference that is taken through the client's handle, so not once the last handle is gone.
 *
 * Edges are lost while a line is masked, and those of a handler's device while that is disabled. So when it
 * no longer is, the line's handlers are called once, on the CPU whose timer then rings.
 */
#ifndef CORE_IRQ_H
#define CORE_IRQ_H

#include "core/audit.h"
#include "core/deadline.h"
#include "core/irq_storm.h"
#include "core/object.h"
#include "core/spinlock.h"
#include "hal/irq.h"

#define IRQ_SHARERS_MAX 8u

enum irq_state { IRQ_CLOSED, IRQ_OPEN, IRQ_THROTTLED, IRQ_CUT_OFF, IRQ_GONE };

/* What a handler answers; any other value is IRQ_NOT_MINE. */
enum irq_answer { IRQ_NOT_MINE, IRQ_HANDLED, IRQ_HOLD };

struct pci_message;

struct irq_line {
    struct spinlock lock;
    enum irq_state state;
    const struct pci_message *message; /* that is open; NULL: the source is a wire, or stands for nothing */
    struct irq_handler *sharers[IRQ_SHARERS_MAX]; /* NULL: a free place */
    uint32_t sharer_count;
    struct hal_irq_wire wire;
    bool shared;     /* by all of its handlers */
    bool masked;     /* at the machine's controller */
    bool in_service; /* some CPU calls its handlers */
    bool again;      /* it interrupted meanwhile */
    bool again_late; /* meanwhile its handlers had to be called for edges that may have been lost */
    bool resample;   /* edges may have been lost, and its handlers have not been called since */
    bool rings;      /* the deadline is for that */
    unsigned cpu;    /* where it goes to */
    struct irq_storm storm;
    uint64_t silent_until;    /* THROTTLED */
    struct deadline deadline; /* of that, or to resample */
    uint64_t interrupts, unclaimed, storms;
};

/* A handler. */
struct irq_handler {
    struct object object; /* first */
    struct irq_line *line;
    uint32_t (*function)(void *context);
    void *context;
    /* Under the line's lock. `resumed`: since it was called last; then it does not come to hold the line by
     * its answer, which may come later than the task that it woke. */
    bool enabled, holds, running, resumed;
};

struct irq_handler_options {
    uint32_t (*function)(void *context);
    void *context;
    unsigned source;
    struct hal_irq_wire wire;
    bool shared;
    uint64_t affinity; /* some CPU of it is online */
};

struct irq_line_info {
    unsigned source, cpu;
    struct hal_irq_wire wire;
    bool shared;
    enum irq_state state;
    uint64_t interrupts, unclaimed, storms;
};

/* Boot CPU, before interrupts are on. */
void irq_init(void);

/* E_NOT_FOUND, E_INVALID, E_BUSY, E_UNSUPPORTED, E_LIMIT: as keel/irq.h says. */
keel_status_t irq_handler_make(const struct irq_handler_options *options, uint64_t *handle);
void irq_handler_put(struct irq_handler *handler);
void irq_handler_enable(struct irq_handler *handler);
/* E_BUSY: done, and the handler runs. */
keel_status_t irq_handler_disable(struct irq_handler *handler);
/* E_NOT_FOUND: it does not hold the line. */
keel_status_t irq_handler_resume(struct irq_handler *handler);
/* Some CPU of it is online. E_UNSUPPORTED, E_NOT_FOUND. */
keel_status_t irq_handler_set_affinity(struct irq_handler *handler, uint64_t affinity);
void irq_handler_info(struct irq_handler *handler, struct irq_line_info *info);

/* For core/pci_message.c: a source for this message of this requester, until it is detached. E_LIMIT: none is
 * left. Once it is detached, the line tells the message nothing any more, and calls nobody. */
keel_status_t irq_message_attach(const struct pci_message *message, uint16_t requester, uint32_t *source);
void irq_message_detach(unsigned source);

/* For core/deadline.c, from the timer interrupt. */
void irq_line_ring(struct irq_line *line);

/* irq_audit.c: lines and handlers agree (T8, D8). Frozen. For it: of a source that there could be; and by
 * what the rest of the line says, is its source masked, and is it routed? */
void irq_audit(audit_report_t *report);
const struct irq_line *irq_line_at(unsigned source);
bool irq_must_be_masked(const struct irq_line *line);
bool irq_must_be_routed(const struct irq_line *line);

#endif
