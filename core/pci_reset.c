/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Functions of PCI that change hands are reset, see core/pci_reset.h.
 */
#include "core/pci_reset.h"

#include "core/pci_message.h"
#include "hal/cpu.h"

/* How long transactions may be under way, how long it takes at least, and at most. */
#define QUIET_NS UINT64_C(100000000)
#define RESET_NS UINT64_C(100000000)
#define LOST_NS  UINT64_C(1000000000)

/* What the registers of the two capabilities say. */
enum {
    EXPRESS_SIZE = 12,        /* as far as it matters here */
    EXPRESS_CAPABILITIES = 4, /* 32 bits */
    EXPRESS_CONTROL = 8,
    EXPRESS_STATUS = 10,
    EXPRESS_PENDING = 1 << 5,
    EXPRESS_RESET = 1 << 15,
    ADVANCED_SIZE = 6,
    ADVANCED_CAPABILITIES = 3, /* 8 bits, as the others */
    ADVANCED_CONTROL = 4,
    ADVANCED_STATUS = 5,
    ADVANCED_CAN = 3, /* say what is under way, and be reset */
    ADVANCED_RESET = 1,
    ADVANCED_PENDING = 1,
};
#define EXPRESS_CAN (UINT32_C(1) << 28)

#define DECODES (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)

/* --- At boot --- */

static bool can_be_reset(const struct pci_function *function, const struct pci_capability *capability)
{
    uint32_t at = capability->offset;
    if (capability->id == PCI_CAPABILITY_EXPRESS && at <= PCI_STANDARD_SIZE - EXPRESS_SIZE) {
        return (pci_config_read(function, at + EXPRESS_CAPABILITIES, 4) & EXPRESS_CAN) != 0;
    }
    return capability->id == PCI_CAPABILITY_ADVANCED && at <= PCI_STANDARD_SIZE - ADVANCED_SIZE &&
           (pci_config_read(function, at + ADVANCED_CAPABILITIES, 1) & ADVANCED_CAN) == ADVANCED_CAN;
}

void pci_reset_prepare(struct pci_function *function)
{
    struct pci_reset *reset = &function->reset;
    if (!pci_is_changed(function) || function->fault != NULL || function->header != PCI_HEADER_DEVICE) {
        return; /* nobody is given anything of it */
    }
    reset->command = function->command;
    reset->cache_line = (uint16_t)pci_config_read(function, PCI_CACHE_LINE, 2);
    reset->interrupt = (uint8_t)pci_config_read(function, PCI_INTERRUPT, 1);
    for (uint32_t i = 0; i < function->capabilities.count && reset->capability.id == 0; i++) {
        if (can_be_reset(function, &function->capabilities.list[i])) {
            reset->capability = function->capabilities.list[i];
        }
    }
    if (reset->capability.id == PCI_CAPABILITY_EXPRESS) {
        reset->control = (uint16_t)pci_config_read(function, reset->capability.offset + EXPRESS_CONTROL, 2);
        reset->control &= (uint16_t)~EXPRESS_RESET;
    }
}

/* --- The first steps --- */

static bool is_pending(const struct pci_function *function)
{
    uint32_t at = function->reset.capability.offset;
    return function->reset.capability.id == PCI_CAPABILITY_EXPRESS
               ? (pci_config_read(function, at + EXPRESS_STATUS, 2) & EXPRESS_PENDING) != 0
               : (pci_config_read(function, at + ADVANCED_STATUS, 1) & ADVANCED_PENDING) != 0;
}

static void start(const struct pci_function *function)
{
    uint32_t at = function->reset.capability.offset;
    if (function->reset.capability.id == PCI_CAPABILITY_EXPRESS) {
        pci_config_write(function, at + EXPRESS_CONTROL, 2, function->reset.control | EXPRESS_RESET);
    } else {
        pci_config_write(function, at + ADVANCED_CONTROL, 1, ADVANCED_RESET);
    }
}

static void enter(struct pci_function *function, enum pci_reset_state state)
{
    function->reset.state = state;
    function->reset.since = hal_time_now();
}

static void start_if_quiet(struct pci_function *function, uint64_t passed)
{
    if (passed >= QUIET_NS || !is_pending(function)) {
        start(function);
        enter(function, PCI_RESET_RUNNING);
    }
}

