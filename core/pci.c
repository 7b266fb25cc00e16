/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Functions of PCI in the hands of clients, see core/pci.h.
 */
#include "core/pci.h"

#include "core/assert.h"
#include "core/domain.h"
#include "core/io_memory.h"
#include "core/log.h"
#include "core/pci_message.h"
#include "core/pci_reset.h"
#include "core/spinlock.h"
#include "core/work.h"

/* Constant once tasks run, but for owners, command registers, open messages and resets. */
static struct pci_function functions[PCI_FUNCTIONS_MAX];
static uint32_t function_count;

static struct spinlock lock; /* owners, the list below, and the machine's way to configuration space */

static struct pci_device *gone; /* whose last hold was an interrupt handler's; they are owners yet */
static struct work ending;      /* lets them go, with interrupts on */

static void let_go_all(void *context);

static void report(uint32_t left_out)
{
    struct text line;
    text_clear(&line);
    text_string(&line, "pci: ");
    text_u64(&line, function_count);
    text_string(&line, " functions");
    if (left_out > 0) {
        text_string(&line, ", and ");
        text_u64(&line, left_out);
        text_string(&line, " that are left out");
    }
    log_text(left_out > 0 ? LOG_WARNING : LOG_INFO, &line);
}

void pci_init(const struct memmap *map)
{
    uint32_t left_out = 0;
    spinlock_init(&lock);
    gone = NULL;
    work_init(&ending, let_go_all);
    pci_message_init();
    function_count = hal_pci_config_size() > 0 ? pci_scan(map, functions, PCI_FUNCTIONS_MAX, &left_out) : 0;
    report(left_out);
}

uint32_t pci_count(void)
{
    return function_count;
}

const struct pci_function *pci_at(uint32_t index)
{
    CORE_ASSERT(index < function_count);
    return &functions[index];
}

uint32_t pci_index(const struct pci_function *function)
{
    return (uint32_t)(function - functions);
}

/* NULL: none that is known. */
static const struct pci_function *bridge_to(uint8_t bus)
{
    for (uint32_t i = 0; i < function_count; i++) {
        if (functions[i].secondary == bus) {
            return &functions[i];
        }
    }
    return NULL;
}

static bool forwards(const struct pci_function *bridge, uint64_t first, uint64_t last)
{
    uint32_t window = hal_pci_read(bridge->at, PCI_WINDOW, 4);
    uint64_t base = (uint64_t)hal_pci_read(bridge->at, PCI_WINDOW_BASE_UPPER, 4) << 32;
    uint64_t limit = (uint64_t)hal_pci_read(bridge->at, PCI_WINDOW_LIMIT_UPPER, 4) << 32;
    base |= (window & 0xfff0) << 16;
    limit |= (window & 0xfff00000) | 0xfffff;
    return base <= last && first <= limit && base <= limit;
}

bool pci_is_forwarded(uint64_t first, uint64_t last)
{
    bool found = false;
    bool interrupts = spinlock_acquire(&lock);
    for (uint32_t i = 0; i < function_count && !found; i++) {
        found = functions[i].header == PCI_HEADER_BRIDGE && forwards(&functions[i], first, last);
    }
    spinlock_release(&lock, interrupts);
    return found;
}

/* A bridge's bus has a lower number than the one that it leads to. */
bool pci_is_told_apart(const struct pci_function *function)
{
    while (function != NULL && function->at.bus != 0) {
        function = bridge_to(function->at.bus);
        if (function != NULL && (!function->keeps_sources || function->fault != NULL)) {
            return false;
        }
    }
    return function != NULL;
}

uint32_t pci_config_read(const struct pci_function *function, uint32_t offset, unsigned width)
{
    CORE_ASSERT((width == 1 || width == 2 || width == 4) && offset % width == 0 &&
                offset < hal_pci_config_size());
    bool interrupts = spinlock_acquire(&lock);
    uint32_t value = hal_pci_read(function->at, offset, width);
    spinlock_release(&lock, interrupts);
    return value;
}

void pci_config_write(const struct pci_function *function, uint32_t offset, unsigned width, uint32_t value)
{
    bool interrupts = spinlock_acquire(&lock);
    hal_pci_write(function->at, offset, width, value);
    spinlock_release(&lock, interrupts);
}

