/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Numbers of which each CPU has its own: counters without a shared cache line, state of what runs there.
 *
 * E_BAD_HANDLE and E_LIMIT (the object's count is full) of each call's handle are not repeated below.
 */
#ifndef KEEL_CPU_LOCAL_H
#define KEEL_CPU_LOCAL_H

#include "keel/handle.h"

/* Context of these: task, atomic, irq. */

/* 0 on every CPU. Errors: E_LIMIT (no free slot), E_INVALID. */
keel_status_t keel_cpu_local_create(keel_cpu_local_t *local);
keel_status_t keel_cpu_local_ref(keel_cpu_local_t local);
keel_status_t keel_cpu_local_release(keel_cpu_local_t local);
/* What CPU `cpu` has, at some moment during the call. Errors: E_NOT_FOUND (no such CPU is online), E_INVALID.
 */
keel_status_t keel_cpu_local_peek(keel_cpu_local_t local, uint32_t cpu, uint64_t *value);

/* What the caller's CPU has. Context: atomic, irq; a task that is not pinned by a guard or a spinlock gets
 * E_CONTEXT, since it could be on another CPU before it uses the answer (T6). Between a load and a store
 * nobody else writes, but for interrupt handlers on this CPU. */
keel_status_t keel_cpu_local_load(keel_cpu_local_t local, uint64_t *value);
keel_status_t keel_cpu_local_store(keel_cpu_local_t local, uint64_t value);

#endif
