/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Messages of functions of PCI, see core/pci_message.h.
 */
#include "core/pci_message.h"

#include "core/assert.h"
#include "core/irq.h"
#include "core/spinlock.h"
#include "hal/io.h"

/* Of both capabilities: the control register. */
#define CONTROL 2u

/* MSI-X (6.8.2): bits of the control register, and the registers of a table's entry. */
#define MSIX_ENABLE UINT32_C(0x8000)
enum {
    ENTRY_ADDRESS = 0,
    ENTRY_ADDRESS_HIGH = 4,
    ENTRY_DATA = 8,
    ENTRY_CONTROL = 12,
    ENTRY_MASKED = 1,
};

/* MSI (6.8.1). Of several messages only the first one is ever enabled. */
enum {
    MSI_ENABLE = 1 << 0,
    MSI_WIDE = 1 << 7,
    MSI_MASKABLE = 1 << 8,
    MSI_ADDRESS = 4,
};

struct pci_message {
    struct pci_function *function; /* NULL: not open */
    uint32_t index, source;
};

/* At most one for each source, and one more to look for a source with. */
#define MESSAGES_MAX (HAL_IRQ_SOURCES_MAX + 1u)
static struct pci_message messages[MESSAGES_MAX];
static struct spinlock lock; /* which of them are open, and how many each function has */

void pci_message_init(void)
{
    spinlock_init(&lock);
    for (unsigned i = 0; i < MESSAGES_MAX; i++) {
        messages[i].function = NULL;
    }
}

/* --- Registers --- */

static hal_paddr_t entry_of(const struct pci_function *function, uint32_t index, uint32_t offset)
{
    return hal_paddr(function->messages.table + (uint64_t)index * PCI_MSIX_ENTRY_SIZE + offset);
}

static void write_entry(const struct pci_function *function, uint32_t index, uint32_t offset, uint32_t value)
{
    hal_io_write(entry_of(function, index, offset), 4, value, HAL_CACHE_UNCACHED);
}

static void write_register(const struct pci_function *function, uint32_t offset, unsigned width,
                           uint32_t value)
{
    pci_config_write(function, function->messages.offset + offset, width, value);
}

/* Where a 64-bit address has its upper half, everything behind it comes later. */
static uint32_t msi_data(const struct pci_function *function)
{
    return function->messages.wide ? 12 : 8;
}

static uint32_t msi_mask(const struct pci_function *function)
{
    return msi_data(function) + 4;
}

static uint32_t msi_size(uint32_t control)
{
    return ((control & MSI_WIDE) != 0 ? 14u : 10u) + ((control & MSI_MASKABLE) != 0 ? 10u : 0u);
}

static void msi_mask_all(const struct pci_function *function, bool but_first)
{
    if (function->messages.maskable) {
        write_register(function, msi_mask(function), 4, UINT32_MAX - but_first);
    }
}

/* --- At boot --- */

static bool switch_off(const struct pci_function *function, uint8_t offset, uint32_t enabled)
{
    pci_config_write(function, offset + CONTROL, 2, 0);
    return (pci_config_read(function, offset + CONTROL, 2) & enabled) == 0;
}

/* Its control register is read once; what it says then, it is held to. */
static bool prepare_msi(struct pci_function *function, uint8_t offset, bool trusted)
{
    uint32_t control = pci_config_read(function, offset + CONTROL, 2);
    bool off = switch_off(function, offset, MSI_ENABLE);
    bool fits = offset + msi_size(control) <= PCI_STANDARD_SIZE;
    if (fits && trusted && function->messages.count == 0) {
        function->messages = (struct pci_messages){.offset = offset,
                                                   .count = 1,
                                                   .wide = (control & MSI_WIDE) != 0,
                                                   .maskable = (control & MSI_MASKABLE) != 0};
        pci_messages_mask(function);
    }
    return off;
}

