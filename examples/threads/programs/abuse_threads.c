/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Abuses threads and futexes; ends processes whose threads are anywhere; and calls at random.
 */
#include "abuser.h"

#define THREADS_TRIED 64u
#define CALLERS       3u
#define CALLS         300u

static uint32_t gate;

/* --- Clone --- */

static bool clone_is_checked(void)
{
    bool right = clone_thread(CLONE_THREAD, 0, NULL, NULL, 0) == -EINVAL;
    right = clone_thread(CLONE_THREAD | CLONE_VM, 0, NULL, NULL, 0) == -EINVAL && right;
    right = clone_thread(CLONE_SIGHAND, 0, NULL, NULL, 0) == -EINVAL && right;
    right = clone_thread(CLONE_PTHREAD, 0, NULL, NULL, bad_address(2)) == -EPERM && right;
    return clone_thread(CLONE_SETTLS | 17, 0, NULL, NULL, bad_address(3)) == -EPERM && right;
}

static void wait_at_gate(uint64_t who)
{
    (void)who;
    while (__atomic_load_n(&gate, __ATOMIC_ACQUIRE) == 0) {
        (void)futex_wait(&gate, 0, NULL);
    }
}

/* Many threads at once, until there are no more; then they all end, and as many can be had again. */
static bool threads_run_out(void)
{
    static struct thread threads[THREADS_TRIED];
    bool right = true;
    for (uint32_t turn = 0; turn < 2; turn++) {
        uint32_t count = 0;
        gate = 0;
        while (count < THREADS_TRIED && thread_start(&threads[count], wait_at_gate, count)) {
            count++;
        }
        right = count > 3 && right;
        __atomic_store_n(&gate, 1, __ATOMIC_RELEASE);
        (void)futex_wake(&gate, 0x7fffffff);
        for (uint32_t i = 0; i < count; i++) {
            thread_join(&threads[i]);
        }
    }
    return right;
}

/* --- Futexes --- */

static int64_t futex(uint64_t word, uint64_t operation, uint64_t value, uint64_t timeout)
{
    return system_call(CALL_FUTEX, word, operation, value, timeout);
}

static bool futexes_are_checked(void)
{
    static const struct time wrong[] = {{-1, 0}, {0, -1}, {0, 1000000000}};
    static uint32_t words[2];
    uint64_t word = (uint64_t)words;
    bool right = futex(word + 1, FUTEX_WAIT, 0, 0) == -EINVAL && futex(word + 2, FUTEX_WAKE, 1, 0) == -EINVAL;
    right = futex(word, 99, 0, 0) == -ENOSYS && futex(word, FUTEX_WAIT, 1, 0) == -EAGAIN && right;
    for (uint32_t i = 0; i < BAD_ADDRESSES; i++) {
        right = futex(bad_address(i), FUTEX_WAIT, 0, 0) == -EFAULT && right;
        right = futex(bad_address(i), FUTEX_WAIT | FUTEX_PRIVATE, 0, 0) == -EFAULT && right;
        right = futex(bad_address(i), FUTEX_WAKE, 1, 0) == -EFAULT && right;
        right = futex(word, FUTEX_WAIT, 0, bad_address(i)) == -EFAULT && right;
    }
    for (uint32_t i = 0; i < 3; i++) {
        right = futex(word, FUTEX_WAIT, 0, (uint64_t)&wrong[i]) == -EINVAL && right;
    }
    /* Nobody waits there, and nobody looks whether there is memory. */
    return futex(bad_address(1), FUTEX_WAKE | FUTEX_PRIVATE, 1, 0) == 0 && right;
}

/* --- Threads that take their process with them --- */

static void wait_for_ever(uint64_t who)
{
    gate = 0;
    for (;;) {
        if (who == 0) {
            (void)futex_wait(&gate, 0, NULL);
        }
    }
}

static void fault(uint64_t kind)
{
    sleep_for(2000000);
    if (kind == 0) {
        *(volatile char *)bad_address(0) = 'x';
    } else if (kind == 1) {
        *(volatile char *)bad_address(3) = 'x';
    } else if (kind == 2) {
        (void)system_call(CALL_MUNMAP, thread_pointer(), STACK_SIZE, 0, 0);
    } else {
        /* This thread goes on; its child has no stack that it could use. */
        (void)clone_thread(CLONE_PTHREAD, bad_address(3) & ~UINT64_C(15), NULL, NULL, 0);
        wait_for_ever(0);
    }
}

/* One thread blocks, one spins, the main thread waits for one that faults. */
static bool fault_ends_the_process(uint64_t kind)
{
    static struct thread threads[3];
    int64_t pid = fork();
    if (pid != 0) {
        return wait_for(pid) == SIGSEGV;
    }
    if (thread_start(&threads[0], wait_for_ever, 0) && thread_start(&threads[1], wait_for_ever, 1) &&
        thread_start(&threads[2], fault, kind)) {
        thread_join(&threads[2]);
    }
    exit_group(1);
}

/* --- Wild calls --- */

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

/* Nothing that reaches beyond the process on Linux either: no descriptors but pipes are open. */
static void call_wildly(uint64_t who)
{
    static const uint64_t calls[] = {CALL_READ,  CALL_WRITE,     CALL_CLOSE,       CALL_PIPE2,
                                     CALL_FUTEX, CALL_NANOSLEEP, CALL_MMAP,        CALL_CLOCK_GETTIME,
                                     CALL_WAIT4, CALL_GETTID,    CALL_SCHED_YIELD, CALL_RT_SIGACTION};
    static uint64_t memory[512];
    uint64_t state = who * 77 + 5, arguments[4];
    for (uint32_t i = 0; i < CALLS; i++) {
        for (uint32_t a = 0; a < 4; a++) {
            switch (next_random(&state) % 4) {
            case 0:
                arguments[a] = next_random(&state) % 8;
                break;
            case 1:
                arguments[a] = bad_address((uint32_t)next_random(&state) % BAD_ADDRESSES);
                break;
            case 2:
                arguments[a] = (uint64_t)&memory[next_random(&state) % 512];
                break;
            default:
                arguments[a] = next_random(&state) * next_random(&state);
                break;
            }
        }
        uint64_t call = calls[next_random(&state) % (sizeof(calls) / sizeof(calls[0]))];
        (void)system_call(call, arguments[0], arguments[1], arguments[2], arguments[3]);
    }
}

/* Most callers soon block somewhere; then the main thread ends them all. */
static bool wild_calls_do_no_harm(void)
{
    static struct thread threads[CALLERS];
    int64_t pid = fork();
    if (pid != 0) {
        return wait_for(pid) >= 0;
    }
    for (uint32_t fd = 0; fd < 3; fd++) {
        (void)close_fd(fd);
    }
    for (uint32_t i = 0; i < CALLERS; i++) {
        (void)thread_start(&threads[i], call_wildly, i);
    }
    sleep_for(10000000);
    exit_group(0);
}

void abuse_threads(void)
{
    say("clone is checked", clone_is_checked());
    say("threads run out in order", threads_run_out());
    say("futexes are checked", futexes_are_checked());
    say("a write to nowhere ends the process", fault_ends_the_process(0));
    say("a write to the kernel ends the process", fault_ends_the_process(1));
    say("a thread without its stack ends the process", fault_ends_the_process(2));
    say("a thread with the kernel's stack ends the process", fault_ends_the_process(3));
    say("wild calls do no harm", wild_calls_do_no_harm());
    say("no child is left", system_call(CALL_WAIT4, UINT64_MAX, 0, 0, 0) == -ECHILD);
}
