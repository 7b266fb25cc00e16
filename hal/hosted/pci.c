/* SPDX-License-Identifier: BSD-2-Clause
 *
 * PCI: configuration space of functions that a table describes (hosted/pci.h). Core's writes are watched:
 * command registers, those for messages (pci_message.c) and resets (pci_reset.c), and BARs are all that it
 * may write, and these only while they are not decoded.
 */
#include "pci.h"

#include <string.h>

#include "iommu.h"
#include "pci_function.h"
#include "ram.h"
#include "report.h"
#include "schedule.h"
#include "state.h"

/* PCI Local Bus Specification 3.0, 6.1. */
enum {
    ID = 0x00,
    COMMAND = 0x04,
    STATUS = 0x06,
    CLASS = 0x08,
    CACHE_LINE = 0x0c,
    HEADER = 0x0e,
    BARS = 0x10,
    BUSES = 0x18,
    CAPABILITIES = 0x34,
    INTERRUPT_LINE = 0x3c,
    INTERRUPT_PIN = 0x3d,
    COMMAND_MEMORY = 2,
    COMMAND_DECODES = 3,
    COMMAND_MASTER = 4,
    STATUS_CAPABILITIES = 0x10,
    STATUS_CLEARED = 0xf900, /* by ones */
};

#define FUNCTIONS_MAX 320u
#define NOT_READY     UINT32_C(0xffff0001) /* the vendor id */
#define PLACES        (HAL_PCI_DEVICE_COUNT * HAL_PCI_FUNCTION_COUNT)

static struct function functions[FUNCTIONS_MAX];
static size_t count;
static uint16_t places[HOSTED_PCI_BUSES][PLACES]; /* which function is there, from 1 on; 0: none */
static uint64_t answers;                          /* of fickle ones */

static bool is_bridge(const struct function *function)
{
    return (function->made_from->header & 0x7f) == 1;
}

static unsigned bars_of(const struct function *function)
{
    return is_bridge(function) ? 2 : 6;
}

void pci_fill(struct function *function)
{
    const struct hosted_pci_function *from = function->made_from;
    uint8_t *config = function->config;
    memset(config, 0, PCI_CONFIG_SIZE);
    pci_store(config + ID, from->vendor_id, 2);
    pci_store(config + ID + 2, from->device_id, 2);
    pci_store(config + COMMAND, from->command, 2);
    memcpy(config + CLASS + 1, &from->class_code, 3);
    config[STATUS] = from->capabilities != 0 ? STATUS_CAPABILITIES : 0;
    config[HEADER] = from->header;
    config[CACHE_LINE] = 16;
    config[INTERRUPT_LINE] = from->irq_pin != 0 ? 11 : 0;
    config[INTERRUPT_PIN] = from->irq_pin;
    config[CAPABILITIES] = from->capabilities;
    memcpy(config + BARS, from->bars, 4u * bars_of(function));
    if (is_bridge(function)) {
        config[BUSES] = from->bus;
        config[BUSES + 1] = from->secondary;
        config[BUSES + 2] = from->last;
    }
    for (size_t i = 0; i < sizeof from->words / sizeof from->words[0] && from->words[i].offset != 0; i++) {
        pci_store(config + from->words[i].offset, from->words[i].value, 4);
    }
}

static void power_on(struct function *function, const struct hosted_pci_function *from)
{
    function->made_from = from;
    pci_fill(function);
    pci_message_power_on(function);
    pci_reset_power_on(function);
}

static uint16_t *place(unsigned bus, unsigned device, unsigned number)
{
    return &places[bus][device * HAL_PCI_FUNCTION_COUNT + number];
}

static void add(const struct hosted_pci_function *from)
{
    unsigned number = from->function, end = number + 1;
    if (count == FUNCTIONS_MAX) {
        return;
    }
    power_on(&functions[count++], from);
    if (from->device_model && from->device_model->power_on) {
        from->device_model->power_on(from->device_model->context);
    }
    if (from->lie == HOSTED_PCI_ALIASES) {
        number = 0;
        end = HAL_PCI_FUNCTION_COUNT;
    }
    for (; number < end; number++) {
        *place(from->bus, from->device, number) = (uint16_t)count;
    }
}

void pci_prepare(void)
{
    const struct hosted_pci_function *from = machine.config.pci ? machine.config.pci : hosted_pci_bus;
    size_t wanted = machine.config.pci ? machine.config.pci_count : HOSTED_PCI_COUNT;
    count = 0;
    answers = 0;
    memset(places, 0, sizeof places);
    pci_message_reset();
    for (size_t i = 0; i < wanted && !machine.config.no_pci; i++) {
        add(&from[i]);
    }
    const struct {
        bool wanted;
        const struct hosted_pci_function *function;
    } virtio[] = {{machine.config.disk, &hosted_disk_function},
                  {machine.config.entropy, &hosted_entropy_function},
                  {machine.config.network, &hosted_network_function},
                  {machine.config.virtio_console, &hosted_console_function}};
    for (size_t i = 0; i < sizeof virtio / sizeof virtio[0]; i++) {
        if (virtio[i].wanted && !machine.config.no_pci) {
            add(virtio[i].function);
        }
    }
}