/* The status register is beside it: its bits are cleared by ones only. */
bool pci_command_change(const struct pci_function *of, uint16_t bit, bool on)
{
    struct pci_function *function = &functions[pci_index(of)];
    bool interrupts = spinlock_acquire(&lock);
    function->command = (uint16_t)(on ? function->command | bit : function->command & ~bit);
    hal_pci_write(function->at, PCI_COMMAND, 2, function->command);
    uint32_t now = hal_pci_read(function->at, PCI_COMMAND, 2);
    spinlock_release(&lock, interrupts);
    return ((now & bit) != 0) == on;
}

static bool become_owner(struct pci_device *device)
{
    bool interrupts = spinlock_acquire(&lock);
    bool taken = device->function->owner != NULL;
    if (!taken) {
        device->function->owner = device;
    }
    spinlock_release(&lock, interrupts);
    return !taken;
}

static void cease_to_own(const struct pci_device *device)
{
    bool interrupts = spinlock_acquire(&lock);
    CORE_ASSERT(device->function->owner == device);
    device->function->owner = NULL;
    spinlock_release(&lock, interrupts);
}

keel_status_t pci_acquire(uint32_t index, uint64_t *handle)
{
    CORE_ASSERT(index < function_count);
    if (functions[index].firmwares) {
        return KEEL_E_DENIED;
    }
    struct pci_device *device = (struct pci_device *)object_claim(OBJECT_PCI_DEVICE);
    if (device == NULL) {
        return KEEL_E_LIMIT;
    }
    device->function = &functions[index];
    keel_status_t status = KEEL_E_BUSY;
    if (become_owner(device)) {
        status = pci_reset_finish(device->function);
        if (status != KEEL_OK) {
            cease_to_own(device);
        }
    }
    if (status != KEEL_OK) {
        ref_unclaim(&device->object.ref);
        return status;
    }
    pci_keep_snooped(device->function);
    *handle = object_handle(OBJECT_PCI_DEVICE, &device->object);
    ref_publish(&device->object.ref, 1, true);
    return KEEL_OK;
}

static void let_go(struct pci_device *device)
{
    (void)domain_disable(domain_of(device->function));
    pci_messages_close(device->function);
    pci_reset_begin(device->function);
    cease_to_own(device);
    ref_finish(&device->object.ref);
}

static void let_go_all(void *context)
{
    (void)context;
    bool interrupts = spinlock_acquire(&lock);
    struct pci_device *device = gone;
    gone = NULL;
    spinlock_release(&lock, interrupts);
    while (device != NULL) {
        struct pci_device *next = device->next;
        let_go(device);
        device = next;
    }
}

/* A work that is queued already has yet to look at the list. */
static void let_go_soon(struct pci_device *device)
{
    bool interrupts = spinlock_acquire(&lock);
    device->next = gone;
    gone = device;
    spinlock_release(&lock, interrupts);
    (void)work_schedule(&ending);
}

void pci_device_put(struct pci_device *device)
{
    if (!ref_put(&device->object.ref)) {
        return;
    }
    if (cpu_context() == CONTEXT_INTERRUPT) {
        let_go_soon(device);
    } else {
        let_go(device);
    }
}

bool pci_is_kept(const struct pci_function *function, uint32_t bar, uint64_t offset, uint64_t size)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct pci_stretch *kept = &function->kept[i];
        if (kept->size > 0 && kept->bar == bar && offset < kept->offset + kept->size &&
            kept->offset < offset + size) {
            return true;
        }
    }
    return false;
}

keel_status_t pci_bar_acquire(const struct pci_device *device, uint32_t bar, uint64_t offset, uint64_t size,
                              enum hal_cache cache, uint64_t *handle)
{
    const struct pci_function *function = device->function;
    const struct pci_bar *whole = &function->bars[bar];
    CORE_ASSERT(size > 0 && offset < whole->size && size <= whole->size - offset);
    if (!function->granted[bar] || pci_is_kept(function, bar, offset, size)) {
        return KEEL_E_DENIED;
    }
    return io_memory_acquire_bar(whole->address + offset, size, cache, handle);
}
