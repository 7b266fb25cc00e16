/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Random calls on frames of all forms beside an obvious model of them. The model says what each call must
 * answer, who must hold each frame and what must be in it; the two are compared after every step.
 */
#include <string.h>

#include "core/frame.h"
#include "core/object.h"
#include "support.h"

#define FRAMES   24u /* alive at once */
#define SEGMENTS 8u
#define LISTS    2u
#define STEPS    8000u
#define REFS_MAX 3u
#define TAGS     3u

enum form { GONE, SHARED, UNIQUE, LISTED };

struct model_frame {
    enum form form;
    uint64_t handle;    /* of its present form; SHARED without handles: not known */
    uint64_t number;    /* of the frame */
    unsigned handles;   /* of clients */
    unsigned list;      /* where LISTED */
    unsigned char byte; /* the first one of its contents */
    uint32_t tag;
    uint64_t words[KEEL_FRAME_WORDS];
};

struct model_segment {
    uint64_t handle; /* 0: none */
    unsigned refs;
    uint64_t first, count; /* frame numbers */
};

static struct model_frame frames[FRAMES];
static struct model_segment segments[SEGMENTS];
static keel_list_t lists[LISTS];
static uint64_t order[LISTS][FRAMES]; /* the lists' frames, by number */
static unsigned length[LISTS];
static uint64_t random_state, free_at_start;

static uint32_t draw(uint32_t below)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(random_state >> 33) % below;
}

/* --- The model --- */

static unsigned holders(uint64_t number)
{
    unsigned count = 0;
    for (unsigned i = 0; i < SEGMENTS; i++) {
        const struct model_segment *segment = &segments[i];
        count += segment->handle != 0 && number >= segment->first && number - segment->first < segment->count;
    }
    return count;
}

/* A shared frame that nobody holds any more is gone. */
static void settle(void)
{
    for (unsigned i = 0; i < FRAMES; i++) {
        if (frames[i].form == SHARED && frames[i].handles == 0 && holders(frames[i].number) == 0) {
            frames[i].form = GONE;
        }
    }
}

static struct model_frame *pick(void)
{
    return &frames[draw(FRAMES)];
}

static struct model_frame *numbered(uint64_t number)
{
    for (unsigned i = 0; i < FRAMES; i++) {
        if (frames[i].form != GONE && frames[i].number == number) {
            return &frames[i];
        }
    }
    CHECK_NEVER("the model has no such frame");
    return &frames[0];
}

static unsigned gone_count(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < FRAMES; i++) {
        count += frames[i].form == GONE;
    }
    return count;
}

static struct model_frame *born(enum form form, uint64_t handle, uint64_t number)
{
    for (unsigned i = 0; i < FRAMES; i++) {
        if (frames[i].form == GONE) {
            frames[i] = (struct model_frame){.form = form, .handle = handle, .number = number};
            return &frames[i];
        }
    }
    CHECK_NEVER("the model is full");
    return &frames[0];
}

static keel_frame_t shared(const struct model_frame *frame)
{
    return (keel_frame_t){frame->handle};
}

static keel_unique_t unique(const struct model_frame *frame)
{
    return (keel_unique_t){frame->handle};
}

/* What a call on the shared or the unique form must answer. */
static keel_status_t if_shared(const struct model_frame *frame)
{
    return frame->form == SHARED && frame->handles > 0 ? KEEL_OK : KEEL_E_BAD_HANDLE;
}

static keel_status_t if_unique(const struct model_frame *frame)
{
    return frame->form == UNIQUE ? KEEL_OK : KEEL_E_BAD_HANDLE;
}

/* --- Steps --- */

static void step_alloc(void)
{
    keel_frame_t made = {0};
    keel_unique_t alone = {0};
    if (gone_count() == 0) {
        return;
    }
    if (draw(2) == 0) {
        CHECK_OK(keel_frame_alloc(&made));
        born(SHARED, made.value, handle_slot(made.value))->handles = 1;
    } else {
        CHECK_OK(keel_unique_alloc(&alone));
        (void)born(UNIQUE, alone.value, handle_slot(alone.value));
    }
}

