/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The heap in the model of fuzz_model: memory by handle, memory by pointer.
 */
#include <string.h>

#include "core/object.h"
#include "model.h"

#define SHOW(handle) ((unsigned long long)(handle))
#define SLOT_MAX     2048u /* more takes whole frames */

/* --- The model --- */

static struct model_block *block_of(struct model_block *blocks, uint64_t name)
{
    for (unsigned i = 0; i < MODEL_BLOCKS; i++) {
        if (blocks[i].refs > 0 && blocks[i].name == name) {
            return &blocks[i];
        }
    }
    return NULL;
}

/* What is in the blocks: beside the model, so that clearing it is quick. */
static unsigned char memory_bytes[MODEL_BLOCKS][MODEL_BLOCK], pointer_bytes[MODEL_BLOCKS][MODEL_BLOCK];

static struct model_block *unused(struct model_block *blocks, unsigned char (*bytes)[MODEL_BLOCK])
{
    for (unsigned i = 0; i < MODEL_BLOCKS; i++) {
        if (blocks[i].refs == 0) {
            blocks[i].bytes = bytes[i];
            return &blocks[i];
        }
    }
    return NULL;
}

static void begin(struct model_block *block, uint64_t name, uint64_t size)
{
    block->name = name;
    block->refs = 1;
    block->size = size;
    memset(block->bytes, 0, size);
}

/* Mostly of the classes' sizes and next to them; some blocks of whole frames; some that are too large. */
static uint64_t size_of(uint8_t byte)
{
    static const uint64_t extremes[] = {0, KEEL_HEAP_SIZE_MAX, KEEL_HEAP_SIZE_MAX + 1, UINT64_MAX};
    if (byte >= 0xf0) {
        return byte < 0xfc ? 2048 + (byte & 0xfu) * 1500u : extremes[byte % 4];
    }
    return byte < 0xe0 ? 1 + byte * byte / UINT64_C(24) : UINT64_C(1) << (byte & 0xfu) % 12;
}

static uint64_t need_of(uint64_t size)
{
    return size <= SLOT_MAX ? 1 : MODEL_CONTIGUOUS;
}

static keel_status_t size_status(uint64_t size)
{
    return size > 0 && size <= KEEL_HEAP_SIZE_MAX ? KEEL_OK : KEEL_E_INVALID;
}

/* --- By handle --- */

static keel_status_t known(const struct model_block *block)
{
    return block != NULL ? KEEL_OK : KEEL_E_BAD_HANDLE;
}

static keel_status_t copy_status(const struct model_block *block, uint64_t offset, size_t size)
{
    if (block == NULL) {
        return KEEL_E_BAD_HANDLE;
    }
    return model_fits(offset, size, block->size) ? KEEL_OK : KEEL_E_INVALID;
}

static void compare_memory(const struct model_block *block)
{
    static unsigned char bytes[MODEL_BLOCK];
    keel_memory_t handle = {block->name};
    struct keel_memory_info info;
    model_answer(keel_memory_info(handle, &info), KEEL_OK);
    model_equal(info.size, block->size, "the size of memory");
    model_answer(keel_memory_read(handle, 0, bytes, block->size), KEEL_OK);
    model_equal_bytes(bytes, block->bytes, block->size, "memory by handle");
}

void model_memory_alloc(const struct model_op *op)
{
    uint64_t size = size_of(op->numbers[0]);
    struct model_block *block = unused(model.memories, memory_bytes);
    keel_memory_t made;
    if (block == NULL) {
        return;
    }
    model_call("memory_alloc(%llu)", SHOW(size));
    if (model_answer_memory(keel_memory_alloc(size, &made), size_status(size), need_of(size))) {
        begin(block, made.value, size);
        compare_memory(block);
        model_rename(MODEL_MEMORY, op, made.value);
    }
}

void model_memory_ref(const struct model_op *op)
{
    keel_memory_t name = {model_name(MODEL_MEMORY, op->names[0])};
    struct model_block *block = block_of(model.memories, name.value);
    model_call("memory_ref(0x%llx)", SHOW(name.value));
    if (model_answer(keel_memory_ref(name), known(block))) {
        block->refs++;
    }
}

void model_memory_release(const struct model_op *op)
{
    keel_memory_t name = {model_name(MODEL_MEMORY, op->names[0])};
    struct model_block *block = block_of(model.memories, name.value);
    model_call("memory_release(0x%llx)", SHOW(name.value));
    if (model_answer(keel_memory_release(name), known(block))) {
        block->refs--;
    }
}

static uint64_t offset_of(const struct model_op *op)
{
    return op->numbers[0] < 0xc0 ? op->numbers[0] : model_offset(op->numbers[0]);
}

void model_memory_read(const struct model_op *op)
{
    keel_memory_t name = {model_name(MODEL_MEMORY, op->names[0])};
    const struct model_block *block = block_of(model.memories, name.value);
    uint64_t offset = offset_of(op);
    size_t size = model_size(op->size);
    model_call("memory_read(0x%llx, %llu, [%zu])", SHOW(name.value), SHOW(offset), size);
    if (model_answer(keel_memory_read(name, offset, model_buffer, size), copy_status(block, offset, size))) {
        model_equal_bytes(model_buffer, &block->bytes[offset], size, "memory by handle");
    }
}

