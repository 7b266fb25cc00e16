/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The clients' spinlocks: core/queued_spinlock.c.
 */
#include "core/queued_spinlock.h"

#include "core/frame.h"
#include "core/hold.h"
#include "core/sched.h"
#include "support.h"

static keel_spinlock_t unit_spinlock(uint32_t flags)
{
    keel_spinlock_t spinlock = {0};
    CHECK_OK(keel_spinlock_create(flags, &spinlock));
    return spinlock;
}

static bool is_atomic(void)
{
    return keel_task_yield() == KEEL_E_CONTEXT;
}

static void T5_spinlock_is_its_holder_s(void)
{
    keel_spinlock_t spinlock = unit_spinlock(0);
    CHECK_STATUS(keel_spinlock_unlock(spinlock), KEEL_E_DENIED);
    for (unsigned i = 0; i < 4; i++) {
        CHECK_OK(i == 0   ? keel_spinlock_lock(spinlock)
                 : i == 1 ? keel_spinlock_try_lock(spinlock)
                 : i == 2 ? keel_spinlock_lock_shared(spinlock)
                          : keel_spinlock_try_lock_shared(spinlock));
        CHECK(is_atomic());
        CHECK(hal_irq_enabled());
        CHECK_STATUS(keel_spinlock_lock(spinlock), KEEL_E_BUSY);
        CHECK_STATUS(keel_spinlock_try_lock(spinlock), KEEL_E_BUSY);
        CHECK_STATUS(keel_spinlock_lock_shared(spinlock), KEEL_E_BUSY);
        CHECK_STATUS(keel_spinlock_try_lock_shared(spinlock), KEEL_E_BUSY);
        CHECK(is_atomic());
        CHECK_OK(keel_spinlock_unlock(spinlock));
        CHECK(!is_atomic());
        CHECK_STATUS(keel_spinlock_unlock(spinlock), KEEL_E_DENIED);
    }
    keel_spinlock_t none = {3};
    CHECK_STATUS(keel_spinlock_create(2, &none), KEEL_E_INVALID);
    CHECK_EQUAL(none.value, 3);
    CHECK_OK(keel_spinlock_release(spinlock));
}

static void T5_locked_spinlock_outlives_its_handle(void)
{
    keel_spinlock_t spinlock = unit_spinlock(KEEL_SPINLOCK_IRQ_OFF), again = {0};
    CHECK_OK(keel_spinlock_lock(spinlock));
    CHECK_OK(keel_spinlock_release(spinlock));
    CHECK_STATUS(keel_spinlock_unlock(spinlock), KEEL_E_BAD_HANDLE);
    again = unit_spinlock(0);
    CHECK(again.value != spinlock.value);
    CHECK_OK(keel_spinlock_lock(again));
    CHECK(holds_release_atomic());
    CHECK(hal_irq_enabled());
    CHECK_OK(keel_spinlock_release(again));
}

static keel_spinlock_t left[3];

static void exit_with_things(uint64_t argument)
{
    keel_guard_t guard;
    CHECK_OK(keel_irq_disable(&guard));
    CHECK_OK(keel_spinlock_lock(left[0]));
    CHECK_OK(keel_spinlock_lock_shared(left[1]));
    CHECK_OK(keel_preempt_disable(&guard));
    CHECK_OK(keel_spinlock_lock(left[2]));
    if (argument != 0) {
        CHECK_OK(keel_task_exit(0));
    }
}

static void T5_exit_gives_everything_back(void)
{
    for (uint64_t how = 0; how < 2; how++) {
        for (unsigned i = 0; i < 3; i++) {
            left[i] = unit_spinlock(i == 2 ? KEEL_SPINLOCK_IRQ_OFF : 0);
        }
        CHECK(unit_join(unit_spawn(exit_with_things, how)) == 0);
        for (unsigned i = 0; i < 3; i++) {
            CHECK_OK(keel_spinlock_try_lock(left[i]));
            CHECK_OK(keel_spinlock_unlock(left[i]));
            CHECK_OK(keel_spinlock_release(left[i]));
        }
    }
}

/* Several CPUs count under one lock, some by looking only; readers never see half a change. */
static keel_spinlock_t counted;
static uint32_t low, high; /* plain: the lock orders them, which ThreadSanitizer checks */

static void count(uint64_t argument)
{
    for (unsigned i = 0; i < 20; i++) {
        if ((argument + i) % 3 == 0) {
            CHECK_OK(keel_spinlock_lock_shared(counted));
            CHECK_EQUAL(low, high);
        } else {
            CHECK_OK(keel_spinlock_lock(counted));
            low++;
            high++;
        }
        CHECK_OK(keel_spinlock_unlock(counted));
    }
}

