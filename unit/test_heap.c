/* SPDX-License-Identifier: BSD-2-Clause
 *
 * keel/heap.h through the API: native memory and memory behind handles, every size and alignment, every
 * error.
 */
#include "core/heap.h"

#include <string.h>

#include "core/memory.h"
#include "hal/pte.h"
#include "support.h"

#define SWEEP_MAX 4096u

static void *alloc(uint64_t size, uint64_t alignment)
{
    void *memory = NULL;
    CHECK_OK(keel_heap_alloc(size, alignment, &memory));
    CHECK_EQUAL((uintptr_t)memory % alignment, 0);
    CHECK_EQUAL((uintptr_t)memory % 16, 0);
    return memory;
}

static bool all_bytes_are(const unsigned char *bytes, size_t size, unsigned char value)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != value) {
            return false;
        }
    }
    return true;
}

static void M7_every_size_holds_its_bytes_and_no_others(void)
{
    static unsigned char *blocks[SWEEP_MAX + 1];
    for (unsigned size = 1; size <= SWEEP_MAX; size++) {
        blocks[size] = alloc(size, 1);
        if (blocks[size] == NULL) {
            return;
        }
        CHECK(all_bytes_are(blocks[size], size, 0));
        memset(blocks[size], (int)(size % 251), size);
    }
    for (unsigned size = 1; size <= SWEEP_MAX; size++) {
        CHECK(all_bytes_are(blocks[size], size, (unsigned char)(size % 251)));
    }
    CHECK_AUDIT();
    for (unsigned size = 1; size <= SWEEP_MAX; size++) {
        CHECK_OK(keel_heap_free(blocks[size]));
    }
}

/* All slots of more than one page of each class, with neighbours. */
static void M7_every_slot_of_a_page_keeps_to_itself(void)
{
    static unsigned char *blocks[2 * SLAB_SLOTS_MAX];
    for (unsigned i = 0; i < SLAB_SIZES; i++) {
        unsigned size = slab_classes[i].size, count = 2u * slab_classes[i].slots;
        for (unsigned j = 0; j < count; j++) {
            blocks[j] = alloc(size, 1);
            CHECK(blocks[j] != NULL);
            memset(blocks[j], (int)(j + 1), size);
        }
        CHECK(blocks[0] != blocks[1]);
        for (unsigned j = 0; j < count; j++) {
            CHECK(all_bytes_are(blocks[j], size, (unsigned char)(j + 1)));
        }
        struct keel_heap_stats stats = {0};
        CHECK_OK(keel_heap_stats(&stats));
        CHECK_EQUAL(stats.slab_frames, 2);
        CHECK_AUDIT();
        for (unsigned j = 0; j < count; j++) { /* every other one first */
            CHECK_OK(keel_heap_free(blocks[(2 * j) % count + (2 * j >= count)]));
        }
    }
}

static void M7_every_alignment_of_every_size(void)
{
    for (uint64_t alignment = 1; alignment <= KEEL_HEAP_ALIGNMENT_MAX; alignment *= 2) {
        for (uint64_t size = 1; size <= SWEEP_MAX; size += size < 64 ? 1 : 61) {
            unsigned char *first = alloc(size, alignment), *second = alloc(size, alignment);
            memset(first, 1, size);
            memset(second, 2, size);
            CHECK(all_bytes_are(first, size, 1));
            CHECK_OK(keel_heap_free(first));
            CHECK_OK(keel_heap_free(second));
        }
    }
}

static void M8_sizes_and_alignments_have_limits(void)
{
    void *memory = NULL;
    CHECK_STATUS(keel_heap_alloc(0, 1, &memory), KEEL_E_INVALID);
    CHECK_STATUS(keel_heap_alloc(KEEL_HEAP_SIZE_MAX + 1, 1, &memory), KEEL_E_INVALID);
    CHECK_STATUS(keel_heap_alloc(UINT64_MAX, 1, &memory), KEEL_E_INVALID);
    CHECK_STATUS(keel_heap_alloc(16, 0, &memory), KEEL_E_INVALID);
    CHECK_STATUS(keel_heap_alloc(16, 3, &memory), KEEL_E_INVALID);
    CHECK_STATUS(keel_heap_alloc(16, 2 * KEEL_HEAP_ALIGNMENT_MAX, &memory), KEEL_E_INVALID);
    CHECK_STATUS(keel_heap_alloc(16, UINT64_C(1) << 63, &memory), KEEL_E_INVALID);
    CHECK_STATUS(keel_heap_alloc(16, 16, NULL), KEEL_E_INVALID);
    CHECK(memory == NULL);
    memory = alloc(KEEL_HEAP_SIZE_MAX, 4096);
    ((char *)memory)[KEEL_HEAP_SIZE_MAX - 1] = 1;
    CHECK_OK(keel_heap_free(memory));
}

