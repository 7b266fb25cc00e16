/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Devices in the model of fuzz_model_dma: who has them, whether they have DMA, and what is told of their
 * attempts.
 */
#include "model_dma.h"

#define SHOW(value) ((unsigned long long)(value))
#define LOOK_TIME   UINT64_C(600000000) /* records are looked at twice a second */
#define NO_LIMIT    UINT64_MAX

struct dma_device *dma_device_named(uint64_t handle)
{
    for (unsigned i = 0; i < DMA_DEVICES; i++) {
        if (dma_model.devices[i].refs > 0 && dma_model.devices[i].handle == handle) {
            return &dma_model.devices[i];
        }
    }
    return NULL;
}

/* --- Who has it --- */

void dma_model_pci_device_acquire(const struct model_op *op)
{
    struct dma_device *device =
        op->numbers[0] < 0xf0 ? &dma_model.devices[op->numbers[0] % DMA_DEVICES] : NULL;
    uint32_t index = device != NULL ? device->index : 1000u + op->numbers[0];
    keel_pci_device_t made = {0};
    keel_status_t expected = device == NULL                             ? KEEL_E_NOT_FOUND
                             : device->refs > 0 || device->mappings > 0 ? KEEL_E_BUSY
                                                                        : KEEL_OK;
    model_call("pci_device_acquire(%u)", index);
    if (model_answer(keel_pci_device_acquire(index, &made), expected)) {
        device->refs = 1;
        device->handle = made.value;
        dma_made(DMA_DEVICE, op, made.value);
    }
}

void dma_model_pci_device_ref(const struct model_op *op)
{
    keel_pci_device_t name = {dma_name(DMA_DEVICE, op->names[0])};
    struct dma_device *device = dma_device_named(name.value);
    model_call("pci_device_ref(0x%llx)", SHOW(name.value));
    if (model_answer(keel_pci_device_ref(name), dma_known(device))) {
        device->refs++;
    }
}

void dma_model_pci_device_release(const struct model_op *op)
{
    keel_pci_device_t name = {dma_name(DMA_DEVICE, op->names[0])};
    struct dma_device *device = dma_device_named(name.value);
    model_call("pci_device_release(0x%llx)", SHOW(name.value));
    if (model_answer(keel_pci_device_release(name), dma_known(device))) {
        device->refs--;
        dma_device_settle(device);
    }
}

/* --- Its DMA --- */

static void ends(struct dma_device *device)
{
    device->state = DMA_OFF;
    device->watched = false;
    dma_flushes(device);
    device->life++;
}

void dma_device_settle(struct dma_device *device)
{
    if (device->refs == 0 && device->mappings == 0 && device->state != DMA_OFF) {
        ends(device);
    }
}

void dma_model_dma_enable(const struct model_op *op)
{
    keel_pci_device_t name = {dma_name(DMA_DEVICE, op->names[0])};
    struct dma_device *device = dma_device_named(name.value);
    uint64_t limit = op->numbers[0] < 0xe0 ? op->numbers[0] % 16u : op->numbers[0] * UINT64_C(4);
    keel_status_t expected = dma_known(device);
    if (device != NULL && (device->bridge || (!dma_model.held && !dma_model.trusted))) {
        expected = KEEL_E_UNSUPPORTED;
    } else if (device != NULL && device->state != DMA_OFF) {
        expected = KEEL_E_EXISTS;
    }
    model_call("dma_enable(0x%llx, %llu)", SHOW(name.value), SHOW(limit));
    keel_status_t status = keel_dma_enable(name, limit);
    if (!dma_lacks_memory(status, expected, 8) && model_answer(status, expected)) {
        device->state = DMA_ON;
        device->life++;
        device->page_limit = limit != 0 ? limit : NO_LIMIT;
        device->faults = 0;
        device->faults_max = device->fresh;
    }
}

void dma_model_dma_disable(const struct model_op *op)
{
    keel_pci_device_t name = {dma_name(DMA_DEVICE, op->names[0])};
    struct dma_device *device = dma_device_named(name.value);
    keel_status_t expected = dma_known(device);
    model_call("dma_disable(0x%llx)", SHOW(name.value));
    expected = device != NULL && device->state == DMA_OFF ? KEEL_E_NOT_FOUND : expected;
    if (model_answer(keel_dma_disable(name), expected)) {
        ends(device);
    }
}

