/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Threads of one process: a lock, a barrier, a bounded buffer, wake-ups one by one, time-outs, and what the
 * end of a thread and of a process means.
 */
#include "thread.h"

#define WORKERS      4u
#define COUNTS       UINT64_C(500)
#define ROUNDS       20u
#define ITEMS        UINT64_C(200)
#define BUFFER_ITEMS 4u
#define ALL          UINT32_C(0x7fffffff)

static struct thread threads[WORKERS];

static bool start_all(void (*run)(uint64_t))
{
    bool started = true;
    for (uint64_t i = 0; i < WORKERS; i++) {
        started = started && thread_start(&threads[i], run, i);
    }
    return started;
}

static void join_all(void)
{
    for (uint32_t i = 0; i < WORKERS; i++) {
        thread_join(&threads[i]);
    }
}

static bool run_all(void (*run)(uint64_t))
{
    bool started = start_all(run);
    join_all();
    return started;
}

/* --- A lock --- */

static struct mutex counter_lock;
static uint64_t counter;

static void count(uint64_t who)
{
    for (uint64_t i = 0; i < COUNTS; i++) {
        mutex_lock(&counter_lock);
        uint64_t value = counter;
        if (i % 16 == who) {
            (void)system_call(CALL_SCHED_YIELD, 0, 0, 0, 0); /* others come and must wait */
        }
        counter = value + 1;
        mutex_unlock(&counter_lock);
    }
}

/* --- A barrier --- */

static struct mutex barrier_lock;
static struct condition barrier_open;
static uint32_t barrier_waiting, barrier_round, arrived[WORKERS], early;

static void barrier(void)
{
    mutex_lock(&barrier_lock);
    uint32_t round = barrier_round;
    barrier_waiting++;
    if (barrier_waiting == WORKERS) {
        barrier_waiting = 0;
        barrier_round++;
        condition_signal(&barrier_open, ALL);
    }
    while (round == barrier_round) {
        condition_wait(&barrier_open, &barrier_lock);
    }
    mutex_unlock(&barrier_lock);
}

static void walk(uint64_t who)
{
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        __atomic_store_n(&arrived[who], round, __ATOMIC_RELAXED);
        barrier();
        for (uint32_t i = 0; i < WORKERS; i++) {
            if (__atomic_load_n(&arrived[i], __ATOMIC_RELAXED) < round) {
                __atomic_fetch_add(&early, 1, __ATOMIC_RELAXED);
            }
        }
    }
}

/* --- A bounded buffer --- */

static struct mutex buffer_lock;
static struct condition not_empty, not_full;
static uint64_t buffer[BUFFER_ITEMS], buffer_first, buffer_count, sum;

static void put(uint64_t item)
{
    mutex_lock(&buffer_lock);
    while (buffer_count == BUFFER_ITEMS) {
        condition_wait(&not_full, &buffer_lock);
    }
    buffer[(buffer_first + buffer_count) % BUFFER_ITEMS] = item;
    buffer_count++;
    condition_signal(&not_empty, 1);
    mutex_unlock(&buffer_lock);
}

static uint64_t take(void)
{
    mutex_lock(&buffer_lock);
    while (buffer_count == 0) {
        condition_wait(&not_empty, &buffer_lock);
    }
    uint64_t item = buffer[buffer_first];
    buffer_first = (buffer_first + 1) % BUFFER_ITEMS;
    buffer_count--;
    condition_signal(&not_full, 1);
    mutex_unlock(&buffer_lock);
    return item;
}

static void trade(uint64_t who)
{
    for (uint64_t i = 1; i <= ITEMS; i++) {
        if (who % 2 == 0) {
            put(i);
        } else {
            __atomic_fetch_add(&sum, take(), __ATOMIC_RELAXED);
        }
    }
}

/* --- Wake-ups one by one --- */

static uint32_t gate, gone;

static void wait_at_gate(uint64_t who)
{
    (void)who;
    while (futex_wait(&gate, 0, NULL) != 0) {
    }
    __atomic_fetch_add(&gone, 1, __ATOMIC_RELEASE);
}

/* Nobody goes on who was not woken. */
static bool wake_one_by_one(void)
{
    uint32_t woken = 0, wrong = 0;
    bool started = start_all(wait_at_gate);
    while (woken < WORKERS) {
        wrong += __atomic_load_n(&gone, __ATOMIC_ACQUIRE) > woken ? 1 : 0;
        int64_t count = futex_wake(&gate, 1);
        wrong += count < 0 || count > 1 ? 1 : 0;
        woken += count == 1 ? 1 : 0;
        (void)system_call(CALL_SCHED_YIELD, 0, 0, 0, 0);
    }
    join_all();
    return started && wrong == 0 && gone == WORKERS && futex_wake(&gate, ALL) == 0;
}

