/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The work queue: order, a full ring, submission from every context, draining, stopping.
 */
#include "services/work_queue.h"

#include "support.h"

#define MS       UINT64_C(1000000)
#define CAPACITY 8u
#define ALL      UINT32_C(40)

static struct services_work_queue queue;
static struct services_work_item items[CAPACITY];
static atomic_u32_t ran, leave;
static uint32_t order[64];
static uint32_t names[64];

static void start(uint32_t workers)
{
    const struct services_work_queue_options options = {
        .items = items, .capacity = CAPACITY, .workers = workers, .priority = 7};
    atomic_u32_init(&ran, 0);
    atomic_u32_init(&leave, 0);
    for (uint32_t i = 0; i < 64; i++) {
        names[i] = i;
        order[i] = 99;
    }
    CHECK_OK(services_work_queue_start(&queue, &options));
}

static uint32_t count_ran(void)
{
    return atomic_u32_load_acquire(&ran);
}

static void note_order(void *context)
{
    order[atomic_u32_fetch_add(&ran, 1) % 64] = *(uint32_t *)context;
}

/* What it may do: wait. */
static void sleep_and_note(void *context)
{
    keel_task_t self = {0};
    struct keel_task_info info = {0};
    CHECK_OK(keel_task_self(&self));
    CHECK_OK(keel_task_info(self, &info));
    CHECK_EQUAL(info.priority, 7);
    CHECK_OK(keel_task_release(self));
    CHECK_OK(keel_task_sleep(MS));
    note_order(context);
}

static void T9_items_run_once_and_in_order(void)
{
    start(1);
    for (uint32_t i = 0; i < 20; i++) {
        CHECK_OK(services_work_queue_submit(&queue, i % 3 == 0 ? sleep_and_note : note_order, &names[i]));
        if (i % 5 == 4) {
            CHECK_OK(services_work_queue_drain(&queue));
            CHECK_EQUAL(count_ran(), i + 1);
        }
    }
    CHECK_OK(services_work_queue_drain(&queue)); /* nothing to wait for */
    for (uint32_t i = 0; i < 20; i++) {
        CHECK_EQUAL(order[i], i);
    }
    CHECK_STATUS(services_work_queue_submit(&queue, NULL, NULL), KEEL_E_INVALID);
    CHECK_OK(services_work_queue_stop(&queue));
    CHECK_EQUAL(count_ran(), 20);
}

static void wait_to_leave(void *context)
{
    while (atomic_u32_load_acquire(&leave) == 0) {
        CHECK_OK(keel_task_sleep(MS));
    }
    note_order(context);
}

static void M8_full_ring_is_an_error(void)
{
    start(1);
    CHECK_OK(services_work_queue_submit(&queue, wait_to_leave, &names[0]));
    CHECK_OK(keel_task_sleep(MS)); /* it has left the ring */
    for (uint32_t i = 1; i <= CAPACITY; i++) {
        CHECK_OK(services_work_queue_submit(&queue, note_order, &names[i]));
    }
    for (uint32_t i = 0; i < 3; i++) {
        CHECK_STATUS(services_work_queue_submit(&queue, note_order, &names[50]), KEEL_E_LIMIT);
    }
    atomic_u32_store_release(&leave, 1);
    CHECK_OK(services_work_queue_drain(&queue));
    CHECK_EQUAL(count_ran(), CAPACITY + 1);
    for (uint32_t i = 0; i <= CAPACITY; i++) {
        CHECK_EQUAL(order[i], i);
    }
    CHECK_OK(services_work_queue_submit(&queue, note_order, &names[9]));
    CHECK_OK(services_work_queue_stop(&queue));
    CHECK_EQUAL(count_ran(), CAPACITY + 2);
}

/* --- Draining --- */

static atomic_u32_t drained;

static atomic_u32_t slept;

static void sleep_long(void *context)
{
    (void)context;
    CHECK_OK(keel_task_sleep(50 * MS));
    atomic_u32_store_release(&slept, 1);
}

static void drain(uint64_t expected)
{
    CHECK_STATUS(services_work_queue_drain(&queue), (keel_status_t)expected);
    atomic_u32_fetch_add(&drained, 1);
}

