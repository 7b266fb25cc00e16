/* SPDX-License-Identifier: BSD-2-Clause
 *
 * One open and one closed handle of every kind, for the misuse matrix (test_calls.c).
 */
#ifndef UNIT_CALLS_HANDLES_H
#define UNIT_CALLS_HANDLES_H

#include <string.h>

#include "core/object.h"
#include "support.h"

static uint64_t valid[OBJECT_KIND_COUNT], closed[OBJECT_KIND_COUNT];

static void never_run(uint64_t argument)
{
    (void)argument;
    (void)keel_task_sleep(UINT64_MAX); /* some call may be one that cancels it */
}

static void do_nothing(void *context)
{
    (void)context;
}

static uint32_t claim_nothing(void *context)
{
    (void)context;
    return KEEL_IRQ_NOT_MINE;
}

/* The first device that nobody has, of those that can have DMA. */
static bool acquire_for_dma(keel_pci_device_t *device)
{
    return keel_pci_device_acquire(2, device) == KEEL_OK || keel_pci_device_acquire(3, device) == KEEL_OK ||
           keel_pci_device_acquire(5, device) == KEEL_OK;
}

/* And of the others first. */
static bool acquire_any(keel_pci_device_t *device)
{
    return keel_pci_device_acquire(0, device) == KEEL_OK || keel_pci_device_acquire(1, device) == KEEL_OK ||
           keel_pci_device_acquire(4, device) == KEEL_OK || acquire_for_dma(device);
}

/* What calls handlers, and a port. */
static void make_handlers(void)
{
    static uint32_t sources; /* as `ranges` below */
    const struct keel_timer_options timer_options = {.handler = do_nothing};
    const struct keel_irq_handler_options irq_options = {.handler = claim_nothing, .source = sources++ % 16};
    const struct keel_work_options work_options = {.handler = do_nothing};
    keel_pci_device_t pci_device = {0};
    keel_timer_t timer = {0};
    keel_irq_handler_t irq_handler = {0};
    keel_work_t work = {0};
    keel_io_port_t port = {0};
    CHECK_OK(keel_timer_create(&timer_options, &timer));
    valid[OBJECT_TIMER] = timer.value;
    CHECK_OK(keel_irq_handler_create(&irq_options, &irq_handler));
    valid[OBJECT_IRQ_HANDLER] = irq_handler.value;
    CHECK_OK(keel_work_create(&work_options, &work));
    valid[OBJECT_WORK] = work.value;
    CHECK_OK(keel_io_port_acquire(0x2f8 + sources % 8, 1, &port));
    valid[OBJECT_IO_PORT] = port.value;
    CHECK(acquire_any(&pci_device));
    valid[OBJECT_PCI_DEVICE] = pci_device.value;
}

static void make_dma(void)
{
    keel_pci_device_t device = {0};
    keel_segment_t segment = {0};
    keel_dma_t dma = {0};
    CHECK(acquire_for_dma(&device));
    CHECK_OK(keel_segment_alloc(1, 1, &segment));
    CHECK_OK(keel_dma_enable(device, 0));
    CHECK_OK(keel_dma_map(device, segment, 0, 1, KEEL_DMA_BOTH, &dma));
    valid[OBJECT_DMA] = dma.value;
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_pci_device_release(device));
}

