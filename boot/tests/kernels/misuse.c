/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A client that does everything wrong: handles that are forged, stale or of another kind (H1), calls from
 * inside policies (H4), and taking all there is of every resource (M8). Each is answered with the right
 * error, and nothing is lost.
 */
#include "check.h"
#include "services/buddy.h"
#include "services/fifo.h"

#define HOARD_MAX 8192u
#define MAP_VA    UINT64_C(0x400000)

/* --- Handles --- */

static void refuse_frame(uint64_t value)
{
    keel_frame_t frame = {value};
    struct keel_frame_info info;
    keel_space_t space;
    uint8_t byte = 0;
    CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_frame_ref(frame));
    CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_frame_release(frame));
    CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_frame_read(frame, 0, &byte, 1));
    CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_frame_write(frame, 0, &byte, 1));
    CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_frame_info(frame, &info));
    CHECK_OK(keel_space_create(&space));
    CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_space_map(space, MAP_VA, frame, KEEL_READ));
    CHECK_OK(keel_space_release(space));
}

static void refuse_segment(uint64_t value)
{
    keel_segment_t segment = {value};
    struct keel_segment_info info;
    keel_frame_t frame;
    uint8_t byte = 0;
    CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_segment_ref(segment));
    CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_segment_release(segment));
    CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_segment_read(segment, 0, &byte, 1));
    CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_segment_write(segment, 0, &byte, 1));
    CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_segment_info(segment, &info));
    CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_segment_frame(segment, 0, &frame));
}

static void refuse_space(uint64_t value, keel_frame_t frame)
{
    keel_space_t space = {value};
    struct keel_mapping mapping;
    uint64_t count;
    CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_space_ref(space));
    CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_space_release(space));
    CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_space_map(space, MAP_VA, frame, KEEL_READ));
    CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_space_unmap(space, MAP_VA, 1, &count));
    CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_space_protect(space, MAP_VA, 1, KEEL_READ, &count));
    CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_space_query(space, MAP_VA, &mapping));
    if (value != 0) {
        CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_space_activate(space));
    }
}

static void refuse_task(uint64_t value)
{
    keel_task_t task = {value};
    struct keel_task_info info;
    int32_t status;
    CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_task_ref(task));
    CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_task_release(task));
    CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_task_info(task, &info));
    CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_task_join(task, &status));
}

static void nothing(uint64_t argument)
{
    (void)argument;
}

/* One live object of each kind. */
struct objects {
    keel_frame_t frame;
    keel_segment_t segment;
    keel_space_t space;
    keel_task_t task;
};

static struct objects objects_make(void)
{
    struct objects objects = {.task = task_start("object", nothing, 0)};
    CHECK_OK(keel_frame_alloc(&objects.frame));
    CHECK_OK(keel_segment_alloc(2, 1, &objects.segment));
    CHECK_OK(keel_space_create(&objects.space));
    return objects;
}

static void objects_release(const struct objects *objects)
{
    CHECK_OK(keel_frame_release(objects->frame));
    CHECK_OK(keel_segment_release(objects->segment));
    CHECK_OK(keel_space_release(objects->space));
    CHECK(task_finish(objects->task) == 0);
}

static void refuse_everywhere(uint64_t value, keel_frame_t frame)
{
    refuse_frame(value);
    refuse_segment(value);
    refuse_space(value, frame);
    refuse_task(value);
}

/* Zero, all ones, single bits, other generations and slots of live handles, anything. */
static void H1_forged_handles(void)
{
    struct objects objects = objects_make();
    const uint64_t live[] = {objects.frame.value, objects.segment.value, objects.space.value,
                             objects.task.value};
    refuse_everywhere(0, objects.frame);
    refuse_everywhere(UINT64_MAX, objects.frame);
    for (size_t i = 0; i < COUNT_OF(live); i++) {
        for (uint32_t bit = 0; bit < 28; bit++) {
            refuse_everywhere(live[i] ^ UINT64_C(1) << bit, objects.frame); /* of the generation */
        }
        refuse_everywhere(live[i] | UINT64_C(0xfffffff) << 32, objects.frame);
        refuse_everywhere(live[i] ^ UINT64_C(1) << 63, objects.frame);
    }
    for (uint32_t i = 0; i < 200; i++) {
        refuse_everywhere(random_next(), objects.frame);
    }
    objects_release(&objects);
}

