/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/slab.c: the injected slab allocator's answers, honest and hostile, slabs between it and Keel, and what
 * the audit sees of the heap (M7, P1).
 */
#include "core/slab.h"

#include "core/cpu.h"
#include "slab_script.h"

static struct keel_policy_report report(void)
{
    struct keel_policy_report now = {0};
    CHECK_OK(keel_policy_report(&now));
    return now;
}

static void *alloc(uint64_t size)
{
    void *memory = NULL;
    CHECK_OK(keel_heap_alloc(size, 1, &memory));
    return memory;
}

static struct frame *frame_of(const void *memory)
{
    hal_paddr_t address = {0};
    CHECK(hal_phys_of_object(memory, &address));
    return frame_at(hal_frame_number(address));
}

static uint64_t token_of(const void *memory, unsigned size)
{
    hal_paddr_t address = {0};
    CHECK(hal_phys_of_object(memory, &address));
    return hal_frame_number(address) << SLAB_SLOT_BITS | (address.value % HAL_PAGE_SIZE) / size;
}

static enum ref_state state_of(const struct frame *frame)
{
    return ref_word_state(atomic_u64_peek(&frame->ref.word));
}

static uint64_t slabs(void)
{
    struct keel_heap_stats stats = {0};
    CHECK_OK(keel_heap_stats(&stats));
    return stats.slab_frames;
}

/* One request with this answer: refused, counted, served by Keel. */
static void expect_refused(uint64_t token, uint64_t size)
{
    struct keel_policy_report before = report();
    script.alloc_answer = token;
    void *memory = alloc(size);
    struct keel_policy_report after = report();
    CHECK_EQUAL(after.slab_wrong, before.slab_wrong + 1);
    CHECK_EQUAL(after.slab_fallbacks, before.slab_fallbacks + 1);
    CHECK(memory != NULL);
    CHECK(state_of(frame_of(memory)) == REF_HEAP); /* the allocator's own books are not touched */
    script.alloc_answer = KEEL_SLAB_NONE;
    CHECK_OK(keel_heap_free(memory));
    CHECK_AUDIT();
}

static void P1_allocator_decides_which_slot_is_next(void)
{
    script_inject();
    char *first = alloc(64);
    CHECK_EQUAL(script.added, 1);
    CHECK_EQUAL(script.count, 64);
    CHECK_EQUAL(script.first, token_of(first, 64));
    CHECK(state_of(frame_of(first)) == REF_HEAP_LENT);
    script.alloc_answer = script.first + 63;
    char *last = alloc(64);
    CHECK(last == first + 63 * 64);
    script.alloc_answer = script.first + 7;
    char *other = alloc(50);
    CHECK(other == first + 7 * 64);
    CHECK_OK(keel_heap_free(other));
    CHECK_EQUAL(script.freed, 1);
    CHECK_EQUAL(script.token, script.first + 7);
    other = alloc(64);
    CHECK(other == first + 7 * 64);
    CHECK_EQUAL(report().slab_wrong, 0);
    script.alloc_answer = KEEL_SLAB_NONE;
    CHECK_OK(keel_heap_free(other));
    CHECK_OK(keel_heap_free(last));
    script.free_answer = script.first; /* the whole slab */
    CHECK_OK(keel_heap_free(first));
    CHECK_EQUAL(slabs(), 0);
    CHECK_AUDIT();
}

static void P1_allocator_learns_class_and_cpu(void)
{
    script_inject();
    char *memory = alloc(1000);
    uint32_t size_class = script.size_class;
    CHECK_EQUAL(slab_classes[size_class].size, 1024);
    CHECK_EQUAL(script.count, 4);
    CHECK(script.cpu < hal_cpu_count());
    keel_memory_t handle = {0};
    CHECK_OK(keel_memory_alloc(1000, &handle));
    CHECK_EQUAL(script.size_class, size_class + SLAB_SIZES);
    CHECK_OK(keel_memory_release(handle));
    CHECK_OK(keel_heap_free(memory));
    CHECK_EQUAL(script.size_class, size_class);
    CHECK_EQUAL(slabs(), 2);
}

