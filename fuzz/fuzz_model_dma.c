/* SPDX-License-Identifier: BSD-2-Clause
 *
 * fuzz_model_dma: memory mapped for devices, beside a model of what each of them reaches (model_dma.h). After
 * every call a device reads or writes, at an address that leads somewhere, does not any more, never did, or
 * is another device's: it must get through, and to the bytes that it should, exactly if the model says so.
 * Every so often everything is compared and the machine is audited; in the end no frame may be missing (M8).
 *
 * KEEL_PRINT=1 in the environment prints the calls and the console.
 */
#include <string.h>

#include "core/frame.h"
#include "model_dma.h"
#include "services/buddy.h"

#define STEP_LIMIT UINT64_C(40000000)

struct model_dma dma_model;
unsigned char dma_bytes[DMA_FRAMES * KEEL_PAGE_SIZE];
unsigned char dma_buffer[DMA_BUFFER];

/* The default policy with books of its own, new for each execution. */
static struct services_buddy buddy;
static uint64_t buddy_words[SERVICES_BUDDY_WORDS(DMA_FRAMES)];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

uint64_t dma_name(enum dma_kind kind, uint8_t byte)
{
    return model_pick(dma_model.names, DMA_KINDS, kind, byte);
}

void dma_made(enum dma_kind kind, const struct model_op *op, uint64_t handle)
{
    model_is_new(handle);
    dma_model.names[kind][op->slot % MODEL_SLOTS] = handle;
    model_note("#%u: 0x%llx", op->slot % MODEL_SLOTS, (unsigned long long)handle);
}

keel_status_t dma_known(const void *named)
{
    return named != NULL ? KEEL_OK : KEEL_E_BAD_HANDLE;
}

keel_status_t dma_copy_status(const void *named, uint64_t room, uint64_t offset, uint64_t size)
{
    return named == NULL                             ? KEEL_E_BAD_HANDLE
           : offset <= room && size <= room - offset ? KEEL_OK
                                                     : KEEL_E_INVALID;
}

uint64_t dma_offset(uint8_t byte)
{
    static const uint64_t extremes[] = {KEEL_PAGE_SIZE - 1,     KEEL_PAGE_SIZE,     KEEL_PAGE_SIZE + 1,
                                        2 * KEEL_PAGE_SIZE - 8, 4 * KEEL_PAGE_SIZE, UINT64_C(1) << 63,
                                        UINT64_MAX - 7,         UINT64_MAX};
    return byte < 0xf0 ? byte * UINT64_C(72) : extremes[byte % 8];
}

size_t dma_size(uint8_t byte)
{
    return byte < 0xe0 ? byte : (byte & 0xfu) * (DMA_BUFFER / 15);
}

void dma_fill(uint8_t byte, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        dma_buffer[i] = (unsigned char)(byte + i * 7 + i / 256);
    }
}

static void compare(void)
{
    model_report.comparing = true;
    dma_compare_segments();
    dma_compare_mappings();
    dma_compare_devices();
    model_audit();
    model_report.comparing = false;
}

bool dma_lacks_memory(keel_status_t status, keel_status_t expected, uint64_t need)
{
    if (status != KEEL_E_NO_MEMORY || expected != KEEL_OK) {
        return false;
    }
    if (frame_free_count() >= need) {
        model_fail("finds no memory, but %llu frames are free", (unsigned long long)frame_free_count());
    }
    model_note("%s", keel_status_text(status));
    compare();
    return true;
}

/* --- Handles --- */

void dma_model_handle_offer(const struct model_op *op)
{
    uint64_t handle = dma_name(op->numbers[0] % DMA_KINDS, op->names[0]);
    uint64_t live[OBJECT_KIND_COUNT] = {[OBJECT_EVENT] = dma_model.event};
    enum object_kind is = handle == dma_model.event ? OBJECT_EVENT : OBJECT_NONE;
    is = dma_device_named(handle) != NULL ? OBJECT_PCI_DEVICE : is;
    is = dma_segment_named(handle) != NULL ? OBJECT_SEGMENT : is;
    is = dma_mapping_named(handle) != NULL ? OBJECT_DMA : is;
    for (unsigned i = 0; i < DMA_DEVICES; i++) {
        live[OBJECT_PCI_DEVICE] =
            dma_model.devices[i].refs > 0 ? dma_model.devices[i].handle : live[OBJECT_PCI_DEVICE];
    }
    for (unsigned i = 0; i < DMA_SEGMENTS; i++) {
        live[OBJECT_SEGMENT] =
            dma_model.segments[i].refs > 0 ? dma_model.segments[i].handle : live[OBJECT_SEGMENT];
    }
    model_call("handle_offer(0x%llx)", (unsigned long long)handle);
    model_offer(handle, is, live);
}

/* --- The run --- */

static void execute(const struct model_op *op)
{
#define OPERATION(name) dma_model_##name,
    static void (*const operations[])(const struct model_op *) = {DMA_OPERATIONS(OPERATION)};
#undef OPERATION
    for (unsigned i = 0; i < DMA_DEVICES; i++) {
        const struct dma_device *device = &dma_model.devices[i];
        if (device->refs > 0 && device->state == DMA_ON && device->faults_max > KEEL_DMA_FAULTS_MAX) {
            dma_look(); /* it may be cut off at any moment */
        }
    }
    operations[op->op % (sizeof(operations) / sizeof(operations[0]))](op);
    dma_probe(op);
}