static void H1_foreign_handles(void)
{
    struct objects objects = objects_make();
    refuse_frame(objects.segment.value);
    refuse_frame(objects.space.value);
    refuse_frame(objects.task.value);
    refuse_segment(objects.frame.value);
    refuse_segment(objects.space.value);
    refuse_segment(objects.task.value);
    refuse_space(objects.frame.value, objects.frame);
    refuse_space(objects.segment.value, objects.frame);
    refuse_space(objects.task.value, objects.frame);
    refuse_task(objects.frame.value);
    refuse_task(objects.segment.value);
    refuse_task(objects.space.value);
    objects_release(&objects);
}

/* Closed handles stay closed, also when their slot and frame live again. */
static void H1_stale_handles(void)
{
    for (uint32_t round = 0; round < 50; round++) {
        struct objects gone = objects_make();
        objects_release(&gone);
        struct objects next = objects_make();
        refuse_frame(gone.frame.value);
        refuse_segment(gone.segment.value);
        refuse_space(gone.space.value, next.frame);
        refuse_task(gone.task.value);
        objects_release(&next);
    }
}

/* --- Exhaustion --- */

static keel_segment_t hoard_segments[HOARD_MAX];
static keel_frame_t hoard_frames[HOARD_MAX];
static keel_space_t hoard_spaces[HOARD_MAX];
static keel_task_t hoard_tasks[HOARD_MAX];

/* All of memory, in segments as large as there are, the rest in frames. Answers how many of both. */
static void hoard_memory(uint32_t *segment_count, uint32_t *frame_count)
{
    for (uint64_t size = UINT64_C(1) << 20; size > 8; size /= 2) {
        while (*segment_count < HOARD_MAX &&
               keel_segment_alloc(size, 1, &hoard_segments[*segment_count]) == KEEL_OK) {
            (*segment_count)++;
        }
    }
    while (*frame_count < HOARD_MAX && keel_frame_alloc(&hoard_frames[*frame_count]) == KEEL_OK) {
        (*frame_count)++;
    }
}

/* Every call that needs memory says so. */
static void check_no_memory(keel_space_t space, keel_frame_t mapped)
{
    struct keel_task_options options = {.entry = nothing};
    keel_frame_t frame;
    keel_segment_t segment;
    keel_space_t other;
    keel_task_t task;
    struct keel_mapping mapping;
    CHECK_VALUE(frames_free() == 0, frames_free());
    CHECK_STATUS(KEEL_E_NO_MEMORY, keel_frame_alloc(&frame));
    CHECK_STATUS(KEEL_E_NO_MEMORY, keel_segment_alloc(1, 1, &segment));
    CHECK_STATUS(KEEL_E_NO_MEMORY, keel_segment_alloc(UINT64_C(1) << 20, UINT64_C(1) << 18, &segment));
    CHECK_STATUS(KEEL_E_NO_MEMORY, keel_space_create(&other));
    CHECK_STATUS(KEEL_E_NO_MEMORY, keel_task_spawn(&options, &task));
    CHECK_STATUS(KEEL_E_NO_MEMORY, keel_space_map(space, MAP_VA, mapped, KEEL_READ));
    CHECK_STATUS(KEEL_E_NOT_FOUND, keel_space_query(space, MAP_VA, &mapping));
}