static void P1_allocator_answers_a_used_slot(void)
{
    script_inject();
    void *memory = alloc(64);
    expect_refused(script.first, 64);
    expect_refused(script.first, 64);
    CHECK_OK(keel_heap_free(memory));
}

static void P1_allocator_answers_a_slot_of_another_class(void)
{
    script_inject();
    void *memory = alloc(64);
    expect_refused(script.first + 1, 128);
    expect_refused(script.first + 1, 32);
    keel_memory_t handle = {0};
    script.alloc_answer = script.first + 1; /* the same size, but native */
    CHECK_OK(keel_memory_alloc(64, &handle));
    CHECK_EQUAL(report().slab_wrong, 3);
    CHECK_OK(keel_memory_release(handle));
    script.alloc_answer = KEEL_SLAB_NONE;
    CHECK_OK(keel_heap_free(memory));
}

static void P1_allocator_answers_slots_that_do_not_exist(void)
{
    script_inject();
    void *memory = alloc(1344); /* three slots */
    for (uint64_t slot = 3; slot < SLAB_SLOTS_MAX; slot++) {
        expect_refused(script.first + slot, 1344);
    }
    CHECK_OK(keel_heap_free(memory));
}

static void P1_allocator_answers_pages_that_are_not_its_slabs(void)
{
    void *kept = alloc(64), *large = alloc(8192); /* made before it was injected: Keel's own */
    keel_frame_t frame = unit_frame();
    script_inject();
    expect_refused(token_of(kept, 64) + 1, 64);
    expect_refused(token_of(large, 4096), 64);
    expect_refused(handle_slot(frame.value) << SLAB_SLOT_BITS, 64);
    for (uint64_t number = 0; number < 32; number++) { /* tables, reserved, core's own */
        expect_refused(number << SLAB_SLOT_BITS | 5, 64);
    }
    expect_refused(frame_end() << SLAB_SLOT_BITS, 64);
    expect_refused(UINT64_MAX - 1, 64);
    expect_refused(UINT64_C(1) << 63, 64);
    CHECK_OK(keel_frame_release(frame));
    CHECK_OK(keel_heap_free(kept));
    CHECK_OK(keel_heap_free(large));
    CHECK_EQUAL(slabs(), 0);
}

static void P1_allocator_answers_a_page_that_was_freed(void)
{
    script_inject();
    void *memory = alloc(64);
    uint64_t token = script.first;
    script.free_answer = token + 1;
    CHECK_OK(keel_heap_free(memory));
    CHECK_EQUAL(slabs(), 0);
    expect_refused(token, 64);
    expect_refused(token + 1, 64);
}

/* The slab that it gives up has slots in use: it ends with the last of them. */
static void M7_slab_outlives_its_slots(void)
{
    script_inject();
    char *first = alloc(64);
    script.alloc_answer = script.first + 1;
    char *second = alloc(64);
    script.alloc_answer = script.first + 2;
    char *third = alloc(64);
    script.alloc_answer = KEEL_SLAB_NONE;
    script.free_answer = script.first;
    CHECK_OK(keel_heap_free(second));
    CHECK_EQUAL(script.freed, 1);
    CHECK_EQUAL(report().slab_wrong, 0);
    CHECK_EQUAL(slabs(), 1);
    CHECK_AUDIT();
    first[0] = third[63] = 1;
    second = alloc(64); /* Keel uses its free slots from now on */
    CHECK(frame_of(second) == frame_of(first));
    CHECK_OK(keel_heap_free(second));
    CHECK_OK(keel_heap_free(third));
    CHECK_EQUAL(slabs(), 1);
    CHECK_OK(keel_heap_free(first));
    CHECK_EQUAL(slabs(), 0);
    CHECK_EQUAL(script.freed, 1); /* it is not told of what it gave up */
    CHECK_AUDIT();
}

static void P1_allocator_gives_up_what_it_has_not(void)
{
    void *kept = alloc(64);
    script_inject();
    uint64_t wrong[] = {token_of(kept, 64), 0, UINT64_MAX - 1, frame_end() << SLAB_SLOT_BITS,
                        UINT64_C(1) << 40};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        void *memory = alloc(128);
        script.free_answer = wrong[i];
        CHECK_OK(keel_heap_free(memory));
        CHECK_EQUAL(report().slab_wrong, i + 1);
        script.free_answer = KEEL_SLAB_NONE;
    }
    CHECK_OK(keel_heap_free(kept));
    CHECK_AUDIT();
}

