/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Store buffers (Intel SDM vol. 3A, 9.2.3.4; Owens, Sarkar and Sewell, "x86-TSO", 2009): where the
 * configuration says so, a CPU's atomic stores are visible to itself at once, and to others later, in the
 * same order, at the latest
 * - when it performs an atomic read-modify-write, a fence, or a HAL call that others can observe,
 * - when it waits, spins or is looked at while the machine is frozen,
 * - when more are kept than there is room for; so each capacity makes other orders possible.
 *
 * Plain stores are not kept back: who reads them without being ordered behind them has a data race, which
 * ThreadSanitizer finds. Nor are those to the stack that the CPU is on.
 */
#ifndef HOSTED_STORE_BUFFER_H
#define HOSTED_STORE_BUFFER_H

#include "hal/atomic.h"
#include "state.h"

/* Whatever this CPU, or any, has kept back becomes visible. */
void stores_perform(struct cpu *cpu);
void stores_perform_all(void);

/* An operation follows on this CPU. */
static inline void stores_before(enum hal_point_kind kind)
{
    if (hosted_stores_kept > 0 && kind != HAL_POINT_LOAD && kind != HAL_POINT_STORE &&
        kind != HAL_POINT_IRQ) {
        stores_perform(machine.current);
    }
}

#endif
