/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Mappings in the model of fuzz_model_dma: how they come and go.
 */
#include "model_dma.h"

#define SHOW(value) ((unsigned long long)(value))
#define SPACE       (UINT64_C(1) << 30) /* devices' addresses are below it, unless they are trusted */
/* Frames for tables that one mapping may need. */
#define TABLES_MAX 40u

struct dma_mapping *dma_mapping_named(uint64_t handle)
{
    for (unsigned i = 0; i < DMA_MAPPINGS; i++) {
        if (dma_model.mappings[i].used && dma_model.mappings[i].refs > 0 &&
            dma_model.mappings[i].handle == handle) {
            return &dma_model.mappings[i];
        }
    }
    return NULL;
}

bool dma_is_captive(const struct dma_mapping *mapping)
{
    return mapping->used && mapping->refs == 0;
}

static bool is_alive(const struct dma_mapping *mapping)
{
    return mapping->device->state != DMA_OFF && mapping->life == mapping->device->life;
}

uint64_t dma_pages(const struct dma_device *device)
{
    uint64_t pages = 0;
    for (unsigned i = 0; i < DMA_MAPPINGS; i++) {
        const struct dma_mapping *mapping = &dma_model.mappings[i];
        pages += mapping->used && mapping->device == device ? mapping->page_count : 0;
    }
    return pages;
}

static unsigned used(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < DMA_MAPPINGS; i++) {
        count += dma_model.mappings[i].used;
    }
    return count;
}

/* --- The ends --- */

static void lets_go(struct dma_mapping *mapping)
{
    mapping->used = false;
    for (uint32_t i = 0; i < mapping->piece_count; i++) {
        mapping->pieces[i].segment->mappings--;
        dma_segment_settle(mapping->pieces[i].segment);
    }
}

static unsigned captives(const struct dma_device *device)
{
    unsigned count = 0;
    for (unsigned i = 0; i < DMA_MAPPINGS; i++) {
        count += dma_model.mappings[i].device == device && dma_is_captive(&dma_model.mappings[i]);
    }
    return count;
}

void dma_flushes(struct dma_device *device)
{
    for (unsigned i = 0; i < DMA_MAPPINGS; i++) {
        if (dma_model.mappings[i].device == device && dma_is_captive(&dma_model.mappings[i])) {
            lets_go(&dma_model.mappings[i]);
        }
    }
}

/* The last reference is gone. */
static void unmap(struct dma_mapping *mapping)
{
    struct dma_device *device = mapping->device;
    dma_model.gone[dma_model.gone_next].device = device;
    dma_model.gone[dma_model.gone_next].address = mapping->address;
    dma_model.gone_next = (dma_model.gone_next + 1) % DMA_GONE;
    if (!mapping->later || !is_alive(mapping) || dma_model.trusted) {
        lets_go(mapping);
    } else if (captives(device) == KEEL_DMA_BATCH) {
        dma_flushes(device);
    }
    device->mappings--;
    dma_device_settle(device);
}

static void release(const struct model_op *op, const char *call, keel_status_t (*make)(keel_dma_t),
                    bool later)
{
    keel_dma_t name = {dma_name(DMA_MAPPING, op->names[0])};
    struct dma_mapping *mapping = dma_mapping_named(name.value);
    model_call("%s(0x%llx)", call, SHOW(name.value));
    if (model_answer(make(name), dma_known(mapping))) {
        mapping->later = later;
        if (--mapping->refs == 0) {
            unmap(mapping);
        }
    }
}

void dma_model_dma_release(const struct model_op *op)
{
    release(op, "dma_release", keel_dma_release, false);
}

void dma_model_dma_release_later(const struct model_op *op)
{
    release(op, "dma_release_later", keel_dma_release_later, true);
}

/* --- Mapping --- */

static uint64_t rounded(uint64_t page_count)
{
    uint64_t size = 1;
    while (size < page_count) {
        size *= 2;
    }
    return size;
}

/* Are all addresses of that size taken? */
static bool is_full(const struct dma_device *device, uint64_t page_count)
{
    uint64_t taken = 0;
    for (unsigned i = 0; i < DMA_MAPPINGS; i++) {
        const struct dma_mapping *mapping = &dma_model.mappings[i];
        bool same = mapping->used && mapping->device == device && is_alive(mapping);
        taken += same && rounded(mapping->page_count) == rounded(page_count) ? rounded(page_count) : 0;
    }
    return taken >= KEEL_DMA_SMALL_PAGES_MAX;
}