void model_memory_write(const struct model_op *op)
{
    keel_memory_t name = {model_name(MODEL_MEMORY, op->names[0])};
    struct model_block *block = block_of(model.memories, name.value);
    uint64_t offset = offset_of(op);
    size_t size = model_size(op->size);
    const unsigned char *bytes = model_pattern(op->numbers[2], size);
    model_call("memory_write(0x%llx, %llu, [%zu])", SHOW(name.value), SHOW(offset), size);
    if (model_answer(keel_memory_write(name, offset, bytes, size), copy_status(block, offset, size))) {
        memcpy(&block->bytes[offset], bytes, size);
    }
}

void model_memory_info(const struct model_op *op)
{
    keel_memory_t name = {model_name(MODEL_MEMORY, op->names[0])};
    const struct model_block *block = block_of(model.memories, name.value);
    struct keel_memory_info info;
    model_call("memory_info(0x%llx)", SHOW(name.value));
    if (model_answer(keel_memory_info(name, &info), known(block))) {
        model_equal(info.size, block->size, "the size");
    }
}

/* --- By pointer --- */

/* No two blocks share a byte. */
static void check_apart(uint64_t address, uint64_t size)
{
    for (unsigned i = 0; i < MODEL_BLOCKS; i++) {
        const struct model_block *other = &model.pointers[i];
        if (other->refs > 0 && address < other->name + other->size && other->name < address + size) {
            model_fail("0x%llx, %llu bytes, overlaps 0x%llx, %llu bytes (M7)", SHOW(address), SHOW(size),
                       SHOW(other->name), SHOW(other->size));
        }
    }
}

static keel_status_t alloc_status(uint64_t size, uint64_t alignment)
{
    bool power_of_two = alignment != 0 && (alignment & (alignment - 1)) == 0;
    return power_of_two && alignment <= KEEL_HEAP_ALIGNMENT_MAX ? size_status(size) : KEEL_E_INVALID;
}

void model_heap_alloc(const struct model_op *op)
{
    uint64_t size = size_of(op->numbers[0]);
    uint64_t alignment = op->numbers[1] < 0xf0 ? UINT64_C(1) << op->numbers[1] % 14 : op->numbers[1] % 4u;
    struct model_block *block = unused(model.pointers, pointer_bytes);
    void *made;
    if (block == NULL) {
        return;
    }
    model_call("heap_alloc(%llu, %llu)", SHOW(size), SHOW(alignment));
    if (!model_answer_memory(keel_heap_alloc(size, alignment, &made), alloc_status(size, alignment),
                             need_of(size > alignment ? size : alignment))) {
        return;
    }
    uint64_t address = (uint64_t)made;
    model_equal(address % alignment + address % 16, 0, "the address in its alignment");
    check_apart(address, size);
    begin(block, address, size);
    model_equal_bytes(made, block->bytes, size, "new memory by pointer (M9)");
    model_rename(MODEL_POINTER, op, address);
}

/* What a byte names: mostly a block, or one that was freed; else a place in one or anything at all. */
static uint64_t pointer_of(uint8_t byte)
{
    uint64_t pointer = model.names[MODEL_POINTER][byte % MODEL_SLOTS];
    switch (byte >> 4) {
    case 0xc:
        return pointer + (UINT64_C(1) << byte % 12);
    case 0xd:
        return pointer - pointer % KEEL_PAGE_SIZE;
    case 0xe:
        return (uint64_t)&model;
    case 0xf:
        return byte & 1 ? 0 : UINT64_MAX - byte;
    default:
        return pointer;
    }
}

void model_heap_free(const struct model_op *op)
{
    uint64_t pointer = pointer_of(op->names[0]);
    struct model_block *block = block_of(model.pointers, pointer);
    model_call("heap_free(0x%llx)", SHOW(pointer));
    if (model_answer(keel_heap_free((void *)pointer), known(block))) {
        block->refs = 0;
    }
}

/* A client's own store. */
void model_heap_touch(const struct model_op *op)
{
    uint64_t pointer = pointer_of(op->names[0] % 0xc0);
    struct model_block *block = block_of(model.pointers, pointer);
    if (block == NULL) {
        return;
    }
    uint64_t offset = op->numbers[0] < 0xc0 ? 0 : op->numbers[0] * op->numbers[1] % block->size;
    uint64_t size = op->size < 0xc0 ? block->size : op->size;
    size = size < block->size - offset ? size : block->size - offset;
    size = size < MODEL_BUFFER ? size : MODEL_BUFFER;
    model_call("(client writes 0x%llx + %llu, [%llu])", SHOW(pointer), SHOW(offset), SHOW(size));
    memcpy((unsigned char *)pointer + offset, model_pattern(op->numbers[2], size), size);
    memcpy(&block->bytes[offset], model_pattern(op->numbers[2], size), size);
}

/* --- Comparing --- */

void model_compare_heap(void)
{
    for (unsigned i = 0; i < MODEL_BLOCKS; i++) {
        const struct model_block *block = &model.pointers[i];
        if (model.memories[i].refs > 0) {
            compare_memory(&model.memories[i]);
        }
        if (block->refs > 0) {
            model_equal_bytes((const void *)block->name, block->bytes, block->size, "memory by pointer");
        }
    }
}