struct function *pci_function_at(size_t index)
{
    return index < count ? &functions[index] : NULL;
}

/* NULL: there is none. */
static struct function *find(struct hal_pci_address at)
{
    unsigned index = at.bus < HOSTED_PCI_BUSES ? *place(at.bus, at.device, at.function) : 0;
    return index > 0 ? &functions[index - 1] : NULL;
}

/* --- As core sees it --- */

uint32_t hal_pci_config_size(void)
{
    return machine.config.no_pci ? 0 : PCI_CONFIG_SIZE;
}

static bool fits(struct hal_pci_address at, uint32_t offset, unsigned width)
{
    return CONTRACT(at.device < HAL_PCI_DEVICE_COUNT && at.function < HAL_PCI_FUNCTION_COUNT,
                    "no such address") &&
           CONTRACT((width == 1 || width == 2 || width == 4) && offset % width == 0 &&
                        offset < PCI_CONFIG_SIZE,
                    "no such register");
}

/* As good as random, and the same in each run. */
static uint32_t any_answer(void)
{
    uint64_t x = ++answers * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)((x ^ x >> 29) * UINT64_C(0xbf58476d1ce4e5b9) >> 24);
}

uint32_t hal_pci_read(struct hal_pci_address at, uint32_t offset, unsigned width)
{
    uint32_t all = width < 4 ? (1u << 8 * width) - 1 : UINT32_MAX;
    const struct function *function = fits(at, offset, width) ? find(at) : NULL;
    if (!function) {
        return all;
    }
    if (!pci_answers(function)) {
        bool says_so = function->made_from->lie == HOSTED_PCI_RESET_SLOW && offset == ID;
        return says_so ? NOT_READY & all : all;
    }
    return function->made_from->lie == HOSTED_PCI_FICKLE ? any_answer() & all
                                                         : pci_load(function->config + offset, width);
}

static void write_command(struct function *function, uint16_t value)
{
    uint16_t now = (uint16_t)pci_load(function->config + COMMAND, 2), fixed = 0;
    fixed |= function->made_from->lie == HOSTED_PCI_MASTERS ? COMMAND_MASTER : 0;
    fixed |= function->made_from->lie == HOSTED_PCI_DECODES ? COMMAND_DECODES : 0;
    value = (uint16_t)((value & ~fixed) | (now & fixed));
    pci_store(function->config + COMMAND, value, 2);
    function->quiet_since = schedule_now();
    function->resetting = false;
}

static void write_bar(struct function *function, unsigned index, uint32_t value)
{
    uint32_t mask = pci_bar_mask(function, index), now = pci_load(function->config + BARS + 4u * index, 4);
    if ((pci_load(function->config + COMMAND, 2) & COMMAND_DECODES) != 0) {
        machine_check("D6", "a BAR is written while it is decoded");
    }
    enum hosted_pci_lie lie = function->made_from->lie;
    bool forgets = lie == HOSTED_PCI_FORGETS || (lie == HOSTED_PCI_RESET_FORGETS && function->was_reset);
    if (forgets && value != UINT32_MAX) {
        value = ~value;
    }
    value = (value & mask) | (now & ~mask);
    pci_store(function->config + BARS + 4u * index, value, 4);
}

/* Registers of the header that neither place nor start anything. */
static bool write_header(struct function *function, uint32_t offset, unsigned width, uint32_t value)
{
    if (offset == STATUS && width == 2) {
        uint16_t status = (uint16_t)(pci_load(function->config + STATUS, 2) & ~(value & STATUS_CLEARED));
        pci_store(function->config + STATUS, status, 2);
        return true;
    }
    if (width == 1 && (offset == CACHE_LINE || offset == CACHE_LINE + 1)) {
        function->config[offset] = (uint8_t)value;
        return true;
    }
    return false;
}

void hal_pci_write(struct hal_pci_address at, uint32_t offset, unsigned width, uint32_t value)
{
    struct function *function = fits(at, offset, width) ? find(at) : NULL;
    machine.edits++;
    if (!function || function->made_from->lie == HOSTED_PCI_FICKLE || !pci_answers(function)) {
        return;
    }
    if (offset == COMMAND && width == 2) {
        write_command(function, (uint16_t)value);
    } else if (offset >= BARS && offset < BARS + 4 * bars_of(function) && width == 4) {
        write_bar(function, (offset - BARS) / 4, value);
    } else if (!write_header(function, offset, width, value) &&
               !pci_reset_write(function, offset, width, value) &&
               !pci_message_write(function, offset, width, value)) {
        machine_check("D6", "a register is written that is none of those that may be");
    }
    pci_reset_stick(function);
}

