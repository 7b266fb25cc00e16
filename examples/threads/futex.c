/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Futexes: a hash of buckets, each a queue of the threads that wait for an address of that hash, in the order
 * in which they came. A thread sleeps on its own event, so that a wake-up reaches exactly whom it is for.
 *
 * No wake-up is lost: the word is read and the thread queued under the bucket's lock. Who changes the word
 * and then calls FUTEX_WAKE takes that lock after the change, so either the reader has seen the change, or it
 * is in the queue already.
 */
#include "../common/linux.h"
#include "threads.h"

#define BUCKETS 16u

static struct bucket {
    keel_mutex_t lock;
    struct thread *first, *last;
} buckets[BUCKETS];

keel_status_t futex_prepare(void)
{
    keel_status_t status = KEEL_OK;
    for (uint32_t i = 0; i < BUCKETS && status == KEEL_OK; i++) {
        status = keel_mutex_create(&buckets[i].lock);
    }
    return status;
}

static struct bucket *bucket_lock(const struct futex_key *key)
{
    uint64_t hash = (key->space ^ key->address) * UINT64_C(0x9e3779b97f4a7c15);
    struct bucket *bucket = &buckets[(hash >> 32) % BUCKETS];
    (void)keel_mutex_lock(bucket->lock, KEEL_FOREVER);
    return bucket;
}

static void bucket_unlock(struct bucket *bucket)
{
    (void)keel_mutex_unlock(bucket->lock);
}

/* A private futex is an address of one space; another one is the memory behind it, whoever else maps that. */
static int64_t make_key(const struct process *process, uint64_t va, bool private, struct futex_key *key)
{
    struct keel_mapping mapping;
    if (va % sizeof(uint32_t) != 0) {
        return -LINUX_EINVAL;
    }
    if (va >= KEEL_USER_END) {
        return -LINUX_EFAULT;
    }
    if (private) {
        *key = (struct futex_key){process->space.value, va};
        return 0;
    }
    uint64_t offset = va % KEEL_PAGE_SIZE;
    if (keel_space_query(process->space, va - offset, &mapping) != KEEL_OK) {
        return -LINUX_EFAULT;
    }
    *key = (struct futex_key){0, mapping.address + offset};
    return 0;
}

/* Takes the thread off the queue; `link` leads to it from `previous`. */
static void take_off(struct bucket *bucket, struct thread **link, struct thread *previous)
{
    struct thread *thread = *link;
    *link = thread->next;
    if (bucket->last == thread) {
        bucket->last = previous;
    }
    thread->queued = false;
}

static void append(struct bucket *bucket, struct thread *thread)
{
    thread->next = NULL;
    thread->queued = true;
    if (bucket->last != NULL) {
        bucket->last->next = thread;
    } else {
        bucket->first = thread;
    }
    bucket->last = thread;
}

static void give_up(struct bucket *bucket, struct thread *thread)
{
    struct thread **link = &bucket->first, *previous = NULL;
    while (*link != thread) {
        previous = *link;
        link = &previous->next;
    }
    take_off(bucket, link, previous);
}

/* Until the queued thread is taken off: by a waker, or here when it is late or its process dies. */
static int64_t await_wake(struct thread *thread, uint64_t deadline)
{
    int64_t answer = 1;
    while (answer > 0) {
        uint64_t sequence = 0;
        (void)keel_event_sequence(thread->event, &sequence);
        struct bucket *bucket = bucket_lock(&thread->futex);
        if (!thread->queued) {
            answer = 0;
        } else if (atomic_load(&thread->process->dying)) {
            answer = -LINUX_EINTR;
        } else if (thread_late(deadline)) {
            answer = -LINUX_ETIMEDOUT;
        }
        if (answer < 0) {
            give_up(bucket, thread);
        }
        bucket_unlock(bucket);
        if (answer > 0) {
            thread_wait(thread->event, sequence, deadline);
        }
    }
    return answer;
}

static int64_t futex_wait(struct thread *thread, const struct futex_key *key, uint64_t va, uint32_t expected,
                          uint64_t deadline)
{
    uint64_t value = 0;
    int64_t answer = 0;
    struct bucket *bucket = bucket_lock(key);
    if (keel_user_load(va, sizeof(uint32_t), &value) != KEEL_OK) {
        answer = -LINUX_EFAULT;
    } else if (value != expected) {
        answer = -LINUX_EAGAIN;
    } else {
        thread->futex = *key;
        append(bucket, thread);
    }
    bucket_unlock(bucket);
    return answer != 0 ? answer : await_wake(thread, deadline);
}

static int64_t futex_wake(const struct futex_key *key, uint32_t limit)
{
    uint32_t count = 0, woken;
    struct bucket *bucket = bucket_lock(key);
    struct thread **link = &bucket->first, *previous = NULL;
    while (*link != NULL && count < limit) {
        struct thread *thread = *link;
        if (thread->futex.space != key->space || thread->futex.address != key->address) {
            previous = thread;
            link = &thread->next;
            continue;
        }
        take_off(bucket, link, previous);
        (void)keel_event_signal(thread->event, 1, &woken);
        count++;
    }
    bucket_unlock(bucket);
    return count;
}

void futex_wake_joiner(const struct process *process, uint64_t va)
{
    struct futex_key key;
    if (make_key(process, va, false, &key) == 0) {
        (void)futex_wake(&key, 1);
    }
}

int64_t futex_call(struct thread *thread)
{
    const struct keel_user_regs *regs = &thread->regs;
    uint64_t va = regs->rdi, deadline = KEEL_FOREVER, nanoseconds;
    uint32_t operation = (uint32_t)regs->rsi & ~(uint32_t)LINUX_FUTEX_PRIVATE, value = (uint32_t)regs->rdx;
    struct futex_key key;
    if (operation != LINUX_FUTEX_WAIT && operation != LINUX_FUTEX_WAKE) {
        return -LINUX_ENOSYS;
    }
    if (operation == LINUX_FUTEX_WAIT && regs->r10 != 0) {
        int64_t error = thread_read_time(regs->r10, &nanoseconds);
        if (error != 0) {
            return error;
        }
        deadline = thread_deadline(nanoseconds);
    }
    int64_t error = make_key(thread->process, va, (regs->rsi & LINUX_FUTEX_PRIVATE) != 0, &key);
    if (error != 0) {
        return error;
    }
    if (operation == LINUX_FUTEX_WAIT) {
        return futex_wait(thread, &key, va, value, deadline);
    }
    return futex_wake(&key, (int32_t)value > 0 ? value : 1); /* Linux wakes one whatever is asked */
}