static void M8_native_memory_runs_out_and_comes_back(void)
{
    static void *blocks[1024];
    void *memory = NULL;
    uint64_t before = frame_free_count();
    unsigned count = 0;
    while (count < 1024 && keel_heap_alloc(2048, 1, &blocks[count]) == KEEL_OK) {
        count++;
    }
    CHECK(count > 16 && count < 1024);
    CHECK_STATUS(keel_heap_alloc(2048, 1, &memory), KEEL_E_NO_MEMORY);
    CHECK_STATUS(keel_heap_alloc(4096, 1, &memory), KEEL_E_NO_MEMORY);
    CHECK_STATUS(keel_heap_alloc(1, 1, &memory), KEEL_E_NO_MEMORY);
    CHECK(memory == NULL);
    CHECK_AUDIT();
    while (count > 0) {
        CHECK_OK(keel_heap_free(blocks[--count]));
    }
    CHECK_EQUAL(frame_free_count(), before);
}

/* The bytes of a block's last life are gone, in slots and in large blocks, whoever had them. */
static void M9_memory_is_zeroed_each_time(void)
{
    for (uint64_t size = 1; size <= 3 * SWEEP_MAX; size += 97) {
        unsigned char *first = alloc(size, 1), *keeper = alloc(size, 1);
        memset(first, 0x5a, size);
        CHECK_OK(keel_heap_free(first));
        unsigned char *second = alloc(size, 1);
        CHECK(all_bytes_are(second, size, 0));
        CHECK_OK(keel_heap_free(second));
        CHECK_OK(keel_heap_free(keeper));
    }
}

static void refuse(void *memory)
{
    CHECK_STATUS(keel_heap_free(memory), KEEL_E_BAD_HANDLE);
}

/* Every byte of the block but the first, and both neighbours of the page. */
static void refuse_all_around(char *memory, uint64_t size)
{
    for (uint64_t i = 1; i < size; i++) {
        refuse(memory + i);
    }
    for (uint64_t i = 1; i <= 16; i++) {
        refuse(memory - i);
    }
}

static void M7_free_refuses_every_forged_address(void)
{
    int on_stack = 0;
    char *slot = alloc(64, 1), *last = alloc(1344, 1), *large = alloc(5000, 1);
    refuse(NULL);
    refuse(&on_stack);
    refuse(&memcpy);
    refuse((void *)1);
    refuse((void *)UINTPTR_MAX);
    refuse((void *)(UINTPTR_MAX - 4095));
    refuse((void *)HAL_LINEAR_BASE);
    refuse_all_around(slot, 64);
    refuse_all_around(large, 5000);
    for (uint64_t i = 1; i < 4096; i++) { /* behind the last slot as well */
        refuse(last + i);
    }
    for (uint64_t number = 0; number < frame_end(); number++) { /* every frame's first byte, whatever it is */
        char *address = hal_phys_object(hal_frame_address(number));
        bool is_ours = address == slot || address == last || address == large;
        if (!is_ours) {
            refuse(address);
        }
    }
    CHECK_OK(keel_heap_free(slot));
    CHECK_OK(keel_heap_free(last));
    CHECK_OK(keel_heap_free(large));
    CHECK_AUDIT();
}

static void M7_free_refuses_the_second_time(void)
{
    char *slot = alloc(64, 1), *keeper = alloc(64, 1), *large = alloc(9000, 1);
    CHECK_OK(keel_heap_free(slot));
    refuse(slot);
    CHECK_OK(keel_heap_free(keeper)); /* the page goes as well */
    refuse(keeper);
    refuse(slot);
    CHECK_OK(keel_heap_free(large));
    refuse(large);
}

/* A frame of any other use at the same address as a slot that was. */
static void M7_free_refuses_a_page_with_another_use(void)
{
    char *slot = alloc(64, 1);
    hal_paddr_t address;
    CHECK(hal_phys_of_object(slot, &address));
    CHECK_OK(keel_heap_free(slot));
    keel_segment_t segment = {0};
    CHECK_OK(keel_segment_alloc(frame_free_count() / 2, 1, &segment));
    refuse(slot);
    CHECK_OK(keel_segment_release(segment));
    refuse(slot);
}

/* AddressSanitizer's, where it is built in. */
__attribute__((weak)) int __asan_address_is_poisoned(void const volatile *address);

static bool poisoned(const char *address)
{
    return __asan_address_is_poisoned == NULL || __asan_address_is_poisoned(address) != 0;
}

