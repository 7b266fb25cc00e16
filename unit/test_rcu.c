/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Read sections, grace periods, retired handles (core/rcu.c, core/retire.c).
 */
#include "core/rcu.h"

#include "core/cpu.h"
#include "core/frame.h"
#include "core/retire.h"
#include "core/sched.h"
#include "support.h"

#define MS UINT64_C(1000000)

static atomic_u32_t inside, leave;

/* Reads until it is told to leave, in sections that nest. */
static void read_until_told(uint64_t depth)
{
    keel_guard_t guards[3];
    for (uint64_t i = 0; i < depth; i++) {
        CHECK_OK(keel_rcu_read_begin(&guards[i]));
    }
    for (uint64_t i = 1; i < depth; i++) {
        CHECK_OK(keel_guard_release(guards[i]));
    }
    atomic_u32_store_release(&inside, 1);
    unit_await(&leave);
    CHECK_OK(keel_guard_release(guards[0]));
}

static keel_task_t start_reader(uint64_t depth)
{
    atomic_u32_init(&inside, 0);
    atomic_u32_init(&leave, 0);
    keel_task_t reader = unit_spawn(read_until_told, depth);
    unit_await(&inside);
    return reader;
}

static void T7_reader_holds_up_the_grace_period(void)
{
    for (uint64_t depth = 1; depth <= 3; depth++) {
        keel_task_t reader = start_reader(depth);
        CHECK_STATUS(keel_rcu_synchronize(0, 0), KEEL_E_TIMEOUT);
        CHECK_STATUS(keel_rcu_synchronize(0, 25 * MS), KEEL_E_TIMEOUT);
        CHECK_STATUS(keel_rcu_synchronize(KEEL_RCU_EXPEDITED, 25 * MS), KEEL_E_TIMEOUT);
        CHECK_AUDIT();
        atomic_u32_store_release(&leave, 1);
        CHECK_OK(keel_rcu_synchronize(depth == 1 ? KEEL_RCU_EXPEDITED : 0, KEEL_FOREVER));
        CHECK(unit_join(reader) == 0);
    }
}

/* Its own section, and one that began later, hold nobody up: the first is an error before it could wait. */
static void T7_no_grace_period_from_inside(void)
{
    keel_guard_t guard;
    CHECK_OK(keel_rcu_read_begin(&guard));
    CHECK_STATUS(keel_rcu_synchronize(0, KEEL_FOREVER), KEEL_E_CONTEXT);
    CHECK_STATUS(keel_rcu_synchronize(KEEL_RCU_EXPEDITED, KEEL_FOREVER), KEEL_E_CONTEXT);
    CHECK_STATUS(keel_rcu_retire(1), KEEL_E_CONTEXT);
    CHECK_OK(keel_guard_release(guard));
    CHECK_STATUS(keel_rcu_synchronize(2, 0), KEEL_E_INVALID);
    CHECK_OK(keel_rcu_synchronize(0, 0));
}

static atomic_u32_t sections;

static void read_again_and_again(uint64_t argument)
{
    (void)argument;
    while (atomic_u32_load_acquire(&leave) == 0) {
        keel_guard_t guard;
        CHECK_OK(keel_rcu_read_begin(&guard));
        CHECK_OK(keel_cpu_relax());
        CHECK_OK(keel_guard_release(guard));
        atomic_u32_fetch_add(&sections, 1);
    }
}

/* Readers come without end; each grace period ends all the same. */
static void T7_stream_of_readers_holds_nobody_up(void)
{
    keel_task_t readers[2];
    atomic_u32_init(&leave, 0);
    atomic_u32_init(&sections, 0);
    readers[0] = unit_spawn(read_again_and_again, 0);
    readers[1] = unit_spawn(read_again_and_again, 1);
    while (atomic_u32_load_acquire(&sections) < 4) {
        CHECK_OK(keel_cpu_relax());
    }
    for (unsigned i = 0; i < 5; i++) {
        CHECK_OK(keel_rcu_synchronize(i % 2 == 0 ? KEEL_RCU_EXPEDITED : 0, KEEL_FOREVER));
    }
    atomic_u32_store_release(&leave, 1);
    CHECK(unit_join(readers[0]) == 0);
    CHECK(unit_join(readers[1]) == 0);
}