static void T5_spinlock_excludes(void)
{
    keel_task_t tasks[3];
    low = 0;
    high = 0;
    counted = unit_spinlock(0);
    for (uint64_t i = 0; i < 3; i++) {
        tasks[i] = unit_spawn(count, i);
    }
    for (unsigned i = 0; i < 3; i++) {
        CHECK(unit_join(tasks[i]) == 0);
    }
    CHECK_EQUAL(low, 40);
    CHECK_EQUAL(high, 40);
    CHECK_OK(keel_spinlock_release(counted));
}

/* While a CPU spins with interrupts off, the holder of the lock releases the last handle of a dead task,
 * whose stack no CPU may know any more, and audits, which stops all CPUs. */
static keel_spinlock_t spun_for;
static atomic_u32_t begun;

static void spin(uint64_t argument)
{
    (void)argument;
    atomic_u32_store_release(&begun, 1);
    CHECK_OK(keel_spinlock_lock(spun_for));
    CHECK_OK(keel_spinlock_unlock(spun_for));
}

static void die(uint64_t argument)
{
    (void)argument;
}

static void A2_cpu_that_spins_serves_flushes(void)
{
    int32_t status;
    atomic_u32_init(&begun, 0);
    spun_for = unit_spinlock(KEEL_SPINLOCK_IRQ_OFF);
    keel_task_t dead = unit_spawn(die, 0);
    CHECK_OK(keel_task_join(dead, &status));
    CHECK_OK(keel_task_sleep(SCHED_TICK_NS)); /* it is off its CPU */
    keel_task_t other = unit_spawn(spin, 0);
    CHECK_OK(keel_spinlock_lock(spun_for));
    unit_await(&begun);
    uint64_t before = frame_free_count();
    CHECK_OK(keel_task_release(dead));
    CHECK(frame_free_count() > before); /* the stack is gone, so its flush is done */
    CHECK_AUDIT();
    CHECK_OK(keel_spinlock_unlock(spun_for));
    CHECK(unit_join(other) == 0);
    CHECK_OK(keel_spinlock_release(spun_for));
}

/* --- The queue --- */

static keel_spinlock_t queued, back;
static atomic_u32_t go_writer, go_reader, entered;

static void begin_queue(void)
{
    atomic_u32_init(&go_writer, 0);
    atomic_u32_init(&go_reader, 0);
    atomic_u32_init(&entered, 0);
    queued = unit_spinlock(0);
    back = unit_spinlock(0);
}

static void wait_until_queued(unsigned count)
{
    const struct queued_spinlock *lock =
        (const struct queued_spinlock *)object_slot_of(OBJECT_SPINLOCK, queued.value);
    for (bool there = false; !there;) {
        bool interrupts = spinlock_acquire((struct spinlock *)&lock->lock);
        there = count == 1 ? lock->head != NULL : lock->head != lock->tail;
        spinlock_release((struct spinlock *)&lock->lock, interrupts);
        CHECK_OK(keel_cpu_relax());
    }
}

static void want_alone(uint64_t argument)
{
    (void)argument;
    unit_await(&go_writer);
    CHECK_OK(keel_spinlock_lock(queued));
    CHECK_OK(keel_spinlock_unlock(queued));
}

static void want_share(uint64_t argument)
{
    (void)argument;
    unit_await(&go_reader);
    CHECK_STATUS(keel_spinlock_try_lock_shared(queued), KEEL_E_BUSY);
    atomic_u32_store_release(&entered, 1);
}

/* It is shared, and somebody wants it alone: who wants to share it comes after. */
static void T9_nobody_overtakes_who_spins(void)
{
    begin_queue();
    keel_task_t writer = unit_spawn(want_alone, 0), reader = unit_spawn(want_share, 0);
    CHECK_OK(keel_spinlock_lock_shared(queued));
    atomic_u32_store_release(&go_writer, 1);
    wait_until_queued(1);
    atomic_u32_store_release(&go_reader, 1);
    unit_await(&entered);
    CHECK_OK(keel_spinlock_unlock(queued));
    CHECK(unit_join(writer) == 0);
    CHECK(unit_join(reader) == 0);
    CHECK_OK(keel_spinlock_release(queued));
    CHECK_OK(keel_spinlock_release(back));
}

