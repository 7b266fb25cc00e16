/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/area.c: addresses that are handed out once, between guards (T3), torn down everywhere before reuse
 * (A2), all or nothing (M8).
 */
#include "core/area.h"

#include <string.h>

#include "core/pagetable.h"
#include "core/task.h"
#include "hal/context.h"
#include "support.h"

#define STACK_BYTES   (HAL_STACK_PAGES * HAL_PAGE_SIZE)
#define GRANULE_BYTES (AREA_GRANULE_PAGES * HAL_PAGE_SIZE)
#define SPAN_PAGES    UINT64_C(512)
#define OWNER         7u

static struct area make(uint64_t page_count, uint64_t guard_count)
{
    struct area area = {0};
    CHECK_OK(area_create(page_count, guard_count, OWNER, &area));
    return area;
}

/* Where an area ends for its neighbours. */
static uint64_t end_of(const struct area *area)
{
    return HAL_WINDOW_BASE + (area->first + area->granules) * GRANULE_BYTES;
}

static uint64_t start_of(const struct area *area)
{
    return HAL_WINDOW_BASE + area->first * GRANULE_BYTES;
}

static bool is_mapped(uint64_t va)
{
    struct hal_pte_slot slot;
    return pagetable_find(hal_kernel_root(), va, &slot) && hal_pte_present(hal_pte_load(&slot));
}

static struct frame *map_new(struct area *area, uint64_t page, uint64_t count)
{
    struct frame *frames = NULL;
    CHECK_OK(frame_alloc(FRAME_OBJECT, count, 1, &frames));
    area_map(area, page, frames, count);
    return frames;
}

/* The machine reports the frames if a CPU may still reach them. */
static void unmap(struct area *area, uint64_t page, struct frame *frames, uint64_t count)
{
    area_unmap(area, page, count);
    frame_free_private(frames, count);
}

/* --- Guards --- */

static void T3_area_lies_between_guards(void)
{
    for (uint64_t pages = 1; pages <= 40; pages += 13) {
        for (uint64_t guard = 1; guard <= 33; guard += 16) {
            struct area area = make(pages, guard), next = make(1, 1);
            struct frame *frames = map_new(&area, 0, pages), *other = map_new(&next, 0, 1);
            uint64_t end = area.base + pages * HAL_PAGE_SIZE;
            CHECK(area.base - start_of(&area) >= guard * HAL_PAGE_SIZE);
            for (uint64_t va = start_of(&area); va < area.base; va += HAL_PAGE_SIZE) {
                CHECK(!is_mapped(va) && area_guard_owner(va) == OWNER);
                CHECK(area_guard_owner(va + HAL_PAGE_SIZE - 1) == OWNER);
            }
            for (uint64_t va = area.base; va < end; va += HAL_PAGE_SIZE) {
                CHECK(is_mapped(va) && area_guard_owner(va) == 0);
            }
            CHECK(!is_mapped(end) && next.base >= end_of(&area) + HAL_PAGE_SIZE);
            unmap(&area, 0, frames, pages);
            unmap(&next, 0, other, 1);
            area_destroy(&area);
            area_destroy(&next);
            CHECK_EQUAL(area_guard_owner(area.base - 1), 0);
        }
    }
    CHECK_EQUAL(area_guard_owner(HAL_WINDOW_BASE - 1), 0);
    CHECK_EQUAL(area_guard_owner(HAL_WINDOW_BASE + AREA_WINDOW_SIZE), 0);
    CHECK_EQUAL(area_guard_owner(0), 0);
    CHECK_EQUAL(area_guard_owner(UINT64_MAX), 0);
}

static const struct area *own_area(void)
{
    return &task_current()->area;
}

static void T3_every_stack_has_a_guard_as_large_below_it(void)
{
    const struct area *area = own_area();
    uint32_t slot = object_index(&task_current()->object);
    CHECK(area->base - start_of(area) >= STACK_BYTES);
    for (uint64_t va = area->base - STACK_BYTES; va < area->base; va += HAL_PAGE_SIZE) {
        CHECK(!is_mapped(va) && area_guard_owner(va) == slot + 1);
    }
    CHECK(!is_mapped(area->base + STACK_BYTES));
}

