/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Scheduling points of the hosted machine: here time passes, interrupts arrive, and another simulated CPU may
 * run. Included by hal/atomic.h, which defines `enum hal_point_kind` first.
 */
#ifndef HAL_POINT_H
#define HAL_POINT_H

/* `address`: of the word that the operation is on, for the explorer; NULL where there is none. Out of line on
 * purpose: the machine's state must not be seen by the caller's sanitizer instrumentation, and the return
 * address says where in the source the point is. */
void hosted_point(enum hal_point_kind kind, const volatile void *address);

static inline void hal_point(enum hal_point_kind kind, const volatile void *address)
{
    hosted_point(kind, address);
}

/* Store buffers (hosted_config.store_buffer): true if the machine performs the store later, or has such a one
 * of this CPU for who loads; and all of this CPU's are performed. */
bool hosted_store_kept(volatile void *at, uint64_t value, unsigned size);
bool hosted_store_found(const volatile void *at, uint64_t *value);
void hosted_stores_perform(void);

/* How many each CPU may keep, and how many all do: mostly none, and every store and load asks. */
extern unsigned hosted_stores_room, hosted_stores_kept;

static inline bool hal_store_kept(volatile void *at, uint64_t value, unsigned size)
{
    return hosted_stores_room != 0 && hosted_store_kept(at, value, size);
}

static inline bool hal_store_found(const volatile void *at, uint64_t *value)
{
    return hosted_stores_kept != 0 && hosted_store_found(at, value);
}

static inline void hal_stores_perform(void)
{
    if (hosted_stores_kept != 0) {
        hosted_stores_perform();
    }
}

#endif