static void step_ref(void)
{
    struct model_frame *frame = pick();
    if (frame->handles < REFS_MAX) {
        CHECK_STATUS(keel_frame_ref(shared(frame)), if_shared(frame));
        frame->handles += if_shared(frame) == KEEL_OK;
    }
}

static void step_release(void)
{
    struct model_frame *frame = pick();
    if (draw(4) == 0) {
        CHECK_STATUS(keel_unique_release(unique(frame)), if_unique(frame));
        frame->form = frame->form == UNIQUE ? GONE : frame->form;
        return;
    }
    CHECK_STATUS(keel_frame_release(shared(frame)), if_shared(frame));
    frame->handles -= if_shared(frame) == KEEL_OK;
}

static void step_convert(void)
{
    struct model_frame *frame = pick();
    keel_status_t expected = if_shared(frame);
    if (expected == KEEL_OK && (frame->handles > 1 || holders(frame->number) > 0)) {
        expected = KEEL_E_BUSY;
    }
    keel_unique_t alone = {0};
    keel_frame_t together = {0};
    if (draw(2) == 0) {
        CHECK_STATUS(keel_unique_from_frame(shared(frame), &alone), expected);
        if (expected == KEEL_OK) {
            frame->form = UNIQUE;
            frame->handle = alone.value;
            frame->handles = 0;
        }
        return;
    }
    CHECK_STATUS(keel_unique_to_frame(unique(frame), &together), if_unique(frame));
    if (frame->form == UNIQUE) {
        frame->form = SHARED;
        frame->handle = together.value;
        frame->handles = 1;
    }
}

static void step_write(void)
{
    struct model_frame *frame = pick();
    unsigned char byte = (unsigned char)draw(256);
    CHECK_STATUS(keel_frame_write(shared(frame), 0, &byte, 1), if_shared(frame));
    CHECK_STATUS(keel_unique_write(unique(frame), 0, &byte, 1), if_unique(frame));
    if (if_shared(frame) == KEEL_OK || frame->form == UNIQUE) {
        frame->byte = byte;
    }
}

static void step_set(void)
{
    struct model_frame *frame = pick();
    uint32_t tag = draw(TAGS);
    uint64_t first = draw(100), second = draw(100);
    CHECK_STATUS(keel_unique_set(unique(frame), tag, first, second), if_unique(frame));
    if (frame->form == UNIQUE) {
        frame->tag = tag;
        frame->words[0] = first;
        frame->words[1] = second;
    }
}

static void step_word(void)
{
    struct model_frame *frame = pick();
    uint32_t tag = draw(TAGS), index = draw(KEEL_FRAME_WORDS);
    uint64_t expected = draw(4), desired = draw(4), previous = 0;
    keel_status_t status = if_shared(frame);
    status = status == KEEL_OK && tag != frame->tag ? KEEL_E_DENIED : status;
    if (draw(2) == 0) {
        CHECK_STATUS(keel_frame_word_store(shared(frame), tag, index, desired), status);
        if (status == KEEL_OK) {
            frame->words[index] = desired;
        }
        return;
    }
    CHECK_STATUS(keel_frame_word_exchange(shared(frame), tag, index, expected, desired, &previous), status);
    if (status == KEEL_OK) {
        CHECK_EQUAL(previous, frame->words[index]);
        frame->words[index] = previous == expected ? desired : previous;
    }
}

static void step_push(void)
{
    struct model_frame *frame = pick();
    unsigned list = draw(LISTS);
    bool front = draw(2) == 0;
    CHECK_STATUS(front ? keel_list_push_front(lists[list], unique(frame))
                       : keel_list_push_back(lists[list], unique(frame)),
                 if_unique(frame));
    if (frame->form == UNIQUE) {
        frame->form = LISTED;
        frame->list = list;
        memmove(&order[list][front ? 1 : 0], &order[list][0], length[list] * sizeof order[list][0]);
        order[list][front ? 0 : length[list]] = frame->number;
        length[list]++;
    }
}

static void taken_out(unsigned list, unsigned at, keel_unique_t handle)
{
    struct model_frame *frame = numbered(order[list][at]);
    CHECK_EQUAL(handle_slot(handle.value), frame->number);
    CHECK(handle.value != frame->handle);
    frame->form = UNIQUE;
    frame->handle = handle.value;
    length[list]--;
    memmove(&order[list][at], &order[list][at + 1], (length[list] - at) * sizeof order[list][0]);
}

