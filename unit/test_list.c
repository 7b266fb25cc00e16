/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/list.c and the calls of keel/list.h.
 */
#include "core/list.h"

#include "support.h"

#define MODEL_MAX 12u

static uint64_t address_of(uint64_t handle)
{
    return handle_slot(handle) * KEEL_PAGE_SIZE;
}

static uint64_t length_of(keel_list_t list)
{
    uint64_t length = UINT64_MAX;
    CHECK_OK(keel_list_length(list, &length));
    return length;
}

static bool contains(keel_list_t list, uint64_t address)
{
    uint32_t answer = 2;
    CHECK_OK(keel_list_contains(list, address, &answer));
    CHECK(answer <= 1);
    return answer == 1;
}

/* Puts a new frame at the back; answers its address. */
static uint64_t push_new(keel_list_t list)
{
    keel_unique_t unique = unit_unique();
    CHECK_OK(keel_list_push_back(list, unique));
    return address_of(unique.value);
}

/* The list holds these addresses in this order, forwards and backwards. */
static void check_order(keel_list_t list, const uint64_t *addresses, size_t count)
{
    uint64_t at = KEEL_LIST_END;
    CHECK_EQUAL(length_of(list), count);
    for (size_t i = 0; i < count; i++) {
        CHECK_OK(keel_list_next(list, at, &at));
        CHECK_EQUAL(at, addresses[i]);
        CHECK(contains(list, at));
    }
    CHECK_OK(keel_list_next(list, at, &at));
    CHECK_EQUAL(at, KEEL_LIST_END);
    for (size_t i = count; i > 0; i--) {
        CHECK_OK(keel_list_previous(list, at, &at));
        CHECK_EQUAL(at, addresses[i - 1]);
    }
    CHECK_OK(keel_list_previous(list, at, &at));
    CHECK_EQUAL(at, KEEL_LIST_END);
    CHECK_AUDIT();
}

static void M2_list_keeps_the_order(void)
{
    uint64_t order[4];
    keel_list_t list = unit_list();
    check_order(list, NULL, 0);
    keel_unique_t unique = unit_unique();
    order[1] = address_of(unique.value);
    CHECK_OK(keel_list_push_front(list, unique));
    check_order(list, order + 1, 1);
    order[3] = push_new(list);
    unique = unit_unique();
    order[0] = address_of(unique.value);
    CHECK_OK(keel_list_push_front(list, unique));
    unique = unit_unique();
    order[2] = address_of(unique.value);
    CHECK_OK(keel_list_insert(list, order[3], unique));
    check_order(list, order, 4);
    CHECK_OK(keel_list_pop_front(list, &unique));
    CHECK_EQUAL(address_of(unique.value), order[0]);
    CHECK_OK(keel_list_insert(list, KEEL_LIST_END, unique));
    CHECK_OK(keel_list_pop_back(list, &unique));
    CHECK_EQUAL(address_of(unique.value), order[0]);
    CHECK_OK(keel_list_insert(list, order[1], unique));
    check_order(list, order, 4);
    CHECK_OK(keel_list_release(list));
}