static void run_endless_program(uint64_t argument)
{
    static const unsigned char loop[] = {0xeb, 0xfe};
    struct keel_user_regs regs = {.rip = KEEL_USER_START};
    struct keel_user_event event;
    keel_space_t space = unit_space();
    keel_frame_t code = unit_frame();
    (void)argument;
    CHECK_OK(keel_frame_write(code, 0, loop, sizeof loop));
    CHECK_OK(keel_space_map(space, KEEL_USER_START, code, KEEL_READ | KEEL_EXEC));
    CHECK_OK(keel_frame_release(code));
    CHECK_OK(keel_space_activate(space));
    atomic_u32_store_release(&inside, 1);
    while (atomic_u32_load_acquire(&leave) == 0) {
        CHECK_OK(keel_user_run(&regs, &event));
    }
    CHECK_OK(keel_space_activate((keel_space_t){0}));
    CHECK_OK(keel_space_release(space));
}

/* One CPU idles and one stays in user mode: neither is waited for, not even for a tick. */
static void T7_idle_and_user_mode_hold_nobody_up(void)
{
    atomic_u32_init(&inside, 0);
    atomic_u32_init(&leave, 0);
    keel_task_t program = unit_spawn(run_endless_program, 0);
    unit_await(&inside);
    for (unsigned i = 0; i < 20; i++) {
        CHECK_OK(keel_rcu_synchronize(0, 0));
    }
    atomic_u32_store_release(&leave, 1);
    CHECK(unit_join(program) == 0);
}

/* --- Retired handles --- */

static void until_gone(keel_frame_t frame)
{
    char byte;
    unsigned turn = 0;
    while (keel_frame_read(frame, 0, &byte, 1) == KEEL_OK && turn++ < 100) {
        CHECK_OK(keel_task_sleep(MS));
    }
    CHECK_STATUS(keel_frame_read(frame, 0, &byte, 1), KEEL_E_BAD_HANDLE);
}

static void T7_retired_handle_lives_until_readers_are_out(void)
{
    char byte;
    keel_frame_t frame = unit_frame();
    keel_task_t reader = start_reader(1);
    CHECK_OK(keel_rcu_retire(frame.value));
    CHECK_OK(keel_task_sleep(50 * MS));
    CHECK_OK(keel_frame_read(frame, 0, &byte, 1));
    atomic_u32_store_release(&leave, 1);
    until_gone(frame);
    CHECK(unit_join(reader) == 0);
}

static void do_nothing(void *context)
{
    (void)context;
}

static uint32_t not_mine(void *context)
{
    (void)context;
    return KEEL_IRQ_NOT_MINE;
}

/* One of each kind that belongs to a device, or to time: the hosted machine's UART and its disk controller.
 */
static void make_devices(uint64_t handles[5])
{
    const struct keel_timer_options timer_options = {.handler = do_nothing};
    const struct keel_irq_handler_options irq_options = {.handler = not_mine, .source = 5};
    keel_timer_t timer;
    keel_irq_handler_t irq;
    keel_io_port_t port;
    keel_pci_device_t device;
    keel_dma_t dma;
    keel_segment_t segment;
    CHECK_OK(keel_timer_create(&timer_options, &timer));
    CHECK_OK(keel_irq_handler_create(&irq_options, &irq));
    CHECK_OK(keel_io_port_acquire(0x2f8, 1, &port));
    CHECK_OK(keel_pci_device_acquire(5, &device));
    CHECK_OK(keel_dma_enable(device, 0));
    CHECK_OK(keel_segment_alloc(1, 1, &segment));
    CHECK_OK(keel_dma_map(device, segment, 0, 1, KEEL_DMA_BOTH, &dma));
    CHECK_OK(keel_segment_release(segment));
    handles[0] = timer.value;
    handles[1] = irq.value;
    handles[2] = port.value;
    handles[3] = dma.value;
    handles[4] = device.value;
}