/* A client's use after free, or beyond the size, is a report. */
static void M7_memory_that_is_not_in_use_is_poisoned(void)
{
    const uint64_t sizes[] = {1, 50, 64, 2047, 5000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint64_t size = sizes[i];
        char *keeper = alloc(size, 1), *memory = alloc(size, 1);
        memory[0] = memory[size - 1] = 1;
        CHECK(poisoned(memory + size) || size % 32 == 0);
        CHECK_OK(keel_heap_free(memory));
        CHECK(poisoned(memory) && poisoned(memory + size - 1));
        memory = alloc(size, 1);
        memory[0] = memory[size - 1] = 1;
        keel_memory_t handle = {0};
        CHECK_OK(keel_memory_alloc(size, &handle));
        const struct memory *behind =
            (const struct memory *)object_at(OBJECT_MEMORY, (uint32_t)handle_slot(handle.value));
        CHECK(poisoned(hal_phys_object(behind->address)));
        CHECK_OK(keel_memory_release(handle));
        CHECK_OK(keel_heap_free(memory));
        CHECK_OK(keel_heap_free(keeper));
    }
}

/* --- By handle --- */

static keel_memory_t memory_of(uint64_t size)
{
    keel_memory_t memory = {0};
    CHECK_OK(keel_memory_alloc(size, &memory));
    return memory;
}

static void M7_memory_holds_its_bytes_at_every_size(void)
{
    static unsigned char pattern[SWEEP_MAX + 1], seen[SWEEP_MAX + 1];
    keel_memory_t before = memory_of(1);
    for (unsigned size = 1; size <= SWEEP_MAX + 1; size += size < 64 ? 1 : 37) {
        keel_memory_t memory = memory_of(size);
        struct keel_memory_info info = {0};
        memset(pattern, (int)(size % 251) + 1, size);
        CHECK_OK(keel_memory_info(memory, &info));
        CHECK_EQUAL(info.size, size);
        CHECK_OK(keel_memory_read(memory, 0, seen, size));
        CHECK(all_bytes_are(seen, size, 0));
        CHECK_OK(keel_memory_write(memory, 0, pattern, size));
        CHECK_OK(keel_memory_read(before, 0, seen, 1));
        CHECK(size == 1 || seen[0] == (unsigned char)((size - 1) % 251 + 1) || seen[0] != 0);
        CHECK_OK(keel_memory_read(memory, size - 1, seen, 1));
        CHECK_EQUAL(seen[0], pattern[0]);
        CHECK_OK(keel_memory_release(before));
        before = memory;
    }
    CHECK_OK(keel_memory_release(before));
}

static void M7_memory_copies_keep_to_the_size(void)
{
    unsigned char bytes[128] = {0};
    keel_memory_t memory = memory_of(100);
    CHECK_OK(keel_memory_write(memory, 0, bytes, 100));
    CHECK_OK(keel_memory_write(memory, 99, bytes, 1));
    CHECK_OK(keel_memory_write(memory, 100, NULL, 0));
    CHECK_STATUS(keel_memory_write(memory, 100, bytes, 1), KEEL_E_INVALID);
    CHECK_STATUS(keel_memory_write(memory, 101, NULL, 0), KEEL_E_INVALID);
    CHECK_STATUS(keel_memory_write(memory, 0, bytes, 101), KEEL_E_INVALID);
    CHECK_STATUS(keel_memory_write(memory, UINT64_MAX, bytes, 2), KEEL_E_INVALID);
    CHECK_STATUS(keel_memory_write(memory, 0, NULL, 1), KEEL_E_INVALID);
    CHECK_STATUS(keel_memory_read(memory, 1, bytes, 100), KEEL_E_INVALID);
    CHECK_STATUS(keel_memory_read(memory, UINT64_MAX - 3, bytes, 100), KEEL_E_INVALID);
    CHECK_STATUS(keel_memory_read(memory, 0, bytes, SIZE_MAX), KEEL_E_INVALID);
    CHECK_STATUS(keel_memory_read(memory, 0, NULL, 1), KEEL_E_INVALID);
    CHECK_STATUS(keel_memory_info(memory, NULL), KEEL_E_INVALID);
    CHECK_OK(keel_memory_release(memory));
    CHECK_STATUS(keel_memory_read(memory, 0, bytes, 1), KEEL_E_BAD_HANDLE);
}

static void M8_memory_has_limits(void)
{
    keel_memory_t memory = {0};
    CHECK_STATUS(keel_memory_alloc(0, &memory), KEEL_E_INVALID);
    CHECK_STATUS(keel_memory_alloc(KEEL_HEAP_SIZE_MAX + 1, &memory), KEEL_E_INVALID);
    CHECK_STATUS(keel_memory_alloc(1, NULL), KEEL_E_INVALID);
    CHECK_EQUAL(memory.value, 0);
    memory = memory_of(KEEL_HEAP_SIZE_MAX);
    char byte = 7;
    CHECK_OK(keel_memory_write(memory, KEEL_HEAP_SIZE_MAX - 1, &byte, 1));
    CHECK_OK(keel_memory_release(memory));
}

