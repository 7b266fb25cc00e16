/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Accesses in the model of fuzz_model_dma: by the calls, and by devices.
 */
#include <string.h>

#include "model_dma.h"

#define SHOW(value)     ((unsigned long long)(value))
#define PAGE            KEEL_PAGE_SIZE
#define ACCESS_MAX      16u
#define ATTEMPTS_ENOUGH 200u /* of one device: those that are to cut it off are storms */

/* --- By calls --- */

static keel_status_t copy_status(const struct dma_mapping *mapping, uint64_t offset, uint64_t size)
{
    return dma_copy_status(mapping, mapping != NULL ? mapping->page_count * PAGE : 0, offset, size);
}

/* Page by page, one of which may be several times in a list. */
static void copy(const struct dma_mapping *mapping, uint64_t offset, unsigned char *bytes, size_t size,
                 bool write)
{
    for (size_t done = 0, now; done < size; done += now) {
        uint64_t at = offset + done;
        now = size - done < PAGE - at % PAGE ? size - done : PAGE - at % PAGE;
        unsigned char *there = dma_page(mapping, at / PAGE) + at % PAGE;
        memcpy(write ? there : bytes + done, write ? bytes + done : there, now);
    }
}

static unsigned char expected_bytes[DMA_BUFFER];

void dma_model_dma_read(const struct model_op *op)
{
    keel_dma_t name = {dma_name(DMA_MAPPING, op->names[0])};
    struct dma_mapping *mapping = dma_mapping_named(name.value);
    uint64_t offset = dma_offset(op->numbers[0]);
    size_t size = dma_size(op->size);
    model_call("dma_read(0x%llx, 0x%llx, [%zu])", SHOW(name.value), SHOW(offset), size);
    if (model_answer(keel_dma_read(name, offset, dma_buffer, size), copy_status(mapping, offset, size))) {
        copy(mapping, offset, expected_bytes, size, false);
        model_equal_bytes(dma_buffer, expected_bytes, size, "a mapping");
    }
}

void dma_model_dma_write(const struct model_op *op)
{
    keel_dma_t name = {dma_name(DMA_MAPPING, op->names[0])};
    struct dma_mapping *mapping = dma_mapping_named(name.value);
    uint64_t offset = dma_offset(op->numbers[0]);
    size_t size = dma_size(op->size);
    dma_fill(op->numbers[1], size);
    model_call("dma_write(0x%llx, 0x%llx, [%zu])", SHOW(name.value), SHOW(offset), size);
    if (model_answer(keel_dma_write(name, offset, dma_buffer, size), copy_status(mapping, offset, size))) {
        copy(mapping, offset, dma_buffer, size, true);
    }
}

static keel_status_t single_status(const struct dma_mapping *mapping, uint64_t offset, uint32_t width)
{
    bool good = (width == 1 || width == 2 || width == 4 || width == 8) && offset % width == 0;
    keel_status_t status = copy_status(mapping, offset, width);
    return status == KEEL_OK && !good ? KEEL_E_INVALID : status;
}

static uint32_t width_of(uint8_t byte)
{
    return byte < 0xf0 ? 1u << byte % 4 : byte % 16u;
}

static uint64_t single_offset(const struct model_op *op, uint32_t width)
{
    uint64_t offset = dma_offset(op->numbers[0]);
    return op->slot >= 0xc0 || width == 0 ? offset : offset - offset % width;
}

void dma_model_dma_load(const struct model_op *op)
{
    keel_dma_t name = {dma_name(DMA_MAPPING, op->names[0])};
    struct dma_mapping *mapping = dma_mapping_named(name.value);
    uint32_t width = width_of(op->numbers[1]);
    uint64_t offset = single_offset(op, width), value = 0, expected = 0;
    model_call("dma_load(0x%llx, 0x%llx, %u)", SHOW(name.value), SHOW(offset), width);
    if (model_answer(keel_dma_load(name, offset, width, &value), single_status(mapping, offset, width))) {
        memcpy(&expected, dma_page(mapping, offset / PAGE) + offset % PAGE, width);
        model_equal(value, expected, "the value");
    }
}

