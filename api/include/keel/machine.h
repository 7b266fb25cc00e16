/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Console, log, time, power, audit, lock order.
 */
#ifndef KEEL_MACHINE_H
#define KEEL_MACHINE_H

#include "keel/handle.h"

#define KEEL_CONSOLE_WRITE_MAX 4096u
#define KEEL_LOG_LINE_MAX      200u

enum keel_log_level {
    KEEL_LOG_ERROR = 1,
    KEEL_LOG_WARNING = 2,
    KEEL_LOG_INFO = 3,
    KEEL_LOG_DEBUG = 4,
};

/* Writes raw bytes to the console; one call's bytes stay together. A terminal's machine may add a carriage
 * return before a line feed. Context: task, atomic, irq, policy. Errors: E_INVALID (NULL, size >
 * KEEL_CONSOLE_WRITE_MAX).
 */
keel_status_t keel_console_write(const void *buffer, size_t size);

/* Writes one line to the log: "[seconds.micros cpu level] text". Bytes that are not printable ASCII show as
 * '?'; past KEEL_LOG_LINE_MAX the line is cut. Context: task, atomic, irq, policy. Errors: E_INVALID (level,
 * NULL). */
keel_status_t keel_log(uint32_t level, const void *text, size_t size);

/* Lines of the log that can be read: the last ones. */
#define KEEL_LOG_LINES 64u

struct keel_log_record {
    uint64_t number; /* of the lines since boot, from 0 */
    uint64_t time;   /* nanoseconds since boot */
    uint32_t level;  /* enum keel_log_level */
    uint32_t cpu;
    uint32_t size;                /* of the text */
    char text[KEEL_LOG_LINE_MAX]; /* zeroes after it */
    uint32_t reserved;
};

/* Line `number` of the log, Keel's own lines among them; where it is gone already, the oldest that there is.
 * So who goes on from record.number + 1 each time reads all lines, and sees where some are missing. Keel
 * calls no client for a line: it may come from anywhere. Context: task, atomic, irq, policy. Errors:
 * E_NOT_FOUND (no such line has come yet), E_INVALID (NULL). */
keel_status_t keel_log_read(uint64_t number, struct keel_log_record *record);

/* Nanoseconds since boot. It never goes back on one CPU, but CPUs' clocks may be up to 1 ms apart: who moves
 * between two calls may find less than before, and two times of which the second is smaller are to be taken
 * for the same. Context: task, atomic, irq, policy. */
keel_status_t keel_time_now(uint64_t *nanoseconds);

/* Nanoseconds since 1970-01-01 00:00 UTC, as the machine's real-time clock had it at boot and keel_time_now
 * goes on: to the second at best. Nothing leans on it: it may be wrong, but never goes back on one CPU.
 * Context: task, atomic, irq, policy. Errors: E_NOT_FOUND (the machine has no such clock, or none that was
 * set), E_LIMIT (the year 2554 is over), E_INVALID. */
keel_status_t keel_time_wall(uint64_t *nanoseconds);

/* The CPU that the caller runs on, at some moment during the call. Context: task, atomic, irq, policy. */
keel_status_t keel_cpu_current(uint32_t *cpu);

/* One turn of a spin-wait: tells the machine that the caller waits for another CPU. Context: task, atomic,
 * irq, policy. */
keel_status_t keel_cpu_relax(void);

/* Ends the run; `status` reaches whoever started the machine (0: all is well). Does not return when it
 * succeeds. Context: task, atomic. Errors: E_CONTEXT. */
keel_status_t keel_power_off(int32_t status);
keel_status_t keel_restart(int32_t status);

/* Checks Keel's own invariants over the whole machine (docs/soundness.md): frames, page tables, tasks,
 * handles, TLBs where the machine can see them. Each violation is a line on the console (in no record for
 * keel_log_read: another CPU may have been stopped with the log in its hands); `violations` gets their
 * number. Stops all other CPUs meanwhile. Context: task, atomic. Errors: E_INVALID. */
keel_status_t keel_audit(uint32_t *violations);

/* Circles in the order in which mutexes and spinlocks have been taken, since boot: deadlocks that may happen,
 * also where they have not. Each is a few warnings in the log, once; docs/testing.md says how to read them.
 * Only builds with KEEL_LOCK_ORDER look for them. Context: task, atomic, irq, policy. Errors: E_NOT_FOUND
 * (this one does not), E_INVALID. */
keel_status_t keel_lock_order_count(uint64_t *count);

#endif
