/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Functions of PCI are reset (PCI Express Base Specification 4.0, 6.6.2; Advanced Capabilities for
 * Conventional PCI): everything is as after power on, before firmware. Core must have made the function quiet
 * before, and leave it alone for as long as it may take.
 */
#include "pci.h"
#include "pci_function.h"
#include "report.h"
#include "schedule.h"

enum {
    COMMAND = 0x04,
    COMMAND_REACHES = 7, /* ports, memory, and memory of others */
    CACHE_LINE = 0x0c,
    BARS = 0x10,
    INTERRUPT_LINE = 0x3c,
    CAPABILITY_EXPRESS = 0x10,
    CAPABILITY_ADVANCED = 0x13,
    EXPRESS_CAPABILITIES = 4,
    EXPRESS_CONTROL = 8,
    EXPRESS_STATUS = 10,
    EXPRESS_CLEARED = 0xf, /* by ones */
    EXPRESS_PENDING = 0x20,
    EXPRESS_RESET = 0x8000,
    EXPRESS_PAYLOAD = 0x00e0, /* which no reset changes */
    EXPRESS_CONTROL_FIRST = 0x2810,
    ADVANCED_CAPABILITIES = 3,
    ADVANCED_CAN_RESET = 2,
    ADVANCED_CONTROL = 4,
    ADVANCED_STATUS = 5,
    ADVANCED_PENDING = 1,
};
#define EXPRESS_CAN_RESET (UINT32_C(1) << 28)

/* How long transactions may be under way, a reset may take, and a slow one does. */
#define PENDING_NS UINT64_C(100000000)
#define RESET_NS   UINT64_C(100000000)
#define SLOW_NS    UINT64_C(600000000)

void pci_reset_power_on(struct function *function)
{
    function->express = pci_find_capability(function, CAPABILITY_EXPRESS, 0);
    function->advanced = pci_find_capability(function, CAPABILITY_ADVANCED, 0);
    function->quiet_since = 0;
    function->was_reset = false;
    function->resetting = false;
}

bool pci_answers(const struct function *function)
{
    uint64_t passed = schedule_now() - function->reset_at;
    if (!function->was_reset) {
        return true;
    }
    if (passed < RESET_NS) {
        machine_check("D6", "a function is reached before its reset is over");
        return false;
    }
    enum hosted_pci_lie lie = function->made_from->lie;
    return lie != HOSTED_PCI_RESET_NEVER && (lie != HOSTED_PCI_RESET_SLOW || passed >= SLOW_NS);
}

uint32_t pci_bar_mask(const struct function *function, unsigned index)
{
    uint32_t mask = function->made_from->masks[index];
    bool grown = function->was_reset && index == 0 && function->made_from->lie == HOSTED_PCI_RESET_GROWS;
    return grown ? mask & (mask - 1) : mask;
}

void pci_reset_stick(struct function *function)
{
    const struct hosted_pci_word *stuck = &function->made_from->stuck;
    if (function->was_reset && stuck->offset != 0) {
        pci_store(function->config + stuck->offset, stuck->value, 4);
    }
}

/* Of one that wakes each is at the next place that it could be at. */
static void move_bars(struct function *function, bool wakes)
{
    for (unsigned index = 0; index < 6; index++) {
        uint8_t *bar = function->config + BARS + 4 * index;
        uint32_t value = pci_load(bar, 4), mask = function->made_from->masks[index];
        value = wakes ? value ^ (mask & (0 - mask)) : value & ~mask;
        pci_store(bar, value, 4);
    }
}

static void restart(struct function *function)
{
    bool wakes = function->made_from->lie == HOSTED_PCI_RESET_WAKES;
    uint32_t payload =
        function->express != 0
            ? pci_load(function->config + function->express + EXPRESS_CONTROL, 2) & EXPRESS_PAYLOAD
            : 0;
    pci_fill(function);
    move_bars(function, wakes);
    function->config[COMMAND] = wakes ? COMMAND_REACHES : 0;
    function->config[COMMAND + 1] = 0;
    function->config[CACHE_LINE] = 0;
    function->config[INTERRUPT_LINE] = 0;
    if (function->express != 0) {
        uint16_t control = (uint16_t)(EXPRESS_CONTROL_FIRST | payload);
        pci_store(function->config + function->express + EXPRESS_CONTROL, control, 2);
    }
    pci_message_restart(function, wakes);
    const struct hosted_device *model = function->made_from->device_model;
    if (model && model->power_on) {
        model->power_on(model->context);
    }
}

static bool is_pending(const struct function *function)
{
    return (function->express != 0 &&
            (function->config[function->express + EXPRESS_STATUS] & EXPRESS_PENDING) != 0) ||
           (function->advanced != 0 &&
            (function->config[function->advanced + ADVANCED_STATUS] & ADVANCED_PENDING) != 0);
}

static void reset(struct function *function)
{
    if ((function->config[COMMAND] & COMMAND_REACHES) != 0) {
        machine_check("D6", "a function is reset that masters the bus or decodes its BARs");
    }
    if (is_pending(function) && schedule_now() - function->quiet_since < PENDING_NS) {
        machine_check("D6", "a function is reset while transactions are under way");
    }
    if (function->made_from->lie == HOSTED_PCI_RESET_IGNORED) {
        return;
    }
    restart(function);
    function->was_reset = true;
    function->resetting = true;
    function->reset_at = schedule_now();
}

static bool write_express(struct function *function, uint32_t value)
{
    bool can =
        (pci_load(function->config + function->express + EXPRESS_CAPABILITIES, 4) & EXPRESS_CAN_RESET) != 0;
    uint16_t control = (uint16_t)(value & ~(uint32_t)EXPRESS_RESET);
    pci_store(function->config + function->express + EXPRESS_CONTROL, control, 2);
    if (can && (value & EXPRESS_RESET) != 0) {
        reset(function);
    }
    return true;
}

static bool write_advanced(struct function *function, uint32_t value)
{
    bool can = (function->config[function->advanced + ADVANCED_CAPABILITIES] & ADVANCED_CAN_RESET) != 0;
    if (can && (value & 1) != 0) {
        reset(function);
    }
    return true;
}

bool pci_reset_write(struct function *function, uint32_t offset, unsigned width, uint32_t value)
{
    if (function->express != 0 && offset == function->express + (uint32_t)EXPRESS_CONTROL && width == 2) {
        return write_express(function, value);
    }
    if (function->express != 0 && offset == function->express + (uint32_t)EXPRESS_STATUS && width == 2) {
        function->config[offset] &= (uint8_t)~(value & EXPRESS_CLEARED);
        return true;
    }
    if (function->advanced != 0 && offset == function->advanced + (uint32_t)ADVANCED_CONTROL && width == 1) {
        return write_advanced(function, value);
    }
    if ((offset == CACHE_LINE && width == 2) || (offset == INTERRUPT_LINE && width == 1)) {
        pci_store(function->config + offset, value, width);
        return true;
    }
    return false;
}
