/* SPDX-License-Identifier: BSD-2-Clause
 *
 * One DMA remapping unit: its start-up, and the commands that it is given. See hal/vtd.h.
 */
#include "vtd_unit.h"

_Static_assert((0x3ff + 0x100) * 16 <= VTD_REGISTERS_SIZE, "the last fault record has its place");

/* Status bits that a command must repeat; the others are of commands that are given once. */
#define STATUS_KEPT            UINT32_C(0x96ffffff)
#define FAULT_INTERRUPT_MASKED (UINT32_C(1) << 31)
#define PROTECTED_NOW          UINT32_C(1)

struct vtd_unit vtd_units[ACPI_DMAR_UNITS_MAX];

/* Until the status bits `bits` are all set, or all clear. */
static bool wait_status(unsigned unit, uint32_t bits, bool set)
{
    for (unsigned reads = 0; reads < remap_looks_max(); reads++) {
        const uint32_t status = vtd_read32(unit, VTD_STATUS);

        if (vtd_is_gone(status)) {
            return false;
        }
        if ((status & bits) == (set ? bits : 0)) {
            return true;
        }
    }
    return false;
}

bool vtd_give(unsigned unit, uint32_t command, bool on, bool done)
{
    const uint32_t kept = vtd_read32(unit, VTD_STATUS) & STATUS_KEPT;

    vtd_write32(unit, VTD_COMMAND, on ? kept | command : kept & ~command);
    return wait_status(unit, command, done);
}

static enum vtd_status find_registers(unsigned unit, uint64_t capability, uint64_t extended)
{
    struct vtd_unit *const u = &vtd_units[unit];
    const uint32_t version = vtd_read32(unit, VTD_VERSION);

    if (vtd_is_gone(version) || (version & 0xf0) == 0 || capability == UINT64_MAX || extended == UINT64_MAX) {
        return VTD_SILENT;
    }
    *u = (struct vtd_unit){.capability = capability,
                           .extended = extended,
                           .fault_offset = VTD_CAPABILITY_FAULT_OFFSET(capability),
                           .fault_count = VTD_CAPABILITY_FAULT_COUNT(capability),
                           .iotlb_offset = VTD_EXTENDED_IOTLB_OFFSET(extended)};
    /* A fault record that lay over a command would give it when it is cleared. */
    if (u->fault_offset < VTD_REGISTERS_FIXED_END || u->iotlb_offset < VTD_REGISTERS_FIXED_END ||
        (u->fault_offset < u->iotlb_offset + VTD_IOTLB_SIZE &&
         u->iotlb_offset < u->fault_offset + u->fault_count * VTD_RECORD_SIZE)) {
        return VTD_UNFIT;
    }
    return VTD_TRANSLATES;
}

/* What firmware may have left on besides translation: a log of faults in memory, besides which the records of
 * the registers stay empty, interrupt remapping by its table, which nobody keeps, and the queue, beside which
 * invalidation by registers is not allowed (6.5). */
static bool switch_off_rest(unsigned unit)
{
    const uint32_t status = vtd_read32(unit, VTD_STATUS);

    vtd_write32(unit, VTD_FAULT_CONTROL, FAULT_INTERRUPT_MASKED);
    if ((status & VTD_ADVANCED_LOG) != 0 && !vtd_give(unit, VTD_ADVANCED_LOG, false, false)) {
        return false;
    }
    if ((status & VTD_INTERRUPTS) != 0 && !vtd_give(unit, VTD_INTERRUPTS, false, false)) {
        return false;
    }
    return (status & VTD_QUEUE) == 0 || vtd_queue_off(unit);
}

static bool use_queue(unsigned unit, hal_paddr_t words)
{
    struct vtd_unit *const u = &vtd_units[unit];

    if (!VTD_EXTENDED_QUEUE(u->extended)) {
        return true;
    }
    u->queue = remap_page();
    u->words = words;
    return vtd_queue_on(unit);
}

/* Nothing that was cached by another table is left, before translation begins or, if it is on, goes on. */
static bool use_root(unsigned unit, hal_paddr_t root)
{
    const struct vtd_unit *const u = &vtd_units[unit];

    if (!VTD_EXTENDED_COHERENT(u->extended)) {
        remap_write_back(root, HAL_PAGE_SIZE);
    }
    if (VTD_CAPABILITY_WRITE_BUFFER(u->capability) && !vtd_give(unit, VTD_WRITE_BUFFER, true, false)) {
        return false;
    }
    vtd_write64(unit, VTD_ROOT, root.value);
    return vtd_give(unit, VTD_SET_ROOT, true, true) && vtd_forget_all(unit) &&
           vtd_give(unit, VTD_TRANSLATE, true, true);
}

/* Regions of memory that firmware let no device reach before translation. It would go on so, whatever domains
 * say, which keeps them from working and does no other harm. */
static void unprotect(unsigned unit)
{
    if (!VTD_CAPABILITY_PROTECTS(vtd_units[unit].capability)) {
        return;
    }
    vtd_write32(unit, VTD_PROTECTED, 0);
    for (unsigned reads = 0; reads < remap_looks_max(); reads++) {
        const uint32_t value = vtd_read32(unit, VTD_PROTECTED);

        if (vtd_is_gone(value) || (value & PROTECTED_NOW) == 0) {
            return;
        }
    }
}

static void ignore_fault(unsigned unit, const struct vtd_fault *fault)
{
    (void)unit;
    (void)fault;
}

enum vtd_status vtd_start(unsigned unit, hal_paddr_t root, hal_paddr_t words)
{
    const uint64_t capability = vtd_read64(unit, VTD_CAPABILITY);
    const uint64_t extended = vtd_read64(unit, VTD_EXTENDED);
    const enum vtd_status status = find_registers(unit, capability, extended);

    if (status != VTD_TRANSLATES) {
        return status;
    }
    if (vtd_is_gone(vtd_read32(unit, VTD_STATUS)) || !switch_off_rest(unit) || !use_queue(unit, words) ||
        !use_root(unit, root)) {
        return VTD_STUCK;
    }
    unprotect(unit);
    (void)vtd_take_faults(unit, ignore_fault); /* firmware's */
    return VTD_TRANSLATES;
}

bool vtd_translates(unsigned unit)
{
    const uint32_t status = vtd_read32(unit, VTD_STATUS);
    const uint32_t wanted = VTD_TRANSLATE | (vtd_units[unit].remaps ? VTD_INTERRUPTS : 0);

    return !vtd_is_gone(status) && (status & wanted) == wanted;
}