static void H3_frame_comes_out_of_a_list_with_a_new_handle(void)
{
    keel_list_t list = unit_list();
    keel_unique_t before = unit_unique(), after = {0};
    char byte = 'k';
    CHECK_OK(keel_unique_write(before, 9, &byte, 1));
    CHECK_OK(keel_unique_set(before, 7, 8, 9));
    CHECK_OK(keel_list_push_back(list, before));
    CHECK_STATUS(keel_unique_release(before), KEEL_E_BAD_HANDLE);
    /* Nobody can name it by guessing while the list has it. */
    const struct frame *frame = frame_at(handle_slot(before.value));
    CHECK_EQUAL(ref_word_state(atomic_u64_peek(&frame->ref.word)), REF_PRIVATE);
    CHECK_STATUS(keel_unique_release((keel_unique_t){frame_unique_handle(frame)}), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(keel_frame_release((keel_frame_t){frame_handle(frame)}), KEEL_E_BAD_HANDLE);
    CHECK_OK(keel_list_pop_front(list, &after));
    CHECK(after.value != before.value);
    CHECK_EQUAL(address_of(after.value), address_of(before.value));
    CHECK_STATUS(keel_unique_release(before), KEEL_E_BAD_HANDLE);
    struct keel_unique_info info = {0};
    CHECK_OK(keel_unique_info(after, &info));
    CHECK(info.tag == 7 && info.words[0] == 8 && info.words[1] == 9);
    byte = 0;
    CHECK_OK(keel_unique_read(after, 9, &byte, 1));
    CHECK(byte == 'k');
    CHECK_OK(keel_unique_release(after));
    CHECK_OK(keel_list_release(list));
}

static void M2_frame_is_in_one_list_at_most(void)
{
    keel_list_t one = unit_list(), two = unit_list();
    keel_unique_t unique = unit_unique(), out = {3};
    uint64_t address = address_of(unique.value), next = 3;
    CHECK_OK(keel_list_push_back(one, unique));
    uint64_t other = push_new(two);
    CHECK_STATUS(keel_list_push_back(two, unique), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(keel_list_push_back(one, unique), KEEL_E_BAD_HANDLE);
    CHECK(contains(one, address) && !contains(two, address));
    CHECK(contains(two, other) && !contains(one, other));
    CHECK_STATUS(keel_list_remove(two, address, &out), KEEL_E_NOT_FOUND);
    CHECK_STATUS(keel_list_next(two, address, &next), KEEL_E_NOT_FOUND);
    CHECK_STATUS(keel_list_previous(two, address, &next), KEEL_E_NOT_FOUND);
    unique = unit_unique();
    CHECK_STATUS(keel_list_insert(two, address, unique), KEEL_E_NOT_FOUND);
    CHECK_OK(keel_unique_release(unique)); /* still the caller's */
    CHECK(out.value == 3 && next == 3);
    CHECK_OK(keel_list_remove(one, address, &out));
    CHECK(!contains(one, address));
    CHECK_OK(keel_list_push_front(two, out));
    const uint64_t order[] = {address, other};
    check_order(two, order, 2);
    check_order(one, NULL, 0);
    CHECK_OK(keel_list_release(one));
    CHECK_OK(keel_list_release(two));
}

/* Addresses of frames that are in no list, or of nothing. */
static void M2_list_finds_nothing_that_is_not_in_it(void)
{
    keel_list_t list = unit_list();
    keel_unique_t mine = unit_unique(), out = {3};
    keel_frame_t shared = unit_frame();
    const uint64_t absent[] = {0,
                               address_of(mine.value),
                               address_of(shared.value),
                               (frame_end() - 1) * KEEL_PAGE_SIZE,
                               frame_end() * KEEL_PAGE_SIZE,
                               UINT64_C(0xffffffff) * KEEL_PAGE_SIZE,
                               UINT64_C(0x100000000) * KEEL_PAGE_SIZE,
                               UINT64_MAX - KEEL_PAGE_SIZE + 1};
    uint64_t at = 3;
    (void)push_new(list);
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++) {
        CHECK(!contains(list, absent[i]));
        CHECK_STATUS(keel_list_remove(list, absent[i], &out), KEEL_E_NOT_FOUND);
        CHECK_STATUS(keel_list_next(list, absent[i], &at), KEEL_E_NOT_FOUND);
        CHECK_STATUS(keel_list_previous(list, absent[i], &at), KEEL_E_NOT_FOUND);
        CHECK_STATUS(keel_list_insert(list, absent[i], mine), KEEL_E_NOT_FOUND);
    }
    uint32_t answer = 5;
    CHECK_STATUS(keel_list_contains(list, 1, &answer), KEEL_E_INVALID);
    CHECK_STATUS(keel_list_contains(list, KEEL_LIST_END, &answer), KEEL_E_INVALID);
    CHECK_STATUS(keel_list_remove(list, KEEL_PAGE_SIZE - 1, &out), KEEL_E_INVALID);
    CHECK_STATUS(keel_list_remove(list, KEEL_LIST_END, &out), KEEL_E_INVALID);
    CHECK_STATUS(keel_list_next(list, KEEL_LIST_END - 1, &at), KEEL_E_INVALID);
    CHECK_STATUS(keel_list_previous(list, 8, &at), KEEL_E_INVALID);
    CHECK_STATUS(keel_list_insert(list, 8, mine), KEEL_E_INVALID);
    CHECK(out.value == 3 && at == 3 && answer == 5);
    CHECK_EQUAL(length_of(list), 1);
    CHECK_OK(keel_unique_release(mine));
    CHECK_OK(keel_frame_release(shared));
    CHECK_OK(keel_list_release(list));
}

static void M2_list_that_ends_frees_its_frames(void)
{
    uint64_t before = frame_free_count();
    keel_list_t list = unit_list();
    for (unsigned i = 0; i < 20; i++) {
        (void)push_new(list);
    }
    CHECK_EQUAL(frame_free_count(), before - 20);
    CHECK_OK(keel_list_ref(list));
    CHECK_OK(keel_list_release(list));
    CHECK_EQUAL(length_of(list), 20);
    CHECK_OK(keel_list_release(list));
    CHECK_EQUAL(frame_free_count(), before);
    CHECK_STATUS(keel_list_release(list), KEEL_E_BAD_HANDLE);
    CHECK_AUDIT();
}

static void M8_empty_list_and_full_table(void)
{
    static keel_list_t lists[1024];
    keel_unique_t out = {6};
    uint32_t slots = object_slots(OBJECT_LIST);
    for (uint32_t i = 0; i < slots; i++) {
        lists[i] = unit_list();
    }
    keel_list_t more = {9};
    CHECK_STATUS(keel_list_create(&more), KEEL_E_LIMIT);
    CHECK_EQUAL(more.value, 9);
    CHECK_STATUS(keel_list_pop_front(lists[0], &out), KEEL_E_NOT_FOUND);
    CHECK_STATUS(keel_list_pop_back(lists[0], &out), KEEL_E_NOT_FOUND);
    CHECK_EQUAL(out.value, 6);
    for (uint32_t i = 0; i < slots; i++) {
        CHECK_OK(keel_list_release(lists[i]));
    }
}

/* --- Against a model: an array --- */

static uint64_t model[MODEL_MAX];
static size_t model_size;
static uint32_t random_state;

static uint32_t draw(uint32_t below)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % below;
}

