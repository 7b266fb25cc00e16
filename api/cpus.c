/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Calls of keel/cpu.h.
 */
#include "calls.h"
#include "core/cpu_call.h"

keel_status_t call_cpu_online(uint64_t *cpus)
{
    *cpus = cpu_online_mask();
    return KEEL_OK;
}

keel_status_t call_cpu_call(uint64_t cpus, const struct keel_cpu_call_options *options)
{
    if (options->handler == NULL || cpus == 0 || (cpus & ~cpu_online_mask()) != 0) {
        return KEEL_E_INVALID;
    }
    cpu_call(cpus, options->handler, options->context);
    return KEEL_OK;
}