void dma_model_dma_store(const struct model_op *op)
{
    keel_dma_t name = {dma_name(DMA_MAPPING, op->names[0])};
    struct dma_mapping *mapping = dma_mapping_named(name.value);
    uint32_t width = width_of(op->numbers[1]);
    uint64_t offset = single_offset(op, width);
    uint64_t value = op->numbers[2] < 0xc0 ? op->numbers[2] : op->numbers[2] * UINT64_C(0x0101010101010101);
    bool fits = width >= 8 || value >> 8 * width == 0;
    keel_status_t status = single_status(mapping, offset, width);
    model_call("dma_store(0x%llx, 0x%llx, %u, 0x%llx)", SHOW(name.value), SHOW(offset), width, SHOW(value));
    if (model_answer(keel_dma_store(name, offset, width, value),
                     status == KEEL_OK && !fits ? KEEL_E_INVALID : status)) {
        memcpy(dma_page(mapping, offset / PAGE) + offset % PAGE, &value, width);
    }
}

void dma_model_dma_sync(const struct model_op *op)
{
    keel_dma_t name = {dma_name(DMA_MAPPING, op->names[0])};
    model_call("dma_sync(0x%llx)", SHOW(name.value));
    model_answer(keel_dma_sync(name), dma_known(dma_mapping_named(name.value)));
}

void dma_model_dma_info(const struct model_op *op)
{
    keel_dma_t name = {dma_name(DMA_MAPPING, op->names[0])};
    struct keel_dma_info info;
    model_call("dma_info(0x%llx)", SHOW(name.value));
    if (model_answer(keel_dma_info(name, &info), dma_known(dma_mapping_named(name.value)))) {
        model_equal(info.address, dma_mapping_named(name.value)->address, "a mapping's address");
    }
}

/* --- By devices --- */

enum reach { BLOCKED, REACHED, EITHER };

/* Where the device's address leads. EITHER: it did until something that nobody has waited for. */
static enum reach reach_of(const struct dma_device *device, uint64_t address, bool write,
                           unsigned char **page)
{
    uint32_t wanted = write ? KEEL_DMA_FROM_DEVICE : KEEL_DMA_TO_DEVICE;
    for (unsigned i = 0; i < DMA_MAPPINGS; i++) {
        const struct dma_mapping *mapping = &dma_model.mappings[i];
        bool meant = mapping->used && mapping->device == device && mapping->life == device->life &&
                     device->state != DMA_OFF && address >= mapping->address &&
                     (address - mapping->address) / PAGE < mapping->page_count;
        if (meant) {
            *page = dma_page(mapping, (address - mapping->address) / PAGE);
            bool cut = device->state == DMA_CUT_OFF;
            bool never = (mapping->direction & wanted) == 0 || (cut && device->flushed);
            return never ? BLOCKED : cut || dma_is_captive(mapping) ? EITHER : REACHED;
        }
    }
    return BLOCKED;
}

static bool may_try(const struct dma_device *device, enum reach reach)
{
    bool blocks = dma_model.held && (device->refs > 0 || device->faults_max < ATTEMPTS_ENOUGH);
    return reach == REACHED || blocks;
}

/* One access within a page. */
static void reach_for(struct dma_device *device, uint64_t address, size_t size, bool write, uint8_t byte)
{
    unsigned char bytes[ACCESS_MAX], before[ACCESS_MAX], *page = NULL;
    enum reach reach = reach_of(device, address, write, &page);
    size = size < PAGE - address % PAGE ? size : PAGE - address % PAGE;
    if (!may_try(device, reach)) {
        return;
    }
    dma_fill(byte, size);
    memcpy(bytes, dma_buffer, size);
    memcpy(before, bytes, size);
    model_call("device 0x%x %s 0x%llx, [%zu]", device->source, write ? "writes" : "reads", SHOW(address),
               size);
    bool passed = hosted_dma(device->source, address, bytes, size, write);
    model_note("%s", passed ? "passes" : "is blocked");
    if (passed != (reach == REACHED) && reach != EITHER) {
        model_fail("%s (D1)", passed ? "passes, the model says that it is blocked"
                                     : "is blocked, the model says that it passes");
    }
    if (!passed) {
        device->fresh++;
        device->faults_max++;
        device->last_address = address - address % PAGE;
        model_equal_bytes(bytes, before, size, "what a device reads in vain");
    } else if (write) {
        memcpy(page + address % PAGE, bytes, size);
    } else {
        model_equal_bytes(bytes, page + address % PAGE, size, "what a device reads");
    }
}