static void M8_memory_handles_and_frames_run_out(void)
{
    static keel_memory_t made[4096];
    keel_memory_t memory = {0};
    uint64_t before = frame_free_count();
    unsigned count = 0;
    keel_status_t status = KEEL_OK;
    while (count < 4096 && (status = keel_memory_alloc(32, &made[count])) == KEEL_OK) {
        count++;
    }
    CHECK_STATUS(status, KEEL_E_LIMIT);
    CHECK_EQUAL(count, object_slots(OBJECT_MEMORY));
    CHECK_AUDIT();
    while (count > 0) {
        CHECK_OK(keel_memory_release(made[--count]));
    }
    CHECK_EQUAL(frame_free_count(), before);
    CHECK_STATUS(keel_memory_alloc((before + 1) * 4096, &memory), KEEL_E_NO_MEMORY);
    while (count < 4096 && (status = keel_memory_alloc(3 * 4096, &made[count])) == KEEL_OK) {
        count++;
    }
    CHECK(status == KEEL_E_NO_MEMORY || status == KEEL_E_LIMIT);
    while (count > 0) {
        CHECK_OK(keel_memory_release(made[--count]));
    }
    CHECK_EQUAL(frame_free_count(), before);
}

/* A pointer made up from where memory behind a handle lies frees nothing. */
static void M7_pointers_never_free_what_handles_name(void)
{
    const uint64_t sizes[] = {1, 64, 2048, 2049, 12288};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        keel_memory_t handle = memory_of(sizes[i]);
        const struct memory *memory =
            (const struct memory *)object_at(OBJECT_MEMORY, (uint32_t)handle_slot(handle.value));
        char *native = alloc(sizes[i], 1);
        hal_paddr_t address;
        refuse(hal_phys_object(memory->address));
        CHECK(hal_phys_of_object(native, &address));
        CHECK(hal_frame_number(address) != hal_frame_number(memory->address));
        CHECK_OK(keel_heap_free(native));
        CHECK_OK(keel_memory_release(handle));
    }
}

static void M6_memory_lives_as_long_as_its_references(void)
{
    char byte = 0;
    keel_memory_t memory = memory_of(10);
    CHECK_OK(keel_memory_ref(memory));
    CHECK_OK(keel_memory_release(memory));
    CHECK_OK(keel_memory_read(memory, 9, &byte, 1));
    CHECK_OK(keel_memory_release(memory));
    CHECK_STATUS(keel_memory_release(memory), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(keel_memory_ref(memory), KEEL_E_BAD_HANDLE);
}

static void M8_stats_count_frames(void)
{
    struct keel_heap_stats stats = {9, 9};
    CHECK_STATUS(keel_heap_stats(NULL), KEEL_E_INVALID);
    CHECK_OK(keel_heap_stats(&stats));
    CHECK_EQUAL(stats.slab_frames + stats.large_frames, 0);
    void *slot = alloc(100, 1), *large = alloc(3 * 4096 - 1, 1);
    CHECK_OK(keel_heap_stats(&stats));
    CHECK_EQUAL(stats.slab_frames, 1);
    CHECK_EQUAL(stats.large_frames, 3);
    CHECK_OK(keel_heap_free(slot));
    CHECK_OK(keel_heap_free(large));
    CHECK_OK(keel_heap_stats(&stats));
    CHECK_EQUAL(stats.slab_frames + stats.large_frames, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(M7_every_size_holds_its_bytes_and_no_others, .config.ram_size = 32 << 20),
        UNIT(M7_every_slot_of_a_page_keeps_to_itself),
        UNIT(M7_every_alignment_of_every_size),
        UNIT(M8_sizes_and_alignments_have_limits, .config.ram_size = 32 << 20),
        UNIT(M8_native_memory_runs_out_and_comes_back, .config.ram_size = 1 << 20),
        UNIT(M9_memory_is_zeroed_each_time),
        UNIT(M7_free_refuses_every_forged_address),
        UNIT(M7_free_refuses_the_second_time),
        UNIT(M7_free_refuses_a_page_with_another_use),
        UNIT(M7_memory_that_is_not_in_use_is_poisoned),
        UNIT(M7_memory_holds_its_bytes_at_every_size),
        UNIT(M7_memory_copies_keep_to_the_size),
        UNIT(M8_memory_has_limits, .config.ram_size = 32 << 20),
        UNIT(M8_memory_handles_and_frames_run_out, .config.ram_size = 1 << 20),
        UNIT(M7_pointers_never_free_what_handles_name),
        UNIT(M6_memory_lives_as_long_as_its_references),
        UNIT(M8_stats_count_frames),
    };
    return unit_main(tests, argc, argv);
}
