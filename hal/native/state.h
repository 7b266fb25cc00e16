/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the native machine knows of itself. Internal to hal/native.
 *
 * A CPU is a host thread and its state a thread-local variable: that is what %gs is on the real machine. A
 * context may leave one thread and go on in another inside each call that can switch, so whoever makes such a
 * call asks `native_self` again afterwards: the compiler may remember the address of a thread-local variable.
 */
#ifndef NATIVE_STATE_H
#define NATIVE_STATE_H

#include "hal/atomic.h"
#include "hal/mmu.h"
#include "native/machine.h"

/* Why a CPU is interrupted: bits of `pending`. */
enum {
    PENDING_TIMER = 1u << 0,
    PENDING_IPI = 1u << 1,
    PENDING_FREEZE = 1u << 2,
};

struct native_cpu {
    bool irq_on;
    unsigned id;
    uint32_t spins;       /* turns of spin-waits */
    hal_paddr_t root;     /* loaded page table */
    atomic_u32_t pending; /* PENDING_*; the host waits on it */
    atomic_u32_t waiting; /* 1: asleep in hal_cpu_wait, or about to be */
    atomic_u32_t parked;  /* 1: stands still for the CPU that froze the machine */
    atomic_u64_t deadline;
    struct native_flushes flushes;
    unsigned char vector[512];
};

extern _Thread_local struct native_cpu native_cpu;
struct native_cpu *native_self(void);

/* One a CPU: NULL until it runs. */
extern struct native_cpu *native_cpus[NATIVE_CPU_MAX];

extern struct native_config native_config;

/* Frames of the machine's own, at the bottom of RAM. Frame 0 stays unused: an address of 0 is a mistake. */
#define NATIVE_KERNEL_ROOT  UINT64_C(0x1000)
#define NATIVE_WINDOW_TABLE UINT64_C(0x2000)
#define NATIVE_KERNEL_END   UINT64_C(0x3000)

/* The kernel window on the host: this much of it can be used. */
#define NATIVE_WINDOW_SIZE (UINT64_C(1) << 30)

struct native_ram {
    char *base;   /* host address of physical 0 */
    int file;     /* what stands behind it */
    char *window; /* host address of HAL_WINDOW_BASE */
};

extern struct native_ram native_ram;

static inline void *native_pointer(hal_paddr_t address)
{
    return native_ram.base + address.value;
}

static inline atomic_u64_t *native_entry(hal_paddr_t table, unsigned index)
{
    return (atomic_u64_t *)native_pointer(table) + index;
}

/* Runs the calling thread as a CPU: fills its state and publishes it. */
void native_cpu_begin(unsigned id);
/* The thread that raises timer interrupts. */
void native_ticks_start(void);
void native_time_start(void);
uint64_t native_wall_time(void); /* of hal/boot.h */

/* Something that the host cannot do for us: ends the process. */
_Noreturn void native_die(const char *what);

#endif