static void hold_back_and_want_alone(uint64_t argument)
{
    (void)argument;
    unit_await(&go_writer);
    CHECK_OK(keel_spinlock_lock(back));
    keel_status_t status = keel_spinlock_lock(queued);
    if (status == KEEL_OK) {
        CHECK_OK(keel_spinlock_unlock(queued));
    } else {
        CHECK_STATUS(status, KEEL_E_BUSY);
    }
    CHECK_OK(keel_spinlock_unlock(back));
}

static void come_in_shared(uint64_t argument)
{
    (void)argument;
    unit_await(&go_reader);
    CHECK_OK(keel_spinlock_lock_shared(queued));
    atomic_u32_store_release(&entered, 1);
    CHECK_OK(keel_spinlock_unlock(queued));
}

/* A circle of the first task and the writer, behind whom a reader waits. If it is the writer who leaves, the
 * reader comes in though nobody unlocks. */
static void T9_who_leaves_the_spin_queue_lets_others_in(void)
{
    begin_queue();
    keel_task_t writer = unit_spawn(hold_back_and_want_alone, 0), reader = unit_spawn(come_in_shared, 0);
    CHECK_OK(keel_spinlock_lock_shared(queued));
    atomic_u32_store_release(&go_writer, 1);
    wait_until_queued(1);
    atomic_u32_store_release(&go_reader, 1);
    wait_until_queued(2);
    if (keel_spinlock_lock(back) == KEEL_OK) {
        unit_await(&entered);
        CHECK_OK(keel_spinlock_unlock(back));
    }
    CHECK_OK(keel_spinlock_unlock(queued));
    CHECK(unit_join(writer) == 0);
    CHECK(unit_join(reader) == 0);
    CHECK_OK(keel_spinlock_release(queued));
    CHECK_OK(keel_spinlock_release(back));
}

/* --- Circles --- */

static keel_spinlock_t ring[3];
static atomic_u32_t holding, refused;
static bool share_next;

/* Takes one lock, waits until everybody has one, and wants the next one's. */
static void take_two(uint64_t argument)
{
    CHECK_OK(keel_spinlock_lock(ring[argument]));
    atomic_u32_fetch_add(&holding, 1);
    while (atomic_u32_load_acquire(&holding) < 3) {
        CHECK_OK(keel_cpu_relax());
    }
    keel_spinlock_t next = ring[(argument + 1) % 3];
    keel_status_t status = share_next ? keel_spinlock_lock_shared(next) : keel_spinlock_lock(next);
    if (status == KEEL_OK) {
        CHECK_OK(keel_spinlock_unlock(next));
    } else {
        CHECK_STATUS(status, KEEL_E_BUSY);
        atomic_u32_fetch_add(&refused, 1);
    }
    CHECK(is_atomic());
    CHECK_OK(keel_spinlock_unlock(ring[argument]));
    CHECK(!is_atomic());
}

static void meet_in_a_circle(bool shared)
{
    keel_task_t rest[2];
    share_next = shared;
    atomic_u32_init(&holding, 0);
    atomic_u32_init(&refused, 0);
    for (unsigned i = 0; i < 3; i++) {
        ring[i] = unit_spinlock(i == 1 ? KEEL_SPINLOCK_IRQ_OFF : 0);
    }
    rest[0] = unit_spawn(take_two, 1);
    rest[1] = unit_spawn(take_two, 2);
    take_two(0);
    CHECK(unit_join(rest[0]) == 0);
    CHECK(unit_join(rest[1]) == 0);
    uint32_t count = atomic_u32_load_acquire(&refused);
    CHECK(count >= 1 && count <= 3);
    for (unsigned i = 0; i < 3; i++) {
        CHECK_OK(keel_spinlock_release(ring[i]));
    }
}

static void T5_circle_of_spinlocks_comes_apart(void)
{
    meet_in_a_circle(false);
    meet_in_a_circle(true);
}

/* A long wait that is no circle is waited out. */
static keel_spinlock_t outer_lock, inner_lock;

static void hold_for_long(uint64_t argument)
{
    (void)argument;
    CHECK_OK(keel_spinlock_lock(inner_lock));
    atomic_u32_store_release(&begun, 1);
    for (unsigned i = 0; i < 500; i++) {
        CHECK_OK(keel_cpu_relax());
    }
    CHECK_OK(keel_spinlock_unlock(inner_lock));
}