static void release_closed(void)
{
    CHECK_OK(keel_cursor_close((keel_cursor_t){closed[OBJECT_CURSOR]}));
    CHECK_OK(keel_frame_release((keel_frame_t){closed[OBJECT_FRAME]}));
    CHECK_OK(keel_segment_release((keel_segment_t){closed[OBJECT_SEGMENT]}));
    CHECK_OK(keel_space_release((keel_space_t){closed[OBJECT_SPACE]}));
    CHECK_OK(keel_task_release((keel_task_t){closed[OBJECT_TASK]}));
    CHECK_OK(keel_unique_release((keel_unique_t){closed[OBJECT_UNIQUE]}));
    CHECK_OK(keel_list_release((keel_list_t){closed[OBJECT_LIST]}));
    CHECK_OK(keel_memory_release((keel_memory_t){closed[OBJECT_MEMORY]}));
    CHECK_OK(keel_io_memory_release((keel_io_memory_t){closed[OBJECT_IO_MEMORY]}));
    CHECK_OK(keel_event_release((keel_event_t){closed[OBJECT_EVENT]}));
    CHECK_OK(keel_semaphore_release((keel_semaphore_t){closed[OBJECT_SEMAPHORE]}));
    CHECK_OK(keel_mutex_release((keel_mutex_t){closed[OBJECT_MUTEX]}));
    CHECK_OK(keel_spinlock_release((keel_spinlock_t){closed[OBJECT_SPINLOCK]}));
    CHECK_OK(keel_cpu_local_release((keel_cpu_local_t){closed[OBJECT_CPU_LOCAL]}));
    CHECK_OK(keel_timer_release((keel_timer_t){closed[OBJECT_TIMER]}));
    CHECK_OK(keel_irq_handler_release((keel_irq_handler_t){closed[OBJECT_IRQ_HANDLER]}));
    CHECK_OK(keel_work_release((keel_work_t){closed[OBJECT_WORK]}));
    CHECK_OK(keel_io_port_release((keel_io_port_t){closed[OBJECT_IO_PORT]}));
    CHECK_OK(keel_pci_device_release((keel_pci_device_t){closed[OBJECT_PCI_DEVICE]}));
    CHECK_OK(keel_dma_release((keel_dma_t){closed[OBJECT_DMA]}));
}

/* One open and one closed handle of every kind. */
static void make_handles(void)
{
    keel_segment_t segment = {0};
    keel_task_t task = {0};
    keel_cursor_t cursor = {0};
    keel_list_t list = {0};
    keel_memory_t memory_handle = {0};
    keel_io_memory_t io = {0};
    keel_event_t event = {0};
    keel_semaphore_t semaphore = {0};
    keel_mutex_t mutex = {0};
    keel_spinlock_t spinlock = {0};
    keel_cpu_local_t local = {0};
    keel_guard_t guard = {0};
    static uint64_t ranges; /* what a test leaves is gone with its machine, but not with its next handles */
    for (unsigned round = 0; round < 2; round++) {
        memcpy(closed, valid, sizeof closed);
        valid[OBJECT_FRAME] = unit_frame().value;
        CHECK_OK(keel_segment_alloc(1, 1, &segment));
        valid[OBJECT_SEGMENT] = segment.value;
        valid[OBJECT_SPACE] = unit_space().value;
        task = unit_spawn(never_run, 0);
        valid[OBJECT_TASK] = task.value;
        CHECK_OK(keel_cursor_open((keel_space_t){valid[OBJECT_SPACE]}, 0x1000, 1, &cursor));
        valid[OBJECT_CURSOR] = cursor.value;
        valid[OBJECT_UNIQUE] = unit_unique().value;
        list = unit_list();
        valid[OBJECT_LIST] = list.value;
        CHECK_OK(keel_memory_alloc(100, &memory_handle));
        valid[OBJECT_MEMORY] = memory_handle.value;
        CHECK_OK(keel_io_memory_acquire(HOSTED_IO_BASE + ranges++ % 64, 1, KEEL_CACHE_UNCACHED, &io));
        valid[OBJECT_IO_MEMORY] = io.value;
        CHECK_OK(keel_event_create(&event));
        valid[OBJECT_EVENT] = event.value;
        CHECK_OK(keel_semaphore_create(1, &semaphore));
        valid[OBJECT_SEMAPHORE] = semaphore.value;
        CHECK_OK(keel_mutex_create(&mutex));
        valid[OBJECT_MUTEX] = mutex.value;
        CHECK_OK(keel_spinlock_create(KEEL_SPINLOCK_IRQ_OFF, &spinlock));
        valid[OBJECT_SPINLOCK] = spinlock.value;
        CHECK_OK(keel_cpu_local_create(&local));
        valid[OBJECT_CPU_LOCAL] = local.value;
        make_handlers();
        make_dma();
        /* None that is held: there are calls to be made that need not be atomic. */
        CHECK_OK(keel_preempt_disable(&guard));
        CHECK_OK(keel_guard_release(guard));
        valid[OBJECT_GUARD] = guard.value;
    }
    release_closed();
    for (unsigned kind = OBJECT_FRAME; kind < OBJECT_KIND_COUNT; kind++) {
        CHECK(valid[kind] != 0); /* none was forgotten */
    }
}

#endif
