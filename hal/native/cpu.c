/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal/cpu.h: CPUs are threads, interrupts a word that a CPU looks at when it switches them on, spins or
 * waits.
 */
#define _GNU_SOURCE
#include "hal/atomic.h"
#include "hal/boot.h"
#include "hal/cpu.h"
#include "hal/irq.h"
#include "hal/machine.h"
#include "hal/port.h"
#include "keel/cold.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "hal/vector_image.h"
#include "state.h"

#define NS_PER_SECOND UINT64_C(1000000000)
#define TICK_LOOK_NS  1000000
/* Turns of a spin-wait after which the host may run another thread: what is waited for may be one. */
#define SPINS_PER_YIELD 64u

_Thread_local struct native_cpu native_cpu;
/* Assembly in hal/cpu_word.h names them, which an optimiser of the whole program does not see. */
__attribute__((used)) _Thread_local uint32_t native_cpu_word;
__attribute__((used)) _Thread_local void *native_cpu_pointer;
struct native_cpu *native_cpus[NATIVE_CPU_MAX];

static uint64_t time_start;
static atomic_u32_t freezer; /* 1: some CPU is about to freeze, or froze, the others */
static atomic_u32_t frozen;

__attribute__((noinline)) struct native_cpu *native_self(void)
{
    __asm__ volatile("");
    return &native_cpu;
}

unsigned hal_cpu_count(void)
{
    return native_config.cpu_count;
}

unsigned hal_cpu_id(void)
{
    return native_cpu.id;
}

const char *hal_cpu_describe(unsigned cpu)
{
    (void)cpu;
    return "host thread";
}

/* ---- interrupts ---- */

bool hal_irq_disable(void)
{
    bool enabled = native_cpu.irq_on;
    native_cpu.irq_on = false;
    return enabled;
}

bool hal_irq_enabled(void)
{
    return native_cpu.irq_on;
}

/* Stands still while the machine is frozen. Whoever freezes waits for each CPU to be parked, whoever thaws
 * for each to be off again, so that no CPU is taken for parked by the next freeze. */
static void park(struct native_cpu *self)
{
    while (atomic_u32_load_acquire(&frozen) != 0) {
        atomic_u32_store_release(&self->parked, 1);
        while (atomic_u32_load_acquire(&frozen) != 0) {
            sched_yield();
        }
        atomic_u32_store_release(&self->parked, 0);
    }
}

static void take_interrupts(struct native_cpu *self)
{
    uint32_t bits = atomic_u32_exchange(&self->pending, 0);
    if ((bits & PENDING_FREEZE) != 0) {
        park(self);
    }
    if ((bits & PENDING_TIMER) != 0) {
        atomic_u64_store_relaxed(&self->deadline, UINT64_MAX);
        hal_upcall_timer();
    }
    if ((bits & PENDING_IPI) != 0) {
        hal_upcall_ipi();
    }
}

KEEL_COLD static void deliver(void)
{
    struct native_cpu *self = native_self();
    while (atomic_u32_peek(&self->pending) != 0) {
        self->irq_on = false;
        take_interrupts(self);
        hal_upcall_interrupt_exit();
        self = native_self(); /* perhaps on another CPU now */
        self->irq_on = true;
    }
}

void hal_irq_restore(bool enabled)
{
    if (enabled) {
        native_cpu.irq_on = true;
        if (__builtin_expect(atomic_u32_peek(&native_cpu.pending) != 0, 0)) {
            deliver();
        }
    }
}

/* No device has a wire here, or a port. */

uint32_t hal_port_read(uint16_t port, unsigned size)
{
    (void)port;
    (void)size;
    return 0;
}

void hal_port_write(uint16_t port, unsigned size, uint32_t value)
{
    (void)port;
    (void)size;
    (void)value;
}

unsigned hal_irq_source_count(void)
{
    return 0;
}

bool hal_irq_source(unsigned source, struct hal_irq_source *description)
{
    (void)source;
    (void)description;
    return false;
}

bool hal_irq_route(unsigned source, struct hal_irq_wire wire, unsigned cpu)
{
    (void)source;
    (void)wire;
    (void)cpu;
    return false;
}

void hal_irq_close(unsigned source)
{
    (void)source;
}

bool hal_irq_is_routed(unsigned source)
{
    (void)source;
    return false;
}

unsigned hal_irq_routed_count(void)
{
    return 0;
}

void hal_irq_mask(unsigned source, bool masked)
{
    (void)source;
    (void)masked;
}

unsigned hal_irq_message_first(void)
{
    return HAL_IRQ_SOURCES_MAX;
}

bool hal_irq_messages_are_held(void)
{
    return false;
}

bool hal_irq_message_open(unsigned source, uint16_t requester)
{
    (void)source;
    (void)requester;
    return false;
}

void hal_irq_message_close(unsigned source)
{
    (void)source;
}

struct hal_irq_message hal_irq_message_describe(unsigned source)
{
    (void)source;
    return (struct hal_irq_message){.address = 0};
}

struct hal_irq_counts hal_irq_counts(unsigned cpu)
{
    (void)cpu;
    return (struct hal_irq_counts){.nmi = 0, .stray = 0};
}

static long futex(atomic_u32_t *word, int operation, uint32_t value, const struct timespec *timeout)
{
    return syscall(SYS_futex, word, operation, value, timeout, NULL, 0);
}

static void interrupt(struct native_cpu *cpu, uint32_t bit)
{
    atomic_u32_fetch_or(&cpu->pending, bit);
    if (atomic_u32_exchange(&cpu->waiting, 0) != 0) {
        futex(&cpu->pending, FUTEX_WAKE_PRIVATE, 1, NULL);
    }
}

