/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Interrupt context: around each call of an interrupt handler of the client's. It is atomic mode with a list
 * of its own of what is held (core/hold.h), which is empty again afterwards. Handlers run with interrupts
 * off, so they do not nest (T8).
 */
#ifndef CORE_INTERRUPT_H
#define CORE_INTERRUPT_H

#include "hal/types.h"

struct holds;

/* What was interrupted. */
struct interrupt_frame {
    uint32_t context;
    struct holds *holds;
    uint64_t spins_for;
};

/* Interrupts off. */
void interrupt_enter(struct interrupt_frame *outer);
/* Gives back what the handler did not. */
void interrupt_leave(const struct interrupt_frame *outer);

#endif