static void M8_no_frames_left(void)
{
    uint32_t segment_count = 0, frame_count = 0, violations = 0;
    keel_space_t space;
    keel_frame_t mapped;
    CHECK_OK(keel_space_create(&space));
    CHECK_OK(keel_frame_alloc(&mapped));
    hoard_memory(&segment_count, &frame_count);
    CHECK_VALUE(frame_count < HOARD_MAX && segment_count < HOARD_MAX, frame_count);
    check_no_memory(space, mapped);
    CHECK_OK(keel_audit(&violations));
    CHECK_VALUE(violations == 0, violations);
    /* One or two table pages are not enough for three levels: what was taken on the way must come back. */
    for (uint32_t given = 0; given < 3 && frame_count > 0; given++) {
        frame_count--;
        CHECK_OK(keel_frame_release(hoard_frames[frame_count]));
        keel_status_t expected = given < 2 ? KEEL_E_NO_MEMORY : KEEL_OK;
        CHECK_STATUS(expected, keel_space_map(space, MAP_VA, mapped, KEEL_READ));
    }
    while (frame_count > 0) {
        CHECK_OK(keel_frame_release(hoard_frames[--frame_count]));
    }
    while (segment_count > 0) {
        CHECK_OK(keel_segment_release(hoard_segments[--segment_count]));
    }
    CHECK_OK(keel_space_release(space));
    CHECK_OK(keel_frame_release(mapped));
}

static bool is_exhausted(keel_status_t status)
{
    return status == KEEL_E_LIMIT || status == KEEL_E_NO_MEMORY;
}

static void M8_no_segments_left(void)
{
    keel_status_t status = KEEL_OK;
    uint32_t count = 0;
    while (count < HOARD_MAX && (status = keel_segment_alloc(1, 1, &hoard_segments[count])) == KEEL_OK) {
        count++;
    }
    CHECK_VALUE(is_exhausted(status), (uint64_t)status);
    note("segments", count);
    while (count > 0) {
        CHECK_OK(keel_segment_release(hoard_segments[--count]));
    }
}

static void M8_no_spaces_left(void)
{
    keel_status_t status = KEEL_OK;
    uint32_t count = 0;
    while (count < HOARD_MAX && (status = keel_space_create(&hoard_spaces[count])) == KEEL_OK) {
        count++;
    }
    CHECK_VALUE(is_exhausted(status), (uint64_t)status);
    note("spaces", count);
    while (count > 0) {
        CHECK_OK(keel_space_release(hoard_spaces[--count]));
    }
}

static void M8_no_tasks_left(void)
{
    struct keel_task_options options = {.entry = nothing, .name = "one of many"};
    keel_status_t status = KEEL_OK;
    uint32_t count = 0;
    while (count < HOARD_MAX && (status = keel_task_spawn(&options, &hoard_tasks[count])) == KEEL_OK) {
        count++;
    }
    CHECK_VALUE(is_exhausted(status), (uint64_t)status);
    note("tasks", count);
    while (count > 0) {
        CHECK(task_finish(hoard_tasks[--count]) == 0);
    }
}

/* --- Boot memory --- */

static uint8_t scribble[KEEL_PAGE_SIZE];

/* Every byte of memory that can be had is overwritten. */
static void overwrite_all_memory(void)
{
    uint32_t segment_count = 0, frame_count = 0;
    hoard_memory(&segment_count, &frame_count);
    for (uint32_t i = 0; i < segment_count; i++) {
        struct keel_segment_info info = {0};
        CHECK_OK(keel_segment_info(hoard_segments[i], &info));
        for (uint64_t page = 0; page < info.frame_count; page++) {
            CHECK_OK(
                keel_segment_write(hoard_segments[i], page * KEEL_PAGE_SIZE, scribble, sizeof(scribble)));
        }
    }
    for (uint32_t i = 0; i < frame_count; i++) {
        CHECK_OK(keel_frame_write(hoard_frames[i], 0, scribble, sizeof(scribble)));
    }
    while (frame_count > 0) {
        CHECK_OK(keel_frame_release(hoard_frames[--frame_count]));
    }
    while (segment_count > 0) {
        CHECK_OK(keel_segment_release(hoard_segments[--segment_count]));
    }
}

static uint64_t sum_of_what_boot_left(void)
{
    struct keel_boot_info info = {0};
    uint64_t sum = 0;
    uint8_t bytes[64];
    CHECK_OK(keel_boot_info(&info));
    for (uint64_t at = 0; at + sizeof(bytes) <= info.initrd_size; at += sizeof(bytes)) {
        CHECK_OK(keel_boot_initrd(at, bytes, sizeof(bytes)));
        for (size_t i = 0; i < sizeof(bytes); i++) {
            sum = sum * 31 + bytes[i];
        }
    }
    for (uint64_t at = 0; at < info.command_line_size; at++) {
        CHECK_OK(keel_boot_command_line(at, bytes, 1));
        sum = sum * 31 + bytes[0];
    }
    for (uint32_t i = 0; i < info.region_count; i++) {
        struct keel_region region = {0};
        CHECK_OK(keel_boot_region(i, &region));
        sum = sum * 31 + (region.base ^ region.size ^ region.kind);
    }
    return sum;
}