bool hal_pci_is_harmless(uint64_t base, uint64_t size)
{
    CONTRACT(size > 0 && size - 1 <= UINT64_MAX - base, "no addresses");
    bool low = base - HOSTED_PCI_BASE < HOSTED_PCI_SIZE && size <= HOSTED_PCI_BASE + HOSTED_PCI_SIZE - base;
    bool far =
        base - HOSTED_PCI_FAR_BASE < HOSTED_PCI_SIZE && size <= HOSTED_PCI_FAR_BASE + HOSTED_PCI_SIZE - base;
    return far || (low && HOSTED_PCI_BASE >= ram.frame_count << HAL_PAGE_SHIFT);
}

/* --- The devices --- */

bool pci_bar_range(const struct hosted_pci_function *from, unsigned index, uint64_t *base, uint64_t *size)
{
    bool wide = index + 1 < 6 && (from->bars[index] & 7) == 4;
    uint64_t mask = from->masks[index] | (wide ? (uint64_t)from->masks[index + 1] : UINT32_MAX) << 32;
    *base = (from->bars[index] & ~15u) | (wide ? (uint64_t)from->bars[index + 1] << 32 : 0);
    *size = from->masks[index] != 0 && (from->bars[index] & 1) == 0 ? ~mask + 1 : 0;
    return wide;
}

static bool find_bar(const struct hosted_pci_function *from, uint64_t address, unsigned *bar,
                     uint64_t *offset)
{
    uint64_t base, size;
    for (unsigned index = 0; index < 6; index++) {
        bool wide = pci_bar_range(from, index, &base, &size);
        if (address - base < size) {
            *bar = index;
            *offset = address - base;
            return true;
        }
        index += wide ? 1 : 0;
    }
    return false;
}

bool pci_decodes(const struct function *function)
{
    return (pci_load(function->config + COMMAND, 2) & COMMAND_MEMORY) != 0 && !function->resetting;
}

const struct hosted_pci_function *pci_device_at(uint64_t address, unsigned *bar, uint64_t *offset)
{
    for (size_t i = 0; i < count; i++) {
        const struct hosted_pci_function *from = functions[i].made_from;
        if (from->device_model && pci_decodes(&functions[i]) && find_bar(from, address, bar, offset)) {
            return from;
        }
    }
    return NULL;
}

/* --- As tests and the audit see it --- */

/* Is it held by a domain? Without remapping units of use core has to know by itself. */
static bool may_master(const struct function *function)
{
    const struct hosted_pci_function *from = function->made_from;
    return is_bridge(function) || from->lie == HOSTED_PCI_MASTERS ||
           (machine.config.iommu & (HOSTED_IOMMU_NONE | HOSTED_IOMMU_APART)) != 0 ||
           iommu_is_attached(pci_requester(function));
}

uint32_t hosted_pci_peek(struct hal_pci_address at, uint32_t offset, unsigned width)
{
    const struct function *function = fits(at, offset, width) ? find(at) : NULL;
    return function ? pci_load(function->config + offset, width) : UINT32_MAX;
}

void hosted_pci_poke(struct hal_pci_address at, uint32_t offset, unsigned width, uint32_t value)
{
    struct function *function = fits(at, offset, width) ? find(at) : NULL;
    machine.edits++;
    if (function) {
        pci_store(function->config + offset, value, width);
    }
}

const char *pci_wrong(void)
{
    for (size_t i = 0; i < count; i++) {
        const struct function *function = &functions[i];
        enum hosted_pci_lie lie = function->made_from->lie;
        bool masters = (function->config[COMMAND] & COMMAND_MASTER) != 0;
        bool stuck = function->was_reset && function->made_from->stuck.offset != 0;
        if (lie == HOSTED_PCI_FICKLE || lie == HOSTED_PCI_FORGETS || function->resetting || stuck) {
            continue;
        }
        if (masters && !may_master(function)) {
            return "D3: a function without a domain masters the bus";
        }
        if ((function->config[COMMAND] & COMMAND_DECODES) != 0 &&
            memcmp(function->config + BARS, function->made_from->bars, 4u * bars_of(function)) != 0) {
            return "D6: a BAR is decoded that is not where firmware put it";
        }
        if (pci_message_wrong(function)) {
            return pci_message_wrong(function);
        }
    }
    return NULL;
}
