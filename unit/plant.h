/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Damage planted in core's own memory, which the audit must see, and say what it is.
 */
#ifndef UNIT_PLANT_H
#define UNIT_PLANT_H

#include <string.h>

#include "core/audit.h"
#include "support.h"

#define PLANT_SIZE_MAX 16u

/* While the bytes at `place` are those at `value`, the audit says so; NULL: it says nothing. Before and
 * after, all is well. */
static inline void plant_bytes(void *place, const void *value, size_t size, const char *said)
{
    unsigned char before[PLANT_SIZE_MAX];
    bool interrupts = hal_irq_disable();
    CHECK_EQUAL(audit_run(), 0);
    uint32_t count = said != NULL ? unit_console_count(said) : 0;
    memcpy(before, place, size);
    memcpy(place, value, size);
    uint32_t found = audit_run();
    memcpy(place, before, size);
    CHECK_EQUAL(audit_run(), 0);
    CHECK_EQUAL(found > 0, said != NULL);
    if (said != NULL) {
        unit_check(unit_console_count(said) > count, said, __FILE__, __LINE__);
    }
    hal_irq_restore(interrupts);
}
#define PLANT(place, type, value, said)                                                                      \
    do {                                                                                                     \
        _Static_assert(sizeof(place) == sizeof(type), "the value has the place's size");                     \
        _Static_assert(sizeof(type) <= PLANT_SIZE_MAX, "what was there can be kept");                        \
        plant_bytes(&(place), &(type){value}, sizeof(type), said);                                           \
    } while (0)

#endif
