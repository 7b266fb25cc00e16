/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Messages of PCI functions (PCI Local Bus Specification 3.0, 6.8): the registers of MSI and MSI-X that core
 * may write, and tables of MSI-X, which lie beside the memory of their BARs. Firmware has left them unmasked,
 * with an address of memory. One that is raised while it is masked is pending, and sent when it no longer is.
 */
#include "hal/atomic.h"
#include "hal/irq_message.h"
#include "pci.h"
#include "pci_function.h"
#include "report.h"
#include "state.h"
#include "iommu.h"

enum {
    COMMAND = 0x04,
    COMMAND_MASTER = 4,
    CAPABILITIES = 0x34,
    CAPABILITIES_MAX = 48,
    CAPABILITY_MSI = 0x05,
    CAPABILITY_EXPRESS = 0x10,
    CAPABILITY_MSIX = 0x11,
    CONTROL = 2,
    MSI_ENABLE = 0x0001,
    MSI_WRITABLE = 0x0071,
    MSI_SEVERAL = 0x0070,
    MSI_WIDE = 0x0080,
    MSI_MASKABLE = 0x0100,
    MSI_ADDRESS = 4,
    MSIX_LAST = 0x07ff, /* entry */
    MSIX_MASK_ALL = 0x4000,
    MSIX_ENABLE = 0x8000,
    MSIX_TABLE = 4,
    MSIX_SIZE = 12,
    EXPRESS_SIZE = 12, /* as far as it matters */
    ADVANCED_SIZE = 6,
};

enum { WORD_ADDRESS, WORD_ADDRESS_HIGH, WORD_DATA, WORD_CONTROL, WORDS };
#define ENTRY_SIZE        16u
#define CLASS_HOST_BRIDGE 0x0600u
#define MASKED            1u

/* Those without room do as if their table were memory like the rest of the BAR. */
#define ENTRIES_MAX 512u
static struct entry {
    uint32_t words[WORDS];
    bool pending;
} entries[ENTRIES_MAX];
static unsigned entry_count;

static uint16_t control_of(const struct function *function, uint8_t capability)
{
    return (uint16_t)pci_load(function->config + capability + CONTROL, 2);
}

/* --- Power on --- */

void pci_message_reset(void)
{
    entry_count = 0;
}

static void find_table(struct function *function)
{
    uint32_t table = pci_load(function->config + function->msix + MSIX_TABLE, 4);
    unsigned size = (control_of(function, function->msix) & MSIX_LAST) + 1u;
    uint64_t base, bar_size = 0;
    if ((table & 7) < 6) {
        (void)pci_bar_range(function->made_from, table & 7, &base, &bar_size);
    }
    if ((table & ~7u) >= bar_size || size * ENTRY_SIZE > bar_size - (table & ~7u) ||
        size > ENTRIES_MAX - entry_count) {
        return;
    }
    function->table = base + (table & ~7u);
    function->entries = size;
    function->first_entry = entry_count;
    for (unsigned i = 0; i < size; i++) {
        entries[entry_count++] = (struct entry){.words = {[WORD_ADDRESS] = 0x1000}};
    }
}

static uint32_t msi_size(uint16_t control)
{
    return ((control & MSI_WIDE) != 0 ? 14u : 10u) + ((control & MSI_MASKABLE) != 0 ? 10u : 0u);
}

static uint32_t size_of(const struct function *function, uint8_t id, uint8_t at)
{
    switch (id) {
    case CAPABILITY_MSI:
        return msi_size(control_of(function, at));
    case CAPABILITY_MSIX:
        return MSIX_SIZE;
    default:
        return id == CAPABILITY_EXPRESS ? EXPRESS_SIZE : ADVANCED_SIZE;
    }
}

uint8_t pci_find_capability(const struct function *function, uint8_t wanted, uint8_t after)
{
    uint8_t at = after != 0 ? function->config[after + 1] & 0xfc : function->config[CAPABILITIES];
    for (unsigned i = 0; i < CAPABILITIES_MAX && at >= 0x40 && at <= PCI_CONFIG_SIZE - 4; i++) {
        if (function->config[at] == wanted && at + size_of(function, wanted, at) <= PCI_CONFIG_SIZE) {
            return at;
        }
        at = function->config[at + 1] & 0xfc;
    }
    return 0;
}

void pci_message_power_on(struct function *function)
{
    function->msi = pci_find_capability(function, CAPABILITY_MSI, 0);
    function->msix = pci_find_capability(function, CAPABILITY_MSIX, 0);
    function->entries = 0;
    if (function->msix != 0) {
        find_table(function);
    }
}