/* What the loader left is not needed by anybody, or overwriting it would show. */
static void M5_boot_memory_is_reclaimed(void)
{
    struct keel_boot_info before = {0}, after = {0};
    uint64_t frame_count = 0, sum = sum_of_what_boot_left();
    for (size_t i = 0; i < sizeof(scribble); i++) {
        scribble[i] = 0xcc;
    }
    CHECK_OK(keel_boot_info(&before));
    CHECK_OK(keel_boot_reclaim(&frame_count));
    CHECK_OK(keel_boot_info(&after));
    note("reclaimed frames", frame_count);
    CHECK(after.frames_total == before.frames_total + frame_count);
    CHECK(after.frames_free == before.frames_free + frame_count);
    CHECK_STATUS(KEEL_E_EXISTS, keel_boot_reclaim(&frame_count));
    overwrite_all_memory();
    CHECK(sum_of_what_boot_left() == sum);
}

/* --- Policies --- */

#define BUDDY_FRAMES (UINT64_C(1) << 20) /* the machine's memory ends below 4 GiB */

static struct services_buddy buddy;
static uint64_t buddy_words[SERVICES_BUDDY_WORDS(BUDDY_FRAMES)];
static struct services_fifo fifo;
static struct keel_frame_allocator honest_allocator;
static struct keel_scheduler honest_scheduler;
/* Atomic: policies and the test run at once on different CPUs. */
static _Atomic uint64_t allocator_calls, scheduler_calls;
static struct objects victims;

/* Calls that a policy may not make: they would wait for the locks that it is called under, or for itself. */
static void call_what_is_refused(void)
{
    struct keel_user_regs regs = {0};
    struct keel_user_event event;
    struct objects made;
    int32_t status;
    uint32_t violations;
    uint64_t count;
    CHECK_STATUS(KEEL_E_CONTEXT, keel_frame_alloc(&made.frame));
    CHECK_STATUS(KEEL_E_CONTEXT, keel_frame_release(victims.frame));
    CHECK_STATUS(KEEL_E_CONTEXT, keel_segment_alloc(1, 1, &made.segment));
    CHECK_STATUS(KEEL_E_CONTEXT, keel_segment_release(victims.segment));
    CHECK_STATUS(KEEL_E_CONTEXT, keel_space_create(&made.space));
    CHECK_STATUS(KEEL_E_CONTEXT, keel_space_unmap(victims.space, MAP_VA, 1, &count));
    CHECK_STATUS(KEEL_E_CONTEXT, keel_space_activate(victims.space));
    CHECK_STATUS(KEEL_E_CONTEXT, keel_task_self(&made.task));
    CHECK_STATUS(KEEL_E_CONTEXT, keel_task_yield());
    CHECK_STATUS(KEEL_E_CONTEXT, keel_task_set_priority(victims.task, 1));
    CHECK_STATUS(KEEL_E_CONTEXT, keel_task_set_affinity(victims.task, 0));
    CHECK_STATUS(KEEL_E_CONTEXT, keel_task_sleep(1));
    CHECK_STATUS(KEEL_E_CONTEXT, keel_task_exit(0));
    CHECK_STATUS(KEEL_E_CONTEXT, keel_task_join(victims.task, &status));
    CHECK_STATUS(KEEL_E_CONTEXT, keel_user_run(&regs, &event));
    CHECK_STATUS(KEEL_E_CONTEXT, keel_scheduler_inject(&honest_scheduler));
    CHECK_STATUS(KEEL_E_CONTEXT, keel_frame_allocator_inject(&honest_allocator));
    CHECK_STATUS(KEEL_E_CONTEXT, keel_power_off(0));
    CHECK_STATUS(KEEL_E_CONTEXT, keel_audit(&violations));
}