/* --- Time --- */

static int64_t now(void)
{
    struct time time = {0, 0};
    (void)system_call(CALL_CLOCK_GETTIME, 1 /* monotonic */, (uint64_t)&time, 0, 0);
    return time.seconds * 1000000000 + time.nanoseconds;
}

static bool times_out(void)
{
    const struct time timeout = {0, 2000000};
    static const uint32_t word = 5;
    int64_t start = now();
    return futex_wait(&word, 5, &timeout) == -ETIMEDOUT && now() - start >= 2000000 &&
           futex_wait(&word, 4, &timeout) == -EAGAIN;
}

static bool sleeps(void)
{
    int64_t start = now();
    sleep_for(3000000);
    return now() - start >= 3000000;
}

/* --- Identities --- */

static uint64_t tids[WORKERS], pids[WORKERS], pointers[WORKERS];

static void identify(uint64_t who)
{
    tids[who] = (uint64_t)system_call(CALL_GETTID, 0, 0, 0, 0);
    pids[who] = (uint64_t)system_call(CALL_GETPID, 0, 0, 0, 0);
    pointers[who] = thread_pointer();
}

static bool all_differ(void)
{
    uint64_t pid = (uint64_t)system_call(CALL_GETPID, 0, 0, 0, 0);
    bool right = (uint64_t)system_call(CALL_GETTID, 0, 0, 0, 0) == pid;
    for (uint32_t i = 0; i < WORKERS; i++) {
        right = right && pids[i] == pid && tids[i] != pid && pointers[i] == (uint64_t)threads[i].stack;
        for (uint32_t j = 0; j < i; j++) {
            right = right && tids[i] != tids[j];
        }
    }
    return right;
}

/* --- Ends --- */

static uint32_t never;
static struct ends silent;

static void linger(uint64_t who)
{
    char byte;
    if (who == 0) {
        (void)futex_wait(&never, 0, NULL);
    } else if (who == 1) {
        (void)read_all(silent.read, &byte, 1);
    } else if (who == 2) {
        struct time time = {1000000, 0};
        (void)system_call(CALL_NANOSLEEP, (uint64_t)&time, 0, 0, 0);
    }
    for (;;) { /* the last one only spins */
    }
}

/* A process whose threads block in each way there is, and spin, is ended by its main thread. */
static bool ends_as_a_whole(void)
{
    int64_t pid = fork();
    if (pid == 0) {
        bool ready = pipe_open(&silent) == 0 && start_all(linger);
        sleep_for(5000000);
        exit_group(ready ? 9 : 1);
    }
    return wait_for(pid) == 9 << 8;
}

static void outlive(uint64_t who)
{
    sleep_for(2000000);
    (void)write_all(silent.write, &who, 1);
    (void)system_call(CALL_EXIT, 3, 0, 0, 0);
}

/* The main thread's end is not the process's. Which thread's status counts differs between versions of Linux,
 * so here all agree. */
static bool main_thread_goes_first(void)
{
    char bytes[WORKERS + 1];
    bool right = pipe_open(&silent) == 0;
    int64_t pid = fork();
    if (pid == 0) {
        (void)start_all(outlive);
        (void)system_call(CALL_EXIT, 3, 0, 0, 0);
    }
    (void)close_fd(silent.write);
    right = read_all(silent.read, bytes, sizeof(bytes)) == WORKERS && right;
    return wait_for(pid) == 3 << 8 && close_fd(silent.read) == 0 && right;
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    say("4 threads counted under a lock", run_all(count) && counter == WORKERS * COUNTS);
    say("nobody passed the barrier early", run_all(walk) && early == 0 && barrier_round == ROUNDS);
    say("all items went through the buffer", run_all(trade) && sum == ITEMS * (ITEMS + 1));
    say("threads were woken one by one", wake_one_by_one());
    say("a futex times out", times_out());
    say("a sleeper sleeps", sleeps());
    say("threads have ids and thread pointers of their own", run_all(identify) && all_differ());
    say("a process ends with all of its threads", ends_as_a_whole());
    say("a process outlives its main thread", main_thread_goes_first());
    return 0;
}