void pci_message_restart(struct function *function, bool wakes)
{
    uint8_t *config = function->config;
    if (function->msi != 0) {
        uint16_t control = (uint16_t)(control_of(function, function->msi) & ~(uint16_t)MSI_WRITABLE);
        control |= wakes ? MSI_ENABLE : 0;
        pci_store(config + function->msi + CONTROL, control, 2);
    }
    if (function->msix != 0) {
        uint16_t control = control_of(function, function->msix) & MSIX_LAST;
        control |= wakes ? MSIX_ENABLE : 0;
        pci_store(config + function->msix + CONTROL, control, 2);
    }
    for (unsigned i = 0; i < function->entries; i++) {
        entries[function->first_entry + i] = (struct entry){.words = {[WORD_CONTROL] = wakes ? 0 : MASKED}};
    }
}

/* --- Sending --- */

/* A message is a write to memory. */
static bool send(const struct function *function, uint64_t address, uint32_t data)
{
    return (function->config[COMMAND] & COMMAND_MASTER) != 0 &&
           iommu_message(pci_requester(function), address, data);
}

/* Of MSI: the registers behind the address. */
static uint32_t msi_data(const struct function *function)
{
    return function->msi + ((control_of(function, function->msi) & MSI_WIDE) != 0 ? 12u : 8u);
}

static uint32_t msi_mask(const struct function *function)
{
    return msi_data(function) + 4;
}

static bool msi_is_masked(const struct function *function)
{
    return (control_of(function, function->msi) & MSI_MASKABLE) != 0 &&
           (function->config[msi_mask(function)] & MASKED) != 0;
}

static bool msi_is_on(const struct function *function)
{
    return function->msi != 0 && (control_of(function, function->msi) & MSI_ENABLE) != 0;
}

static bool msix_is_on(const struct function *function)
{
    return function->entries > 0 && (control_of(function, function->msix) & MSIX_ENABLE) != 0;
}

static bool entry_is_masked(const struct function *function, const struct entry *entry)
{
    return (control_of(function, function->msix) & MSIX_MASK_ALL) != 0 ||
           (entry->words[WORD_CONTROL] & MASKED) != 0;
}

static uint64_t msi_address(const struct function *function)
{
    uint64_t high = (control_of(function, function->msi) & MSI_WIDE) != 0
                        ? pci_load(function->config + function->msi + MSI_ADDRESS + 4, 4)
                        : 0;
    return pci_load(function->config + function->msi + MSI_ADDRESS, 4) | high << 32;
}

static bool send_msi(struct function *function)
{
    if (msi_is_masked(function)) {
        function->config[msi_mask(function) + 4] |= 1;
        return false;
    }
    return send(function, msi_address(function), pci_load(function->config + msi_data(function), 2));
}

static bool send_entry(const struct function *function, struct entry *entry)
{
    entry->pending = entry_is_masked(function, entry);
    return !entry->pending &&
           send(function, entry->words[WORD_ADDRESS] | (uint64_t)entry->words[WORD_ADDRESS_HIGH] << 32,
                entry->words[WORD_DATA]);
}

/* A register has changed: what is pending may go. */
static void look(struct function *function)
{
    for (unsigned i = 0; msix_is_on(function) && i < function->entries; i++) {
        struct entry *entry = &entries[function->first_entry + i];
        if (entry->pending) {
            (void)send_entry(function, entry);
        }
    }
    if (msi_is_on(function) && !msi_is_masked(function) &&
        (control_of(function, function->msi) & MSI_MASKABLE) != 0 &&
        (function->config[msi_mask(function) + 4] & 1) != 0) {
        function->config[msi_mask(function) + 4] &= 0xfe;
        (void)send_msi(function);
    }
}

static struct function *find(struct hal_pci_address at)
{
    struct function *function;
    for (size_t i = 0; (function = pci_function_at(i)) != NULL; i++) {
        const struct hosted_pci_function *from = function->made_from;
        if (from->bus == at.bus && from->device == at.device && from->function == at.function) {
            return function;
        }
    }
    return NULL;
}

bool hosted_pci_message(struct hal_pci_address at, unsigned index)
{
    hosted_point(HAL_POINT_HAL, NULL);
    struct function *function = find(at);
    if (function && msix_is_on(function)) {
        return index < function->entries && send_entry(function, &entries[function->first_entry + index]);
    }
    return function && index == 0 && msi_is_on(function) && send_msi(function);
}

/* --- As core sees it --- */

/* The entry and which word of it; a table begins at a multiple of 8. */
static struct function *table_at(uint64_t address, unsigned *index, unsigned *word)
{
    struct function *function;
    for (size_t i = 0; (function = pci_function_at(i)) != NULL; i++) {
        if (function->entries > 0 && pci_decodes(function) &&
            address - function->table < function->entries * ENTRY_SIZE) {
            *index = (unsigned)(address - function->table) / ENTRY_SIZE + function->first_entry;
            *word = (unsigned)(address - function->table) % ENTRY_SIZE / 4;
            return function;
        }
    }
    return NULL;
}

bool pci_table_read(uint64_t address, unsigned width, uint64_t *value)
{
    unsigned index, word;
    if (!table_at(address, &index, &word)) {
        return false;
    }
    CONTRACT(width == 4, "an entry of MSI-X is read in words of 32 bits");
    *value = entries[index].words[word];
    return true;
}