static bool has_room(const struct dma_device *device, const struct dma_mapping *wanted)
{
    uint64_t pages = dma_pages(device);
    return pages <= device->page_limit && wanted->page_count <= device->page_limit - pages &&
           (dma_model.trusted || !is_full(device, wanted->page_count));
}

/* What the call answers when its arguments are right: it flushes where that may make room. */
static keel_status_t map_status(struct dma_device *device, const struct dma_mapping *wanted)
{
    if (used() == object_slots(OBJECT_DMA)) {
        dma_flushes(device);
    }
    if (used() == object_slots(OBJECT_DMA)) {
        return KEEL_E_LIMIT;
    }
    if (device->state != DMA_ON) {
        return KEEL_E_NOT_FOUND;
    }
    if (dma_model.trusted && wanted->piece_count > 1) {
        return KEEL_E_UNSUPPORTED;
    }
    if (!has_room(device, wanted)) {
        dma_flushes(device);
    }
    return has_room(device, wanted) ? KEEL_OK : KEEL_E_LIMIT;
}

static bool overlaps(const struct dma_mapping *left, const struct dma_mapping *right)
{
    return left->address < right->address + right->page_count * KEEL_PAGE_SIZE &&
           right->address < left->address + left->page_count * KEEL_PAGE_SIZE;
}

/* No address leads to two pages, captive ones included (D2). */
static void check_address(const struct dma_mapping *mapping)
{
    if (dma_model.trusted) {
        uint64_t frame = mapping->pieces[0].segment->first + mapping->pieces[0].index;
        model_equal(mapping->address, frame * KEEL_PAGE_SIZE, "the address for a device that is trusted");
        return;
    }
    model_equal(mapping->address % (rounded(mapping->page_count) * KEEL_PAGE_SIZE), 0,
                "a mapping's address in its alignment");
    if (mapping->address >= SPACE || mapping->page_count * KEEL_PAGE_SIZE > SPACE - mapping->address) {
        model_fail("the address 0x%llx is not below 1 GiB", SHOW(mapping->address));
    }
    for (unsigned i = 0; i < DMA_MAPPINGS; i++) {
        const struct dma_mapping *other = &dma_model.mappings[i];
        if (other != mapping && other->used && other->device == mapping->device && is_alive(other) &&
            overlaps(mapping, other)) {
            model_fail("the address 0x%llx is given out twice (D2)", SHOW(mapping->address));
        }
    }
}

static void compare(const struct dma_mapping *mapping)
{
    struct keel_dma_info info = {.reserved = 9};
    model_answer(keel_dma_info((keel_dma_t){mapping->handle}, &info), KEEL_OK);
    model_equal(info.address, mapping->address, "a mapping's address");
    model_equal(info.page_count, mapping->page_count, "a mapping's pages");
    model_equal(info.direction, mapping->direction, "a mapping's direction");
    model_equal(info.reserved, 0, "what is reserved");
}

/* The call was made, and all but `wanted`'s handle and address is known. */
static void finish(const struct model_op *op, struct dma_device *device, struct dma_mapping *wanted,
                   keel_status_t status, keel_status_t expected)
{
    struct keel_dma_info info = {0};
    struct dma_mapping *mapping = dma_model.mappings;
    if (dma_lacks_memory(status, expected, TABLES_MAX) || !model_answer(status, expected)) {
        return;
    }
    while (mapping->used) {
        mapping++;
    }
    model_answer(keel_dma_info((keel_dma_t){wanted->handle}, &info), KEEL_OK);
    *mapping = *wanted;
    mapping->used = true;
    mapping->refs = 1;
    mapping->device = device;
    mapping->life = device->life;
    mapping->address = info.address;
    device->mappings++;
    for (uint32_t i = 0; i < mapping->piece_count; i++) {
        mapping->pieces[i].segment->mappings++;
    }
    check_address(mapping);
    compare(mapping);
    dma_made(DMA_MAPPING, op, mapping->handle);
}

static bool is_direction(uint32_t direction)
{
    return direction >= KEEL_DMA_TO_DEVICE && direction <= KEEL_DMA_BOTH;
}

static uint64_t number(uint8_t byte)
{
    return byte < 0xf0 ? byte % 8u : byte < 0xf8 ? DMA_LARGE : UINT64_MAX - byte % 8u;
}

