/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Everything at once on eight CPUs, as many as the hosted machine has: locks, timers, shootdowns, calls on
 * other CPUs, grace periods, tasks that come and go, and audits on the way. Each task notes what it did; in
 * the end the sums must be right.
 */
#include "support.h"

#define CPUS    8u
#define WORKERS 12u
#define ROUNDS  40u
#define PAGE    UINT64_C(0x1000)
#define RW      (KEEL_READ | KEEL_WRITE)

static keel_mutex_t mutex;
static keel_spinlock_t plain, irq_off;
static keel_space_t space;
static atomic_u64_t published; /* an event; what it was before is retired */

/* Plain: each is under its lock. */
static uint64_t under_mutex, under_plain, under_irq_off;

struct worker {
    uint64_t id, random;
    keel_timer_t timer;
    keel_semaphore_t rung;                   /* by the timer */
    uint64_t at_mutex, at_plain, at_irq_off; /* what it added */
};
static struct worker workers[WORKERS];

static uint32_t random_next(struct worker *worker)
{
    worker->random = worker->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(worker->random >> 33);
}

static void count_irq_off(void)
{
    CHECK_OK(keel_spinlock_lock(irq_off));
    under_irq_off++;
    CHECK_OK(keel_spinlock_unlock(irq_off));
}

static void use_mutex(struct worker *worker)
{
    CHECK_OK(keel_mutex_lock(mutex, KEEL_FOREVER));
    under_mutex++;
    worker->at_mutex++;
    if (random_next(worker) % 2 == 0) {
        CHECK_OK(keel_task_yield());
    }
    CHECK_OK(keel_mutex_unlock(mutex));
}

/* One inside the other, in one order. */
static void use_spinlocks(struct worker *worker)
{
    CHECK_OK(keel_spinlock_lock(plain));
    under_plain++;
    worker->at_plain++;
    if (random_next(worker) % 2 == 0) {
        count_irq_off();
        worker->at_irq_off++;
    }
    CHECK_OK(keel_spinlock_unlock(plain));
}

static void ring(void *context)
{
    const struct worker *worker = context;
    count_irq_off();
    CHECK_OK(keel_semaphore_up(worker->rung, 1));
}

static void use_timer(struct worker *worker)
{
    CHECK_OK(keel_timer_arm(worker->timer, random_next(worker) % 100000));
    CHECK_OK(keel_semaphore_down(worker->rung, KEEL_FOREVER));
    worker->at_irq_off++;
}

/* All CPUs have the space loaded: unmapping asks each of them. */
static void use_space(struct worker *worker)
{
    uint64_t va = PAGE * (1 + 2 * worker->id), value = worker->random, back = 0, unmapped = 0;
    keel_frame_t frame = unit_frame();
    CHECK_OK(keel_space_map(space, va, frame, RW));
    CHECK_OK(keel_frame_release(frame));
    CHECK_OK(keel_user_write(va, &value, sizeof value));
    CHECK_OK(keel_user_read(va, &back, sizeof back));
    CHECK_EQUAL(back, value);
    CHECK_OK(keel_space_unmap(space, va, 1, &unmapped)); /* frees the frame: the machine checks it */
    CHECK_EQUAL(unmapped, 1);
    CHECK_STATUS(keel_user_read(va, &back, sizeof back), KEEL_E_FAULT);
}

static void count_call(void *context)
{
    CHECK_OK(keel_spinlock_lock(irq_off));
    under_irq_off++;
    ++*(uint64_t *)context;
    CHECK_OK(keel_spinlock_unlock(irq_off));
}

static void use_call(struct worker *worker)
{
    uint64_t cpus = 1 + random_next(worker) % 255, called = 0, expected = 0;
    const struct keel_cpu_call_options options = {.handler = count_call, .context = &called};
    CHECK_OK(keel_cpu_call(cpus, &options));
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        expected += cpus >> cpu & 1;
    }
    CHECK_EQUAL(called, expected);
    worker->at_irq_off += called;
}

static void read_published(struct worker *worker)
{
    keel_guard_t guard = {0};
    uint64_t sequence = 0;
    CHECK_OK(keel_rcu_read_begin(&guard));
    keel_event_t event = {atomic_u64_load_acquire(&published)};
    for (uint32_t i = random_next(worker) % 4; i > 0; i--) {
        CHECK_OK(keel_cpu_relax());
    }
    CHECK_OK(keel_event_sequence(event, &sequence)); /* it lives as long as the section */
    CHECK_OK(keel_guard_release(guard));
}

