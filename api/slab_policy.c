/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The injected slab allocator, as api/policies.c has the others. No lock is held around its functions.
 */
#include "calls.h"
#include "core/cpu.h"
#include "core/policy.h"
#include "core/slab.h"
#include "policies.h"

_Static_assert(KEEL_SLAB_CLASSES == SLAB_CLASSES && KEEL_SLAB_SLOTS_MAX == SLAB_SLOTS_MAX,
               "one numbering of classes and slots");

static struct keel_slab_allocator allocator; /* written once, before `injected` is set */
static atomic_u32_t injected, claimed;
static atomic_u64_t wrong, fallbacks;

void policy_slab_init(void)
{
    atomic_u32_init(&injected, 0);
    atomic_u32_init(&claimed, 0);
    atomic_u64_init(&wrong, 0);
    atomic_u64_init(&fallbacks, 0);
}

enum policy_answer policy_slab_alloc(unsigned size_class, uint64_t *token)
{
    if (atomic_u32_load_acquire(&injected) == 0) {
        return POLICY_ABSENT;
    }
    uint32_t outer = cpu_policy_enter();
    *token = allocator.alloc(allocator.context, hal_cpu_id(), size_class);
    cpu_policy_leave(outer);
    return *token == KEEL_SLAB_NONE ? POLICY_NONE : POLICY_CHOSE;
}

bool policy_slab_add(unsigned size_class, uint64_t first, unsigned count)
{
    uint32_t outer = cpu_policy_enter();
    uint32_t answer = allocator.add(allocator.context, hal_cpu_id(), size_class, first, count);
    cpu_policy_leave(outer);
    if (answer > 1) {
        policy_slab_wrong();
    }
    return answer == 1;
}

bool policy_slab_free(unsigned size_class, uint64_t token, uint64_t *given)
{
    uint32_t outer = cpu_policy_enter();
    *given = allocator.free(allocator.context, hal_cpu_id(), size_class, token);
    cpu_policy_leave(outer);
    return *given != KEEL_SLAB_NONE;
}

void policy_slab_wrong(void)
{
    policy_count_wrong(&wrong, "slab allocator");
}

void policy_slab_fallback(void)
{
    atomic_u64_fetch_add(&fallbacks, 1);
}

void policy_slab_report(struct keel_policy_report *report)
{
    report->slab_wrong = atomic_u64_load_relaxed(&wrong);
    report->slab_fallbacks = atomic_u64_load_relaxed(&fallbacks);
}

keel_status_t call_slab_allocator_inject(const struct keel_slab_allocator *given)
{
    if (given->add == NULL || given->alloc == NULL || given->free == NULL) {
        return KEEL_E_INVALID;
    }
    if (atomic_u32_exchange(&claimed, 1) != 0) {
        return KEEL_E_EXISTS;
    }
    allocator = *given;
    atomic_u32_store_release(&injected, 1);
    return KEEL_OK;
}