static void begin(void)
{
    static const uint32_t functions[DMA_DEVICES] = {2, 3, 5, 1}; /* of hosted_pci_bus */
    keel_event_t event = {0};
    for (unsigned i = 0; i < DMA_DEVICES; i++) {
        struct keel_pci_device_info info = {0};
        model_answer(keel_pci_device_info(functions[i], &info), KEEL_OK);
        dma_model.devices[i] =
            (struct dma_device){.index = functions[i],
                                .source = (uint16_t)(info.bus << 8 | info.device << 3 | info.function),
                                .bridge = info.header != 0};
    }
    if ((model_report.flags & DMA_DEFAULT_POLICIES) != 0) {
        memset(&buddy, 0, sizeof(buddy));
        memset(buddy_words, 0, sizeof(buddy_words));
        struct keel_frame_allocator allocator = services_buddy_policy(&buddy, buddy_words, DMA_FRAMES);
        model_call("inject");
        model_answer(keel_frame_allocator_inject(&allocator), KEEL_OK);
    }
    model_answer(keel_event_create(&event), KEEL_OK);
    dma_model.event = event.value;
    dma_model.names[DMA_EVENT][0] = event.value;
}

static void end(void)
{
    model_call("everything is released");
    for (unsigned i = 0; i < DMA_MAPPINGS; i++) {
        struct dma_mapping *mapping = &dma_model.mappings[i];
        for (; mapping->used && mapping->refs > 0; mapping->refs--) {
            mapping->device->mappings -= mapping->refs == 1;
            model_answer(keel_dma_release((keel_dma_t){mapping->handle}), KEEL_OK);
        }
    }
    for (unsigned i = 0; i < DMA_DEVICES; i++) {
        struct dma_device *device = &dma_model.devices[i];
        for (; device->refs > 0; device->refs--) {
            model_answer(keel_pci_device_release((keel_pci_device_t){device->handle}), KEEL_OK);
        }
    }
    for (unsigned i = 0; i < DMA_SEGMENTS; i++) {
        struct dma_segment *segment = &dma_model.segments[i];
        for (; segment->refs > 0; segment->refs--) {
            model_answer(keel_segment_release((keel_segment_t){segment->handle}), KEEL_OK);
        }
    }
    model_answer(keel_event_release((keel_event_t){dma_model.event}), KEEL_OK);
}

int32_t keel_main(void)
{
    uint64_t taken_before = frame_total() - frame_free_count();
    begin();
    for (; model_report.op_index < model_report.op_count; model_report.op_index++) {
        struct model_op op = model_op_now();
        execute(&op);
        if (model_period_ends()) {
            compare();
        }
    }
    compare();
    end();
    model_call("the end");
    model_audit();
    model_equal(model_objects(OBJECT_DMA), 0, "mappings that there are in the end");
    model_equal(model_objects(OBJECT_PCI_DEVICE), 0, "devices that somebody has in the end");
    model_equal(model_objects(OBJECT_SEGMENT), 0, "segments that there are in the end");
    model_equal(model_objects(OBJECT_EVENT), 0, "events that there are in the end");
    model_equal(frame_total() - frame_free_count(), taken_before, "frames in use in the end (M8)");
    return 0;
}

static unsigned units(uint8_t flags)
{
    return (DMA_NO_UNITS(flags) ? HOSTED_IOMMU_NONE : 0) | ((flags & DMA_AMD) != 0 ? HOSTED_IOMMU_AMD : 0) |
           ((flags & DMA_REGISTERS) != 0 ? HOSTED_IOMMU_REGISTERS : 0) |
           ((flags & DMA_NARROW) != 0 ? HOSTED_IOMMU_NARROW : 0) |
           ((flags & DMA_PLAIN) != 0 ? HOSTED_IOMMU_PLAIN : 0);
}

/* Units without a queue do not remap interrupts: without trust they let nobody have DMA. */
static bool trusts(uint8_t flags)
{
    return DMA_TRUST(flags) || (!DMA_NO_UNITS(flags) && (flags & DMA_REGISTERS) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char trust[] = "keel.dma=trust-devices";
    if (!model_input("model_dma", data, size)) {
        return 0;
    }
    memset(&dma_model, 0, sizeof(dma_model));
    dma_model.held = !DMA_NO_UNITS(data[0]);
    dma_model.trusted = DMA_TRUST(data[0]);
    model_run((struct hosted_config){
        .ram_size = DMA_MUCH_MEMORY(data[0]) ? DMA_RAM_MUCH : DMA_RAM,
        .cpu_count = 1,
        .strategy = HOSTED_SEQUENTIAL,
        .iommu = units(data[0]),
        .command_line = trust,
        .command_line_size = trusts(data[0]) ? sizeof(trust) - 1 : 0,
        .step_limit = STEP_LIMIT,
    });
    return 0;
}
