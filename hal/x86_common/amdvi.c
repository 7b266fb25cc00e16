/* SPDX-License-Identifier: BSD-2-Clause
 *
 * One of AMD's remapping units: its start-up, and its control register. See amdvi_unit.h.
 */
#include "amdvi_unit.h"
#include "hal/cpu.h"

/* What firmware knows of the board: the HyperTransport tunnel, and how requests may pass each other. */
#define CONTROL_KEPT (UINT64_C(1) << 1 | UINT64_C(1) << 8 | UINT64_C(1) << 9 | UINT64_C(1) << 11)
/* Status bits that are cleared by ones: overflow and interrupts of each log. */
#define STATUS_CLEARED UINT64_C(0x67)
#define FEATURE_ALL    (UINT64_C(1) << 6) /* it forgets everything by one command */
#define TABLE_PAGES    (AMDVI_TABLE_SIZE / HAL_PAGE_SIZE)

struct amdvi_unit amdvi_units[ACPI_IVRS_UNITS_MAX];

static atomic_u32_t switching; /* 1: some CPU writes a control register */
#define TURNS_MAX 1000000u     /* of who waits for it */

/* The watcher and who starts over may be at it at once. Each is soon done. */
static bool write_control(unsigned unit, uint64_t bits, bool on)
{
    struct amdvi_unit *const u = &amdvi_units[unit];

    for (unsigned turns = 0; atomic_u32_exchange(&switching, 1) != 0; turns++) {
        if (turns == TURNS_MAX) {
            return false;
        }
        hal_cpu_relax();
    }
    u->control = on ? u->control | bits : u->control & ~bits;
    amdvi_write(unit, AMDVI_CONTROL, u->control);
    atomic_u32_store_release(&switching, 0);
    return true;
}

bool amdvi_switch_off(unsigned unit, uint64_t bits, uint64_t running)
{
    if (!write_control(unit, bits, false)) {
        return false;
    }
    for (unsigned reads = 0; reads < remap_looks_max(); reads++) {
        const uint64_t status = amdvi_read(unit, AMDVI_STATUS);

        if (amdvi_is_gone(status)) {
            return false;
        }
        if ((status & running) == 0) {
            return true;
        }
    }
    return false;
}

bool amdvi_switch_on(unsigned unit, uint64_t bits)
{
    return write_control(unit, bits, true);
}

/* All that firmware may have left on besides translation goes off. */
static bool take_over(unsigned unit)
{
    return amdvi_switch_off(unit, ~(CONTROL_KEPT | AMDVI_COHERENT | AMDVI_ENABLE),
                            AMDVI_STATUS_COMMANDS | AMDVI_STATUS_EVENTS);
}

/* Nothing may be carried out before translation is on, and nothing that was cached by another table is left
 * after this. */
static bool use_table(unsigned unit, hal_paddr_t table)
{
    amdvi_write(unit, AMDVI_EXCLUSION, 0);
    amdvi_write(unit, AMDVI_EXCLUSION_LIMIT, 0);
    amdvi_write(unit, AMDVI_TABLE, table.value | (TABLE_PAGES - 1));
    amdvi_commands_reset(unit);
    amdvi_events_reset(unit);
    amdvi_write(unit, AMDVI_STATUS, STATUS_CLEARED);
    return amdvi_switch_on(unit, AMDVI_ENABLE_COMMANDS | AMDVI_ENABLE_EVENTS) &&
           amdvi_switch_on(unit, AMDVI_ENABLE) && amdvi_forget_all(unit);
}

enum amdvi_status amdvi_start(unsigned unit, hal_paddr_t table, hal_paddr_t word)
{
    struct amdvi_unit *const u = &amdvi_units[unit];
    const uint64_t control = amdvi_read(unit, AMDVI_CONTROL), features = amdvi_read(unit, AMDVI_FEATURES);

    if (amdvi_is_gone(control) || amdvi_is_gone(features)) {
        return AMDVI_SILENT;
    }
    *u = (struct amdvi_unit){.control = control | AMDVI_COHERENT,
                             .forgets_all = (features & FEATURE_ALL) != 0,
                             .commands = remap_page(),
                             .events = remap_page(),
                             .word = word};
    return take_over(unit) && use_table(unit, table) && amdvi_translates(unit) ? AMDVI_TRANSLATES
                                                                               : AMDVI_STUCK;
}

bool amdvi_translates(unsigned unit)
{
    const uint64_t control = amdvi_read(unit, AMDVI_CONTROL);

    return !amdvi_is_gone(control) && (control & AMDVI_ENABLE) != 0;
}