/* The event is signalled at once if the device was cut off, otherwise when it is. */
void dma_model_dma_watch(const struct model_op *op)
{
    keel_pci_device_t name = {dma_name(DMA_DEVICE, op->names[0])};
    struct dma_device *device = dma_device_named(name.value);
    uint64_t event = op->names[1] < 0x40   ? 0
                     : op->names[1] < 0xc0 ? dma_model.event
                                           : dma_name(DMA_EVENT, op->names[1]);
    bool good = event == 0 || event == dma_model.event;
    keel_status_t expected = good ? dma_known(device) : KEEL_E_BAD_HANDLE;
    if (expected == KEEL_OK && device->state == DMA_OFF) {
        expected = KEEL_E_NOT_FOUND;
    }
    model_call("dma_watch(0x%llx, 0x%llx)", SHOW(name.value), SHOW(event));
    if (model_answer(keel_dma_watch(name, (keel_event_t){event}), expected)) {
        device->watched = device->state == DMA_ON && event != 0;
        dma_model.signals += device->state == DMA_CUT_OFF && event != 0;
    }
}

void dma_model_dma_flush(const struct model_op *op)
{
    keel_pci_device_t name = {dma_name(DMA_DEVICE, op->names[0])};
    struct dma_device *device = dma_device_named(name.value);
    model_call("dma_flush(0x%llx)", SHOW(name.value));
    if (model_answer(keel_dma_flush(name), dma_known(device))) {
        dma_flushes(device);
        device->flushed = true;
    }
}

/* --- Attempts --- */

/* What Keel says of a device; adopts what the model cannot know: how many attempts were recorded. `all`: none
 * was lost, and all have been looked at. */
static void compare(struct dma_device *device, bool all)
{
    struct keel_dma_state state = {0};
    model_answer(keel_dma_state((keel_pci_device_t){device->handle}, &state), KEEL_OK);
    if (state.faults < (all ? device->faults_max : device->faults) || state.faults > device->faults_max) {
        model_fail("attempts told of: %llu, the model says %llu to %llu", SHOW(state.faults),
                   SHOW(all ? device->faults_max : device->faults), SHOW(device->faults_max));
    }
    if (all && device->fresh > 0 && state.faults > 0) {
        model_equal(state.fault_address, device->last_address, "the address of the last attempt");
    }
    device->faults = state.faults;
    if (device->state == DMA_ON && state.faults > KEEL_DMA_FAULTS_MAX) { /* D8 */
        device->state = DMA_CUT_OFF;
        device->flushed = false;
        dma_model.signals += device->watched;
        device->watched = false;
    }
    model_equal(state.enabled, device->state == DMA_ON, "the device's DMA is enabled");
    model_equal(state.cut_off, device->state == DMA_CUT_OFF, "the device is cut off");
    model_equal(state.pages, dma_pages(device), "pages of the device");
    model_equal(state.page_limit, device->page_limit, "the limit of its pages");
}

void dma_model_dma_state(const struct model_op *op)
{
    keel_pci_device_t name = {dma_name(DMA_DEVICE, op->names[0])};
    struct dma_device *device = dma_device_named(name.value);
    struct keel_dma_state state;
    model_call("dma_state(0x%llx)", SHOW(name.value));
    if (model_answer(keel_dma_state(name, &state), dma_known(device))) {
        compare(device, false);
    }
}

/* Of so many attempts since the last look none is lost: units have few records, the second one 2. */
static bool is_few(const struct dma_device *device)
{
    uint64_t all = 0;
    for (unsigned i = 0; i < DMA_DEVICES; i++) {
        bool same_unit = (dma_model.devices[i].source >> 8 & 1) == (device->source >> 8 & 1);
        all += same_unit ? dma_model.devices[i].fresh : 0;
    }
    return all <= ((model_report.flags & DMA_AMD) != 0 ? 100 : 2);
}

void dma_look(void)
{
    model_answer(keel_task_sleep(LOOK_TIME), KEEL_OK);
    for (unsigned i = 0; i < DMA_DEVICES; i++) {
        struct dma_device *device = &dma_model.devices[i];
        device->unsure = device->unsure || !is_few(device);
        if (device->refs > 0) {
            compare(device, !device->unsure);
            device->faults_max = device->faults;
            device->unsure = false;
        }
    }
    for (unsigned i = 0; i < DMA_DEVICES; i++) {
        dma_model.devices[i].fresh = 0;
    }
}

void dma_model_time_passes(const struct model_op *op)
{
    (void)op;
    model_call("time passes");
    dma_look();
}

void dma_compare_devices(void)
{
    uint64_t signals;
    for (unsigned i = 0; i < DMA_DEVICES; i++) {
        if (dma_model.devices[i].refs > 0) {
            compare(&dma_model.devices[i], false);
        }
    }
    model_answer(keel_event_sequence((keel_event_t){dma_model.event}, &signals), KEEL_OK);
    model_equal(signals, dma_model.signals, "devices cut off that were watched");
}
