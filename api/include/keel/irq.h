/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Interrupt lines, and the handlers of device drivers.
 *
 * A source is a wire from devices to the machine's interrupt controllers, by number: on a PC the global
 * system interrupts of ACPI; or it is a message that a PCI device writes (keel_pci_message_open), which
 * interrupts as an edge does. Its line is open while there are handlers for it, and goes to one CPU at a
 * time. Several handlers may share a line (KEEL_IRQ_SHARED). After its last release a handler is not called
 * any more; one that runs then, and has perhaps made that release itself, is off its line when it has
 * returned.
 *
 * Handlers run in interrupt context, as those of timers do (keel/timer.h says what that asks of them), those
 * of one line one after the other and never two at once. A handler may be called although its device did not
 * interrupt: it asks its device. What cannot be done at once belongs in a work (keel/work.h), or, with the
 * line held meanwhile, in a task (KEEL_IRQ_HOLD).
 *
 * A line may storm: in 10 ms it interrupts more than a thousand times, or a hundred times in a row without
 * any handler claiming it, or its handlers take more than half of the time, with more than a few interrupts
 * or for some 10 ms in a row. Then it is masked for 10 ms, for twice as long if it storms again at once, and
 * after the eighth time in a row until all its handlers are gone (D8). A message is masked in its device,
 * which may not care: where interrupts are remapped nothing of it passes meanwhile.
 *
 * Edges may be lost while a line is masked, and those of a device while its handler is disabled. Therefore
 * the line's handlers are called once, soon after that has ended, by the CPU whose timer is set for it.
 *
 * E_BAD_HANDLE and E_LIMIT (the object's count is full) of each call's handle are not repeated below. Context
 * of all calls: task, atomic, irq; of keel_irq_source_info and keel_irq_counts also policy.
 */
#ifndef KEEL_IRQ_H
#define KEEL_IRQ_H

#include "keel/handle.h"

/* Handlers on one line. */
#define KEEL_IRQ_SHARERS_MAX 8u

enum keel_irq_flag {
    KEEL_IRQ_LEVEL = 1,  /* it interrupts as long as the wire is active; otherwise when it becomes so */
    KEEL_IRQ_LOW = 2,    /* the wire is active low */
    KEEL_IRQ_SHARED = 4, /* others may have handlers on the line */
};

#define KEEL_IRQ_NOT_LEGACY UINT32_MAX

struct keel_irq_source_info {
    uint32_t flags;  /* KEEL_IRQ_LEVEL, KEEL_IRQ_LOW: how firmware says that it is wired */
    uint32_t legacy; /* 0..15: a PC's old line of that number; KEEL_IRQ_NOT_LEGACY: none of them */
};

/* What a handler answers; anything else counts as KEEL_IRQ_NOT_MINE. */
enum keel_irq_answer {
    KEEL_IRQ_NOT_MINE = 0, /* its device did not interrupt */
    KEEL_IRQ_HANDLED = 1,
    /* It did, and still does: the line stays masked until keel_irq_handler_resume. The other handlers of the
     * line are called once more for this interrupt, and then wait for that, too. */
    KEEL_IRQ_HOLD = 2,
};

struct keel_irq_handler_options {
    /* Function and context must stay valid until the handler is released for the last time and does not
     * run any more (the pointer rule). */
    uint32_t (*handler)(void *context);
    void *context;
    uint32_t source;
    uint32_t flags; /* enum keel_irq_flag, the same for all who share a line */
    uint64_t
        affinity; /* the CPUs that it may go to, bit n for CPU n; 0: all. Ignored where the line is open */
};

enum keel_irq_state {
    KEEL_IRQ_OPEN = 1,
    KEEL_IRQ_THROTTLED = 2, /* it stormed, and is masked for a while */
    KEEL_IRQ_CUT_OFF = 3,   /* it went on storming, and stays masked until it is closed */
    KEEL_IRQ_GONE = 4,      /* its message was closed, and its handlers are not called any more */
};

/* Of its line; the counts begin when it opens. */
struct keel_irq_handler_info {
    uint32_t source;
    uint32_t flags;
    uint32_t state; /* enum keel_irq_state */
    uint32_t cpu;   /* where it goes to */
    uint64_t interrupts;
    uint64_t unclaimed; /* of them, those that every handler answered with KEEL_IRQ_NOT_MINE */
    uint64_t storms;
};

/* Of one CPU since boot. */
struct keel_irq_counts {
    uint64_t timer; /* its own timer */
    uint64_t ipi;   /* from other CPUs */
    uint64_t line;
    uint64_t stray; /* of lines that are masked or not open, or of none: late, or forged by a device */
    uint64_t nmi;
};

/* Of a wire. Errors: E_NOT_FOUND (there is no such wire, or the machine keeps it for itself), E_INVALID
 * (NULL). */
keel_status_t keel_irq_source_info(uint32_t source, struct keel_irq_source_info *info);

/* A handler on the line of a source, not enabled yet. Errors: E_INVALID (NULL, handler NULL, flags, of a
 * message KEEL_IRQ_LEVEL or KEEL_IRQ_LOW, an affinity of which no CPU is online), E_NOT_FOUND (there is no
 * such wire, or no open message of this number), E_BUSY (the line is open, and not all share
 * it, or with other flags), E_UNSUPPORTED (the source reaches no CPU of the affinity), E_LIMIT (no free slot;
 * KEEL_IRQ_SHARERS_MAX). */
keel_status_t keel_irq_handler_create(const struct keel_irq_handler_options *handler_options,
                                      keel_irq_handler_t *handler);
keel_status_t keel_irq_handler_ref(keel_irq_handler_t handler);
keel_status_t keel_irq_handler_release(keel_irq_handler_t handler);

/* The handler is called from now on. The line is masked while no handler on it is enabled. */
keel_status_t keel_irq_handler_enable(keel_irq_handler_t handler);
/* It is not called any more, and holds the line no longer (KEEL_IRQ_HOLD). Errors: E_BUSY (done, but at some
 * moment of the call the handler runs: call again until it does not, if that matters). */
keel_status_t keel_irq_handler_disable(keel_irq_handler_t handler);
/* After KEEL_IRQ_HOLD: the line goes on. Errors: E_NOT_FOUND (the handler does not hold it). */
keel_status_t keel_irq_handler_resume(keel_irq_handler_t handler);

/* For the whole line. Errors: E_INVALID (no CPU of it is online), E_UNSUPPORTED (none that the source
 * reaches; or hardware that remaps interrupts does not obey, and the line may be silent until this call
 * succeeds), E_NOT_FOUND (KEEL_IRQ_GONE). */
keel_status_t keel_irq_handler_set_affinity(keel_irq_handler_t handler, uint64_t affinity);
keel_status_t keel_irq_handler_info(keel_irq_handler_t handler, struct keel_irq_handler_info *info);

/* Errors: E_INVALID (there is no such CPU, or it does not run; NULL). */
keel_status_t keel_irq_counts(uint32_t cpu, struct keel_irq_counts *counts);

#endif
