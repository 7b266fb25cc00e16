/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A build that does not look at the order of locks (KEEL_LOCK_ORDER) says so, and nothing else.
 */
#include "support.h"

static void T5_nobody_looks_at_lock_orders(void)
{
    keel_spinlock_t locks[2] = {{0}, {0}};
    uint64_t count = 7;
    for (unsigned i = 0; i < 2; i++) {
        CHECK_OK(keel_spinlock_create(0, &locks[i]));
    }
    for (unsigned i = 0; i < 2; i++) {
        CHECK_OK(keel_spinlock_lock(locks[i]));
        CHECK_OK(keel_spinlock_lock(locks[1 - i]));
        CHECK_OK(keel_spinlock_unlock(locks[0]));
        CHECK_OK(keel_spinlock_unlock(locks[1]));
    }
    CHECK_STATUS(keel_lock_order_count(&count), KEEL_E_NOT_FOUND);
    CHECK_EQUAL(count, 7);
    CHECK(!unit_console_contains("lock order"));
    for (unsigned i = 0; i < 2; i++) {
        CHECK_OK(keel_spinlock_release(locks[i]));
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(T5_nobody_looks_at_lock_orders),
    };
    return unit_main(tests, argc, argv);
}
