/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Configuration space as clients may write it: these registers, each as a whole, and of them these bits. None
 * of them moves a BAR, lets the device master the bus, changes a message, resets it or takes its power (D3,
 * D6). What a device has of its own beyond the capabilities that are known here is written by nobody:
 * virtio's window in it, for one, leads into BARs.
 */
#include "core/pci.h"

enum {
    LATENCY = 0x0d,
    COMMAND_BITS = 1 << 6 | 1 << 8, /* answers to parity errors; SERR# */
    STATUS_ERRORS = 0xf900,
    EXPRESS_CONTROL = 8,
    /* Errors that are told, relaxed ordering, the size of what it reads at a time. Not: payloads, reset; no
     * snoop, by which it would read what caches have newer (pci_keep_snooped). */
    EXPRESS_CONTROL_BITS = 0x701f,
    EXPRESS_CONTROL_NO_SNOOP = 1 << 11,
    EXPRESS_CONTROL_RESET = 1 << 15,
    EXPRESS_CONTROL_NEVER = EXPRESS_CONTROL_NO_SNOOP | EXPRESS_CONTROL_RESET,
    EXPRESS_STATUS = 10,
    EXPRESS_STATUS_ERRORS = 0xf,
    MESSAGES_SIZE = 24, /* of MSI or MSI-X, at most */
};

static const struct writable {
    uint8_t capability; /* 0: the header */
    uint8_t offset;     /* in it */
    uint8_t width;
    bool clears;    /* ones clear bits, which the device sets */
    uint16_t bits;  /* that clients may write */
    uint16_t never; /* that are written as 0, whatever the device says they are */
} registers[] = {
    {0, PCI_COMMAND, 2, false, COMMAND_BITS, 0},
    {0, PCI_STATUS, 2, true, STATUS_ERRORS, 0},
    {0, PCI_CACHE_LINE, 1, false, 0xff, 0},
    {0, LATENCY, 1, false, 0xff, 0},
    {PCI_CAPABILITY_EXPRESS, EXPRESS_CONTROL, 2, false, EXPRESS_CONTROL_BITS, EXPRESS_CONTROL_NEVER},
    {PCI_CAPABILITY_EXPRESS, EXPRESS_STATUS, 2, true, EXPRESS_STATUS_ERRORS, 0},
};

/* The first of its kind is the one; NULL: it has none. */
static const struct pci_capability *find(const struct pci_function *function, uint8_t id)
{
    for (uint32_t i = 0; i < function->capabilities.count; i++) {
        if (function->capabilities.list[i].id == id) {
            return &function->capabilities.list[i];
        }
    }
    return NULL;
}

static const struct writable *register_at(const struct pci_function *function, uint32_t offset,
                                          unsigned width)
{
    for (unsigned i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
        const struct writable *writable = &registers[i];
        const struct pci_capability *capability =
            writable->capability != 0 ? find(function, writable->capability) : NULL;
        uint32_t base = capability != NULL ? capability->offset : 0;
        bool is_there = capability != NULL || writable->capability == 0;
        if (is_there && offset == base + writable->offset && width == writable->width &&
            offset + width <= PCI_STANDARD_SIZE) {
            return writable;
        }
    }
    return NULL;
}

/* Of those by which messages are written or the device is reset: one that lies has one capability inside of
 * another. */
static bool is_in_another(const struct pci_function *function, uint32_t offset)
{
    for (uint32_t i = 0; i < function->capabilities.count; i++) {
        const struct pci_capability *other = &function->capabilities.list[i];
        bool matters = other->id == PCI_CAPABILITY_MSI || other->id == PCI_CAPABILITY_MSIX ||
                       other->id == PCI_CAPABILITY_ADVANCED;
        if (matters && offset + 2 > other->offset && offset < (uint32_t)other->offset + MESSAGES_SIZE) {
            return true;
        }
    }
    return false;
}

static void write_command(const struct pci_function *function, uint16_t value)
{
    for (uint16_t bit = 1; bit != 0 && bit <= COMMAND_BITS; bit = (uint16_t)(bit << 1)) {
        if ((COMMAND_BITS & bit) != 0) {
            (void)pci_command_change(function, bit, (value & bit) != 0);
        }
    }
}

/* Is anything of it given out? */
static bool is_given(const struct pci_function *function)
{
    return pci_is_changed(function) && function->header == PCI_HEADER_DEVICE && function->fault == NULL;
}

void pci_keep_snooped(const struct pci_function *function)
{
    const struct pci_capability *express = find(function, PCI_CAPABILITY_EXPRESS);
    uint32_t at = express != NULL ? express->offset + (uint32_t)EXPRESS_CONTROL : 0;
    if (express == NULL || !is_given(function) || at + 2 > PCI_STANDARD_SIZE || is_in_another(function, at)) {
        return;
    }
    uint32_t control = pci_config_read(function, at, 2);
    if ((control & EXPRESS_CONTROL_NO_SNOOP) != 0) {
        pci_config_write(function, at, 2, control & ~(uint32_t)EXPRESS_CONTROL_NEVER);
    }
}

keel_status_t pci_config_change(const struct pci_function *function, uint32_t offset, unsigned width,
                                uint32_t value)
{
    const struct writable *writable = register_at(function, offset, width);
    if (writable == NULL || !is_given(function) ||
        (writable->capability != 0 && is_in_another(function, offset))) {
        return KEEL_E_DENIED;
    }
    uint32_t now =
        writable->clears ? 0 : pci_config_read(function, offset, width) & ~(uint32_t)writable->never;
    if (((now ^ value) & ~(uint32_t)writable->bits) != 0) {
        return KEEL_E_DENIED;
    }
    if (writable->capability == 0 && offset == PCI_COMMAND) {
        write_command(function, (uint16_t)value);
    } else {
        pci_config_write(function, offset, width, value);
    }
    return KEEL_OK;
}