/* A slab that is given up full is in no list: who looks for a free slot does not come to it. */
static void P1_allocator_gives_up_a_full_slab(void)
{
    void *slots[4];
    script_inject();
    slots[0] = alloc(1024);
    struct frame *frame = frame_of(slots[0]);
    for (uint64_t i = 1; i < 4; i++) {
        script.alloc_answer = token_of(slots[0], 1024) + i;
        slots[i] = alloc(1024);
    }
    script.alloc_answer = KEEL_SLAB_NONE;
    void *other = alloc(64);
    script.free_answer = token_of(slots[0], 1024);
    CHECK_OK(keel_heap_free(other));
    CHECK_EQUAL(report().slab_wrong, 0);
    CHECK(state_of(frame) == REF_HEAP);
    CHECK(!frame->slab.listed);
    CHECK_OK(keel_heap_free(slots[2]));
    CHECK(frame->slab.listed);
    slots[2] = alloc(1024);
    CHECK(frame_of(slots[2]) == frame);
    for (size_t i = 0; i < 4; i++) {
        CHECK_OK(keel_heap_free(slots[i]));
    }
    CHECK_AUDIT();
}

static void P1_allocator_that_takes_no_slab_is_left_alone(void)
{
    script_inject();
    script.add_answer = 0;
    void *first = alloc(64), *second = alloc(64);
    CHECK_EQUAL(script.added, 1);
    CHECK(frame_of(first) == frame_of(second));
    CHECK(state_of(frame_of(first)) == REF_HEAP);
    CHECK_OK(keel_heap_free(first));
    CHECK_OK(keel_heap_free(second));
    CHECK_EQUAL(script.freed, 0);
    CHECK_EQUAL(slabs(), 0);
    script.add_answer = 2; /* not an answer */
    first = alloc(64);
    CHECK_EQUAL(report().slab_wrong, 1);
    CHECK_OK(keel_heap_free(first));
    CHECK_EQUAL(slabs(), 0);
}

static void M8_allocator_that_always_says_none_is_survived(void)
{
    static void *blocks[512];
    void *memory = NULL;
    unsigned count = 0;
    script_inject();
    while (count < 512 && keel_heap_alloc(64, 1, &blocks[count]) == KEEL_OK) {
        count++;
    }
    CHECK(count > 16 && count < 512);
    CHECK_STATUS(keel_heap_alloc(64, 1, &memory), KEEL_E_NO_MEMORY);
    CHECK_EQUAL(report().slab_wrong, 0);
    CHECK_AUDIT();
    while (count > 0) {
        script.free_answer = token_of(blocks[count - 1], 64);
        CHECK_OK(keel_heap_free(blocks[--count]));
    }
    CHECK_EQUAL(slabs(), 0);
}

static void *inside_memory;

static void call_from_inside(void)
{
    void *memory;
    keel_memory_t handle;
    CHECK_STATUS(keel_heap_alloc(64, 1, &memory), KEEL_E_CONTEXT);
    CHECK_STATUS(keel_heap_free(inside_memory), KEEL_E_CONTEXT);
    CHECK_STATUS(keel_memory_alloc(64, &handle), KEEL_E_CONTEXT);
    CHECK_OK(keel_cpu_relax());
}

static void P2_allocator_that_calls_back_gets_errors(void)
{
    inside_memory = alloc(64);
    script_inject();
    script.inside = call_from_inside;
    void *memory = alloc(128);
    CHECK_OK(keel_heap_free(memory));
    CHECK_OK(keel_heap_free(inside_memory));
    CHECK_EQUAL(script.asked + script.added + script.freed, 3);
}

static void P1_allocator_is_injected_once_and_whole(void)
{
    struct keel_slab_allocator allocator = {NULL, NULL, script_alloc, script_free};
    CHECK_STATUS(keel_slab_allocator_inject(NULL), KEEL_E_INVALID);
    CHECK_STATUS(keel_slab_allocator_inject(&allocator), KEEL_E_INVALID);
    allocator = (struct keel_slab_allocator){NULL, script_add, NULL, script_free};
    CHECK_STATUS(keel_slab_allocator_inject(&allocator), KEEL_E_INVALID);
    allocator = (struct keel_slab_allocator){NULL, script_add, script_alloc, NULL};
    CHECK_STATUS(keel_slab_allocator_inject(&allocator), KEEL_E_INVALID);
    script_inject();
    allocator.free = script_free;
    CHECK_STATUS(keel_slab_allocator_inject(&allocator), KEEL_E_EXISTS);
}