static void model_insert(size_t at, uint64_t address)
{
    for (size_t i = model_size++; i > at; i--) {
        model[i] = model[i - 1];
    }
    model[at] = address;
}

static void model_remove(size_t at)
{
    model_size--;
    for (size_t i = at; i < model_size; i++) {
        model[i] = model[i + 1];
    }
}

static void insert_somewhere(keel_list_t list)
{
    keel_unique_t unique = unit_unique();
    uint64_t address = address_of(unique.value);
    size_t at = draw((uint32_t)model_size + 1);
    if (at == 0 && draw(2) == 0) {
        CHECK_OK(keel_list_push_front(list, unique));
    } else if (at == model_size && draw(2) == 0) {
        CHECK_OK(keel_list_push_back(list, unique));
    } else {
        CHECK_OK(keel_list_insert(list, at < model_size ? model[at] : KEEL_LIST_END, unique));
    }
    model_insert(at, address);
}

static void remove_somewhere(keel_list_t list)
{
    keel_unique_t out = {0};
    size_t at = draw((uint32_t)model_size);
    if (at == 0 && draw(2) == 0) {
        CHECK_OK(keel_list_pop_front(list, &out));
    } else if (at + 1 == model_size && draw(2) == 0) {
        CHECK_OK(keel_list_pop_back(list, &out));
    } else {
        CHECK_OK(keel_list_remove(list, model[at], &out));
    }
    CHECK_EQUAL(address_of(out.value), model[at]);
    CHECK_OK(keel_unique_release(out));
    model_remove(at);
}

static void M2_list_agrees_with_an_array(void)
{
    keel_list_t list = unit_list();
    model_size = 0;
    random_state = 1;
    for (unsigned step = 0; step < 600; step++) {
        bool grow = model_size == 0 || (model_size < MODEL_MAX && draw(2) == 0);
        if (grow) {
            insert_somewhere(list);
        } else {
            remove_somewhere(list);
        }
        check_order(list, model, model_size);
    }
    CHECK_OK(keel_list_release(list));
}

/* --- Two CPUs --- */

static keel_list_t lists[2];

static void shuffle(uint64_t seed)
{
    uint32_t state = (uint32_t)seed;
    for (unsigned i = 0; i < 30; i++) {
        keel_unique_t unique = {0};
        state = state * 1664525u + 1013904223u;
        keel_list_t from = lists[state >> 30 & 1], to = lists[state >> 29 & 1];
        keel_status_t status =
            (state >> 28 & 1) != 0 ? keel_list_pop_front(from, &unique) : keel_list_pop_back(from, &unique);
        CHECK(status == KEEL_OK || status == KEEL_E_NOT_FOUND);
        if (status == KEEL_OK) {
            CHECK_OK(keel_list_push_back(to, unique));
        }
    }
}

static void M2_no_frame_is_lost_while_cpus_shuffle_lists(void)
{
    lists[0] = unit_list();
    lists[1] = unit_list();
    for (unsigned i = 0; i < 5; i++) {
        (void)push_new(lists[0]);
    }
    keel_task_t other = unit_spawn(shuffle, 2);
    shuffle(1);
    CHECK(unit_join(other) == 0);
    CHECK_EQUAL(length_of(lists[0]) + length_of(lists[1]), 5);
    CHECK_AUDIT();
    CHECK_OK(keel_list_release(lists[0]));
    CHECK_OK(keel_list_release(lists[1]));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(M2_list_keeps_the_order),
        UNIT(H3_frame_comes_out_of_a_list_with_a_new_handle),
        UNIT(M2_frame_is_in_one_list_at_most),
        UNIT(M2_list_finds_nothing_that_is_not_in_it),
        UNIT(M2_list_that_ends_frees_its_frames),
        UNIT(M8_empty_list_and_full_table),
        UNIT(M2_list_agrees_with_an_array, .config.ram_size = 1 << 20),
        UNIT(M2_no_frame_is_lost_while_cpus_shuffle_lists, .seeds = 40),
    };
    return unit_main(tests, argc, argv);
}