static void T7_what_belongs_to_devices_can_be_retired(void)
{
    uint64_t handles[5];
    make_devices(handles);
    for (unsigned i = 0; i < 5; i++) {
        CHECK_OK(keel_rcu_retire(handles[i]));
    }
    keel_frame_t later = unit_frame();
    CHECK_OK(keel_rcu_retire(later.value));
    until_gone(later);
    for (unsigned i = 0; i < 5; i++) {
        CHECK_STATUS(keel_rcu_retire(handles[i]), KEEL_E_BAD_HANDLE);
    }
}

static void T7_every_counted_kind_can_be_retired(void)
{
    keel_segment_t segment;
    keel_memory_t memory;
    keel_io_memory_t io;
    keel_event_t event;
    keel_semaphore_t semaphore;
    keel_mutex_t mutex;
    keel_spinlock_t spinlock;
    keel_cpu_local_t local;
    keel_work_t work;
    keel_task_t task;
    const struct keel_work_options work_options = {.handler = do_nothing};
    CHECK_OK(keel_segment_alloc(2, 1, &segment));
    CHECK_OK(keel_memory_alloc(64, &memory));
    CHECK_OK(keel_io_memory_acquire(HOSTED_IO_BASE, 1, KEEL_CACHE_UNCACHED, &io));
    CHECK_OK(keel_event_create(&event));
    CHECK_OK(keel_semaphore_create(0, &semaphore));
    CHECK_OK(keel_mutex_create(&mutex));
    CHECK_OK(keel_spinlock_create(0, &spinlock));
    CHECK_OK(keel_cpu_local_create(&local));
    CHECK_OK(keel_work_create(&work_options, &work));
    CHECK_OK(keel_task_self(&task));
    const uint64_t handles[] = {unit_frame().value, segment.value,  unit_space().value, unit_list().value,
                                memory.value,       io.value,       event.value,        semaphore.value,
                                mutex.value,        spinlock.value, local.value,        work.value,
                                task.value};
    for (unsigned i = 0; i < sizeof handles / sizeof handles[0]; i++) {
        CHECK_OK(keel_rcu_retire(handles[i]));
    }
    unit_settle();
    keel_frame_t later = unit_frame(); /* when the task of the others is gone */
    CHECK_OK(keel_rcu_retire(later.value));
    unit_settle(); /* and the frame around this looks for what is left */
    for (unsigned i = 0; i + 1 < sizeof handles / sizeof handles[0]; i++) {
        CHECK_STATUS(keel_rcu_retire(handles[i]), KEEL_E_BAD_HANDLE);
    }
}

static void H1_what_cannot_be_retired_is_refused(void)
{
    keel_unique_t unique = unit_unique();
    keel_space_t space = unit_space();
    keel_cursor_t cursor;
    CHECK_OK(keel_cursor_open(space, KEEL_USER_START, 1, &cursor));
    const uint64_t values[] = {
        0, 1, UINT64_MAX, unique.value, cursor.value, space.value + 1, UINT64_C(1) << 63};
    for (unsigned i = 0; i < sizeof values / sizeof values[0]; i++) {
        CHECK_STATUS(keel_rcu_retire(values[i]), KEEL_E_BAD_HANDLE);
    }
    CHECK_OK(keel_cursor_close(cursor));
    CHECK_OK(keel_space_release(space));
    CHECK_OK(keel_unique_release(unique));
}

/* A handle that is retired and released besides, or retired twice, is gone once. */
static void M6_retired_and_released(void)
{
    keel_frame_t frame = unit_frame(), other = unit_frame();
    CHECK_OK(keel_rcu_retire(frame.value));
    keel_status_t status = keel_rcu_retire(frame.value); /* it may be gone already */
    CHECK(status == KEEL_OK || status == KEEL_E_BAD_HANDLE);
    CHECK_OK(keel_rcu_retire(other.value));
    status = keel_frame_release(other);
    CHECK(status == KEEL_OK || status == KEEL_E_BAD_HANDLE);
    unit_settle();
    until_gone(frame);
    until_gone(other);
}

