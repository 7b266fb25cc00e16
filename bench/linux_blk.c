/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The peer of blk.c: the init of a Linux that reads the same disk, one request after the other, past its page
 * cache. docs/benchmarks.md says how to run it. The task that keeps the CPU from idling has the policy
 * SCHED_IDLE here, so that whatever else can run preempts it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { REQUESTS = 1000, WARM_UP = 100, READ_MAX = 16384, DISK_SIZE = 4 << 20 };

static volatile uint64_t *idle; /* instructions of the process that is busy; both see it */

static void require(bool holds, const char *what)
{
    if (!holds) {
        perror(what);
        exit(1); /* the kernel panics, which ends the machine */
    }
}

static uint64_t ticks(void)
{
    uint32_t low, high;
    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

/* As in blk.c. */
static _Noreturn void stay_busy(void)
{
    const struct sched_param none = {0};
    uint64_t last = ticks(), least = UINT64_MAX / 2;
    require(sched_setscheduler(0, SCHED_IDLE, &none) == 0, "SCHED_IDLE");
    for (;;) {
        uint64_t now = ticks(), turn = now - last;
        least = turn < least ? turn : least;
        *idle += turn < 2 * least ? turn : least;
        last = now;
    }
}

static void load_modules(void)
{
    static const char *const names[] = {
        "/virtio_ring.ko",           "/virtio.ko",     "/virtio_pci_modern_dev.ko",
        "/virtio_pci_legacy_dev.ko", "/virtio_pci.ko", "/virtio_blk.ko"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        int file = open(names[i], O_RDONLY);
        require(file >= 0 && syscall(SYS_finit_module, file, "", 0) == 0, names[i]);
        close(file);
    }
}

struct kind {
    uint64_t count, least, sum;
};

static void add(struct kind *kind, uint64_t cost)
{
    kind->least = kind->count == 0 || cost < kind->least ? cost : kind->least;
    kind->sum += cost;
    kind->count++;
}

static void print(size_t size, const char *how, const struct kind *kind)
{
    printf("blk| %zu B, %s: %llu requests, instructions for each: least %llu, mean %llu\n", size, how,
           (unsigned long long)kind->count, (unsigned long long)kind->least,
           (unsigned long long)(kind->count != 0 ? kind->sum / kind->count : 0));
}

static void measure(int disk, void *buffer, size_t size)
{
    struct kind waited = {0}, at_once = {0};
    for (unsigned i = 0; i < WARM_UP + REQUESTS; i++) {
        uint64_t begin = ticks(), before = *idle;
        require(pread(disk, buffer, size, (off_t)(i * size % DISK_SIZE)) == (ssize_t)size, "pread");
        uint64_t passed = *idle - before;
        if (i >= WARM_UP) {
            add(passed != 0 ? &waited : &at_once, ticks() - begin - passed);
        }
    }
    print(size, "waited for", &waited);
    print(size, "done at the first look", &at_once);
}

int main(void)
{
    void *buffer = aligned_alloc(4096, READ_MAX);
    idle = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    require(idle != MAP_FAILED && buffer, "memory");
    load_modules();
    (void)mkdir("/dev", 0755);
    require(mount("devtmpfs", "/dev", "devtmpfs", 0, "") == 0, "/dev");
    int disk = open("/dev/vda", O_RDONLY | O_DIRECT);
    require(disk >= 0, "/dev/vda");
    pid_t child = fork();
    require(child >= 0, "fork");
    if (child == 0) {
        stay_busy();
    }
    (void)usleep(1000); /* it has had turns of its own */
    measure(disk, buffer, 512);
    measure(disk, buffer, READ_MAX);
    (void)fflush(stdout);
    (void)reboot(RB_POWER_OFF);
    return 1;
}
