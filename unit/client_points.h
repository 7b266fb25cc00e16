/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The atomics of client code as scheduling points. A client has <stdatomic.h>, in which the hosted machine
 * sees nothing; when a file of a client is compiled to be explored (CLIENT of keel_add_explored_test), this
 * header comes first and makes each operation announce itself. Operators on _Atomic objects (`x++`) stay
 * unseen: write atomic_fetch_add.
 */
#ifndef UNIT_CLIENT_POINTS_H
#define UNIT_CLIENT_POINTS_H
#pragma GCC system_header /* the expansions are statement expressions */

#include <stdatomic.h>

/* hal/point.h, which belongs to core: an enumeration without negative values is an unsigned int. */
void hosted_point(unsigned kind, const volatile void *address);

static inline void client_load(const volatile void *address)
{
    hosted_point(0, address);
}

static inline void client_store(const volatile void *address)
{
    hosted_point(1, address);
}

static inline void client_update(const volatile void *address)
{
    hosted_point(2, address);
}

static inline void client_fence(void)
{
    hosted_point(3, 0);
}

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
#undef atomic_fetch_xor
#undef atomic_fetch_xor_explicit
#undef atomic_fetch_and
#undef atomic_fetch_and_explicit
#undef atomic_flag_test_and_set
#undef atomic_flag_test_and_set_explicit
#undef atomic_flag_clear
#undef atomic_flag_clear_explicit
#undef atomic_thread_fence

/* clang-format off */
#ifdef __clang__
#define CLIENT_DO(operation, order) __c11_atomic_##operation(client_p, client_v, order)
#define CLIENT_LOAD(order) __c11_atomic_load(client_p, order)
#define CLIENT_STORE(order) __c11_atomic_store(client_p, client_v, order)
#define CLIENT_EXCHANGE(order) __c11_atomic_exchange(client_p, client_v, order)
#define CLIENT_CAS(s, f) __c11_atomic_compare_exchange_strong(client_p, client_e, client_v, s, f)
#define CLIENT_FLAG(flag) &(flag)->_Value
#define CLIENT_FLAG_SET(order) __c11_atomic_exchange(client_p, 1, order)
#define CLIENT_FLAG_CLEAR(order) __c11_atomic_store(client_p, 0, order)
#define CLIENT_THREAD_FENCE(order) __c11_atomic_thread_fence(order)
#else
#define CLIENT_DO(operation, order) __atomic_##operation(client_p, client_v, order)
#define CLIENT_LOAD(order) __atomic_load_n(client_p, order)
#define CLIENT_STORE(order) __atomic_store_n(client_p, client_v, order)
#define CLIENT_EXCHANGE(order) __atomic_exchange_n(client_p, client_v, order)
#define CLIENT_CAS(s, f) __atomic_compare_exchange_n(client_p, client_e, client_v, 0, s, f)
#define CLIENT_FLAG(flag) (flag)
#define CLIENT_FLAG_SET(order) __atomic_test_and_set(client_p, order)
#define CLIENT_FLAG_CLEAR(order) __atomic_clear(client_p, order)
#define CLIENT_THREAD_FENCE(order) __atomic_thread_fence(order)
#endif

/* All arguments are evaluated before the point: `atomic_store(&a, atomic_load(&a) + 1)` loads first. */
#define CLIENT_AT(point, p, ...) __extension__({ __auto_type client_p = (p); point(client_p); __VA_ARGS__; })
#define CLIENT_WITH(point, p, v, ...)                                                                        \
    __extension__({ __auto_type client_p = (p); __auto_type client_v = (v); point(client_p); __VA_ARGS__; })

#define atomic_load_explicit(p, o) CLIENT_AT(client_load, p, CLIENT_LOAD(o))
#define atomic_store_explicit(p, v, o) CLIENT_WITH(client_store, p, v, CLIENT_STORE(o))
#define atomic_exchange_explicit(p, v, o) CLIENT_WITH(client_update, p, v, CLIENT_EXCHANGE(o))
#define atomic_compare_exchange_strong_explicit(p, e, v, s, f)                                               \
    __extension__({ __auto_type client_e = (e); CLIENT_WITH(client_update, p, v, CLIENT_CAS(s, f)); })
/* A weak exchange may fail without a reason; here it has one. */
#define atomic_compare_exchange_weak_explicit(p, e, v, s, f)                                                 \
    atomic_compare_exchange_strong_explicit(p, e, v, s, f)
#define atomic_fetch_add_explicit(p, v, o) CLIENT_WITH(client_update, p, v, CLIENT_DO(fetch_add, o))
#define atomic_fetch_sub_explicit(p, v, o) CLIENT_WITH(client_update, p, v, CLIENT_DO(fetch_sub, o))
#define atomic_fetch_or_explicit(p, v, o) CLIENT_WITH(client_update, p, v, CLIENT_DO(fetch_or, o))
#define atomic_fetch_xor_explicit(p, v, o) CLIENT_WITH(client_update, p, v, CLIENT_DO(fetch_xor, o))
#define atomic_fetch_and_explicit(p, v, o) CLIENT_WITH(client_update, p, v, CLIENT_DO(fetch_and, o))
#define atomic_flag_test_and_set_explicit(p, o) CLIENT_AT(client_update, CLIENT_FLAG(p), CLIENT_FLAG_SET(o))
#define atomic_flag_clear_explicit(p, o) CLIENT_AT(client_store, CLIENT_FLAG(p), CLIENT_FLAG_CLEAR(o))
#define atomic_thread_fence(o) __extension__({ client_fence(); CLIENT_THREAD_FENCE(o); })

#define atomic_load(p) atomic_load_explicit(p, memory_order_seq_cst)
#define atomic_store(p, v) atomic_store_explicit(p, v, memory_order_seq_cst)
#define atomic_exchange(p, v) atomic_exchange_explicit(p, v, memory_order_seq_cst)
#define atomic_compare_exchange_strong(p, e, d)                                                              \
    atomic_compare_exchange_strong_explicit(p, e, d, memory_order_seq_cst, memory_order_seq_cst)
#define atomic_compare_exchange_weak(p, e, d) atomic_compare_exchange_strong(p, e, d)
#define atomic_fetch_add(p, v) atomic_fetch_add_explicit(p, v, memory_order_seq_cst)
#define atomic_fetch_sub(p, v) atomic_fetch_sub_explicit(p, v, memory_order_seq_cst)
#define atomic_fetch_or(p, v) atomic_fetch_or_explicit(p, v, memory_order_seq_cst)
#define atomic_fetch_xor(p, v) atomic_fetch_xor_explicit(p, v, memory_order_seq_cst)
#define atomic_fetch_and(p, v) atomic_fetch_and_explicit(p, v, memory_order_seq_cst)
#define atomic_flag_test_and_set(p) atomic_flag_test_and_set_explicit(p, memory_order_seq_cst)
#define atomic_flag_clear(p) atomic_flag_clear_explicit(p, memory_order_seq_cst)
/* clang-format on */

#endif
