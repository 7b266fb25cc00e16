/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Out of memory at the n-th request, for every n, in every call that allocates: an error, and nothing has
 * changed (M8).
 */
#include "core/frame.h"
#include "core/object.h"
#include "support.h"

/* An allocator that says none at one request and is wrong at every other, so that the built-in choice serves.
 */
static uint64_t requests, fails_at;

static void policy_ignore(void *context, uint32_t cpu, uint64_t first, uint64_t count)
{
    (void)context;
    (void)cpu;
    (void)first;
    (void)count;
}

static uint64_t policy_alloc(void *context, uint32_t cpu, uint64_t count, uint64_t alignment)
{
    (void)context;
    (void)cpu;
    (void)count;
    (void)alignment;
    return requests++ == fails_at ? KEEL_FRAME_NONE : KEEL_FRAME_NONE - 1;
}

static keel_space_t space;
static keel_frame_t frame;

static keel_status_t try_frame(void)
{
    keel_frame_t made = {0};
    keel_status_t status = keel_frame_alloc(&made);
    return status == KEEL_OK ? keel_frame_release(made) : status;
}

static keel_status_t try_unique(void)
{
    keel_unique_t made = {0};
    keel_status_t status = keel_unique_alloc(&made);
    return status == KEEL_OK ? keel_unique_release(made) : status;
}

static keel_status_t try_segment(void)
{
    keel_segment_t made = {0};
    keel_status_t status = keel_segment_alloc(5, 2, &made);
    return status == KEEL_OK ? keel_segment_release(made) : status;
}

static keel_status_t try_space(void)
{
    keel_space_t made = {0};
    keel_status_t status = keel_space_create(&made);
    return status == KEEL_OK ? keel_space_release(made) : status;
}

static void just_return(uint64_t argument)
{
    (void)argument;
}

static keel_status_t spawn(uint64_t stack_size)
{
    const struct keel_task_options options = {
        .entry = just_return, .name = "spawned", .stack_size = stack_size};
    keel_task_t made = {0};
    keel_status_t status = keel_task_spawn(&options, &made);
    if (status == KEEL_OK) {
        CHECK(unit_join(made) == 0);
        unit_settle();
    }
    return status;
}

static keel_status_t try_spawn(void)
{
    return spawn(0);
}

static keel_status_t try_spawn_large(void)
{
    return spawn(KEEL_TASK_STACK_SIZE_MAX);
}

static keel_status_t try_heap(void)
{
    void *slot = NULL, *large = NULL;
    keel_status_t status = keel_heap_alloc(100, 1, &slot);
    if (status == KEEL_OK) {
        status = keel_heap_alloc(10000, 1, &large);
        CHECK_OK(keel_heap_free(slot));
    }
    return status == KEEL_OK ? keel_heap_free(large) : status;
}

static keel_status_t try_memory(void)
{
    keel_memory_t slot = {0}, large = {0};
    keel_status_t status = keel_memory_alloc(100, &slot);
    if (status == KEEL_OK) {
        status = keel_memory_alloc(10000, &large);
        CHECK_OK(keel_memory_release(slot));
    }
    return status == KEEL_OK ? keel_memory_release(large) : status;
}

/* Every failing request of one call; answers how many requests it makes. */
static uint64_t sweep(keel_status_t (*try)(void))
{
    const struct keel_frame_allocator allocator = {NULL, policy_ignore, policy_alloc, policy_ignore};
    fails_at = UINT64_MAX;
    keel_status_t status = keel_frame_allocator_inject(&allocator);
    CHECK(status == KEEL_OK || status == KEEL_E_EXISTS);
    uint64_t before = frame_free_count();
    for (uint64_t n = 0; n < 100; n++) {
        requests = 0;
        fails_at = n;
        status = try();
        CHECK_EQUAL(frame_free_count(), before);
        if (status == KEEL_OK) {
            return n;
        }
        CHECK_STATUS(status, KEEL_E_NO_MEMORY);
        CHECK_AUDIT();
    }
    CHECK_NEVER("the call never succeeds");
    return 0;
}

static void M8_frame_alloc_at_every_request(void)
{
    CHECK_EQUAL(sweep(try_frame), 1);
}

static void M8_unique_alloc_at_every_request(void)
{
    CHECK_EQUAL(sweep(try_unique), 1);
}

static void M8_segment_alloc_at_every_request(void)
{
    CHECK_EQUAL(sweep(try_segment), 1);
}

static void M8_space_create_at_every_request(void)
{
    CHECK_EQUAL(sweep(try_space), 1);
}

static void M8_heap_at_every_request(void)
{
    CHECK_EQUAL(sweep(try_heap), 2);
    CHECK_EQUAL(sweep(try_memory), 2);
}

static void M8_task_spawn_at_every_request(void)
{
    CHECK(sweep(try_spawn) >= 2);
    CHECK(sweep(try_spawn_large) >= 2);
}

/* Not undone by its own call: tables stay until the space ends. So each n gets a space of its own. */
static void M8_space_map_at_every_request(void)
{
    const struct keel_frame_allocator allocator = {NULL, policy_ignore, policy_alloc, policy_ignore};
    struct keel_mapping mapping;
    struct keel_frame_info info = {0};
    fails_at = UINT64_MAX;
    CHECK_OK(keel_frame_allocator_inject(&allocator));
    frame = unit_frame();
    space = unit_space();
    uint64_t before = frame_free_count();
    for (uint64_t n = 0; n < 3; n++) {
        requests = 0;
        fails_at = n;
        CHECK_STATUS(keel_space_map(space, 0x7000, frame, KEEL_READ), KEEL_E_NO_MEMORY);
        CHECK_EQUAL(frame_free_count(), before);
        CHECK_STATUS(keel_space_query(space, 0x7000, &mapping), KEEL_E_NOT_FOUND);
        CHECK_OK(keel_frame_info(frame, &info));
        CHECK_EQUAL(info.references, 1);
        CHECK_AUDIT();
    }
    requests = 0;
    fails_at = 3;
    CHECK_OK(keel_space_map(space, 0x7000, frame, KEEL_READ));
    CHECK_EQUAL(requests, 3);
    CHECK_OK(keel_frame_release(frame));
    CHECK_OK(keel_space_release(space));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(M8_frame_alloc_at_every_request),  UNIT(M8_segment_alloc_at_every_request),
        UNIT(M8_space_create_at_every_request), UNIT(M8_task_spawn_at_every_request, .seeds = 3),
        UNIT(M8_space_map_at_every_request),    UNIT(M8_unique_alloc_at_every_request),
        UNIT(M8_heap_at_every_request),
    };
    return unit_main(tests, argc, argv);
}
