/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/object.c: pools, slots, handles of every kind.
 */
#include "core/object.h"

#include "core/frame.h"
#include "core/space.h"
#include "support.h"

static uint64_t slots_of(unsigned kind)
{
    return kind < OBJECT_SHORT_PREFIXES ? OBJECT_FRAMES_MAX : OBJECT_SLOTS_MAX;
}

static void H1_handle_fields_do_not_overlap(void)
{
    for (unsigned kind = OBJECT_NONE; kind < OBJECT_SHORT_PREFIXES + 128; kind++) {
        uint64_t last = handle_make((enum object_kind)kind, slots_of(kind) - 1, UINT32_MAX);
        CHECK_EQUAL(handle_kind(last), kind);
        CHECK_EQUAL(handle_slot(last), slots_of(kind) - 1);
        CHECK_EQUAL(handle_generation(last), UINT32_MAX);
        /* The next handle is the first of the next kind: none lies in between, and none in both. */
        uint64_t next =
            kind + 1 < OBJECT_SHORT_PREFIXES + 128 ? handle_make((enum object_kind)(kind + 1), 0, 0) : 0;
        CHECK_EQUAL(last + 1, next);
    }
    CHECK_EQUAL(handle_make(OBJECT_NONE, 0, 0), 0);
}

static void H1_wrong_kind_slot_or_generation_is_refused(void)
{
    keel_space_t space = unit_space();
    struct object *object = NULL;
    for (unsigned kind = 0; kind < OBJECT_SHORT_PREFIXES + 128; kind++) {
        uint64_t forged =
            handle_make((enum object_kind)kind, handle_slot(space.value), handle_generation(space.value));
        bool right = kind == OBJECT_SPACE;
        CHECK_STATUS(object_get_by_handle(OBJECT_SPACE, forged, &object),
                     right ? KEEL_OK : KEEL_E_BAD_HANDLE);
    }
    CHECK(!ref_put(&object->ref));
    CHECK_STATUS(object_get_by_handle(OBJECT_SEGMENT, space.value, &object), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(object_get_by_handle(OBJECT_TASK, space.value, &object), KEEL_E_BAD_HANDLE);
    uint64_t beyond = handle_make(OBJECT_SPACE, object_slots(OBJECT_SPACE), 1);
    CHECK_STATUS(object_get_by_handle(OBJECT_SPACE, beyond, &object), KEEL_E_BAD_HANDLE);
    beyond = handle_make(OBJECT_SPACE, OBJECT_FRAMES_MAX - 1, 1);
    CHECK_STATUS(object_get_by_handle(OBJECT_SPACE, beyond, &object), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(object_get_by_handle(OBJECT_SPACE, space.value + 1, &object), KEEL_E_BAD_HANDLE);
    CHECK_OK(keel_space_release(space));
}

/* The look-up of the entry points, one comparison for kind and slot, against the fields taken apart. */
static void H1_range_of_slots_ends_exactly(void)
{
    const uint64_t ends[][2] = {{OBJECT_FRAME, frame_end()},
                                {OBJECT_UNIQUE, frame_end()},
                                {OBJECT_SPACE, object_slots(OBJECT_SPACE)},
                                {OBJECT_MUTEX, object_slots(OBJECT_MUTEX)}};
    for (unsigned i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        enum object_kind kind = (enum object_kind)ends[i][0];
        const uint64_t slots[] = {0, 1, ends[i][1] - 1, ends[i][1], ends[i][1] + 1, OBJECT_SLOTS_MAX - 1};
        for (unsigned j = 0; j < sizeof slots / sizeof slots[0]; j++) {
            for (unsigned other = 0; other < OBJECT_KIND_COUNT; other++) {
                uint64_t handle = handle_make((enum object_kind)other, slots[j], UINT32_MAX);
                CHECK_EQUAL(object_in_range(kind, handle), other == (unsigned)kind && slots[j] < ends[i][1]);
            }
        }
    }
    CHECK(object_slot(OBJECT_FRAME, OBJECT_STRIDE(struct frame), handle_make(OBJECT_FRAME, 3, 9)) ==
          frame_at(3));
    CHECK(object_slot(OBJECT_SPACE, OBJECT_STRIDE(struct space), handle_make(OBJECT_SPACE, 3, 9)) ==
          object_at(OBJECT_SPACE, 3));
}

static void M8_full_pool_is_a_limit(void)
{
    static keel_space_t spaces[2048];
    uint32_t slots = object_slots(OBJECT_SPACE);
    for (uint32_t i = 0; i < slots; i++) {
        spaces[i] = unit_space();
        for (uint32_t j = 0; j < i; j++) {
            CHECK(spaces[j].value != spaces[i].value);
        }
    }
    keel_space_t more = {5};
    uint64_t before = frame_free_count();
    CHECK_STATUS(keel_space_create(&more), KEEL_E_LIMIT);
    CHECK_EQUAL(more.value, 5);
    CHECK_EQUAL(frame_free_count(), before);
    CHECK_OK(keel_space_release(spaces[3]));
    more = unit_space();
    CHECK_EQUAL(handle_slot(more.value), handle_slot(spaces[3].value));
    CHECK(more.value != spaces[3].value);
    CHECK_STATUS(keel_space_release(spaces[3]), KEEL_E_BAD_HANDLE);
    spaces[3] = more;
    for (uint32_t i = 0; i < slots; i++) {
        CHECK_OK(keel_space_release(spaces[i]));
    }
}

static void H3_slot_with_used_up_generation_is_never_claimed_again(void)
{
    keel_space_t space = unit_space();
    uint32_t slot = (uint32_t)handle_slot(space.value);
    struct object *object = object_at(OBJECT_SPACE, slot);
    uint64_t word = atomic_u64_peek(&object->ref.word);
    atomic_u64_init(&object->ref.word, word | UINT64_C(0xffffffff) << 32);
    keel_space_t last = {object_handle(OBJECT_SPACE, object)};
    CHECK_STATUS(keel_space_release(space), KEEL_E_BAD_HANDLE);
    CHECK_OK(keel_space_release(last));
    for (uint32_t i = 0; i < 2 * object_slots(OBJECT_SPACE); i++) {
        keel_space_t next = unit_space();
        CHECK(handle_slot(next.value) != slot);
        CHECK_OK(keel_space_release(next));
    }
}

static void H1_index_and_handle_agree(void)
{
    static const enum object_kind kinds[] = {OBJECT_SEGMENT, OBJECT_SPACE, OBJECT_TASK};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        for (uint32_t slot = 0; slot < object_slots(kinds[i]); slot++) {
            struct object *object = object_at(kinds[i], slot);
            CHECK_EQUAL(object_index(object), slot);
            CHECK_EQUAL(handle_slot(object_handle(kinds[i], object)), slot);
            CHECK_EQUAL((uintptr_t)object % 64, 0);
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(H1_handle_fields_do_not_overlap),
        UNIT(H1_wrong_kind_slot_or_generation_is_refused),
        UNIT(H1_range_of_slots_ends_exactly),
        UNIT(M8_full_pool_is_a_limit, .config.ram_size = 4 << 20),
        UNIT(H3_slot_with_used_up_generation_is_never_claimed_again, .config.ram_size = 4 << 20),
        UNIT(H1_index_and_handle_agree, .config.ram_size = 4 << 20),
    };
    return unit_main(tests, argc, argv);
}