static void T3_guard_names_its_owner_within_the_buffer(void)
{
    uint64_t guard = own_area()->base - 1;
    char name[8];
    memset(name, 'x', sizeof name);
    CHECK(hal_upcall_guard_owner(guard, name, sizeof name));
    CHECK(strcmp(name, "main") == 0);
    memset(name, 'x', sizeof name);
    CHECK(hal_upcall_guard_owner(guard, name, 3));
    CHECK(strcmp(name, "ma") == 0 && name[3] == 'x');
    CHECK(!hal_upcall_guard_owner(guard, name, 0));
    CHECK(!hal_upcall_guard_owner(guard + 1, name, sizeof name));
}

/* Deep enough for every build; the compiler cannot turn it into a loop. */
static unsigned dig(volatile unsigned char *above, unsigned depth)
{
    volatile unsigned char here[512];
    here[0] = (unsigned char)(above[0] + 1);
    return depth == 0 ? here[0] : dig(here, depth - 1) + here[0];
}

static void overflow(uint64_t argument)
{
    volatile unsigned char start[1] = {(unsigned char)argument};
    CHECK(dig(start, 100000) == 0);
}

static void T3_stack_overflow_is_reported_with_the_owner(void)
{
    unit_join(unit_spawn(overflow, 1));
    CHECK_NEVER("a task went on after its stack overflowed");
}

static void T3_stack_overflow_of_the_first_task(void)
{
    overflow(1);
}

/* Large frames and deep recursion where no default stack has room. */
static void use_large_stack(uint64_t argument)
{
    volatile unsigned char frame[KEEL_TASK_STACK_SIZE_MAX * 3 / 4];
    for (size_t i = 0; i < sizeof frame; i += HAL_PAGE_SIZE) {
        frame[i] = (unsigned char)argument;
    }
    CHECK_EQUAL(frame[sizeof frame / 2], frame[0]);
}

static keel_task_t spawn_large(void (*entry)(uint64_t))
{
    keel_task_t task = {0};
    const struct keel_task_options options = {
        .entry = entry, .argument = 1, .name = "large", .stack_size = KEEL_TASK_STACK_SIZE_MAX};
    CHECK_OK(keel_task_spawn(&options, &task));
    return task;
}

static void T3_large_stack_is_used(void)
{
    for (unsigned i = 0; i < 3; i++) {
        CHECK(unit_join(spawn_large(use_large_stack)) == 0);
    }
}

static void T3_overflow_of_a_large_stack_is_reported(void)
{
    unit_join(spawn_large(overflow));
    CHECK_NEVER("a task went on after its stack overflowed");
}

/* Reads upwards, past the frames of its callers, until it leaves the stack. */
__attribute__((no_sanitize("address", "undefined"))) static void climb(uint64_t argument)
{
    volatile const unsigned char *at = (volatile const unsigned char *)&argument;
    for (uint64_t i = 0; i <= STACK_BYTES; i++) {
        (void)at[i];
    }
}

static void T3_overrun_at_the_top_hits_the_guard_above(void)
{
    unit_join(unit_spawn(climb, 1));
    CHECK_NEVER("a task went on after it read past the top of its stack");
}

/* --- Reuse --- */

static void A2_area_addresses_are_reused_after_a_flush(void)
{
    uint64_t base = 0;
    for (unsigned round = 0; round < 5; round++) {
        struct area area = make(3, 1);
        CHECK(round == 0 || area.base == base);
        base = area.base;
        struct frame *frames = map_new(&area, 0, 3);
        unmap(&area, 0, frames, 3);
        area_destroy(&area);
    }
}

