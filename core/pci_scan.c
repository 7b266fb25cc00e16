/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The functions of PCI, once, at boot: find them, keep them from mastering the bus, learn where and how large
 * their BARs are, and which of these may be given out. See core/pci.h.
 *
 * Only one CPU runs, so no lock is needed. Nothing may use a device meanwhile: between the two writes of its
 * command register a function does not decode its BARs. (The console is an old serial port's, which no
 * function's command register switches off.)
 */
#include "core/pci.h"

#include "core/log.h"
#include "core/pci_message.h"
#include "core/pci_reset.h"
#include "hal/iommu.h"

#define CLASS_HOST_BRIDGE UINT32_C(0x0600)
#define CLASS_PCI_BRIDGE  UINT32_C(0x0604)
#define HEADER_BRIDGE     1u
#define NOBODY            0xffffu /* this vendor is none */
#define DECODES           (uint16_t)(PCI_COMMAND_IO | PCI_COMMAND_MEMORY)

struct scan {
    struct pci_function *functions;
    uint32_t count, limit, left_out;
    bool pending[HAL_PCI_BUS_COUNT]; /* to be looked at, or done with */
};

/* --- Finding functions --- */

static bool is_bridge(const struct pci_function *function)
{
    return function->header == HEADER_BRIDGE && function->class_code >> 8 == CLASS_PCI_BRIDGE;
}

/* A bridge leads to a bus of a higher number that no other leads to: so each bus is looked at once, and
 * bridges make no circle. False: it leads nowhere, so nobody behind it is known. */
static bool follow(struct scan *scan, struct pci_function *bridge)
{
    uint32_t buses = hal_pci_read(bridge->at, PCI_BUSES, 4);
    uint32_t secondary = buses >> 8 & 0xff, subordinate = buses >> 16 & 0xff;
    if (secondary <= bridge->at.bus || subordinate < secondary || scan->pending[secondary]) {
        return false;
    }
    scan->pending[secondary] = true;
    bridge->secondary = (uint8_t)secondary;
    return true;
}

/* It reaches what firmware has it use, and goes on with that. */
static bool is_firmwares(const struct pci_function *function)
{
    struct hal_iommu_range range;
    for (unsigned index = 0; hal_iommu_range(index, &range); index++) {
        if (range.mapped && range.source == pci_source(function)) {
            return true;
        }
    }
    return false;
}

/* D3. What lies behind a bridge reaches memory by the bridge's mastering. The status register is beside it:
 * its bits are cleared by ones only. */
static void keep_from_mastering(struct pci_function *function)
{
    uint16_t command = (uint16_t)hal_pci_read(function->at, PCI_COMMAND, 2);
    function->command = function->firmwares ? command : command & (uint16_t)~PCI_COMMAND_MASTER;
    if (function->command == command) {
        return;
    }
    hal_pci_write(function->at, PCI_COMMAND, 2, function->command);
    if ((hal_pci_read(function->at, PCI_COMMAND, 2) & PCI_COMMAND_MASTER) != 0) {
        function->fault = "since it cannot be kept from mastering the bus";
    }
}

/* False: there is none. */
static bool identify(struct hal_pci_address at, struct pci_function *function)
{
    uint32_t id = hal_pci_read(at, PCI_ID, 4);
    if ((id & 0xffff) == NOBODY) {
        return false;
    }
    uint32_t class_code = hal_pci_read(at, PCI_CLASS, 4);
    *function = (struct pci_function){
        .at = at,
        .vendor = (uint16_t)id,
        .device = (uint16_t)(id >> 16),
        .class_code = class_code >> 8,
        .revision = (uint8_t)class_code,
        .header = (uint8_t)hal_pci_read(at, PCI_HEADER, 1),
        .irq_pin = (uint8_t)(hal_pci_read(at, PCI_INTERRUPT, 2) >> 8),
    };
    return true;
}

void pci_report(const struct pci_function *function, const char *what, const char *why)
{
    struct text line;
    text_clear(&line);
    text_string(&line, "pci: bus ");
    text_u64(&line, function->at.bus);
    text_string(&line, " device ");
    text_u64(&line, function->at.device);
    text_string(&line, " function ");
    text_u64(&line, function->at.function);
    text_string(&line, " (");
    text_hex(&line, function->vendor);
    text_string(&line, " ");
    text_hex(&line, function->device);
    text_string(&line, "): ");
    text_string(&line, what);
    text_string(&line, why);
    log_text(LOG_WARNING, &line);
}

static void report_fault(const struct pci_function *function)
{
    pci_report(function, "no BAR is given out, ", function->fault);
}

/* `counts`: it is a function of its own. */
static void keep(struct scan *scan, const struct pci_function *function, bool counts)
{
    if (counts && scan->count < scan->limit) {
        scan->functions[scan->count++] = *function;
        return;
    }
    scan->left_out += counts ? 1 : 0;
    if (function->fault != NULL) {
        report_fault(function);
    }
}

/* One that says it has a single function may answer to the numbers of the others as well. They are no
 * functions then, but who knows: they are kept from mastering, unless the answer is a bridge's that has been
 * followed. */
static void scan_device(struct scan *scan, unsigned bus, unsigned device)
{
    struct pci_function first = {.header = 0};
    bool multiple = false;
    for (unsigned number = 0; number < HAL_PCI_FUNCTION_COUNT; number++) {
        struct hal_pci_address at = {(uint8_t)bus, (uint8_t)device, (uint8_t)number};
        struct pci_function function;
        if (!identify(at, &function)) {
            continue;
        }
        bool counts = number == 0 || multiple;
        function.firmwares = is_firmwares(&function);
        multiple = multiple || (number == 0 && (function.header & PCI_HEADER_MULTIPLE) != 0);
        function.header &= (uint8_t)~PCI_HEADER_MULTIPLE;
        bool same = !counts && is_bridge(&first) && is_bridge(&function) && function.vendor == first.vendor &&
                    function.device == first.device;
        if (counts && is_bridge(&function) && follow(scan, &function)) {
            function.command = (uint16_t)hal_pci_read(at, PCI_COMMAND, 2);
        } else if (!same) {
            keep_from_mastering(&function);
        }
        keep(scan, &function, counts);
        first = number == 0 ? function : first;
    }
}

/* --- What one function has --- */

static uint16_t read_register(void *context, uint32_t offset)
{
    const struct pci_function *function = context;
    return (uint16_t)hal_pci_read(function->at, offset, 2);
}

static void find_capabilities(struct pci_function *function)
{
    if ((hal_pci_read(function->at, PCI_STATUS, 2) & PCI_STATUS_CAPABILITIES) == 0) {
        return;
    }
    uint8_t first = (uint8_t)hal_pci_read(function->at, PCI_CAPABILITIES, 1);
    if (!pci_capabilities_read(read_register, function, first, &function->capabilities)) {
        function->fault = "since its list of capabilities is broken";
    }
}

static void find_port(struct pci_function *function)
{
    for (uint32_t i = 0; i < function->capabilities.count; i++) {
        const struct pci_capability *capability = &function->capabilities.list[i];
        if (capability->id == PCI_CAPABILITY_EXPRESS) {
            unsigned type = PCI_EXPRESS_TYPE(hal_pci_read(function->at, capability->offset + 2u, 2));
            function->keeps_sources = type == PCI_EXPRESS_ROOT_PORT || type == PCI_EXPRESS_UPSTREAM_PORT ||
                                      type == PCI_EXPRESS_DOWNSTREAM_PORT;
        }
    }
}

/* Writes all bits and puts the value back; false: it did not come back. */
static bool probe(struct pci_function *function, unsigned index)
{
    struct pci_register *bar = &function->registers[index];
    struct hal_pci_address at = function->at;
    uint32_t offset = PCI_BARS + 4 * index;
    bar->value = hal_pci_read(at, offset, 4);
    hal_pci_write(at, offset, 4, UINT32_MAX);
    bar->mask = hal_pci_read(at, offset, 4);
    hal_pci_write(at, offset, 4, bar->value);
    return hal_pci_read(at, offset, 4) == bar->value;
}

/* Answers whether it takes the next register as well. */
static bool size_bar(struct pci_function *function, unsigned index, unsigned count)
{
    const struct pci_register *low = &function->registers[index];
    uint64_t high = 0, high_mask = 0;
    bool same = probe(function, index);
    bool wide = pci_bar_is_wide(low->value) && index + 1 < count;
    if (wide) {
        same = probe(function, index + 1) && same;
        high = function->registers[index + 1].value;
        high_mask = function->registers[index + 1].mask;
    }
    function->bars[index] = pci_bar_decode(low->value | high << 32, low->mask | high_mask << 32, wide);
    if (!same) {
        function->bars[index].kind = PCI_BAR_NONSENSE;
        function->fault = "since a BAR does not keep what is written";
    }
    return wide;
}

/* Host bridges stay as they are: on some machines theirs decide how CPUs reach memory. */
bool pci_is_changed(const struct pci_function *function)
{
    return function->class_code >> 8 != CLASS_HOST_BRIDGE && function->header <= HEADER_BRIDGE;
}

/* Also of what nobody is given: it may lie where another's is. */
static unsigned bar_count(const struct pci_function *function)
{
    static const unsigned counts[] = {PCI_BARS_MAX, 2, 1}; /* CardBus has its registers there */
    bool is_known = function->header < sizeof(counts) / sizeof(counts[0]);
    return is_known && function->class_code >> 8 != CLASS_HOST_BRIDGE ? counts[function->header] : 0;
}

static void size_bars(struct pci_function *function)
{
    unsigned count = bar_count(function);
    if (count == 0) {
        return;
    }
    hal_pci_write(function->at, PCI_COMMAND, 2, function->command & (uint16_t)~DECODES);
    if ((hal_pci_read(function->at, PCI_COMMAND, 2) & DECODES) == 0) {
        for (unsigned index = 0; index < count; index++) {
            index += size_bar(function, index, count) ? 1 : 0;
        }
    } else {
        function->fault = "since it cannot be kept from decoding them";
    }
    hal_pci_write(function->at, PCI_COMMAND, 2, function->command);
}

/* --- What may be given out --- */

/* Whole pages, since clients map those. False: not in a BAR. */
static bool keep_pages(const struct pci_function *function, struct pci_stretch *stretch)
{
    const struct pci_bar *bar = &function->bars[stretch->bar];
    if (bar->kind != PCI_BAR_MEMORY || stretch->offset >= bar->size ||
        stretch->size > bar->size - stretch->offset) {
        return false;
    }
    uint64_t end = (stretch->offset + stretch->size + HAL_PAGE_SIZE - 1) & ~(HAL_PAGE_SIZE - 1);
    stretch->offset &= ~(HAL_PAGE_SIZE - 1);
    stretch->size = end - stretch->offset;
    return true;
}

static void keep_msix(struct pci_function *function)
{
    unsigned found = 0;
    bool good = true;
    for (uint32_t i = 0; i < function->capabilities.count; i++) {
        const struct pci_capability *capability = &function->capabilities.list[i];
        if (capability->id != PCI_CAPABILITY_MSIX) {
            continue;
        }
        if (found++ > 0 || capability->offset > PCI_STANDARD_SIZE - PCI_MSIX_SIZE) {
            good = false;
            continue;
        }
        uint16_t control = (uint16_t)hal_pci_read(function->at, capability->offset + 2u, 2);
        uint32_t table = hal_pci_read(function->at, capability->offset + 4u, 4);
        uint32_t pending = hal_pci_read(function->at, capability->offset + 8u, 4);
        good = pci_msix_decode(control, table, pending, function->kept) && good;
        function->msix = (struct pci_msix){.offset = capability->offset,
                                           .count = (uint32_t)(function->kept[0].size / PCI_MSIX_ENTRY_SIZE),
                                           .bar = function->kept[0].bar,
                                           .table = function->kept[0].offset};
        good = good && keep_pages(function, &function->kept[0]) && keep_pages(function, &function->kept[1]);
    }
    if (!good) {
        function->fault = "since its MSI-X table is nowhere";
    }
}

static bool overlap(uint64_t base, uint64_t size, uint64_t other_base, uint64_t other_size)
{
    return base < other_base ? other_base - base < size : base - other_base < other_size;
}

/* Is nobody there but registers? A map that is not whole does not say. */
static bool is_free(const struct memmap *map, const struct pci_bar *bar)
{
    if (bar->address >= MEMMAP_ADDRESS_END || bar->size > MEMMAP_ADDRESS_END - bar->address) {
        return false;
    }
    for (size_t i = 0; i < map->count; i++) {
        const struct hal_region *region = &map->regions[i];
        if (region->kind != HAL_REGION_MMIO && overlap(bar->address, bar->size, region->base, region->size)) {
            return false;
        }
    }
    return !map->truncated && hal_pci_is_harmless(bar->address, bar->size);
}

static bool is_decoded(const struct pci_function *function, const struct pci_bar *bar)
{
    return bar->kind == PCI_BAR_MEMORY && (function->command & PCI_COMMAND_MEMORY) != 0;
}

/* Of another function, or the same. */
static bool is_alone(const struct scan *scan, const struct pci_bar *bar)
{
    for (uint32_t i = 0; i < scan->count; i++) {
        const struct pci_function *function = &scan->functions[i];
        for (unsigned index = 0; index < PCI_BARS_MAX; index++) {
            const struct pci_bar *other = &function->bars[index];
            if (other != bar && is_decoded(function, other) &&
                overlap(bar->address, bar->size, other->address, other->size)) {
                return false;
            }
        }
    }
    return true;
}

static void grant(const struct scan *scan, const struct memmap *map, struct pci_function *function)
{
    for (unsigned index = 0; index < PCI_BARS_MAX; index++) {
        const struct pci_bar *bar = &function->bars[index];
        function->granted[index] = function->fault == NULL && function->header == PCI_HEADER_DEVICE &&
                                   is_decoded(function, bar) && is_free(map, bar) && is_alone(scan, bar);
    }
}

uint32_t pci_scan(const struct memmap *map, struct pci_function *functions, uint32_t limit,
                  uint32_t *left_out)
{
    struct scan scan = {.functions = functions, .limit = limit, .pending = {true}};
    for (unsigned bus = 0; bus < HAL_PCI_BUS_COUNT; bus++) {
        for (unsigned device = 0; scan.pending[bus] && device < HAL_PCI_DEVICE_COUNT; device++) {
            scan_device(&scan, bus, device);
        }
    }
    for (uint32_t i = 0; i < scan.count; i++) {
        find_capabilities(&functions[i]);
        find_port(&functions[i]);
        size_bars(&functions[i]);
        keep_msix(&functions[i]);
    }
    for (uint32_t i = 0; i < scan.count; i++) {
        grant(&scan, map, &functions[i]);
        if (functions[i].fault != NULL) {
            report_fault(&functions[i]);
        }
        pci_message_prepare(&functions[i]);
        pci_reset_prepare(&functions[i]);
        functions[i].goes_past = pci_virtio_goes_past(&functions[i]);
        if (functions[i].goes_past) {
            pci_report(&functions[i], "no DMA, ", "since it goes past the remapping hardware");
        }
    }
    *left_out = scan.left_out;
    return scan.count;
}