void dma_model_dma_map(const struct model_op *op)
{
    keel_pci_device_t name = {dma_name(DMA_DEVICE, op->names[0])};
    keel_segment_t segment_name = {dma_name(DMA_SEGMENT, op->names[1])};
    struct dma_device *device = dma_device_named(name.value);
    struct dma_segment *segment = dma_segment_named(segment_name.value);
    uint64_t index = number(op->numbers[0]), page_count = number(op->numbers[1]);
    uint32_t direction = op->numbers[2] < 0xf0 ? 1 + op->numbers[2] % 3u : op->numbers[2] % 8u;
    struct dma_mapping wanted = {.page_count = page_count,
                                 .direction = direction,
                                 .piece_count = 1,
                                 .pieces = {{segment, index, page_count}}};
    keel_dma_t made = {0};
    model_call("dma_map(0x%llx, 0x%llx, %llu, %llu, %u)", SHOW(name.value), SHOW(segment_name.value),
               SHOW(index), SHOW(page_count), direction);
    keel_status_t expected = device == NULL || segment == NULL ? KEEL_E_BAD_HANDLE : KEEL_OK;
    if (expected == KEEL_OK && (!is_direction(direction) || !dma_segment_has(segment, index, page_count))) {
        expected = KEEL_E_INVALID;
    }
    expected = expected == KEEL_OK ? map_status(device, &wanted) : expected;
    keel_status_t status = keel_dma_map(name, segment_name, index, page_count, direction, &made);
    wanted.handle = made.value;
    finish(op, device, &wanted, status, expected);
}

/* Pieces of neighbouring names; the same segment may come several times. */
static keel_status_t list_of(const struct model_op *op, struct keel_dma_list *list,
                             struct dma_mapping *wanted)
{
    keel_status_t status = KEEL_OK;
    for (uint32_t i = 0; i < list->count && i < KEEL_DMA_PIECES_MAX; i++) {
        uint64_t handle = dma_name(DMA_SEGMENT, (uint8_t)(op->names[1] + (op->size >> i % 8 & 1)));
        struct dma_segment *segment = dma_segment_named(handle);
        uint64_t index = op->numbers[0] >> i % 8 & 1, page_count = 1u + (op->numbers[1] >> i % 8 & 1);
        list->pieces[i] = (struct keel_dma_piece){{handle}, index, page_count};
        wanted->pieces[i] = (struct dma_model_piece){segment, index, page_count};
        wanted->page_count += page_count;
        if (status == KEEL_OK && segment == NULL) {
            status = KEEL_E_BAD_HANDLE;
        } else if (status == KEEL_OK && !dma_segment_has(segment, index, page_count)) {
            status = KEEL_E_INVALID;
        }
    }
    wanted->piece_count = list->count;
    return status;
}

void dma_model_dma_map_list(const struct model_op *op)
{
    keel_pci_device_t name = {dma_name(DMA_DEVICE, op->names[0])};
    struct dma_device *device = dma_device_named(name.value);
    uint32_t direction = 1 + op->numbers[2] % 3u;
    struct keel_dma_list list = {.count = op->numbers[2] < 0xf0 ? 1 + op->numbers[2] / 3 % 16u
                                                                : op->numbers[2] % 18u,
                                 .reserved = op->numbers[2] == 0xff};
    struct dma_mapping wanted = {.direction = direction};
    keel_dma_t made = {0};
    keel_status_t expected = list_of(op, &list, &wanted);
    if (list.count == 0 || list.count > KEEL_DMA_PIECES_MAX || list.reserved != 0) {
        expected = KEEL_E_INVALID;
    }
    model_call("dma_map_list(0x%llx, %u pieces, %u)", SHOW(name.value), list.count, direction);
    expected = device == NULL        ? KEEL_E_BAD_HANDLE
               : expected == KEEL_OK ? map_status(device, &wanted)
                                     : expected;
    keel_status_t status = keel_dma_map_list(name, &list, direction, &made);
    wanted.handle = made.value;
    finish(op, device, &wanted, status, expected);
}

void dma_model_dma_ref(const struct model_op *op)
{
    keel_dma_t name = {dma_name(DMA_MAPPING, op->names[0])};
    struct dma_mapping *mapping = dma_mapping_named(name.value);
    model_call("dma_ref(0x%llx)", SHOW(name.value));
    if (model_answer(keel_dma_ref(name), dma_known(mapping))) {
        mapping->refs++;
    }
}

void dma_compare_mappings(void)
{
    for (unsigned i = 0; i < DMA_MAPPINGS; i++) {
        if (dma_model.mappings[i].used && dma_model.mappings[i].refs > 0) {
            compare(&dma_model.mappings[i]);
        }
    }
}

unsigned char *dma_page(const struct dma_mapping *mapping, uint64_t page)
{
    const struct dma_model_piece *piece = mapping->pieces;
    while (page >= piece->page_count) {
        page -= piece->page_count;
        piece++;
    }
    return dma_bytes + (piece->segment->first + piece->index + page) * KEEL_PAGE_SIZE;
}
