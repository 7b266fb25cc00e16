/* SPDX-License-Identifier: BSD-2-Clause
 *
 * HAL contract: I/O memory, reached by core itself. Any context, any CPU, several at once. What is read comes
 * from a device: it may be anything, and something else each time.
 */
#ifndef HAL_IO_H
#define HAL_IO_H

#include "hal/pte.h"
#include "hal/types.h"

/* One access of `width` bytes, 1, 2, 4 or 8; `at` is a multiple of it, no RAM, and what the machine calls
 * harmless (hal/boot.h, hal/pci.h). `cache` is not WRITE_BACK, and that with which user programs have the
 * page mapped, if they do. A page may be reached with another one only after hal_io_release (hal/mmu.h), or
 * if it was UNCACHED before: no access leaves anything of the others behind in a CPU but what that call
 * drops.
 *
 * Of one CPU, accesses with UNCACHED come in the order of the calls, and writes among them after whatever the
 * CPU has written to memory before. */
uint64_t hal_io_read(hal_paddr_t at, unsigned width, enum hal_cache cache);
/* Bits of `value` beyond the width are left out. */
void hal_io_write(hal_paddr_t at, unsigned width, uint64_t value, enum hal_cache cache);

#endif