static void publish(void)
{
    keel_event_t event = {0};
    CHECK_OK(keel_event_create(&event));
    CHECK_OK(keel_rcu_retire(atomic_u64_exchange(&published, event.value)));
}

static void do_nothing(uint64_t argument)
{
    (void)argument;
}

static void do_something(struct worker *worker)
{
    switch (random_next(worker) % 10) {
    case 0:
        use_mutex(worker);
        break;
    case 1:
        use_spinlocks(worker);
        break;
    case 2:
        use_timer(worker);
        break;
    case 3:
    case 4:
        use_space(worker);
        break;
    case 5:
    case 6:
        use_call(worker);
        break;
    case 7:
        read_published(worker);
        break;
    case 8:
        publish();
        break;
    default:
        CHECK(unit_join(unit_spawn(do_nothing, 0)) == 0);
        break;
    }
}

static void work(uint64_t id)
{
    struct worker *worker = &workers[id];
    CHECK_OK(keel_space_activate(space));
    for (unsigned round = 0; round < ROUNDS; round++) {
        do_something(worker);
        if (round % 16 == id) {
            CHECK_AUDIT();
        }
    }
}

static void begin(void)
{
    keel_event_t event = {0};
    under_mutex = 0;
    under_plain = 0;
    under_irq_off = 0;
    CHECK_OK(keel_mutex_create(&mutex));
    CHECK_OK(keel_spinlock_create(0, &plain));
    CHECK_OK(keel_spinlock_create(KEEL_SPINLOCK_IRQ_OFF, &irq_off));
    CHECK_OK(keel_event_create(&event));
    atomic_u64_init(&published, event.value);
    space = unit_space();
    for (uint64_t id = 0; id < WORKERS; id++) {
        const struct keel_timer_options options = {.handler = ring, .context = &workers[id]};
        workers[id] = (struct worker){.id = id, .random = id + 1};
        CHECK_OK(keel_timer_create(&options, &workers[id].timer));
        CHECK_OK(keel_semaphore_create(0, &workers[id].rung));
    }
}

static void end(void)
{
    uint64_t at_mutex = 0, at_plain = 0, at_irq_off = 0;
    for (uint64_t id = 0; id < WORKERS; id++) {
        at_mutex += workers[id].at_mutex;
        at_plain += workers[id].at_plain;
        at_irq_off += workers[id].at_irq_off;
        CHECK_OK(keel_timer_release(workers[id].timer));
        CHECK_OK(keel_semaphore_release(workers[id].rung));
    }
    CHECK_EQUAL(under_mutex, at_mutex);
    CHECK_EQUAL(under_plain, at_plain);
    CHECK_EQUAL(under_irq_off, at_irq_off);
    CHECK_OK(keel_event_release((keel_event_t){atomic_u64_load_acquire(&published)}));
    CHECK_OK(keel_spinlock_release(irq_off));
    CHECK_OK(keel_spinlock_release(plain));
    CHECK_OK(keel_mutex_release(mutex));
    CHECK_OK(keel_space_release(space));
}

static void T1_everything_at_once(void)
{
    keel_task_t tasks[WORKERS];
    begin();
    for (uint64_t id = 0; id < WORKERS; id++) {
        tasks[id] = unit_spawn(work, id);
    }
    for (uint64_t id = 0; id < WORKERS; id++) {
        CHECK_AUDIT();
        CHECK(unit_join(tasks[id]) == 0);
    }
    end();
}

static atomic_u32_t seen;

/* Holds its CPU until every CPU has one. */
static void occupy(uint64_t argument)
{
    (void)argument;
    while (atomic_u32_load_acquire(&seen) != 0xff) {
        uint32_t cpu = 0;
        CHECK_OK(keel_cpu_current(&cpu));
        atomic_u32_fetch_or(&seen, UINT32_C(1) << cpu);
        CHECK_OK(keel_cpu_relax());
    }
}

static void T1_eight_cpus_run_tasks(void)
{
    keel_task_t tasks[CPUS];
    atomic_u32_init(&seen, 0);
    for (unsigned i = 0; i < CPUS; i++) {
        tasks[i] = unit_spawn(occupy, 0);
    }
    CHECK_AUDIT();
    for (unsigned i = 0; i < CPUS; i++) {
        CHECK(unit_join(tasks[i]) == 0);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(T1_eight_cpus_run_tasks, .config.cpu_count = CPUS, .seeds = 5),
        UNIT(T1_everything_at_once, .config.cpu_count = CPUS, .seeds = 40),
    };
    return unit_main(tests, argc, argv);
}