bool pci_table_write(uint64_t address, unsigned width, uint64_t value)
{
    unsigned index, word;
    struct function *function = table_at(address, &index, &word);
    if (!function) {
        return false;
    }
    CONTRACT(width == 4, "an entry of MSI-X is written in words of 32 bits");
    struct entry *entry = &entries[index];
    if (word != WORD_CONTROL && msix_is_on(function) && !entry_is_masked(function, entry)) {
        machine_check("D6", "a message is changed while it may be sent");
    }
    entry->words[word] = word == WORD_CONTROL ? (uint32_t)value & MASKED : (uint32_t)value;
    machine.edits++;
    look(function);
    return true;
}

/* False: no register of MSI is there, or not of this width. */
static bool write_msi(struct function *function, uint32_t offset, unsigned width, uint32_t value)
{
    uint16_t control = control_of(function, function->msi);
    if (offset == function->msi + (uint32_t)CONTROL && width == 2) {
        CONTRACT((value & MSI_SEVERAL) == 0, "more than one message");
        value = (control & ~(uint32_t)MSI_WRITABLE) | (value & MSI_WRITABLE);
    } else if ((control & MSI_MASKABLE) == 0 || offset != msi_mask(function) || width != 4) {
        bool is_address =
            width == 4 &&
            (offset == function->msi + (uint32_t)MSI_ADDRESS ||
             (offset == function->msi + (uint32_t)MSI_ADDRESS + 4 && (control & MSI_WIDE) != 0));
        if (!is_address && !(width == 2 && offset == msi_data(function))) {
            return false;
        }
        if ((control & MSI_ENABLE) != 0 && !msi_is_masked(function)) {
            machine_check("D6", "a message is changed while it may be sent");
        }
    }
    pci_store(function->config + offset, value, width);
    return true;
}

/* Of a second capability, which no message is sent by, core may write that it is off. */
static bool switch_off_second(struct function *function, uint8_t id, uint8_t first, uint32_t offset)
{
    uint8_t second = first != 0 ? pci_find_capability(function, id, first) : 0;
    if (second == 0 || offset != second + (uint32_t)CONTROL) {
        return false;
    }
    pci_store(function->config + offset, 0, 2);
    return true;
}

/* Likewise of MSI that configuration space has no room for. */
static bool switch_off_unfit(struct function *function, uint32_t offset)
{
    uint32_t at = offset - CONTROL;
    if (at < 0x40 || at > PCI_CONFIG_SIZE - 4 || function->config[at] != CAPABILITY_MSI ||
        at + size_of(function, CAPABILITY_MSI, (uint8_t)at) <= PCI_CONFIG_SIZE) {
        return false;
    }
    pci_store(function->config + offset, 0, 2);
    return true;
}

bool pci_message_write(struct function *function, uint32_t offset, unsigned width, uint32_t value)
{
    bool known = false;
    if (function->msix != 0 && offset == function->msix + (uint32_t)CONTROL && width == 2) {
        value = (control_of(function, function->msix) & MSIX_LAST) |
                (value & (uint32_t)(MSIX_ENABLE | MSIX_MASK_ALL));
        pci_store(function->config + offset, value, width);
        known = true;
    } else if (function->msi != 0 && offset >= function->msi) {
        known = write_msi(function, offset, width, value);
    }
    if (!known && width == 2 && value == 0) {
        known = switch_off_second(function, CAPABILITY_MSI, function->msi, offset) ||
                switch_off_second(function, CAPABILITY_MSIX, function->msix, offset) ||
                switch_off_unfit(function, offset);
    }
    look(function);
    return known;
}

/* --- As the audit sees it --- */

const char *pci_message_wrong(const struct function *function)
{
    uint16_t requester = pci_requester(function);
    bool msi = msi_is_on(function), msix = msix_is_on(function);
    if (function->made_from->class_code >> 8 == CLASS_HOST_BRIDGE) {
        return NULL; /* which nobody touches */
    }
    if ((msi || msix) && irq_message_count(requester) == 0) {
        return "D4: messages of a function are on that stand for no source";
    }
    if (msi && msix) {
        return "D4: MSI and MSI-X of a function are on";
    }
    if (msi && !msi_is_masked(function) &&
        !irq_message_may_be_told(requester, msi_address(function),
                                 pci_load(function->config + msi_data(function), 2))) {
        return "D6: MSI of a function is another's";
    }
    for (unsigned i = 0; msix && i < function->entries; i++) {
        const struct entry *entry = &entries[function->first_entry + i];
        uint64_t address = entry->words[WORD_ADDRESS] | (uint64_t)entry->words[WORD_ADDRESS_HIGH] << 32;
        if (!entry_is_masked(function, entry) &&
            !irq_message_may_be_told(requester, address, entry->words[WORD_DATA])) {
            return "D6: an MSI-X table has a message that is another's";
        }
    }
    return NULL;
}
