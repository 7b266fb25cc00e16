/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The locks of the C library, and liburcu's read sections (its default flavour, memb).
 */
#include <pthread.h>
#include <semaphore.h>
#include <stddef.h>

#include "kernel.h"
#include "measure.h"

static pthread_spinlock_t spinlock;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t semaphore;
static void (*urcu_read_lock)(void), (*urcu_read_unlock)(void);

static void prepare_spinlock(void)
{
    require(pthread_spin_init(&spinlock, PTHREAD_PROCESS_PRIVATE) == 0, "pthread_spin_init");
}

static void prepare_semaphore(void)
{
    require(sem_init(&semaphore, 0, 1) == 0, "sem_init");
}

static void prepare_urcu(void)
{
    void (*register_thread)(void);
    void *library = bench_load("liburcu-memb.so.8");
    bench_find(library, "urcu_memb_register_thread", &register_thread);
    bench_find(library, "urcu_memb_read_lock", &urcu_read_lock);
    bench_find(library, "urcu_memb_read_unlock", &urcu_read_unlock);
    register_thread();
}

/* clang-format off */
#define RUN(name, take, let_go)                                                                              \
    static void run_##name(uint64_t n)                                                                       \
    {                                                                                                        \
        for (uint64_t i = 0; i < n; i++) {                                                                   \
            (void)take;                                                                                      \
            (void)let_go;                                                                                    \
        }                                                                                                    \
    }
RUN(spin, pthread_spin_lock(&spinlock), pthread_spin_unlock(&spinlock))
RUN(mutex, pthread_mutex_lock(&mutex), pthread_mutex_unlock(&mutex))
RUN(rwlock, pthread_rwlock_rdlock(&rwlock), pthread_rwlock_unlock(&rwlock))
RUN(semaphore, sem_wait(&semaphore), sem_post(&semaphore))
RUN(urcu, urcu_read_lock(), urcu_read_unlock())
/* clang-format on */

static void run_spin_both(uint64_t n)
{
    bench_host_both(run_spin, n);
}

static void run_mutex_both(uint64_t n)
{
    bench_host_both(run_mutex, n);
}

/* clang-format off */
#define ROW(measure, made)                                                                                   \
    {.name = "pthread_" #measure, .things = 1, .operations = 50000, .prepare = made, .run = run_##measure}
const struct measure lock_peer_measures[] = {
    ROW(spin, prepare_spinlock), ROW(spin_both, prepare_spinlock),
    ROW(mutex, NULL), ROW(mutex_both, NULL), ROW(rwlock, NULL), ROW(semaphore, prepare_semaphore),
    {.name = "urcu_read", .things = 1, .operations = 50000, .prepare = prepare_urcu, .run = run_urcu},
    {.name = NULL},
};
/* clang-format on */
