/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The only atomics that api, core and the backends' shared code may use. Every operation first announces
 * itself by `hal_point`, which the backend supplies (`hal/point.h` on its include path): nothing on the real
 * machine, a scheduling point on the hosted one, so that every interleaving of atomics can be explored. The
 * hosted one may also keep stores back from other CPUs for a while, as CPUs do (`hal_store_kept`,
 * `hal_store_found`). Raw atomics are poisoned at the end of this header, and the build includes it before
 * everything else.
 *
 * Orders are in the names. An operation without one is sequentially consistent.
 */
#ifndef HAL_ATOMIC_H
#define HAL_ATOMIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum hal_point_kind {
    HAL_POINT_LOAD,
    HAL_POINT_STORE,
    HAL_POINT_UPDATE, /* read-modify-write */
    HAL_POINT_FENCE,
    HAL_POINT_IRQ,   /* interrupts switched on or off */
    HAL_POINT_RELAX, /* a spin-wait turn: another CPU must get a chance */
    HAL_POINT_HAL,   /* any other HAL call that other CPUs may observe */
};

#include "hal/point.h"

/* clang-format off */
#define HAL_ATOMIC_DEFINE(name, type)                                                                            \
    typedef struct { _Atomic type value; } atomic_##name##_t;                                                    \
    static inline type hal_atomic_load_##name(const atomic_##name##_t *a, memory_order order)                    \
    { uint64_t kept;                                                                                             \
      return hal_store_found(a, &kept) ? (type)kept : atomic_load_explicit(&a->value, order); }                  \
    static inline void hal_atomic_store_##name(atomic_##name##_t *a, type v, memory_order order)                 \
    { if (!hal_store_kept(a, v, sizeof(v))) { atomic_store_explicit(&a->value, v, order); } }                    \
    static inline void atomic_##name##_init(atomic_##name##_t *a, type v)                                        \
    { hal_stores_perform(); atomic_init(&a->value, v); }                                                         \
    static inline type atomic_##name##_load_relaxed(const atomic_##name##_t *a)                                  \
    { hal_point(HAL_POINT_LOAD, a); return hal_atomic_load_##name(a, memory_order_relaxed); }                    \
    static inline type atomic_##name##_load_acquire(const atomic_##name##_t *a)                                  \
    { hal_point(HAL_POINT_LOAD, a); return hal_atomic_load_##name(a, memory_order_acquire); }                    \
    static inline void atomic_##name##_store_relaxed(atomic_##name##_t *a, type v)                               \
    { hal_point(HAL_POINT_STORE, a); hal_atomic_store_##name(a, v, memory_order_relaxed); }                      \
    static inline void atomic_##name##_store_release(atomic_##name##_t *a, type v)                               \
    { hal_point(HAL_POINT_STORE, a); hal_atomic_store_##name(a, v, memory_order_release); }                      \
    static inline type atomic_##name##_exchange(atomic_##name##_t *a, type v)                                    \
    { hal_point(HAL_POINT_UPDATE, a); return atomic_exchange_explicit(&a->value, v, memory_order_seq_cst); }     \
    static inline bool atomic_##name##_cas(atomic_##name##_t *a, type *expected, type desired)                   \
    { hal_point(HAL_POINT_UPDATE, a);                                                                            \
      return atomic_compare_exchange_strong_explicit(&a->value, expected, desired, memory_order_acq_rel,         \
                                                     memory_order_acquire); }                                    \
    static inline type atomic_##name##_fetch_add(atomic_##name##_t *a, type v)                                   \
    { hal_point(HAL_POINT_UPDATE, a); return atomic_fetch_add_explicit(&a->value, v, memory_order_seq_cst); }    \
    static inline type atomic_##name##_fetch_sub(atomic_##name##_t *a, type v)                                   \
    { hal_point(HAL_POINT_UPDATE, a); return atomic_fetch_sub_explicit(&a->value, v, memory_order_seq_cst); }    \
    static inline type atomic_##name##_fetch_or(atomic_##name##_t *a, type v)                                    \
    { hal_point(HAL_POINT_UPDATE, a); return atomic_fetch_or_explicit(&a->value, v, memory_order_seq_cst); }     \
    static inline type atomic_##name##_fetch_and(atomic_##name##_t *a, type v)                                   \
    { hal_point(HAL_POINT_UPDATE, a); return atomic_fetch_and_explicit(&a->value, v, memory_order_seq_cst); }    \
    /* For audits, printing, and who alone may change it now: no scheduling point, no ordering. */               \
    static inline type atomic_##name##_peek(const atomic_##name##_t *a)                                          \
    { return hal_atomic_load_##name(a, memory_order_relaxed); }

HAL_ATOMIC_DEFINE(u32, uint32_t)
HAL_ATOMIC_DEFINE(u64, uint64_t)
/* clang-format on */
#undef HAL_ATOMIC_DEFINE

/* Orders every earlier load and store before every later one, on all CPUs. */
static inline void atomic_fence(void)
{
    hal_point(HAL_POINT_FENCE, 0);
    atomic_thread_fence(memory_order_seq_cst);
}

/* Most of these are macros of <stdatomic.h>; the compilers warn about poisoning a macro that is still
 * defined. */
#undef atomic_load
#undef atomic_load_explicit
#undef atomic_store
#undef atomic_store_explicit
#undef atomic_exchange
#undef atomic_exchange_explicit
#undef atomic_compare_exchange_strong
#undef atomic_compare_exchange_strong_explicit
#undef atomic_compare_exchange_weak
#undef atomic_compare_exchange_weak_explicit
#undef atomic_fetch_add
#undef atomic_fetch_add_explicit
#undef atomic_fetch_sub
#undef atomic_fetch_sub_explicit
#undef atomic_fetch_or
#undef atomic_fetch_or_explicit
#undef atomic_fetch_and
#undef atomic_fetch_and_explicit
#undef atomic_fetch_xor
#undef atomic_fetch_xor_explicit
#undef atomic_thread_fence

#pragma GCC poison atomic_load atomic_store atomic_exchange atomic_compare_exchange_strong
#pragma GCC poison atomic_compare_exchange_weak atomic_fetch_add atomic_fetch_sub atomic_fetch_or
#pragma GCC poison atomic_load_explicit atomic_store_explicit atomic_exchange_explicit atomic_thread_fence
#pragma GCC poison atomic_compare_exchange_strong_explicit atomic_compare_exchange_weak_explicit
#pragma GCC poison atomic_fetch_add_explicit atomic_fetch_sub_explicit atomic_fetch_or_explicit
#pragma GCC poison atomic_fetch_and atomic_fetch_and_explicit atomic_fetch_xor atomic_fetch_xor_explicit
#pragma GCC poison __atomic_load_n __atomic_store_n __atomic_exchange_n __atomic_compare_exchange_n
#pragma GCC poison __atomic_fetch_add __atomic_fetch_sub __atomic_thread_fence __sync_synchronize
#pragma GCC poison __sync_fetch_and_add __sync_bool_compare_and_swap __sync_val_compare_and_swap

#endif