/* --- Slots and slabs --- */

/* Slots of two slabs of one class, given back crosswise: each finds its own. */
static void M7_slot_returns_to_its_own_slab(void)
{
    void *blocks[6];
    for (unsigned i = 0; i < 6; i++) {
        blocks[i] = alloc(1344);
    }
    struct frame *one = frame_of(blocks[0]), *two = frame_of(blocks[5]);
    CHECK(one != two);
    CHECK_EQUAL(slab_used_count(), 6);
    CHECK_OK(keel_heap_free(blocks[5]));
    CHECK_EQUAL(ref_word_count(atomic_u64_peek(&one->ref.word)), 3);
    CHECK_EQUAL(ref_word_count(atomic_u64_peek(&two->ref.word)), 2);
    CHECK_OK(keel_heap_free(blocks[0]));
    CHECK_EQUAL(ref_word_count(atomic_u64_peek(&one->ref.word)), 2);
    CHECK_EQUAL(ref_word_count(atomic_u64_peek(&two->ref.word)), 2);
    for (unsigned i = 1; i < 5; i++) {
        CHECK_OK(keel_heap_free(blocks[i]));
        CHECK_AUDIT();
    }
    CHECK_EQUAL(slabs(), 0);
}

static void M7_classes_fit_pages_and_sizes(void)
{
    unsigned before = 0;
    for (unsigned i = 0; i < SLAB_SIZES; i++) {
        const struct slab_class *native = &slab_classes[i], *handle = &slab_classes[i + SLAB_SIZES];
        CHECK(native->size > before && native->size % SLAB_GRANULE == 0);
        CHECK(native->slots >= 2 && native->slots <= SLAB_SLOTS_MAX);
        CHECK(native->slots * native->size <= 4096u);
        CHECK((native->slots + 1u) * native->size > 4096u);
        CHECK(native->use == SLAB_NATIVE && handle->use == SLAB_HANDLE && handle->size == native->size);
        before = native->size;
    }
    CHECK_EQUAL(before, SLAB_SIZE_MAX);
    for (uint64_t alignment = 1; alignment <= 4096; alignment *= 2) {
        for (uint64_t size = 1; size <= 4096; size++) {
            unsigned chosen = slab_class_of(size, alignment, SLAB_HANDLE);
            if (chosen >= SLAB_CLASSES) {
                CHECK(chosen == SLAB_CLASSES + SLAB_HANDLE &&
                      (size > SLAB_SIZE_MAX || alignment > SLAB_SIZE_MAX));
                continue;
            }
            CHECK(slab_classes[chosen].use == SLAB_HANDLE && slab_classes[chosen].size >= size);
            CHECK(slab_classes[chosen].size % alignment == 0);
            if (alignment <= SLAB_GRANULE && size >= 32 && size <= 1344) { /* as keel/heap.h says */
                CHECK(slab_classes[chosen].size <= size + 15 || slab_classes[chosen].size * 3u <= size * 4);
            }
            for (unsigned i = SLAB_SIZES; i < chosen; i++) { /* none smaller would do */
                CHECK(slab_classes[i].size < size || slab_classes[i].size % alignment != 0);
            }
        }
    }
}

static void free_it(uint64_t argument)
{
    CHECK_OK(keel_heap_free((void *)argument));
}

static void M7_any_task_on_any_cpu_gives_back(void)
{
    void *blocks[40];
    for (unsigned i = 0; i < 40; i++) {
        blocks[i] = alloc(32 + i);
    }
    for (unsigned i = 0; i < 40; i++) {
        keel_task_t task = unit_spawn(free_it, (uint64_t)blocks[i]);
        CHECK(unit_join(task) == 0);
    }
    CHECK_EQUAL(slab_used_count(), 0);
}

/* --- The audit --- */