static void T5_long_wait_is_no_circle(void)
{
    atomic_u32_init(&begun, 0);
    outer_lock = unit_spinlock(0);
    inner_lock = unit_spinlock(0);
    keel_task_t other = unit_spawn(hold_for_long, 0);
    unit_await(&begun);
    CHECK_OK(keel_spinlock_lock(outer_lock));
    CHECK_OK(keel_spinlock_lock_shared(inner_lock));
    CHECK_OK(keel_spinlock_unlock(outer_lock));
    CHECK_OK(keel_spinlock_unlock(inner_lock));
    CHECK(unit_join(other) == 0);
    CHECK_OK(keel_spinlock_release(outer_lock));
    CHECK_OK(keel_spinlock_release(inner_lock));
}

/* Everybody takes outer_lock, inner_lock and handlers_lock in this order. But a handler that holds the last
 * may have interrupted who spins for the first: while it does, each of three CPUs seems to wait for the next.
 * That goes by, and nobody is refused. */
#define LINE   5u
#define ROUNDS 30u

static keel_spinlock_t handlers_lock;
static atomic_u32_t over;

static uint32_t hold_for_a_moment(void *context)
{
    (void)context;
    CHECK_OK(keel_spinlock_lock(handlers_lock));
    for (unsigned i = 0; i < 10; i++) {
        CHECK_OK(keel_cpu_relax());
    }
    CHECK_OK(keel_spinlock_unlock(handlers_lock));
    return KEEL_IRQ_HANDLED;
}

static void take_in_order(uint64_t first)
{
    const keel_spinlock_t order[] = {outer_lock, inner_lock, handlers_lock};
    static const unsigned times[] = {1, 20};
    for (unsigned round = 0; round < ROUNDS; round++) {
        CHECK_OK(keel_spinlock_lock(order[first]));
        for (unsigned i = 0; i < times[first]; i++) {
            CHECK_OK(keel_spinlock_lock(order[first + 1]));
            CHECK_OK(keel_spinlock_unlock(order[first + 1]));
        }
        CHECK_OK(keel_spinlock_unlock(order[first]));
    }
    atomic_u32_fetch_add(&over, 1);
}

static void T5_handler_closes_no_circle(void)
{
    const struct keel_irq_handler_options options = {.handler = hold_for_a_moment, .source = LINE};
    keel_irq_handler_t handler = {0};
    keel_task_t tasks[3];
    atomic_u32_init(&over, 0);
    outer_lock = unit_spinlock(0);
    inner_lock = unit_spinlock(0);
    handlers_lock = unit_spinlock(KEEL_SPINLOCK_IRQ_OFF);
    CHECK_OK(keel_irq_handler_create(&options, &handler));
    CHECK_OK(keel_irq_handler_enable(handler));
    for (uint64_t i = 0; i < 3; i++) {
        tasks[i] = unit_spawn(take_in_order, i % 2);
    }
    for (uint64_t cpu = 0; atomic_u32_load_acquire(&over) < 3; cpu++) {
        CHECK_OK(keel_irq_handler_set_affinity(handler, UINT64_C(1) << cpu % 4));
        hosted_irq_assert(LINE, true);
        hosted_irq_assert(LINE, false);
        CHECK_OK(keel_cpu_relax());
    }
    for (unsigned i = 0; i < 3; i++) {
        CHECK(unit_join(tasks[i]) == 0);
    }
    while (keel_irq_handler_disable(handler) == KEEL_E_BUSY) {
        CHECK_OK(keel_cpu_relax());
    }
    CHECK_OK(keel_irq_handler_release(handler));
    CHECK_OK(keel_spinlock_release(outer_lock));
    CHECK_OK(keel_spinlock_release(inner_lock));
    CHECK_OK(keel_spinlock_release(handlers_lock));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(T5_spinlock_is_its_holder_s),
        UNIT(T5_locked_spinlock_outlives_its_handle),
        UNIT(T5_exit_gives_everything_back, .seeds = 10, .config.cpu_count = 2),
        UNIT(T5_spinlock_excludes, .seeds = 40, .config.cpu_count = 3),
        UNIT(A2_cpu_that_spins_serves_flushes, .seeds = 40, .config.cpu_count = 2),
        UNIT(T9_nobody_overtakes_who_spins, .seeds = 10, .config.cpu_count = 3),
        UNIT(T9_who_leaves_the_spin_queue_lets_others_in, .seeds = 40, .config.cpu_count = 3,
             .lock_orders = 1),
        UNIT(T5_circle_of_spinlocks_comes_apart, .seeds = 40, .config.cpu_count = 3, .lock_orders = 2),
        UNIT(T5_long_wait_is_no_circle, .seeds = 10, .config.cpu_count = 2),
        UNIT(T5_handler_closes_no_circle, .seeds = 150, .config.switch_period = 8, .config.cpu_count = 4),
    };
    return unit_main(tests, argc, argv);
}
