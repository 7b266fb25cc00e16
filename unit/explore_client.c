/* SPDX-License-Identifier: BSD-2-Clause */
#include "explore_client.h"

#include <stdatomic.h>

#include "keel/machine.h"

static atomic_flag lock;
static _Atomic uint32_t hits;

void client_reset(void)
{
    atomic_flag_clear(&lock);
    atomic_store(&hits, 0);
}

void client_count_badly(void)
{
    atomic_store(&hits, atomic_load(&hits) + 1);
}

void client_count_well(void)
{
    while (atomic_flag_test_and_set(&lock)) {
        keel_cpu_relax();
    }
    atomic_store(&hits, atomic_load(&hits) + 1);
    atomic_flag_clear(&lock);
}

uint32_t client_counted(void)
{
    return atomic_load(&hits);
}