/* Of two workers one is long busy with the first item. Draining waits for that, and for what came before it
 * began, but not for what came after. */
static void T9_drain_waits_for_what_was_submitted_before(void)
{
    start(2);
    atomic_u32_init(&drained, 0);
    atomic_u32_init(&slept, 0);
    CHECK_OK(services_work_queue_submit(&queue, wait_to_leave, &names[0]));
    CHECK_OK(services_work_queue_submit(&queue, note_order, &names[1]));
    keel_task_t other = unit_spawn_until_blocked(drain, KEEL_E_CANCELED);
    CHECK_OK(services_work_queue_submit(&queue, note_order, &names[2]));
    CHECK_OK(keel_task_sleep(5 * MS));
    CHECK_EQUAL(count_ran(), 2);
    CHECK_EQUAL(atomic_u32_load_acquire(&drained), 0);
    CHECK_OK(keel_task_cancel(other));
    CHECK(unit_join(other) == 0);
    other = unit_spawn_until_blocked(drain, KEEL_OK);
    CHECK_OK(services_work_queue_submit(&queue, sleep_long, NULL));
    atomic_u32_store_release(&leave, 1);
    CHECK(unit_join(other) == 0);
    CHECK_EQUAL(count_ran(), 3);
    CHECK_EQUAL(atomic_u32_load_acquire(&drained), 2);
    CHECK_EQUAL(atomic_u32_load_acquire(&slept), 0);
    CHECK_OK(services_work_queue_stop(&queue));
}

/* --- From interrupts and works --- */

static keel_timer_t timer;
static keel_work_t work;
static atomic_u32_t submitted, refused;

/* Whoever it is tries once, and counts. */
static void submit_one(void)
{
    keel_status_t status = services_work_queue_submit(&queue, note_order, &names[1]);
    CHECK(status == KEEL_OK || status == KEEL_E_LIMIT);
    atomic_u32_fetch_add(status == KEEL_OK ? &submitted : &refused, 1);
}

static void submit_in_work(void *context)
{
    (void)context;
    submit_one();
}

static void submit_in_interrupt(void *context)
{
    (void)context;
    submit_one();
    (void)keel_work_schedule(work);
    if (atomic_u32_load_acquire(&submitted) < ALL) {
        CHECK_OK(keel_timer_arm(timer, 0));
    }
}

static void submit_in_task(uint64_t argument)
{
    keel_guard_t guard = {0};
    (void)argument;
    while (atomic_u32_load_acquire(&submitted) < ALL) {
        submit_one();
        CHECK_OK(keel_irq_disable(&guard));
        submit_one();
        CHECK_OK(keel_guard_release(guard));
        CHECK_OK(keel_task_yield());
    }
}

static void T9_items_come_from_every_context(void)
{
    const struct keel_timer_options timer_options = {.handler = submit_in_interrupt};
    const struct keel_work_options work_options = {.handler = submit_in_work};
    start(2);
    atomic_u32_init(&submitted, 0);
    atomic_u32_init(&refused, 0);
    CHECK_OK(keel_timer_create(&timer_options, &timer));
    CHECK_OK(keel_work_create(&work_options, &work));
    CHECK_OK(keel_timer_arm(timer, 0));
    keel_task_t other = unit_spawn(submit_in_task, 0);
    CHECK(unit_join(other) == 0);
    CHECK_OK(keel_task_sleep(MS));
    while (keel_timer_cancel(timer) == KEEL_E_BUSY || keel_work_cancel(work) == KEEL_E_BUSY) {
        CHECK_OK(keel_cpu_relax());
    }
    CHECK_OK(services_work_queue_stop(&queue));
    CHECK_EQUAL(count_ran(), atomic_u32_load_acquire(&submitted));
    CHECK(count_ran() >= ALL);
    CHECK_OK(keel_timer_release(timer));
    CHECK_OK(keel_work_release(work));
}

/* --- Starting and stopping --- */

static void submit_until_denied(void *context)
{
    keel_status_t status = KEEL_OK;
    while (status != KEEL_E_DENIED) {
        CHECK_OK(keel_task_sleep(MS));
        status = services_work_queue_submit(&queue, note_order, context);
        CHECK(status == KEEL_OK || status == KEEL_E_DENIED);
    }
}