/* More than the ring holds, while somebody reads: the caller waits, and everything is dropped in the end. */
static void read_for_a_while(uint64_t argument)
{
    keel_guard_t guard;
    (void)argument;
    CHECK_OK(keel_rcu_read_begin(&guard));
    atomic_u32_store_release(&inside, 1);
    for (unsigned i = 0; i < 30000; i++) {
        CHECK_OK(keel_cpu_relax());
    }
    CHECK_OK(keel_guard_release(guard));
}

static void M8_more_than_the_ring_holds(void)
{
    keel_event_t event, more;
    CHECK_OK(keel_event_create(&event));
    CHECK_OK(keel_event_create(&more));
    for (unsigned i = 0; i < RETIRED_MAX - 1; i++) {
        CHECK_OK(keel_event_ref(event));
    }
    for (unsigned i = 0; i < 2; i++) {
        CHECK_OK(keel_event_ref(more));
    }
    atomic_u32_init(&inside, 0);
    keel_task_t reader = unit_spawn(read_for_a_while, 0);
    unit_await(&inside);
    for (unsigned i = 0; i < RETIRED_MAX + 3; i++) {
        CHECK_OK(keel_rcu_retire(i < RETIRED_MAX ? event.value : more.value));
    }
    CHECK(unit_join(reader) == 0);
    unit_settle();
    CHECK_STATUS(keel_event_release(event), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(keel_event_release(more), KEEL_E_BAD_HANDLE);
}

/* No frame for a task's stack: the caller does the work. */
static void M8_retire_without_memory(void)
{
    static keel_frame_t frames[4096];
    uint32_t count = 0;
    keel_event_t event;
    CHECK_OK(keel_event_create(&event));
    while (keel_frame_alloc(&frames[count]) == KEEL_OK) {
        count++;
    }
    CHECK_OK(keel_rcu_retire(event.value));
    CHECK_STATUS(keel_event_release(event), KEEL_E_BAD_HANDLE);
    CHECK_OK(keel_event_create(&event));
    CHECK_OK(keel_rcu_retire(event.value)); /* there is still no task that would do it */
    CHECK_STATUS(keel_event_release(event), KEEL_E_BAD_HANDLE);
    while (count > 0) {
        CHECK_OK(keel_frame_release(frames[--count]));
    }
}

static void T9_cancel_ends_the_wait_for_a_grace_period(void)
{
    keel_task_t self, reader = start_reader(1);
    CHECK_OK(keel_task_self(&self));
    CHECK_OK(keel_task_cancel(self));
    CHECK_STATUS(keel_rcu_synchronize(0, KEEL_FOREVER), KEEL_E_CANCELED);
    atomic_u32_store_release(&leave, 1);
    CHECK(unit_join(reader) == 0);
    CHECK_OK(keel_task_release(self));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(T7_reader_holds_up_the_grace_period, .config.cpu_count = 2, .seeds = 10),
        UNIT(T7_no_grace_period_from_inside),
        UNIT(T7_stream_of_readers_holds_nobody_up, .config.cpu_count = 3, .seeds = 10),
        UNIT(T7_idle_and_user_mode_hold_nobody_up, .config.cpu_count = 3, .seeds = 10),
        UNIT(T7_retired_handle_lives_until_readers_are_out, .config.cpu_count = 2, .seeds = 10),
        UNIT(T7_what_belongs_to_devices_can_be_retired),
        UNIT(T7_every_counted_kind_can_be_retired),
        UNIT(H1_what_cannot_be_retired_is_refused),
        UNIT(M6_retired_and_released, .seeds = 5),
        UNIT(M8_more_than_the_ring_holds, .config.cpu_count = 2, .seeds = 2),
        UNIT(M8_retire_without_memory, .config.ram_size = 2 << 20),
        UNIT(T9_cancel_ends_the_wait_for_a_grace_period, .config.cpu_count = 2),
    };
    return unit_main(tests, argc, argv);
}