static void A2_area_pages_come_and_go_alone(void)
{
    struct area area = make(20, 1);
    struct frame *low = map_new(&area, 0, 1), *high = map_new(&area, 18, 2);
    CHECK_EQUAL(area.mapped, 3);
    unmap(&area, 18, high, 2);
    CHECK(is_mapped(area.base) && !is_mapped(area.base + 19 * HAL_PAGE_SIZE));
    high = map_new(&area, 19, 1);
    unmap(&area, 0, low, 1);
    unmap(&area, 19, high, 1);
    CHECK_EQUAL(area.mapped, 0);
    area_destroy(&area);
}

/* The tables of an area's spans come with it and go with it; so do those of its guard. */
static void A2_area_tables_are_freed_after_a_flush(void)
{
    uint64_t before = frame_free_count();
    for (unsigned round = 0; round < 3; round++) {
        struct area area = make(3 * SPAN_PAGES, 1);
        uint64_t with = frame_free_count();
        CHECK(with >= before - 4 && with <= before - 3);
        struct frame *frames = map_new(&area, 2 * SPAN_PAGES, 1);
        unmap(&area, 2 * SPAN_PAGES, frames, 1);
        area_destroy(&area);
        CHECK_EQUAL(frame_free_count(), before);
    }
}

static void A2_area_keeps_the_table_that_another_needs(void)
{
    struct area first = make(SPAN_PAGES, 1), second = make(SPAN_PAGES, 1); /* they meet inside a span */
    struct frame *frames = map_new(&second, 0, SPAN_PAGES);
    area_destroy(&first);
    CHECK(is_mapped(second.base) && is_mapped(second.base + (SPAN_PAGES - 1) * HAL_PAGE_SIZE));
    first = make(SPAN_PAGES, 1);
    CHECK(end_of(&first) <= start_of(&second) || start_of(&first) >= end_of(&second));
    unmap(&second, 0, frames, SPAN_PAGES);
    area_destroy(&second);
    area_destroy(&first);
}

static void sleeper(uint64_t argument)
{
    CHECK_OK(keel_task_sleep(argument));
}

static void A2_stacks_come_and_go(void)
{
    keel_task_t tasks[6];
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned i = 0; i < 6; i++) {
            tasks[i] = unit_spawn(sleeper, 1000 * (i ^ round));
        }
        for (unsigned i = 0; i < 6; i++) {
            CHECK(unit_join(tasks[i]) == 0);
        }
        CHECK_AUDIT();
    }
}

/* --- Running out --- */

#define MANY 600u

static struct area many[MANY];

static bool disjoint(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        for (unsigned j = 0; j < i; j++) {
            if (end_of(&many[i]) > start_of(&many[j]) && end_of(&many[j]) > start_of(&many[i])) {
                return false;
            }
        }
    }
    return true;
}

/* Areas of all sizes, every other one given back: the holes are used, and whole again in the end. */
static void M8_area_holes_coalesce(void)
{
    struct area all = make(16 * SPAN_PAGES, 1);
    uint64_t base = all.base;
    area_destroy(&all);
    for (unsigned i = 0; i < 64; i++) {
        many[i] = make(1 + i * 7 % 100, 1 + i % 3);
    }
    CHECK(disjoint(64));
    uint64_t end = end_of(&many[63]);
    for (unsigned i = 0; i < 64; i += 2) {
        area_destroy(&many[i]);
    }
    for (unsigned i = 0; i < 64; i += 2) {
        many[i] = make(1 + i * 7 % 100, 1);
        CHECK(end_of(&many[i]) <= end);
    }
    CHECK(disjoint(64));
    for (unsigned i = 0; i < 64; i++) {
        area_destroy(&many[i * 5 % 64]);
    }
    all = make(16 * SPAN_PAGES, 1);
    CHECK_EQUAL(all.base, base);
    area_destroy(&all);
}