static void T9_stop_runs_what_was_submitted(void)
{
    start(2);
    CHECK_OK(services_work_queue_submit(&queue, submit_until_denied, &names[0]));
    for (uint32_t i = 0; i < 5; i++) {
        CHECK_OK(services_work_queue_submit(&queue, sleep_and_note, &names[i]));
    }
    CHECK_OK(services_work_queue_stop(&queue));
    CHECK(count_ran() >= 5);
    CHECK_STATUS(services_work_queue_submit(&queue, note_order, &names[0]), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(services_work_queue_drain(&queue), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(services_work_queue_stop(&queue), KEEL_E_BAD_HANDLE);
}

static void stop_twice(uint64_t argument)
{
    (void)argument;
    CHECK_STATUS(services_work_queue_stop(&queue), KEEL_E_CANCELED);
    atomic_u32_store_release(&leave, 1);
    CHECK_OK(services_work_queue_stop(&queue));
}

static void T9_stop_that_is_cancelled_is_taken_up_again(void)
{
    start(3);
    CHECK_OK(services_work_queue_submit(&queue, wait_to_leave, &names[0]));
    CHECK_OK(keel_task_sleep(MS));
    keel_task_t other = unit_spawn_until_blocked(stop_twice, 0);
    CHECK_OK(keel_task_cancel(other));
    CHECK(unit_join(other) == 0);
    CHECK_EQUAL(count_ran(), 1);
}

/* An item that has its worker cancel every wait from then on costs time, and nothing else. */
static void kill_worker(void *context)
{
    keel_task_t self = {0};
    CHECK_OK(keel_task_self(&self));
    CHECK_OK(keel_task_kill(self));
    CHECK_OK(keel_task_release(self));
    note_order(context);
}

static void T9_killed_worker_works_on(void)
{
    start(1);
    CHECK_OK(services_work_queue_submit(&queue, kill_worker, &names[0]));
    for (uint32_t i = 1; i < 5; i++) {
        CHECK_OK(services_work_queue_submit(&queue, note_order, &names[i]));
        CHECK_OK(keel_task_sleep(MS));
    }
    CHECK_OK(services_work_queue_stop(&queue));
    CHECK_EQUAL(count_ran(), 5);
}

static void M8_start_is_all_or_nothing(void)
{
    struct services_work_queue_options options = {.items = items, .capacity = CAPACITY, .workers = 16};
    CHECK_STATUS(services_work_queue_start(&queue, &options), KEEL_E_LIMIT); /* tasks */
    options.workers = SERVICES_WORK_QUEUE_WORKERS_MAX + 1;
    CHECK_STATUS(services_work_queue_start(&queue, &options), KEEL_E_INVALID);
    options.workers = 0;
    CHECK_STATUS(services_work_queue_start(&queue, &options), KEEL_E_INVALID);
    options = (struct services_work_queue_options){.items = items, .workers = 1};
    CHECK_STATUS(services_work_queue_start(&queue, &options), KEEL_E_INVALID);
    options = (struct services_work_queue_options){.capacity = CAPACITY, .workers = 1};
    CHECK_STATUS(services_work_queue_start(&queue, &options), KEEL_E_INVALID);
    start(1);
    CHECK_OK(services_work_queue_stop(&queue));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(T9_items_run_once_and_in_order, .config.cpu_count = 2, .seeds = 5),
        UNIT(M8_full_ring_is_an_error, .config.cpu_count = 2),
        UNIT(T9_drain_waits_for_what_was_submitted_before, .config.cpu_count = 2),
        UNIT(T9_items_come_from_every_context, .config.cpu_count = 3, .seeds = 10),
        UNIT(T9_stop_runs_what_was_submitted, .config.cpu_count = 2, .seeds = 5),
        UNIT(T9_stop_that_is_cancelled_is_taken_up_again, .config.cpu_count = 2),
        UNIT(T9_killed_worker_works_on, .config.cpu_count = 2),
        UNIT(M8_start_is_all_or_nothing, .config.cpu_count = 2, .config.ram_size = 2 << 20),
    };
    return unit_main(tests, argc, argv);
}
