/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The injected slab allocator: which free slot of the heap to use next. The rules for policies
 * (keel/policy.h) hold, but for one: its functions are called on several CPUs at the same time, never nested
 * on one CPU, so it does its own locking (keel_cpu_relax is for its spin-waits) and can have books for each
 * CPU that need none. They are on the way of every heap call, so they should be short.
 *
 * A slot is named by a token, an opaque number; the slots of one slab have consecutive ones, the
 * first a multiple of KEEL_SLAB_SLOTS_MAX. Size classes are
 * small numbers below KEEL_SLAB_CLASSES. Keel lends a new slab to the allocator, which from then on says when
 * each of its free slots is used, until it gives the slab up. What it answers is checked against what Keel
 * knows (P1, M7): a slot in use, of another class or of a slab that it does not have is counted in
 * keel_policy_report, and Keel serves from slabs of its own.
 */
#ifndef KEEL_SLAB_POLICY_H
#define KEEL_SLAB_POLICY_H

#include "keel/handle.h"

#define KEEL_SLAB_CLASSES   40u
#define KEEL_SLAB_SLOTS_MAX 128u /* of one slab */
#define KEEL_SLAB_NONE      UINT64_MAX

struct keel_slab_allocator {
    void *context; /* passed back as the first argument of each function */
    /* A new slab: `count` slots, tokens first, first + 1, ..., made because `alloc` answered none. Slot
     * `first` is in use already, the others are free. (A client that guesses its address may have freed
     * `first` by then: `free`, which knew no such slab, forgot it, and that slot is lost with the slab.)
     * Answers 1: the allocator takes them; 0: Keel shall keep the slab to itself and never mention it again.
     */
    uint32_t (*add)(void *context, uint32_t cpu, uint32_t size_class, uint64_t first, uint32_t count);
    /* Choose a free slot of the class and forget it. Answers its token, or KEEL_SLAB_NONE. */
    uint64_t (*alloc)(void *context, uint32_t cpu, uint32_t size_class);
    /* A slot is free again. May answer any token of a slab that the allocator gives up, usually because all
     * its slots are free: Keel takes its frame back as soon as none is in use, and the allocator must know
     * none of its slots any more. KEEL_SLAB_NONE: it keeps all. The token may be of a slab that the allocator
     * does not know, and then it forgets the token: a client freed memory that was not its own, or another
     * CPU gave the slab up while this slot was being freed. It is never of a slab that was made of the same
     * frame since. */
    uint64_t (*free)(void *context, uint32_t cpu, uint32_t size_class, uint64_t token);
};

/* Injects it, once. The struct is copied; the functions and what context points to must stay valid for ever
 * (the pointer rule). Slabs made before stay Keel's own. Context: task. Errors: E_INVALID (a NULL function),
 * E_EXISTS (one is injected). */
keel_status_t keel_slab_allocator_inject(const struct keel_slab_allocator *slab_allocator);

#endif