/* Mapping number `byte` of those that are used, whoever has it; NULL: there is none. */
static const struct dma_mapping *any_mapping(uint8_t byte)
{
    const struct dma_mapping *found[DMA_MAPPINGS];
    unsigned count = 0;
    for (unsigned i = 0; i < DMA_MAPPINGS; i++) {
        found[count] = &dma_model.mappings[i];
        count += dma_model.mappings[i].used;
    }
    return count > 0 ? found[byte % count] : NULL;
}

/* An address where something is, was, or never was, and the device for which. */
static uint64_t choose(uint8_t kind, uint8_t which, struct dma_device **device)
{
    static const uint64_t wild[] = {0,
                                    0x5000,
                                    UINT64_C(1) << 26,
                                    UINT64_C(1) << 30,
                                    UINT64_C(1) << 38,
                                    UINT64_C(0xfffffffff000),
                                    UINT64_C(0x123456789000)};
    const struct dma_mapping *mapping = any_mapping(which);
    uint64_t size = mapping != NULL ? mapping->page_count * PAGE : 0;
    *device = mapping != NULL ? mapping->device : &dma_model.devices[which % DMA_DEVICES];
    switch (kind % 8) {
    case 0:
    case 1:
    case 2:
        return mapping != NULL ? mapping->address + which % mapping->page_count * PAGE : 0;
    case 3: /* its last page, and what is around it */
        return mapping != NULL ? mapping->address + size - PAGE : 0;
    case 4:
        return mapping != NULL ? mapping->address + size : 0;
    case 5:
        if (dma_model.gone[which % DMA_GONE].device != NULL) {
            *device = dma_model.gone[which % DMA_GONE].device;
        }
        return dma_model.gone[which % DMA_GONE].address;
    case 6: /* a frame's own address */
        return dma_model.segments[which % DMA_SEGMENTS].first * PAGE;
    default:
        return wild[which % (sizeof(wild) / sizeof(wild[0]))];
    }
}

static void access_by(const struct model_op *op, bool write)
{
    struct dma_device *device;
    uint64_t address = choose(op->numbers[0], op->numbers[1], &device);
    if (op->names[0] >= 0x80) { /* another one than whose address it is */
        device = &dma_model.devices[op->names[0] % DMA_DEVICES];
    }
    reach_for(device, address + op->numbers[2] * UINT64_C(16), 1 + op->size % ACCESS_MAX, write, op->slot);
}

void dma_model_device_reads(const struct model_op *op)
{
    access_by(op, false);
}

void dma_model_device_writes(const struct model_op *op)
{
    access_by(op, true);
}

/* It tries on and on; units have few records, so time has to pass. */
void dma_model_device_storms(const struct model_op *op)
{
    struct dma_device *device = dma_device_named(dma_name(DMA_DEVICE, op->names[0]));
    for (unsigned i = 0; device != NULL && i < op->numbers[0] % 150u; i++) {
        reach_for(device, UINT64_C(0x7000), 1, true, 0);
        reach_for(device, UINT64_C(0x8000), 1, false, 0);
        dma_look();
    }
}

void dma_probe(const struct model_op *op)
{
    struct dma_device *device;
    uint8_t which = (uint8_t)(op->op + op->names[0] + op->numbers[1] + op->slot + model_report.op_index);
    uint64_t address = choose(which, (uint8_t)(op->names[1] + op->numbers[0] + which), &device);
    bool write = (op->numbers[2] & 1) != 0;
    unsigned char *page;
    enum reach reach = reach_of(device, address, write, &page);
    if (reach == REACHED || device->faults_max < ATTEMPTS_ENOUGH) {
        reach_for(device, address, 4, write, op->slot);
    }
}