void hal_ipi_send(unsigned cpu)
{
    interrupt(native_cpus[cpu], PENDING_IPI);
}

void hal_cpu_wait(void)
{
    struct native_cpu *self = native_self();
    while (atomic_u32_peek(&self->pending) == 0) {
        uint64_t now = hal_time_now(), deadline = atomic_u64_peek(&self->deadline);
        if (deadline <= now) {
            atomic_u32_fetch_or(&self->pending, PENDING_TIMER);
            break;
        }
        struct timespec left = {.tv_sec = (time_t)((deadline - now) / NS_PER_SECOND),
                                .tv_nsec = (long)((deadline - now) % NS_PER_SECOND)};
        atomic_u32_exchange(&self->waiting, 1);
        futex(&self->pending, FUTEX_WAIT_PRIVATE, 0, deadline == UINT64_MAX ? NULL : &left);
        atomic_u32_store_relaxed(&self->waiting, 0);
    }
    take_interrupts(self);
}

void hal_cpu_relax(void)
{
    struct native_cpu *self = native_self();
    __builtin_ia32_pause();
    park(self); /* also with interrupts off: the CPU that froze may be what this one waits for */
    if (++self->spins % SPINS_PER_YIELD == 0) {
        sched_yield();
    }
    if (self->irq_on && atomic_u32_peek(&self->pending) != 0) {
        deliver();
    }
}

/* ---- time ---- */

static uint64_t host_time(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

void native_time_start(void)
{
    time_start = host_time(CLOCK_MONOTONIC);
}

uint64_t native_wall_time(void)
{
    return host_time(CLOCK_REALTIME) - hal_time_now();
}

uint64_t hal_time_now(void)
{
    return host_time(CLOCK_MONOTONIC) - time_start;
}

void hal_timer_arm(uint64_t deadline)
{
    atomic_u64_store_relaxed(&native_cpu.deadline, deadline);
    atomic_u32_fetch_and(&native_cpu.pending, ~(uint32_t)PENDING_TIMER);
}

static void *raise_timers(void *nothing)
{
    const struct timespec pause = {.tv_nsec = TICK_LOOK_NS};
    for (;;) {
        nanosleep(&pause, NULL);
        uint64_t now = hal_time_now();
        for (unsigned i = 0; i < native_config.cpu_count; i++) {
            if (atomic_u64_load_relaxed(&native_cpus[i]->deadline) <= now) {
                interrupt(native_cpus[i], PENDING_TIMER);
            }
        }
    }
    return nothing;
}

void native_ticks_start(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, raise_timers, NULL) != 0) {
        native_die("a thread for the timers");
    }
}

/* ---- starting and stopping CPUs ---- */

/* Each CPU on a host CPU of its own as far as there are: the host would leave two busy threads together for
 * longer than a benchmark runs. Where that is refused, it is slower and no more. A thread inherits the set of
 * who starts it, so the boot CPU looks at what there is. */
static void pin(unsigned id)
{
    static cpu_set_t allowed;
    cpu_set_t one;
    if (id == 0 && sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
        CPU_ZERO(&allowed);
    }
    if (CPU_COUNT(&allowed) == 0) {
        return;
    }
    unsigned skip = id % (unsigned)CPU_COUNT(&allowed);
    for (unsigned host = 0; host < CPU_SETSIZE; host++) {
        if (CPU_ISSET(host, &allowed) && skip-- == 0) {
            CPU_ZERO(&one);
            CPU_SET(host, &one);
            (void)sched_setaffinity(0, sizeof one, &one);
            return;
        }
    }
}

void native_cpu_begin(unsigned id)
{
    pin(id);
    native_cpu.id = id;
    native_cpu.root = hal_kernel_root();
    atomic_u64_init(&native_cpu.deadline, UINT64_MAX);
    x86_vector_init(native_cpu.vector, sizeof native_cpu.vector, 0);
    native_cpus[id] = &native_cpu;
}

static atomic_u32_t started;

static void *secondary(void *id)
{
    native_cpu_begin((unsigned)(uintptr_t)id);
    atomic_u32_fetch_add(&started, 1);
    hal_upcall_cpu_online();
}

/* All states are published before any CPU goes on, so that whoever interrupts finds them. */
void hal_cpus_start(void)
{
    for (unsigned id = 1; id < native_config.cpu_count; id++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, secondary, (void *)(uintptr_t)id) != 0) {
            native_die("a thread for a CPU");
        }
    }
    while (atomic_u32_load_acquire(&started) + 1 < native_config.cpu_count) {
        sched_yield();
    }
    if (native_config.ticks) {
        native_ticks_start();
    }
}

void hal_freeze(void)
{
    struct native_cpu *self = native_self();
    while (atomic_u32_exchange(&freezer, 1) != 0) {
        park(self);
        sched_yield();
    }
    atomic_u32_exchange(&frozen, 1);
    for (unsigned i = 0; i < native_config.cpu_count; i++) {
        if (native_cpus[i] != self) {
            interrupt(native_cpus[i], PENDING_FREEZE);
        }
    }
    for (unsigned i = 0; i < native_config.cpu_count; i++) {
        while (native_cpus[i] != self && atomic_u32_load_acquire(&native_cpus[i]->parked) == 0) {
            sched_yield();
        }
    }
}

void hal_thaw(void)
{
    struct native_cpu *self = native_self();
    atomic_u32_exchange(&frozen, 0);
    for (unsigned i = 0; i < native_config.cpu_count; i++) {
        while (native_cpus[i] != self && atomic_u32_load_acquire(&native_cpus[i]->parked) != 0) {
            sched_yield();
        }
    }
    atomic_u32_store_release(&freezer, 0);
}
