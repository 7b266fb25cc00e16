/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Shootdown, see core/tlb.h.
 */
#include "core/tlb.h"

#include "core/assert.h"
#include "core/space.h"
#include "hal/atomic.h"
#include "hal/cpu.h"
#include "keel/cold.h"

struct request {
    struct space *space; /* NULL: the kernel window */
    uint64_t va, page_count;
};

/* inbox[target][initiator]: the address of the initiator's request, 0 when served. */
static atomic_u64_t inbox[HAL_CPU_MAX][HAL_CPU_MAX];

void tlb_init(void)
{
    for (unsigned target = 0; target < hal_cpu_count(); target++) {
        for (unsigned initiator = 0; initiator < hal_cpu_count(); initiator++) {
            atomic_u64_init(&inbox[target][initiator], 0);
        }
    }
}

static void forget(const struct request *request)
{
    if (request->space != NULL) {
        space_forget(request->space, request->va, request->page_count);
    } else {
        hal_tlb_flush_window(request->va, request->page_count);
    }
}

void tlb_serve(void)
{
    CORE_ASSERT(!hal_irq_enabled());
    unsigned self = hal_cpu_id();
    for (unsigned initiator = 0; initiator < hal_cpu_count(); initiator++) {
        uint64_t address = atomic_u64_load_acquire(&inbox[self][initiator]);
        if (address != 0) {
            forget((const struct request *)(uintptr_t)address);
            atomic_u64_store_release(&inbox[self][initiator], 0);
        }
    }
}

static void send(unsigned target, unsigned self, const struct request *request)
{
    atomic_u64_store_release(&inbox[target][self], (uint64_t)(uintptr_t)request);
    hal_ipi_send(target);
}

/* Has `others` flush, and this CPU if it is among `cpus`, at the same time. */
KEEL_COLD static void shoot(uint64_t others, uint64_t cpus, unsigned self, const struct request *request)
{
    for (unsigned target = 0; target < hal_cpu_count(); target++) {
        if (others >> target & 1) {
            send(target, self, request);
        }
    }
    if (cpus >> self & 1) {
        forget(request);
    }
    for (unsigned target = 0; target < hal_cpu_count(); target++) {
        while ((others >> target & 1) && atomic_u64_load_acquire(&inbox[target][self]) != 0) {
            tlb_serve();
            hal_cpu_relax();
        }
    }
}

void tlb_shootdown(uint64_t cpus, struct space *space, uint64_t va, uint64_t page_count)
{
    const struct request request = {.space = space, .va = va, .page_count = page_count};
    bool interrupts = hal_irq_disable();
    unsigned self = hal_cpu_id();
    uint64_t others = cpus & ~(UINT64_C(1) << self);
    if (others != 0) {
        shoot(others, cpus, self, &request);
    } else if (cpus != 0) {
        forget(&request);
    }
    hal_irq_restore(interrupts);
}

void hal_upcall_serve(void)
{
    tlb_serve();
}