static void step_pop(void)
{
    unsigned list = draw(LISTS);
    bool front = draw(2) == 0;
    keel_unique_t out = {0};
    CHECK_STATUS(front ? keel_list_pop_front(lists[list], &out) : keel_list_pop_back(lists[list], &out),
                 length[list] > 0 ? KEEL_OK : KEEL_E_NOT_FOUND);
    if (length[list] > 0) {
        taken_out(list, front ? 0 : length[list] - 1, out);
    }
}

static void step_remove(void)
{
    struct model_frame *frame = pick();
    unsigned list = draw(LISTS), at = 0;
    keel_unique_t out = {0};
    bool in_it = frame->form == LISTED && frame->list == list;
    CHECK_STATUS(keel_list_remove(lists[list], frame->number * KEEL_PAGE_SIZE, &out),
                 in_it ? KEEL_OK : KEEL_E_NOT_FOUND);
    if (in_it) {
        while (order[list][at] != frame->number) {
            at++;
        }
        taken_out(list, at, out);
    }
}

static struct model_segment *free_segment(void)
{
    for (unsigned i = 0; i < SEGMENTS; i++) {
        if (segments[i].handle == 0) {
            return &segments[i];
        }
    }
    return NULL;
}

static void note_segment(struct model_segment *segment, keel_segment_t handle, uint64_t first, uint64_t count)
{
    *segment = (struct model_segment){handle.value, 1, first, count};
}

static void step_segment_alloc(void)
{
    struct model_segment *segment = free_segment();
    uint64_t count = 1 + draw(4);
    keel_segment_t made = {0};
    struct keel_segment_info info = {0};
    if (segment == NULL || gone_count() < count) {
        return;
    }
    CHECK_OK(keel_segment_alloc(count, 1, &made));
    CHECK_OK(keel_segment_info(made, &info));
    note_segment(segment, made, info.address / KEEL_PAGE_SIZE, count);
    for (uint64_t i = 0; i < count; i++) {
        (void)born(SHARED, 0, segment->first + i);
    }
}

static void step_slice(void)
{
    struct model_segment *from = &segments[draw(SEGMENTS)], *to = free_segment();
    uint64_t index = draw(5), count = draw(5);
    keel_segment_t slice = {0};
    if (to == NULL || from->handle == 0) {
        return;
    }
    bool fits = count > 0 && index + count <= from->count;
    CHECK_STATUS(keel_segment_slice((keel_segment_t){from->handle}, index, count, &slice),
                 fits ? KEEL_OK : KEEL_E_INVALID);
    if (fits) {
        note_segment(to, slice, from->first + index, count);
    }
}

static void drop_segment(struct model_segment *segment)
{
    if (--segment->refs == 0) {
        segment->handle = 0;
    }
}

static void step_split(void)
{
    struct model_segment from = {0}, *segment = &segments[draw(SEGMENTS)];
    uint64_t index = draw(5);
    keel_segment_t low = {0}, high = {0};
    struct model_segment *one = free_segment();
    if (segment->handle == 0 || one == NULL) {
        return;
    }
    from = *segment;
    one->handle = 1; /* taken, for the next search */
    struct model_segment *two = segment->refs > 1 ? free_segment() : segment;
    one->handle = 0;
    if (two == NULL) {
        return;
    }
    bool fits = index > 0 && index < from.count;
    CHECK_STATUS(keel_segment_split((keel_segment_t){from.handle}, index, &low, &high),
                 fits ? KEEL_OK : KEEL_E_INVALID);
    if (fits) {
        drop_segment(segment);
        note_segment(one, low, from.first, index);
        note_segment(two, high, from.first + index, from.count - index);
    }
}

static void step_segment_count(void)
{
    struct model_segment *segment = &segments[draw(SEGMENTS)];
    keel_segment_t handle = {segment->handle};
    if (segment->handle == 0) {
        return;
    }
    if (segment->refs < REFS_MAX && draw(3) == 0) {
        CHECK_OK(keel_segment_ref(handle));
        segment->refs++;
    } else {
        CHECK_OK(keel_segment_release(handle));
        drop_segment(segment);
    }
}