void pci_reset_begin(struct pci_function *function)
{
    if (pci_can_be_reset(function)) {
        pci_config_write(function, PCI_COMMAND, 2, 0);
        enter(function, PCI_RESET_QUIET);
        start_if_quiet(function, 0);
    }
}

/* --- The last step: it answers again --- */

static bool is_there(const struct pci_function *function)
{
    return pci_config_read(function, PCI_ID, 4) == ((uint32_t)function->device << 16 | function->vendor);
}

/* What Keel has come to know of it at boot, and goes by. */
static bool is_same(const struct pci_function *function)
{
    const struct pci_msix *msix = &function->msix;
    if (pci_config_read(function, PCI_CLASS, 4) != (function->class_code << 8 | function->revision)) {
        return false;
    }
    return msix->count == 0 ||
           ((pci_config_read(function, msix->offset + 2u, 2) & PCI_MSIX_LAST) == msix->count - 1 &&
            pci_config_read(function, msix->offset + 4u, 4) == (msix->table | msix->bar));
}

/* As in pci_scan.c: it neither decodes BARs nor masters the bus until they are where they were. */
static bool set_command(struct pci_function *function, uint16_t command)
{
    const uint16_t judged = DECODES | PCI_COMMAND_MASTER;
    pci_config_write(function, PCI_COMMAND, 2, command);
    return ((pci_config_read(function, PCI_COMMAND, 2) ^ command) & judged) == 0;
}

static bool restore_bar(const struct pci_function *function, unsigned index)
{
    uint32_t offset = PCI_BARS + 4 * index;
    pci_config_write(function, offset, 4, UINT32_MAX);
    uint32_t mask = pci_config_read(function, offset, 4);
    pci_config_write(function, offset, 4, function->registers[index].value);
    return mask == function->registers[index].mask &&
           pci_config_read(function, offset, 4) == function->registers[index].value;
}

/* (Not the byte behind the latency timer, which begins a self-test.) */
static void restore_registers(const struct pci_function *function)
{
    const struct pci_reset *reset = &function->reset;
    pci_config_write(function, PCI_CACHE_LINE, 2, reset->cache_line);
    pci_config_write(function, PCI_INTERRUPT, 1, reset->interrupt);
    if (reset->capability.id == PCI_CAPABILITY_EXPRESS) {
        pci_config_write(function, reset->capability.offset + EXPRESS_CONTROL, 2, reset->control);
    }
}

static bool restore(struct pci_function *function)
{
    bool same = is_same(function) && set_command(function, 0);
    for (unsigned index = 0; same && index < PCI_BARS_MAX; index++) {
        same = restore_bar(function, index);
    }
    if (!same) {
        return false;
    }
    restore_registers(function);
    function->command = function->reset.command;
    if (!pci_messages_switch_off(function) || !set_command(function, function->command)) {
        return false;
    }
    pci_messages_mask(function);
    return true;
}

static keel_status_t give_up(struct pci_function *function, const char *why)
{
    pci_config_write(function, PCI_COMMAND, 2, 0);
    enter(function, PCI_RESET_LOST);
    pci_report(function, "nobody is given it any more, ", why);
    return KEEL_E_UNSUPPORTED;
}

static keel_status_t end(struct pci_function *function, uint64_t passed)
{
    if (passed < RESET_NS) {
        return KEEL_E_BUSY;
    }
    if (!is_there(function)) {
        return passed < LOST_NS ? KEEL_E_BUSY : give_up(function, "since it does not answer after its reset");
    }
    if (!restore(function)) {
        return give_up(function, "since it is not what it was before its reset");
    }
    enter(function, PCI_RESET_READY);
    return KEEL_OK;
}

keel_status_t pci_reset_finish(struct pci_function *function)
{
    uint64_t now = hal_time_now(), since = function->reset.since;
    uint64_t passed = now > since ? now - since : 0; /* another CPU may be ahead */
    switch (function->reset.state) {
    case PCI_RESET_QUIET:
        start_if_quiet(function, passed);
        return KEEL_E_BUSY;
    case PCI_RESET_RUNNING:
        return end(function, passed);
    case PCI_RESET_LOST:
        return KEEL_E_UNSUPPORTED;
    case PCI_RESET_READY:
        break;
    }
    return KEEL_OK;
}
