/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Numbers for each CPU, see core/cpu_local.h.
 */
#include "core/cpu_local.h"

keel_status_t cpu_local_create(uint64_t *handle)
{
    struct cpu_local *local = (struct cpu_local *)object_claim(OBJECT_CPU_LOCAL);
    if (local == NULL) {
        return KEEL_E_LIMIT;
    }
    for (unsigned cpu = 0; cpu < HAL_CPU_MAX; cpu++) {
        atomic_u64_init(&local->values[cpu], 0);
    }
    *handle = object_handle(OBJECT_CPU_LOCAL, &local->object);
    ref_publish(&local->object.ref, 1, true);
    return KEEL_OK;
}

void cpu_local_put(struct cpu_local *local)
{
    if (ref_put(&local->object.ref)) {
        ref_finish(&local->object.ref);
    }
}

uint64_t cpu_local_load(const struct cpu_local *local)
{
    return atomic_u64_load_relaxed(&local->values[hal_cpu_id()]);
}

void cpu_local_store(struct cpu_local *local, uint64_t value)
{
    atomic_u64_store_relaxed(&local->values[hal_cpu_id()], value);
}

uint64_t cpu_local_peek(const struct cpu_local *local, unsigned cpu)
{
    return atomic_u64_load_relaxed(&local->values[cpu]);
}