/* The window is used up to its last granule but one, the guard above. */
static void M8_area_addresses_run_out(void)
{
    struct area none = {0};
    const uint64_t all = AREA_WINDOW_SIZE / HAL_PAGE_SIZE;
    unsigned count = 0;
    keel_status_t status = KEEL_OK;
    CHECK_STATUS(area_create(all, 1, OWNER, &none), KEEL_E_LIMIT);
    CHECK_STATUS(area_create(1, all, OWNER, &none), KEEL_E_LIMIT);
    CHECK_STATUS(area_create(UINT64_MAX, 1, OWNER, &none), KEEL_E_LIMIT);
    CHECK_STATUS(area_create(1, UINT64_MAX, OWNER, &none), KEEL_E_LIMIT);
    CHECK_STATUS(area_create(all - 2 * AREA_GRANULE_PAGES, AREA_GRANULE_PAGES, OWNER, &none), KEEL_E_LIMIT);
    for (uint64_t pages = 64 * SPAN_PAGES; pages > 0; pages /= 2) {
        while (count < MANY && (status = area_create(pages, 1, OWNER, &many[count])) == KEEL_OK) {
            count++;
        }
        CHECK_STATUS(status, KEEL_E_LIMIT);
    }
    CHECK(disjoint(count));
    uint64_t end = 0, granules = 0;
    for (unsigned i = 0; i < count; i++) {
        end = end_of(&many[i]) > end ? end_of(&many[i]) : end;
        granules += many[i].granules;
    }
    granules += own_area()->granules;
    /* Holes are too small for guard and page, and there are few. */
    CHECK_EQUAL(end, HAL_WINDOW_BASE + AREA_WINDOW_SIZE - GRANULE_BYTES);
    CHECK(granules + 2 >= all / AREA_GRANULE_PAGES - 1 && granules <= all / AREA_GRANULE_PAGES - 1);
    struct frame *frames = map_new(&many[0], many[0].page_count - 1, 1);
    unmap(&many[0], many[0].page_count - 1, frames, 1);
    while (count > 0) {
        area_destroy(&many[--count]);
    }
}

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

/* Five tables; whichever cannot be had, nothing is left of the others, nor of the addresses. */
static void M8_area_create_at_every_request(void)
{
    const struct keel_frame_allocator allocator = {NULL, policy_ignore, policy_alloc, policy_ignore};
    struct area area = make(1, 1);
    uint64_t base = area.base, before = frame_free_count();
    area_destroy(&area);
    CHECK_OK(keel_frame_allocator_inject(&allocator));
    for (uint64_t n = 0; n < 5; n++) {
        requests = 0;
        fails_at = n;
        CHECK_STATUS(area_create(5 * SPAN_PAGES, 1, OWNER, &area), KEEL_E_NO_MEMORY);
        CHECK_EQUAL(frame_free_count(), before);
        CHECK_AUDIT();
    }
    requests = 0;
    fails_at = 5;
    area = make(5 * SPAN_PAGES, 1);
    CHECK_EQUAL(requests, 5);
    CHECK_EQUAL(area.base, base);
    area_destroy(&area);
    CHECK_EQUAL(frame_free_count(), before);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(T3_area_lies_between_guards),
        UNIT(T3_every_stack_has_a_guard_as_large_below_it),
        UNIT(T3_guard_names_its_owner_within_the_buffer),
        UNIT(T3_stack_overflow_is_reported_with_the_owner, .end = HOSTED_FAULT, .message = "other"),
        UNIT(T3_stack_overflow_of_the_first_task, .end = HOSTED_FAULT, .message = "main"),
        UNIT(T3_large_stack_is_used, .seeds = 3),
        UNIT(T3_overflow_of_a_large_stack_is_reported, .end = HOSTED_FAULT, .message = "large"),
        UNIT(T3_overrun_at_the_top_hits_the_guard_above, .end = HOSTED_FAULT),
        UNIT(A2_area_addresses_are_reused_after_a_flush, .config.cpu_count = 4),
        UNIT(A2_area_pages_come_and_go_alone),
        UNIT(A2_area_tables_are_freed_after_a_flush, .config.cpu_count = 4),
        UNIT(A2_area_keeps_the_table_that_another_needs, .config.ram_size = 16 << 20),
        UNIT(A2_stacks_come_and_go, .seeds = 20),
        UNIT(M8_area_holes_coalesce),
        UNIT(M8_area_addresses_run_out),
        UNIT(M8_area_create_at_every_request),
    };
    return unit_main(tests, argc, argv);
}
