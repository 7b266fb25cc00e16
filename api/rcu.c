/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Calls of keel/rcu.h and keel/cpu_local.h.
 */
#include "core/rcu.h"

#include "calls.h"
#include "core/client.h"
#include "core/hold.h"
#include "core/retire.h"
#include "reference.h"
#include "resolve.h"

keel_status_t call_rcu_read_begin(uint64_t *guard)
{
    return guard_take_rcu(guard);
}

keel_status_t call_rcu_synchronize(uint32_t flags, uint64_t timeout)
{
    bool known = (flags & ~KEEL_RCU_EXPEDITED) == 0;
    return known ? rcu_synchronize(flags != 0, timeout) : KEEL_E_INVALID;
}

/* Looks the handle up, and drops a reference of the clients' if `drop`. */
#define REACH(name, type, ref)                                                                               \
    static keel_status_t reach_##name(uint64_t handle, bool drop)                                            \
    {                                                                                                        \
        struct type *name;                                                                                   \
        keel_status_t status = resolve_##name(handle, &name);                                                \
        if (status == KEEL_OK) {                                                                             \
            status = drop ? reference_drop(&name->ref) : KEEL_OK;                                            \
            let_go_##name(name);                                                                             \
        }                                                                                                    \
        return status;                                                                                       \
    }

REACH(frame, frame, ref)
REACH(segment, segment, object.ref)
REACH(space, space, object.ref)
REACH(task, task, object.ref)
REACH(list, list, object.ref)
REACH(memory, memory, object.ref)
REACH(io_memory, io_memory, object.ref)
REACH(event, event, object.ref)
REACH(semaphore, semaphore, object.ref)
REACH(mutex, mutex, object.ref)
REACH(spinlock, queued_spinlock, object.ref)
REACH(cpu_local, cpu_local, object.ref)
REACH(timer, timer, object.ref)
REACH(irq_handler, irq_handler, object.ref)
REACH(io_port, io_port, object.ref)
REACH(work, work, object.ref)
REACH(pci_device, pci_device, object.ref)
REACH(dma, dma, object.ref)

static keel_status_t reach(uint64_t handle, bool drop)
{
    static keel_status_t (*const by_kind[OBJECT_KIND_COUNT])(uint64_t, bool) = {
        [OBJECT_FRAME] = reach_frame,
        [OBJECT_SEGMENT] = reach_segment,
        [OBJECT_SPACE] = reach_space,
        [OBJECT_TASK] = reach_task,
        [OBJECT_LIST] = reach_list,
        [OBJECT_MEMORY] = reach_memory,
        [OBJECT_IO_MEMORY] = reach_io_memory,
        [OBJECT_EVENT] = reach_event,
        [OBJECT_SEMAPHORE] = reach_semaphore,
        [OBJECT_MUTEX] = reach_mutex,
        [OBJECT_SPINLOCK] = reach_spinlock,
        [OBJECT_CPU_LOCAL] = reach_cpu_local,
        [OBJECT_TIMER] = reach_timer,
        [OBJECT_IRQ_HANDLER] = reach_irq_handler,
        [OBJECT_WORK] = reach_work,
        [OBJECT_IO_PORT] = reach_io_port,
        [OBJECT_PCI_DEVICE] = reach_pci_device,
        [OBJECT_DMA] = reach_dma,
    };
    unsigned kind = handle_kind(handle);
    bool known = kind < OBJECT_KIND_COUNT && by_kind[kind] != NULL;
    return known ? by_kind[kind](handle, drop) : KEEL_E_BAD_HANDLE;
}

/* Whoever retired it may have released it besides: then there is nothing to drop. */
void client_drop(uint64_t handle)
{
    (void)reach(handle, true);
}

keel_status_t call_rcu_retire(uint64_t handle)
{
    keel_status_t status = reach(handle, false);
    if (status == KEEL_OK) {
        retire(handle);
    }
    return status;
}

keel_status_t call_cpu_local_create(uint64_t *local)
{
    return cpu_local_create(local);
}

REFERENCE_CALLS(cpu_local, object.ref)

keel_status_t call_cpu_local_peek(struct cpu_local *local, uint32_t cpu, uint64_t *value)
{
    if (!cpu_is_online(cpu)) {
        return KEEL_E_NOT_FOUND;
    }
    *value = cpu_local_peek(local, cpu);
    return KEEL_OK;
}

keel_status_t call_cpu_local_load(struct cpu_local *local, uint64_t *value)
{
    *value = cpu_local_load(local);
    return KEEL_OK;
}

keel_status_t call_cpu_local_store(struct cpu_local *local, uint64_t value)
{
    cpu_local_store(local, value);
    return KEEL_OK;
}
