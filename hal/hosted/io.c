/* SPDX-License-Identifier: BSD-2-Clause
 *
 * I/O memory (hal/io.h): devices that a function of PCI has behind its BARs, and otherwise memory that keeps
 * what is written.
 */
#include "hal/io.h"

#include "hal/atomic.h"
#include "io.h"
#include "pci.h"
#include "ram.h"
#include "raw.h"
#include "report.h"
#include "state.h"

/* How each page was reached last, enum hal_cache; WRITE_BACK: not at all. */
static uint8_t policies[sizeof ram_io >> HAL_PAGE_SHIFT];

void io_prepare(void)
{
    raw_fill(policies, HAL_CACHE_WRITE_BACK, sizeof policies);
}

static uint8_t *policy_of(uint64_t address)
{
    uint64_t offset;
    return ram_io_offset(address, &offset) ? &policies[offset >> HAL_PAGE_SHIFT] : NULL;
}

void io_released(uint64_t address)
{
    *policy_of(address) = HAL_CACHE_WRITE_BACK;
}

enum hal_cache hosted_io_policy(uint64_t address)
{
    return (enum hal_cache) * policy_of(address);
}

static bool fits(uint64_t address, unsigned width, enum hal_cache cache)
{
    hosted_point(HAL_POINT_HAL, NULL);
    if (!CONTRACT((width == 1 || width == 2 || width == 4 || width == 8) && address % width == 0,
                  "not one access") ||
        !CONTRACT(ram_is_io(address), "not I/O memory") ||
        !CONTRACT(cache != HAL_CACHE_WRITE_BACK, "I/O memory is not cached write-back")) {
        return false;
    }
    uint8_t *policy = policy_of(address);
    if (*policy != HAL_CACHE_WRITE_BACK && *policy != HAL_CACHE_UNCACHED && *policy != cache) {
        machine_check("A5", "a page of I/O memory is reached with another cache policy than before");
    }
    *policy = (uint8_t)cache;
    return true;
}

static uint64_t cut(uint64_t value, unsigned width)
{
    return value & UINT64_MAX >> (64 - 8 * width);
}

uint64_t hal_io_read(hal_paddr_t at, unsigned width, enum hal_cache cache)
{
    uint64_t value = 0, offset;
    unsigned bar;
    if (!fits(at.value, width, cache)) {
        return UINT64_MAX >> (64 - 8 * width);
    }
    if (pci_table_read(at.value, width, &value)) {
        return value;
    }
    const struct hosted_pci_function *function = pci_device_at(at.value, &bar, &offset);
    if (function) {
        const struct hosted_device *device = function->device_model;
        return cut(device->read(device->context, function, bar, offset, width), width);
    }
    raw_copy(&value, ram_user_pointer(at.value, false), width);
    return value;
}

void hal_io_write(hal_paddr_t at, unsigned width, uint64_t value, enum hal_cache cache)
{
    uint64_t offset;
    unsigned bar;
    if (!fits(at.value, width, cache) || pci_table_write(at.value, width, value)) {
        return;
    }
    const struct hosted_pci_function *function = pci_device_at(at.value, &bar, &offset);
    if (function) {
        const struct hosted_device *device = function->device_model;
        device->write(device->context, function, bar, offset, width, cut(value, width));
    } else {
        raw_copy(ram_user_pointer(at.value, false), &value, width);
    }
}
