/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The frame of every unit test, see support.h. The only client of the hosted machine's unit tests: keel_main
 * stands here.
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/deadline.h"
#include "core/frame.h"
#include "core/object.h"
#include "core/slab.h"
#include "core/task.h"
#include "explore_tool.h"

#define FAILURES_SIZE      4096u
#define CONSOLE_SIZE       65536u
#define SETTLE_NS          UINT64_C(1000000)
#define STEP_LIMIT         UINT64_C(20000000)  /* a livelock; the longest test takes a tenth of it */
#define EXPLORE_STEP_LIMIT UINT64_C(1000000)   /* the longest takes a hundredth of it */
#define EXPLORE_RAM        (UINT64_C(1) << 20) /* little: each schedule boots the machine anew */
#define SETTLE_TURNS       2000u
#define STEPS_SIZE         512u

static const struct unit_case *running;
static uint32_t failure_count;
static char failures[FAILURES_SIZE];
static char console[CONSOLE_SIZE];
static size_t console_size;

static void record(const char *file, int line, const char *text)
{
    size_t used = strlen(failures);
    failure_count++;
    snprintf(failures + used, sizeof failures - used, "%s:%d: %s\n", file, line, text);
}

void unit_check(bool holds, const char *text, const char *file, int line)
{
    if (!holds) {
        record(file, line, text);
    }
}

void unit_check_equal(uint64_t actual, uint64_t expected, const char *text, const char *file, int line)
{
    char message[240];
    if (actual != expected) {
        snprintf(message, sizeof message, "%.160s is %#llx, not %#llx", text, (unsigned long long)actual,
                 (unsigned long long)expected);
        record(file, line, message);
    }
}

void unit_check_status(keel_status_t actual, keel_status_t expected, const char *text, const char *file,
                       int line)
{
    char message[320];
    if (actual != expected) {
        snprintf(message, sizeof message, "%.160s: '%s', not '%s'", text, keel_status_text(actual),
                 keel_status_text(expected));
        record(file, line, message);
    }
}

static void capture_console(void *context, const char *bytes, size_t size)
{
    (void)context;
    size_t room = sizeof console - 1 - console_size;
    size_t kept = size < room ? size : room;
    if (kept > 0) { /* a write of nothing may come without bytes */
        memcpy(console + console_size, bytes, kept);
    }
    console_size += kept;
    console[console_size] = '\0';
    if (running->early != NULL && console_size == kept) { /* the first line that this boot prints */
        running->early();
    }
}

uint32_t unit_console_count(const char *text)
{
    uint32_t count = 0;
    for (const char *at = strstr(console, text); at != NULL; at = strstr(at + 1, text)) {
        count++;
    }
    return count;
}

bool unit_console_contains(const char *text)
{
    return unit_console_count(text) > 0;
}

uint32_t unit_audit(void)
{
    uint32_t violations = 0;
    CHECK_OK(keel_audit(&violations));
    return violations;
}

keel_frame_t unit_frame(void)
{
    keel_frame_t frame = {0};
    CHECK_OK(keel_frame_alloc(&frame));
    return frame;
}

keel_unique_t unit_unique(void)
{
    keel_unique_t unique = {0};
    CHECK_OK(keel_unique_alloc(&unique));
    return unique;
}

keel_list_t unit_list(void)
{
    keel_list_t list = {0};
    CHECK_OK(keel_list_create(&list));
    return list;
}

keel_space_t unit_space(void)
{
    keel_space_t space = {0};
    CHECK_OK(keel_space_create(&space));
    return space;
}

keel_task_t unit_spawn(void (*entry)(uint64_t), uint64_t argument)
{
    keel_task_t task = {0};
    const struct keel_task_options options = {.entry = entry, .argument = argument, .name = "other"};
    CHECK_OK(keel_task_spawn(&options, &task));
    return task;
}

int32_t unit_join(keel_task_t task)
{
    int32_t status = INT32_MIN;
    CHECK_OK(keel_task_join(task, &status));
    CHECK_OK(keel_task_release(task));
    return status;
}

void unit_until_blocked(keel_task_t task)
{
    struct keel_task_info info = {0};
    while (info.state != KEEL_TASK_BLOCKED && info.state != KEEL_TASK_DEAD) {
        CHECK_OK(keel_task_yield());
        CHECK_OK(keel_task_info(task, &info));
    }
}

