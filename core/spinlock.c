/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The wait for a lock of core's, see core/spinlock.h.
 */
#include "core/spinlock.h"

KEEL_COLD void spinlock_wait(const struct spinlock *lock, uint32_t ticket)
{
    while (atomic_u32_load_acquire(&lock->serving) != ticket) {
        hal_cpu_relax();
    }
}