static void step_segment_frame(void)
{
    struct model_segment *segment = &segments[draw(SEGMENTS)];
    uint64_t index = draw(5);
    keel_frame_t got = {0};
    if (segment->handle == 0) {
        return;
    }
    bool fits = index < segment->count;
    if (fits && numbered(segment->first + index)->handles == REFS_MAX) {
        return;
    }
    CHECK_STATUS(keel_segment_frame((keel_segment_t){segment->handle}, index, &got),
                 fits ? KEEL_OK : KEEL_E_INVALID);
    if (fits) {
        struct model_frame *frame = numbered(segment->first + index);
        frame->handle = got.value;
        frame->handles++;
    }
}

/* --- Comparing --- */

static void compare_shared(const struct model_frame *frame)
{
    struct keel_frame_info info = {0};
    unsigned char byte = 0;
    CHECK_OK(keel_frame_info(shared(frame), &info));
    CHECK_EQUAL(info.references, frame->handles + holders(frame->number));
    CHECK_EQUAL(info.tag, frame->tag);
    CHECK_EQUAL(info.address, frame->number * KEEL_PAGE_SIZE);
    CHECK_OK(keel_frame_read(shared(frame), 0, &byte, 1));
    CHECK_EQUAL(byte, frame->byte);
    for (uint32_t i = 0; i < KEEL_FRAME_WORDS; i++) {
        uint64_t value = 0;
        CHECK_OK(keel_frame_word_load(shared(frame), frame->tag, i, &value));
        CHECK_EQUAL(value, frame->words[i]);
    }
}

static void compare_unique(const struct model_frame *frame)
{
    struct keel_unique_info info = {0};
    unsigned char byte = 0;
    CHECK_OK(keel_unique_info(unique(frame), &info));
    CHECK_EQUAL(info.tag, frame->tag);
    CHECK(info.words[0] == frame->words[0] && info.words[1] == frame->words[1]);
    CHECK_OK(keel_unique_read(unique(frame), 0, &byte, 1));
    CHECK_EQUAL(byte, frame->byte);
}

static void compare(void)
{
    for (unsigned i = 0; i < FRAMES; i++) {
        if (if_shared(&frames[i]) == KEEL_OK) {
            compare_shared(&frames[i]);
        } else if (frames[i].form == UNIQUE) {
            compare_unique(&frames[i]);
        }
    }
    for (unsigned list = 0; list < LISTS; list++) {
        uint64_t at = KEEL_LIST_END, count = 0;
        CHECK_OK(keel_list_length(lists[list], &count));
        CHECK_EQUAL(count, length[list]);
        for (unsigned i = 0; i < length[list]; i++) {
            CHECK_OK(keel_list_next(lists[list], at, &at));
            CHECK_EQUAL(at, order[list][i] * KEEL_PAGE_SIZE);
        }
    }
    CHECK_EQUAL(frame_free_count(), free_at_start - (FRAMES - gone_count()));
}

static void M2_frames_agree_with_their_model(void)
{
    static void (*const steps[])(void) = {
        step_alloc,   step_alloc,         step_ref,           step_release, step_release,
        step_convert, step_write,         step_set,           step_word,    step_push,
        step_pop,     step_remove,        step_slice,         step_split,   step_segment_alloc,
        step_slice,   step_segment_count, step_segment_frame, step_word,    step_convert};
    memset(frames, 0, sizeof frames);
    memset(segments, 0, sizeof segments);
    memset(length, 0, sizeof length);
    random_state = 1;
    for (unsigned i = 0; i < LISTS; i++) {
        lists[i] = unit_list();
    }
    free_at_start = frame_free_count();
    for (unsigned step = 0; step < STEPS; step++) {
        steps[draw(sizeof steps / sizeof steps[0])]();
        settle();
        compare();
    }
    CHECK_AUDIT();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(M2_frames_agree_with_their_model, .config.ram_size = 1 << 20, .leaves_things = true),
    };
    return unit_main(tests, argc, argv);
}
