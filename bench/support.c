/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the measures share: libraries of peers; a second task or thread; and a yardstick, a loop that takes
 * the same time in every process, by which figures of two processes can be compared.
 */
#include "keel/keel.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "kernel.h"
#include "measure.h"

void *bench_load(const char *file)
{
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    require(library != NULL, file);
    return library;
}

/* ISO C does not know how to write this. */
void bench_find(void *library, const char *name, void *function)
{
    void *symbol = dlsym(library, name);
    require(symbol != NULL, name);
    memcpy(function, &symbol, sizeof symbol);
}

static struct bench_partner start(void (*entry)(uint64_t n), uint64_t n, uint64_t cpus)
{
    struct keel_task_options options = {.entry = entry, .argument = n, .name = "partner", .affinity = cpus};
    keel_task_t task;
    must(keel_task_spawn(&options, &task), "task_spawn");
    return (struct bench_partner){task.value};
}

struct bench_partner bench_partner_start(void (*entry)(uint64_t n), uint64_t n)
{
    return start(entry, n, 0);
}

void bench_partner_join(struct bench_partner partner)
{
    int32_t status;
    must(keel_task_join((keel_task_t){partner.handle}, &status), "task_join");
    must(keel_task_release((keel_task_t){partner.handle}), "task_release");
}

/* --- Two CPUs --- */

static atomic_uint arrived;
static void (*both_run)(uint64_t n);

static void half(uint64_t n)
{
    atomic_fetch_add(&arrived, 1);
    while (atomic_load(&arrived) < 2) {
        (void)keel_cpu_relax();
    }
    both_run(n);
}

void bench_both(void (*run)(uint64_t n), uint64_t n)
{
    keel_task_t self;
    must(keel_task_self(&self), "task_self");
    must(keel_task_set_affinity(self, 1), "task_set_affinity");
    both_run = run;
    atomic_store(&arrived, 0);
    struct bench_partner partner = start(half, n, 2);
    half(n);
    bench_partner_join(partner);
    must(keel_task_set_affinity(self, UINT64_MAX), "task_set_affinity");
    must(keel_task_release(self), "task_release");
}

/* No task: it makes no calls of Keel's. */
static void *host_half(void *count)
{
    atomic_fetch_add(&arrived, 1);
    while (atomic_load(&arrived) < 2) {
    }
    both_run(*(const uint64_t *)count);
    return NULL;
}

void bench_host_both(void (*run)(uint64_t n), uint64_t n)
{
    pthread_t thread;
    both_run = run;
    atomic_store(&arrived, 0);
    require(pthread_create(&thread, NULL, host_half, &n) == 0, "pthread_create");
    (void)host_half(&n);
    require(pthread_join(thread, NULL) == 0, "pthread_join");
}

static void run_yardstick(uint64_t n)
{
    uint64_t value = n;
    for (uint64_t i = 0; i < n; i++) {
        value = value * UINT64_C(6364136223846793005) + 1;
        __asm__ volatile("" : "+r"(value));
    }
}

const struct measure yardstick_measures[] = {
    {.name = "yardstick", .things = 1, .operations = 500000, .run = run_yardstick},
    {.name = NULL},
};
