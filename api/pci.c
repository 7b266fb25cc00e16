/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Calls of keel/pci.h.
 */
#include "core/pci.h"

#include "calls.h"
#include "core/pci_message.h"
#include "keel/pci.h"
#include "reference.h"

_Static_assert(KEEL_PCI_BAR_COUNT == PCI_BARS_MAX, "one number for both");

keel_status_t call_pci_device_count(uint32_t *count)
{
    *count = pci_count();
    return KEEL_OK;
}

keel_status_t call_pci_device_info(uint32_t index, struct keel_pci_device_info *info)
{
    if (index >= pci_count()) {
        return KEEL_E_NOT_FOUND;
    }
    const struct pci_function *function = pci_at(index);
    *info = (struct keel_pci_device_info){.bus = function->at.bus,
                                          .device = function->at.device,
                                          .function = function->at.function,
                                          .irq_pin = function->irq_pin,
                                          .vendor_id = function->vendor,
                                          .device_id = function->device,
                                          .class_code = function->class_code,
                                          .revision = function->revision,
                                          .header = function->header,
                                          .flags = pci_can_be_reset(function) ? KEEL_PCI_DEVICE_RESETS : 0};
    return KEEL_OK;
}

keel_status_t call_pci_device_acquire(uint32_t index, uint64_t *device)
{
    return index < pci_count() ? pci_acquire(index, device) : KEEL_E_NOT_FOUND;
}

REFERENCE_CALLS(pci_device, object.ref)

static bool is_in_config(uint64_t offset, uint32_t width)
{
    return (width == 1 || width == 2 || width == 4) && offset % width == 0 && offset < hal_pci_config_size();
}

keel_status_t call_pci_config_read(struct pci_device *device, uint64_t offset, uint32_t width,
                                   uint32_t *value)
{
    if (!is_in_config(offset, width)) {
        return KEEL_E_INVALID;
    }
    *value = pci_config_read(device->function, (uint32_t)offset, width);
    return KEEL_OK;
}

keel_status_t call_pci_config_write(struct pci_device *device, uint64_t at, uint32_t width, uint32_t value)
{
    if (!is_in_config(at, width) || (width < 4 && value >> 8 * width != 0)) {
        return KEEL_E_INVALID;
    }
    return pci_config_change(device->function, (uint32_t)at, width, value);
}

keel_status_t call_pci_capability(struct pci_device *device, uint32_t id, uint32_t index, uint32_t *offset)
{
    const struct pci_capabilities *capabilities = &device->function->capabilities;
    for (uint32_t i = 0; i < capabilities->count; i++) {
        if (capabilities->list[i].id == id && index-- == 0) {
            *offset = capabilities->list[i].offset;
            return KEEL_OK;
        }
    }
    return KEEL_E_NOT_FOUND;
}

static keel_status_t find_bar(const struct pci_device *device, uint32_t index, const struct pci_bar **bar)
{
    if (index >= PCI_BARS_MAX) {
        return KEEL_E_INVALID;
    }
    *bar = &device->function->bars[index];
    return (*bar)->kind == PCI_BAR_IO || (*bar)->kind == PCI_BAR_MEMORY ? KEEL_OK : KEEL_E_NOT_FOUND;
}

static uint32_t flags_of(const struct pci_bar *bar, bool granted)
{
    return (bar->kind == PCI_BAR_IO ? (uint32_t)KEEL_PCI_BAR_IO : 0) |
           (bar->wide ? (uint32_t)KEEL_PCI_BAR_64 : 0) |
           (bar->prefetchable ? (uint32_t)KEEL_PCI_BAR_PREFETCHABLE : 0) |
           (granted ? (uint32_t)KEEL_PCI_BAR_GRANTED : 0);
}

keel_status_t call_pci_bar_info(struct pci_device *device, uint32_t index, struct keel_pci_bar_info *info)
{
    const struct pci_function *function = device->function;
    const struct pci_bar *bar;
    keel_status_t status = find_bar(device, index, &bar);
    if (status != KEEL_OK) {
        return status;
    }
    *info = (struct keel_pci_bar_info){
        .address = bar->address, .size = bar->size, .flags = flags_of(bar, function->granted[index])};
    for (unsigned i = 0; i < 2; i++) {
        if (function->kept[i].bar == index) {
            info->kept_offset[i] = function->kept[i].offset;
            info->kept_size[i] = function->kept[i].size;
        }
    }
    return KEEL_OK;
}

keel_status_t call_pci_bar_acquire(struct pci_device *device, uint32_t index, uint64_t offset, uint64_t size,
                                   uint32_t cache, uint64_t *io)
{
    const struct pci_bar *bar;
    if (size == 0 || cache == KEEL_CACHE_WRITE_BACK || cache > KEEL_CACHE_UNCACHED) {
        return KEEL_E_INVALID;
    }
    keel_status_t status = find_bar(device, index, &bar);
    if (status != KEEL_OK) {
        return status;
    }
    return offset < bar->size && size <= bar->size - offset
               ? pci_bar_acquire(device, index, offset, size, (enum hal_cache)cache, io)
               : KEEL_E_INVALID;
}

keel_status_t call_pci_message_count(struct pci_device *device, uint32_t *count)
{
    *count = device->function->messages.count;
    return KEEL_OK;
}

keel_status_t call_pci_message_open(struct pci_device *device, uint32_t index, uint32_t *source)
{
    return pci_message_open(device, index, source);
}

keel_status_t call_pci_message_close(struct pci_device *device, uint32_t index)
{
    return pci_message_close(device, index);
}