static void prepare_msix(struct pci_function *function)
{
    const struct pci_msix *msix = &function->msix;
    function->messages = (struct pci_messages){.is_msix = true,
                                               .offset = msix->offset,
                                               .count = msix->count,
                                               .table = function->bars[msix->bar].address + msix->table};
    pci_messages_mask(function);
}

/* False: something that was switched off is on. `trusted`: the first that it has of MSI is what it is given.
 */
static bool switch_all_off(struct pci_function *function, bool trusted)
{
    bool off = true;
    for (uint32_t i = 0; i < function->capabilities.count; i++) {
        uint8_t id = function->capabilities.list[i].id, offset = function->capabilities.list[i].offset;
        if (id == PCI_CAPABILITY_MSI) {
            off = prepare_msi(function, offset, trusted) && off;
        } else if (id == PCI_CAPABILITY_MSIX && offset <= PCI_STANDARD_SIZE - PCI_MSIX_SIZE) {
            off = switch_off(function, offset, MSIX_ENABLE) && off;
        }
    }
    return off;
}

void pci_message_prepare(struct pci_function *function)
{
    bool trusted = function->fault == NULL && function->header == PCI_HEADER_DEVICE;
    if (!pci_is_changed(function)) {
        return;
    }
    if (trusted && function->msix.count > 0 && function->granted[function->msix.bar]) {
        prepare_msix(function);
    }
    (void)switch_all_off(function, trusted);
}

/* --- After a reset --- */

bool pci_messages_switch_off(struct pci_function *function)
{
    return switch_all_off(function, false);
}

void pci_messages_mask(const struct pci_function *function)
{
    for (uint32_t index = 0; function->messages.is_msix && index < function->messages.count; index++) {
        write_entry(function, index, ENTRY_CONTROL, ENTRY_MASKED);
    }
    if (!function->messages.is_msix) {
        msi_mask_all(function, false);
    }
}

/* --- For the line of the source --- */

void pci_message_mask(const struct pci_message *message, bool masked)
{
    const struct pci_function *function = message->function;
    if (function->messages.is_msix) {
        write_entry(function, message->index, ENTRY_CONTROL, masked ? ENTRY_MASKED : 0);
    } else if (function->messages.maskable) {
        msi_mask_all(function, !masked);
    } else {
        write_register(function, CONTROL, 2, masked ? 0 : MSI_ENABLE);
    }
}

static void write_message(const struct pci_message *message, struct hal_irq_message told)
{
    const struct pci_function *function = message->function;
    if (function->messages.is_msix) {
        write_entry(function, message->index, ENTRY_ADDRESS, told.address);
        write_entry(function, message->index, ENTRY_ADDRESS_HIGH, 0);
        write_entry(function, message->index, ENTRY_DATA, told.data);
        return;
    }
    write_register(function, MSI_ADDRESS, 4, told.address);
    if (function->messages.wide) {
        write_register(function, MSI_ADDRESS + 4, 4, 0);
    }
    write_register(function, msi_data(function), 2, told.data);
}

void pci_message_tell(const struct pci_message *message, struct hal_irq_message told, bool masked)
{
    if (!masked) {
        pci_message_mask(message, true);
    }
    write_message(message, told);
    if (!masked) {
        pci_message_mask(message, false);
    }
}

/* The answer to a read, or to a write of configuration space, comes after what was sent before it. */
void pci_message_clear(const struct pci_message *message)
{
    write_message(message, (struct hal_irq_message){.address = 0});
    if (message->function->messages.is_msix) {
        (void)hal_io_read(entry_of(message->function, message->index, ENTRY_CONTROL), 4, HAL_CACHE_UNCACHED);
    }
}

/* --- Opening and closing; the lock is held --- */

/* The function's first message is open, or its last one is about to be closed. MSI without mask bits is on
 * while it is not masked. All are masked that are not open: who has found the first one already may have
 * unmasked it. */
static void switch_messages(struct pci_function *function, bool on)
{
    if (function->messages.is_msix) {
        write_register(function, CONTROL, 2, on ? MSIX_ENABLE : 0);
    } else if (function->messages.maskable) {
        if (!on) {
            msi_mask_all(function, false);
        }
        write_register(function, CONTROL, 2, on ? MSI_ENABLE : 0);
    }
}