keel_task_t unit_spawn_until_blocked(void (*entry)(uint64_t), uint64_t argument)
{
    keel_task_t task = unit_spawn(entry, argument);
    unit_until_blocked(task);
    return task;
}

void unit_let_time_pass(void)
{
    bool interrupts = hal_irq_disable();
    (void)deadline_expire(UINT64_MAX - 1);
    hal_irq_restore(interrupts);
}

static uint32_t objects_in_use(enum object_kind kind)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < object_slots(kind); i++) {
        enum ref_state state = ref_word_state(atomic_u64_peek(&object_at(kind, i)->ref.word));
        count += state != REF_FREE && state != REF_RETIRED;
    }
    return count;
}

void unit_settle(void)
{
    for (unsigned turn = 0; objects_in_use(OBJECT_TASK) > 1 && turn < SETTLE_TURNS; turn++) {
        CHECK_OK(keel_task_sleep(SETTLE_NS));
    }
}

/* Before each run of the machine. */
static void forget_run(void)
{
    failures[0] = '\0';
    failure_count = 0;
    console[0] = '\0';
    console_size = 0;
}

/* Nobody takes locks in the wrong order but those tests that say so. */
static void check_lock_orders(void)
{
    uint64_t reported = 0;
    keel_status_t status = keel_lock_order_count(&reported);
    if (status == KEEL_OK) {
        CHECK_EQUAL(reported, running->lock_orders);
    } else {
        CHECK_STATUS(status, KEEL_E_NOT_FOUND);
    }
}