static void misbehave(const char *policy, _Atomic uint64_t *calls)
{
    struct keel_policy_report report;
    struct keel_boot_info info;
    uint64_t now;
    uint32_t cpu;
    uint64_t number = (*calls)++;
    call_what_is_refused();
    CHECK_OK(keel_time_now(&now));
    CHECK_OK(keel_cpu_current(&cpu));
    CHECK_OK(keel_policy_report(&report));
    CHECK_OK(keel_boot_info(&info));
    if (number % 1024 == 0) {
        note(policy, number);
    }
}

static void add(void *context, uint32_t cpu, uint64_t first, uint64_t count)
{
    misbehave("calls of the allocator", &allocator_calls);
    honest_allocator.add(context, cpu, first, count);
}

static uint64_t alloc(void *context, uint32_t cpu, uint64_t count, uint64_t alignment)
{
    misbehave("calls of the allocator", &allocator_calls);
    return honest_allocator.alloc(context, cpu, count, alignment);
}

static void free_frames(void *context, uint32_t cpu, uint64_t first, uint64_t count)
{
    misbehave("calls of the allocator", &allocator_calls);
    honest_allocator.free(context, cpu, first, count);
}

static uint32_t enqueue(void *context, keel_task_t task, uint32_t cpu, uint32_t priority, uint64_t affinity,
                        uint32_t reason)
{
    misbehave("calls of the scheduler", &scheduler_calls);
    return honest_scheduler.enqueue(context, task, cpu, priority, affinity, reason);
}

static keel_task_t pick(void *context, uint32_t cpu)
{
    misbehave("calls of the scheduler", &scheduler_calls);
    return honest_scheduler.pick(context, cpu);
}

static void dequeue(void *context, keel_task_t task)
{
    misbehave("calls of the scheduler", &scheduler_calls);
    honest_scheduler.dequeue(context, task);
}

static uint32_t tick(void *context, keel_task_t task, uint32_t cpu)
{
    misbehave("calls of the scheduler", &scheduler_calls);
    return honest_scheduler.tick(context, task, cpu);
}

static uint32_t update(void *context, keel_task_t task, uint32_t cpu, uint32_t priority, uint64_t affinity)
{
    misbehave("calls of the scheduler", &scheduler_calls);
    return honest_scheduler.update(context, task, cpu, priority, affinity);
}

static void yield_often(uint64_t argument)
{
    for (uint64_t i = 0; i < argument; i++) {
        CHECK_OK(keel_task_yield());
    }
}

/* Injected for good: what runs after this test runs under these policies. */
static void H4_calls_from_policies(void)
{
    victims = objects_make();
    honest_allocator = services_buddy_policy(&buddy, buddy_words, BUDDY_FRAMES);
    honest_scheduler = services_fifo_policy(&fifo);
    const struct keel_frame_allocator allocator = {honest_allocator.context, add, alloc, free_frames};
    const struct keel_scheduler scheduler = {honest_scheduler.context, enqueue, pick, dequeue, tick, update};
    struct keel_policy_report report = {0};
    CHECK_OK(keel_frame_allocator_inject(&allocator));
    CHECK_OK(keel_scheduler_inject(&scheduler));
    CHECK_STATUS(KEEL_E_EXISTS, keel_frame_allocator_inject(&allocator));
    CHECK_STATUS(KEEL_E_EXISTS, keel_scheduler_inject(&scheduler));
    for (uint32_t round = 0; round < 20; round++) {
        keel_task_t tasks[3];
        for (size_t i = 0; i < COUNT_OF(tasks); i++) {
            tasks[i] = task_start("yielder", yield_often, 10);
        }
        for (size_t i = 0; i < COUNT_OF(tasks); i++) {
            CHECK(task_finish(tasks[i]) == 0);
        }
        struct objects objects = objects_make();
        objects_release(&objects);
    }
    CHECK_OK(keel_policy_report(&report));
    CHECK_VALUE(report.allocator_wrong + report.scheduler_wrong == 0, report.scheduler_wrong);
    CHECK(scheduler_calls > 100 && allocator_calls > 100);
    objects_release(&victims);
}