static void expect_seen(const char *what)
{
    CHECK(unit_audit() > 0);
    CHECK(unit_console_contains(what));
}

static void M7_audit_sees_a_wrong_count(void)
{
    void *memory = alloc(64);
    struct frame *frame = frame_of(memory);
    uint64_t word = atomic_u64_peek(&frame->ref.word);
    atomic_u64_init(&frame->ref.word, word - 1);
    expect_seen("a slab's count is not that of its slots in use");
    atomic_u64_init(&frame->ref.word, word + 3 * hal_cpu_count() + 1);
    CHECK_EQUAL(unit_audit(), 1);
    atomic_u64_init(&frame->ref.word, word);
    CHECK_AUDIT();
    CHECK_OK(keel_heap_free(memory));
}

static void M7_audit_sees_frames_that_belong_to_no_block(void)
{
    void *memory = alloc(3 * 4096);
    struct frame *frame = frame_of(memory);
    frame->slab.frame_count = 2;
    expect_seen("a frame of the heap belongs to no block");
    frame->slab.frame_count = 3;
    frame[1].type = FRAME_OBJECT;
    expect_seen("a large block has lost a frame");
    frame[1].type = FRAME_HEAP;
    frame->slab.frame_count = UINT32_MAX;
    expect_seen("a slab of no known class");
    frame->slab.frame_count = 3;
    frame->type = FRAME_OBJECT;
    expect_seen("a block of the heap is typed otherwise");
    frame->type = FRAME_HEAP;
    CHECK_AUDIT();
    CHECK_OK(keel_heap_free(memory));
}

static void M7_audit_sees_a_broken_list(void)
{
    void *memory = alloc(64);
    struct frame *frame = frame_of(memory);
    frame->slab.listed = false;
    expect_seen("a frame stands wrongly in a list of slabs");
    frame->slab.listed = true;
    CHECK_AUDIT();
    CHECK_OK(keel_heap_free(memory));
}

static void M7_audit_sees_memory_without_its_block(void)
{
    keel_memory_t memory = {0};
    CHECK_OK(keel_memory_alloc(5000, &memory));
    for (uint64_t number = 0; number < frame_end(); number++) {
        struct frame *frame = frame_at(number);
        if (frame->type == FRAME_HEAP && state_of(frame) == REF_HEAP) {
            frame->type = FRAME_OBJECT;
            expect_seen("a live memory object without its block");
            frame->type = FRAME_HEAP;
        }
    }
    CHECK_AUDIT();
    CHECK_OK(keel_memory_release(memory));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(P1_allocator_decides_which_slot_is_next),
        UNIT(P1_allocator_learns_class_and_cpu, .lends_slabs = true),
        UNIT(P1_allocator_answers_a_used_slot, .lends_slabs = true),
        UNIT(P1_allocator_answers_a_slot_of_another_class, .lends_slabs = true),
        UNIT(P1_allocator_answers_slots_that_do_not_exist, .lends_slabs = true),
        UNIT(P1_allocator_answers_pages_that_are_not_its_slabs),
        UNIT(P1_allocator_answers_a_page_that_was_freed),
        UNIT(M7_slab_outlives_its_slots),
        UNIT(P1_allocator_gives_up_what_it_has_not, .lends_slabs = true),
        UNIT(P1_allocator_gives_up_a_full_slab, .lends_slabs = true),
        UNIT(P1_allocator_that_takes_no_slab_is_left_alone),
        UNIT(M8_allocator_that_always_says_none_is_survived, .config.ram_size = 1 << 20),
        UNIT(P2_allocator_that_calls_back_gets_errors, .lends_slabs = true),
        UNIT(P1_allocator_is_injected_once_and_whole),
        UNIT(M7_slot_returns_to_its_own_slab),
        UNIT(M7_classes_fit_pages_and_sizes),
        UNIT(M7_any_task_on_any_cpu_gives_back, .seeds = 3),
        UNIT(M7_audit_sees_a_wrong_count),
        UNIT(M7_audit_sees_frames_that_belong_to_no_block),
        UNIT(M7_audit_sees_a_broken_list),
        UNIT(M7_audit_sees_memory_without_its_block),
    };
    return unit_main(tests, argc, argv);
}
