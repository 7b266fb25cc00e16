/* SPDX-License-Identifier: BSD-2-Clause
 *
 * HAL contract: user mode.
 */
#ifndef HAL_USER_H
#define HAL_USER_H

#include "keel/user_regs.h"
#include "hal/types.h"

/* Runs user code from `regs` in the loaded root until something happens; stores the registers back and says
 * what. `regs` has passed hal_user_sanitise just before, with interrupts off since. Interrupts off on entry
 * and return; user code runs with them on. An interrupt that arrives is delivered first (upcalls run inside),
 * then the event is KEEL_USER_INTERRUPT. Everything else that user code can do comes back as an event, never
 * as a kernel fault (U2, U4). Traps from user mode use the caller's stack, below the caller's frame. Vector
 * registers are the caller's business (below). */
void hal_user_run(struct keel_user_regs *regs, struct keel_user_event *event);

/* Makes `regs` safe to load (U1): masks flags to the ones a user may own (arithmetic flags, DF, TF, AC, ID),
 * sets IF and the fixed bit. False if a CPU would fault on entering, with the exception it would raise in
 * `event`: non-canonical rip (#GP), non-canonical rsp (#SS), non-canonical fs_base or gs_base (#GP). Pure. */
bool hal_user_sanitise(struct keel_user_regs *regs, struct keel_user_event *event);

/* Does the event say that nothing was mapped at `address` when the program came there? Pure. */
bool hal_user_missed(const struct keel_user_event *event);

/* A vector image (x87, SSE, AVX state, MXCSR) in the machine's own format: XSAVE standard format where the
 * CPU has it, FXSAVE otherwise (Intel SDM vol. 1, 13.4, 10.5.1). At most HAL_VECTOR_SIZE_MAX bytes, 64-byte
 * aligned, in OBJECT memory. */
#define HAL_VECTOR_SIZE_MAX 4096
size_t hal_vector_size(void);
/* The architectural initial state. */
void hal_vector_init(void *image);
/* Makes any bytes loadable without a fault: clears reserved MXCSR bits and unsupported or reserved header
 * bits. */
void hal_vector_sanitise(void *image);
/* Load or save this CPU's vector registers. Interrupts off. Kernel code never uses them in between (U3). */
void hal_vector_load(const void *image);
void hal_vector_save(void *image);

#endif