/* --- The heap --- */

static bool holds_only(const uint8_t *bytes, uint64_t size, uint8_t value)
{
    for (uint64_t i = 0; i < size; i++) {
        if (bytes[i] != value) {
            return false;
        }
    }
    return true;
}

/* Blocks of every kind of size, zeroed, apart from each other; wrong addresses while they live and
 * afterwards. */
static void M7_heap_addresses(void)
{
    uint8_t *blocks[120] = {NULL};
    for (uint64_t i = 1; i < COUNT_OF(blocks); i++) {
        CHECK_OK(keel_heap_alloc(i * i, 16, (void **)&blocks[i]));
        CHECK_VALUE(holds_only(blocks[i], i * i, 0), i);
        for (uint64_t j = 0; j < i * i; j++) {
            blocks[i][j] = (uint8_t)i;
        }
    }
    for (uint64_t i = 1; i < COUNT_OF(blocks); i++) {
        CHECK_VALUE(holds_only(blocks[i], i * i, (uint8_t)i), i);
        CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_heap_free(blocks[i] + 8));
        CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_heap_free((void *)random_next()));
    }
    CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_heap_free(&victims));
    CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_heap_free(blocks));
    CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_heap_free(NULL));
    CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_heap_free((void *)UINT64_C(0x800000000000))); /* not canonical */
    for (uint64_t i = 1; i < COUNT_OF(blocks); i++) {
        CHECK_OK(keel_heap_free(blocks[i]));
        CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_heap_free(blocks[i]));
    }
}

static uint32_t refuse_slab(void *context, uint32_t cpu, uint32_t size_class, uint64_t first, uint32_t count)
{
    (void)context;
    (void)cpu;
    (void)size_class;
    (void)first;
    (void)count;
    return 0;
}

static uint64_t name_any_slot(void *context, uint32_t cpu, uint32_t size_class)
{
    void *memory;
    (void)context;
    (void)cpu;
    CHECK_STATUS(KEEL_E_CONTEXT, keel_heap_alloc(32, 1, &memory));
    return size_class % 4 == 0 ? KEEL_SLAB_NONE : random_next() >> random_below(64);
}

static uint64_t give_up_any_slab(void *context, uint32_t cpu, uint32_t size_class, uint64_t token)
{
    (void)context;
    (void)cpu;
    (void)size_class;
    return token ^ random_next();
}

/* Injected for good, too. */
static void P1_slab_allocator_that_lies(void)
{
    const struct keel_slab_allocator allocator = {NULL, refuse_slab, name_any_slot, give_up_any_slab};
    struct keel_policy_report report = {0};
    CHECK_OK(keel_slab_allocator_inject(&allocator));
    CHECK_STATUS(KEEL_E_EXISTS, keel_slab_allocator_inject(&allocator));
    M7_heap_addresses();
    keel_memory_t memory;
    uint8_t bytes[64] = {1};
    CHECK_OK(keel_memory_alloc(64, &memory));
    CHECK_OK(keel_memory_read(memory, 0, bytes, sizeof bytes));
    CHECK(holds_only(bytes, sizeof bytes, 0));
    CHECK_OK(keel_memory_release(memory));
    CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_memory_release(memory));
    CHECK_OK(keel_policy_report(&report));
    CHECK_VALUE(report.slab_wrong > 10, report.slab_wrong);
    CHECK(report.slab_fallbacks > 10);
}

int32_t keel_main(void)
{
    static const struct test tests[] = {
        TEST(H1_forged_handles), TEST(H1_foreign_handles),          TEST(H1_stale_handles),
        TEST(M8_no_frames_left), TEST(M8_no_segments_left),         TEST(M8_no_spaces_left),
        TEST(M8_no_tasks_left),  TEST(M5_boot_memory_is_reclaimed), TEST(H4_calls_from_policies),
        TEST(M8_no_tasks_left),  TEST(M7_heap_addresses),           TEST(P1_slab_allocator_that_lies),
    };
    return tests_run("misuse", tests, COUNT_OF(tests));
}