int32_t keel_main(void)
{
    uint64_t frames_before = frame_free_count(), slots_before = slab_used_count();
    if (running->explore) {
        forget_run(); /* of thousands of runs, the last one matters */
    }
    running->body();
    if (!running->leaves_things) {
        unit_settle();
        CHECK_OK(keel_space_activate((keel_space_t){0}));
        CHECK_EQUAL(objects_in_use(OBJECT_SEGMENT), 0);
        CHECK_EQUAL(objects_in_use(OBJECT_SPACE), 0);
        CHECK_EQUAL(objects_in_use(OBJECT_LIST), 0);
        CHECK_EQUAL(objects_in_use(OBJECT_TASK), 1);
        CHECK_EQUAL(objects_in_use(OBJECT_MEMORY), 0);
        CHECK_EQUAL(objects_in_use(OBJECT_IO_MEMORY), 0);
        CHECK_EQUAL(objects_in_use(OBJECT_EVENT), 0);
        CHECK_EQUAL(objects_in_use(OBJECT_SEMAPHORE), 0);
        CHECK_EQUAL(objects_in_use(OBJECT_MUTEX), 0);
        CHECK_EQUAL(objects_in_use(OBJECT_SPINLOCK), 0);
        CHECK_EQUAL(objects_in_use(OBJECT_CPU_LOCAL), 0);
        CHECK_EQUAL(objects_in_use(OBJECT_TIMER), 0);
        CHECK_EQUAL(objects_in_use(OBJECT_WORK), 0);
        CHECK_EQUAL(slab_used_count(), slots_before);
        CHECK_EQUAL(frame_free_count() + (running->lends_slabs ? slab_counts().slab_frames : 0),
                    frames_before);
    }
    check_lock_orders();
    CHECK_AUDIT();
    return failure_count > 0 ? 1 : running->status;
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

bool unit_as_expected(const struct unit_case *test, const struct hosted_result *result)
{
    bool ended =
        result->end == test->end && (test->end != HOSTED_POWER_OFF || result->status == test->status);
    bool said = test->message == NULL || strstr(result->message, test->message) != NULL;
    bool found = test->violation == NULL
                     ? result->violations == 0
                     : result->violations > 0 && starts_with(result->first_violation, test->violation);
    return ended && said && found && failure_count == 0;
}

void unit_print_run(const struct unit_case *test, const struct hosted_result *result)
{
    fprintf(stderr, "%s%s", console, failures);
    fprintf(stderr, "%s: %s, status %d, %u machine checks; %s %s\n", test->name, hosted_end_text(result->end),
            result->status, result->violations, result->message, result->first_violation);
}

/* Ends the program at the first failure, if whoever runs it wants to know no more. */
static void stop_if_asked(void)
{
    if (getenv("UNIT_STOP") != NULL) {
        _Exit(1);
    }
}

static void run_seed(const struct unit_case *test, const struct hosted_config *base, uint64_t seed)
{
    struct hosted_config config = *base;
    if (seed > 0) {
        config.strategy = HOSTED_RANDOM;
        config.seed = seed;
    }
    forget_run();
    struct hosted_result result = hosted_run(&config);
    if (!unit_as_expected(test, &result)) {
        unit_print_run(test, &result);
        fprintf(stderr, "remapping units are %s\n",
                (config.iommu & HOSTED_IOMMU_AMD) != 0 ? "AMD's" : "Intel's");
        stop_if_asked();
        fail_msg("%s failed; to repeat: UNIT_STORES=%u UNIT_SEED=%llu PROGRAM %s", test->name,
                 config.store_buffer, (unsigned long long)seed, test->name);
    }
}

void unit_prepare(const struct unit_case *test, struct hosted_config *config)
{
    running = test;
    *config = test->config;
    config->console = capture_console;
    config->count_violations = true;
    config->step_limit = config->step_limit != 0 ? config->step_limit
                         : test->explore         ? EXPLORE_STEP_LIMIT
                                                 : STEP_LIMIT;
    if (test->explore) {
        config->ram_size = config->ram_size == 0 ? EXPLORE_RAM : config->ram_size;
    }
    if (test->explore && !test->devices) {
        assert_true(config->pci == NULL && config->disk == NULL && config->iommu == 0); /* it says .devices */
        config->no_pci = true;
        config->iommu = HOSTED_IOMMU_NONE;
    }
    const char *stores = getenv("UNIT_STORES");
    config->store_buffer = stores != NULL ? (unsigned)strtoul(stores, NULL, 0) : config->store_buffer;
    config->lazy_window = test->explore; /* thousands of runs; guard pages are other tests' subject */
    forget_run();
}

/* The test's, or less where whoever runs it says so. */
static unsigned explore_bound(const struct unit_case *test)
{
    const char *most = getenv("UNIT_BOUND");
    unsigned long bound = most != NULL ? strtoul(most, NULL, 0) : test->explore_bound;
    return bound < test->explore_bound ? (unsigned)bound : test->explore_bound;
}

static void run_explorer(const struct unit_case *test, const struct hosted_config *config)
{
    static struct hosted_explored found;
    static char steps[STEPS_SIZE], stores[24];
    struct hosted_explore explore = {.config = *config, .bound = explore_bound(test)};
    hosted_explore(&explore, &found);
    print_message("%s: %llu schedules within %u preemptions\n", test->name,
                  (unsigned long long)found.schedules, explore.bound);
    if (found.failed || failure_count > 0) {
        unit_print_run(test, &found.result);
        stop_if_asked();
        unit_print_steps(&found, steps, sizeof steps);
        stores[0] = '\0';
        if (config->store_buffer > 0) {
            snprintf(stores, sizeof stores, " --stores %u", config->store_buffer);
        }
        fail_msg("%s failed in schedule %llu; to see it: ./keel explore %s%s --replay %s", test->name,
                 (unsigned long long)found.schedules, test->name, stores, steps);
    }
    assert_true(found.complete);
    assert_true(found.schedules > 1); /* otherwise nothing was interleaved */
}

void unit_run_case(void **state)
{
    const struct unit_case *test = *state;
    const char *only = getenv("UNIT_SEED");
    struct hosted_config config;
    unit_prepare(test, &config);
    if (test->explore) {
        run_explorer(test, &config);
        return;
    }
    for (unsigned maker = 0; maker <= (test->by_amd ? 1 : 0); maker++) {
        config.iommu |= maker != 0 ? HOSTED_IOMMU_AMD : 0;
        for (uint64_t seed = 0; only == NULL && seed <= test->seeds; seed++) {
            run_seed(test, &config, seed);
        }
        if (only != NULL) {
            run_seed(test, &config, strtoull(only, NULL, 0));
        }
    }
}

int unit_main_of(const struct CMUnitTest *tests, size_t count, int argc, char **argv)
{
    if (argc > 1 && strncmp(argv[1], "--", 2) == 0) {
        return unit_explore_main(tests, count, argc, argv);
    }
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    return _cmocka_run_group_tests("unit", tests, count, NULL, NULL);
}