static struct pci_message *find(const struct pci_function *function, uint32_t index)
{
    for (unsigned i = 0; i < MESSAGES_MAX; i++) {
        if (messages[i].function == function && (function == NULL || messages[i].index == index)) {
            return &messages[i];
        }
    }
    return NULL;
}

static keel_status_t open_message(struct pci_function *function, uint32_t index, uint32_t *source)
{
    struct pci_message *message = find(NULL, 0);
    CORE_ASSERT(message != NULL);
    message->function = function;
    message->index = index;
    keel_status_t status = irq_message_attach(message, pci_source(function), &message->source);
    if (status != KEEL_OK) {
        message->function = NULL;
        return status;
    }
    *source = message->source;
    if (function->messages.open++ == 0) {
        (void)pci_command_change(function, PCI_COMMAND_INTX_DISABLE, true);
        switch_messages(function, true);
    }
    return KEEL_OK;
}

/* Off before the source is closed: there is no moment in which messages are on that stand for none. */
static void close_message(struct pci_message *message)
{
    struct pci_function *function = message->function;
    if (--function->messages.open == 0) {
        switch_messages(function, false);
    }
    irq_message_detach(message->source);
    if (function->messages.open == 0) {
        (void)pci_command_change(function, PCI_COMMAND_INTX_DISABLE, false);
    }
    message->function = NULL;
}

/* --- For core/pci.c and api/pci.c --- */

keel_status_t pci_message_open(const struct pci_device *device, uint32_t index, uint32_t *source)
{
    struct pci_function *function = device->function;
    if (index >= function->messages.count) {
        return KEEL_E_NOT_FOUND;
    }
    if (hal_irq_messages_are_held() && !pci_is_told_apart(function)) {
        return KEEL_E_LIMIT; /* an entry for one would let pass what another sends (D4) */
    }
    bool interrupts = spinlock_acquire(&lock);
    bool is_open = find(function, index) != NULL;
    keel_status_t status = is_open ? KEEL_E_EXISTS : open_message(function, index, source);
    spinlock_release(&lock, interrupts);
    return status;
}

keel_status_t pci_message_close(const struct pci_device *device, uint32_t index)
{
    bool interrupts = spinlock_acquire(&lock);
    struct pci_message *message = find(device->function, index);
    if (message != NULL) {
        close_message(message);
    }
    spinlock_release(&lock, interrupts);
    return message != NULL ? KEEL_OK : KEEL_E_NOT_FOUND;
}

void pci_messages_close(struct pci_function *function)
{
    bool interrupts = spinlock_acquire(&lock);
    for (unsigned i = 0; i < MESSAGES_MAX && function->messages.open > 0; i++) {
        if (messages[i].function == function) {
            close_message(&messages[i]);
        }
    }
    spinlock_release(&lock, interrupts);
}

/* --- Audit --- */

/* Of the function; NULL: those that are not open. */
static uint32_t count_of(const struct pci_function *function)
{
    uint32_t count = 0;
    for (unsigned i = 0; i < MESSAGES_MAX; i++) {
        count += messages[i].function == function;
    }
    return count;
}

void pci_message_audit(audit_report_t *report)
{
    /* A CPU may stand in the middle of a step. */
    if (atomic_u32_peek(&lock.next_ticket) != atomic_u32_peek(&lock.serving)) {
        return;
    }
    uint32_t open = 0;
    for (uint32_t i = 0; i < pci_count(); i++) {
        const struct pci_function *function = pci_at(i);
        uint32_t count = function->messages.open;
        if (count > 0 && (count_of(function) != count || function->owner == NULL)) {
            report("D4", "messages are open of a device that nobody holds, index", i);
        }
        open += count;
    }
    if (open + count_of(NULL) != MESSAGES_MAX) {
        report("D4", "messages are open of a device that knows nothing of them, more or less than", open);
    }
}
