/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A number for each CPU (keel/cpu_local.h). Its own CPU writes it, with whoever wants that pinned (T6); all
 * may look.
 */
#ifndef CORE_CPU_LOCAL_H
#define CORE_CPU_LOCAL_H

#include "core/object.h"
#include "hal/cpu.h"

struct cpu_local {
    struct object object; /* first */
    atomic_u64_t values[HAL_CPU_MAX];
};

/* All 0. E_LIMIT. */
keel_status_t cpu_local_create(uint64_t *handle);
void cpu_local_put(struct cpu_local *local);
/* The calling CPU's, in atomic mode. */
uint64_t cpu_local_load(const struct cpu_local *local);
void cpu_local_store(struct cpu_local *local, uint64_t value);
/* Any CPU's. */
uint64_t cpu_local_peek(const struct cpu_local *local, unsigned cpu);

#endif
