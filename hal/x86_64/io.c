/* SPDX-License-Identifier: BSD-2-Clause
 *
 * I/O memory (hal/io.h): each CPU has one page of addresses through which it reaches whatever page it needs
 * next. Only this CPU uses them, so it alone has to forget.
 *
 * A page that was mapped uncached stays mapped until the next one is: nobody reads uncached memory ahead of
 * time (Intel SDM vol. 3A, 11.3). One of another policy does not: the CPU could fetch from it after it has
 * become somebody else's, with another policy (11.12.4).
 */
#include "hal/io.h"

#include "hal/cpu.h"
#include "hal/x86_access.h"
#include "insn.h"
#include "parts.h"

/* Interrupts are off. */
static volatile void *enter(hal_paddr_t at, enum hal_cache cache)
{
    return x86_map_io(hal_cpu_id(), at.value, cache);
}

/* INVLPG is a serialising instruction: what was written and combined leaves the CPU (8.3, 11.3.1). */
static void leave(enum hal_cache cache)
{
    if (cache != HAL_CACHE_UNCACHED) {
        x86_unmap_io(hal_cpu_id());
    }
}

uint64_t hal_io_read(hal_paddr_t at, unsigned width, enum hal_cache cache)
{
    const bool enabled = hal_irq_disable();
    const uint64_t value = x86_access_load(enter(at, cache), width);

    leave(cache);
    hal_irq_restore(enabled);
    return value;
}

void hal_io_write(hal_paddr_t at, unsigned width, uint64_t value, enum hal_cache cache)
{
    const bool enabled = hal_irq_disable();

    x86_access_store(enter(at, cache), width, value);
    leave(cache);
    hal_irq_restore(enabled);
}
