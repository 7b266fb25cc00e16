/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The frame of the test kernels, see check.h.
 */
#include "check.h"

#include "text.h"

#define COMMAND_LINE_MAX  1024u
#define FAILURES_SHOWN    8u
#define SETTLE_SLEEPS_MAX 1000u
#define SLEEP_NS          1000000u
#define OTHER_TASK_STATUS 77

static const char *kernel_name;
static _Atomic uint32_t failures; /* of the running test; several of its tasks may count at once */
static uint64_t random_state;

void check_failed(const char *what, int line, uint64_t value)
{
    if (failures++ >= FAILURES_SHOWN) {
        return;
    }
    struct text text;
    text_begin(&text);
    text_add(&text, "check failed: ");
    text_add(&text, what);
    text_add(&text, ", line ");
    text_add_number(&text, (uint64_t)line, 10);
    text_add(&text, ", value 0x");
    text_add_number(&text, value, 16);
    text_print(&text, kernel_name);
}

void note(const char *what, uint64_t number)
{
    struct text text;
    text_begin(&text);
    text_add(&text, what);
    text_add(&text, ": ");
    text_add_number(&text, number, 10);
    (void)keel_log(KEEL_LOG_INFO, text.bytes, text.size);
}

/* Where `name` begins a word of the command line; the bytes behind it, up to the end of the line, are in
 * `rest`. */
static bool option_find(const char *name, char rest[COMMAND_LINE_MAX + 1])
{
    struct keel_boot_info info;
    char line[COMMAND_LINE_MAX];
    if (keel_boot_info(&info) != KEEL_OK || info.command_line_size > COMMAND_LINE_MAX ||
        keel_boot_command_line(0, line, (size_t)info.command_line_size) != KEEL_OK) {
        return false;
    }
    size_t size = (size_t)info.command_line_size;
    for (size_t at = 0; at < size; at++) {
        size_t length = 0;
        while (name[length] != '\0' && at + length < size && line[at + length] == name[length]) {
            length++;
        }
        if (name[length] == '\0' && (at == 0 || line[at - 1] == ' ')) {
            size_t left = size - at - length;
            for (size_t i = 0; i < left; i++) {
                rest[i] = line[at + length + i];
            }
            rest[left] = '\0';
            return true;
        }
    }
    return false;
}

bool option_given(const char *word)
{
    char rest[COMMAND_LINE_MAX + 1];
    return option_find(word, rest) && rest[0] <= ' ';
}

uint64_t option_number(const char *name, uint64_t otherwise)
{
    char rest[COMMAND_LINE_MAX + 1];
    uint64_t number = 0;
    if (!option_find(name, rest)) {
        return otherwise;
    }
    for (size_t i = 0; rest[i] >= '0' && rest[i] <= '9'; i++) {
        number = number * 10 + (uint64_t)(rest[i] - '0');
    }
    return number;
}

void random_begin(uint64_t seed)
{
    random_state = seed;
}

/* SplitMix64: an additive counter and a mixer, so that every seed, 0 included, is as good as another. */
uint64_t random_next(void)
{
    random_state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mixed = random_state;
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

uint64_t random_below(uint64_t limit)
{
    return random_next() % limit;
}

keel_task_t task_start(const char *name, void (*entry)(uint64_t argument), uint64_t argument)
{
    struct keel_task_options options = {.entry = entry, .argument = argument};
    keel_task_t task = {0};
    for (uint32_t i = 0; i < KEEL_TASK_NAME_MAX && name[i] != '\0'; i++) {
        options.name[i] = name[i];
    }
    CHECK_OK(keel_task_spawn(&options, &task));
    return task;
}

int32_t task_finish(keel_task_t task)
{
    int32_t status = -1;
    CHECK_OK(keel_task_join(task, &status));
    CHECK_OK(keel_task_release(task));
    return status;
}

int32_t task_run(const char *name, void (*entry)(uint64_t argument), uint64_t argument)
{
    keel_task_t task = task_start(name, entry, argument);
    return task.value != 0 ? task_finish(task) : -1;
}

uint32_t source_of_line(uint32_t legacy)
{
    struct keel_irq_source_info info = {0};
    uint32_t source = 0;
    while (source < 256 && (keel_irq_source_info(source, &info) != KEEL_OK || info.legacy != legacy)) {
        source++;
    }
    CHECK_VALUE(source < 256, legacy);
    return source;
}

uint64_t frames_free(void)
{
    struct keel_boot_info info = {0};
    CHECK_OK(keel_boot_info(&info));
    return info.frames_free;
}

static void other_task(uint64_t argument)
{
    (void)argument;
    (void)keel_task_exit(OTHER_TASK_STATUS);
}

/* Grows by nothing but what is held: reclaimed memory adds to both numbers. */
static uint64_t frames_used(void)
{
    struct keel_boot_info info = {0};
    CHECK_OK(keel_boot_info(&info));
    return info.frames_total - info.frames_free;
}

static void check_sanity(uint64_t used_before)
{
    uint64_t before = 0, after = 0;
    uint32_t violations = 0;
    CHECK_OK(keel_time_now(&before));
    CHECK_OK(keel_task_sleep(SLEEP_NS));
    CHECK_OK(keel_time_now(&after));
    CHECK_VALUE(after - before >= SLEEP_NS, after - before);
    CHECK(task_run("other", other_task, 0) == OTHER_TASK_STATUS);
    /* A dead task's stack goes back when its CPU has left it, perhaps after the join, and a CPU may be
     * virtual. */
    for (uint32_t i = 0; frames_used() != used_before && i < SETTLE_SLEEPS_MAX; i++) {
        (void)keel_task_sleep(SLEEP_NS);
    }
    CHECK_VALUE(frames_used() == used_before, frames_used() - used_before);
    CHECK_OK(keel_audit(&violations));
    CHECK_VALUE(violations == 0, violations);
}

/* 0 where the build does not look. */
static uint64_t lock_orders(void)
{
    uint64_t count = 0;
    keel_status_t status = keel_lock_order_count(&count);
    CHECK_VALUE(status == KEEL_OK || status == KEEL_E_NOT_FOUND, (uint64_t)status);
    return count;
}

static bool test_run(const struct test *test)
{
    struct text text;
    uint64_t used_before = frames_used(), orders_before = lock_orders();
    failures = 0;
    test->run();
    uint64_t orders = lock_orders() - orders_before;
    CHECK_VALUE(test->any_lock_order || orders == 0, orders);
    check_sanity(used_before);
    text_begin(&text);
    text_add(&text, test->name);
    text_add(&text, failures == 0 ? ": ok" : ": FAILED");
    text_print(&text, kernel_name);
    return failures == 0;
}

int32_t tests_run(const char *kernel, const struct test *tests, size_t count)
{
    bool well = true;
    kernel_name = kernel;
    uint64_t seed = option_number("seed=", 1);
    note("seed", seed);
    random_begin(seed);
    for (size_t i = 0; i < count; i++) {
        well = test_run(&tests[i]) && well;
    }
    return well ? 0 : 1;
}
