/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The half of ./keel explore that runs in the test program:
 *
 *   --list                                    names the explored tests, one a line, with their bounds
 *   --explore TEST [OPTION VALUE]...          searches until a schedule fails or none is left
 *
 * The options are in `option_names`. `journal` names a file that the search is kept in (struct
 * hosted_explored), so that a schedule that ends this process can be read there; `trace` one that gets a line
 * for each event.
 */
#define _GNU_SOURCE
#include "explore_tool.h"

#include <execinfo.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define STATUS_USAGE 2

enum option {
    OPTION_STRATEGY,
    OPTION_BOUND,
    OPTION_SCHEDULES,
    OPTION_SEED,
    OPTION_REDUCE,
    OPTION_STEPS,
    OPTION_JOURNAL,
    OPTION_TRACE,
    OPTION_COUNT
};

static const char *const option_names[OPTION_COUNT] = {"--strategy", "--bound", "--schedules", "--seed",
                                                       "--reduce",   "--steps", "--journal",   "--trace"};

static const char *const strategy_names[] = {
    [HOSTED_SEARCH_EXHAUSTIVE] = "exhaustive",
    [HOSTED_SEARCH_RANDOM] = "random",
    [HOSTED_SEARCH_PCT] = "pct",
    [HOSTED_SEARCH_STEPS] = "steps",
};

static struct hosted_step steps[HOSTED_EXPLORE_CHOICE_MAX];
static int trace_file = -1;

static _Noreturn void refuse(const char *sentence, const char *what)
{
    fprintf(stderr, "keel: %s: %s\n", sentence, what);
    exit(STATUS_USAGE);
}

void unit_print_steps(const struct hosted_explored *found, char *text, size_t size)
{
    size_t used = 0;
    snprintf(text, size, "-");
    for (uint64_t i = 0; i < found->step_count; i++) {
        const struct hosted_step *step = &found->steps[i];
        if (size - used < 32) {
            snprintf(text + used, size - used, "...");
            return;
        }
        used += (size_t)snprintf(text + used, size - used, "%s%u.%u", i > 0 ? "," : "", step->cpu, step->at);
        if (step->choice != 1) {
            used += (size_t)snprintf(text + used, size - used, "=%u", step->choice);
        }
    }
}

/* One "CPU.AT[=CHOICE]"; answers how long it is. */
static size_t read_step(const char *text, struct hosted_step *step)
{
    unsigned cpu, at, choice = 1;
    int length = 0, more = 0;
    if (sscanf(text, "%3u.%9u%n", &cpu, &at, &length) != 2 ||
        (text[length] == '=' && sscanf(text + length, "=%3u%n", &choice, &more) != 1) ||
        cpu >= HOSTED_CPU_MAX || choice > UINT8_MAX) {
        refuse("no schedule", text);
    }
    *step = (struct hosted_step){at, (uint8_t)cpu, (uint8_t)choice};
    return (size_t)length + (size_t)more;
}

/* Steps with commas between them, or "-" for none. */
static size_t read_steps(const char *text)
{
    size_t count = 0;
    if (strcmp(text, "-") == 0) {
        return 0;
    }
    do {
        if (count == HOSTED_EXPLORE_CHOICE_MAX) {
            refuse("the schedule is too long", text);
        }
        text += read_step(text, &steps[count++]);
    } while (*text++ == ',');
    if (text[-1] != '\0') {
        refuse("no schedule", text - 1);
    }
    return count;
}

static uint64_t number(const char *text)
{
    char *end;
    uint64_t value = strtoull(text, &end, 0);
    if (end == text || *end != '\0') {
        refuse("not a number", text);
    }
    return value;
}

static enum hosted_search strategy(const char *text)
{
    for (size_t i = 0; i < sizeof strategy_names / sizeof strategy_names[0]; i++) {
        if (strcmp(text, strategy_names[i]) == 0) {
            return (enum hosted_search)i;
        }
    }
    refuse("no strategy", text);
}

static int create(const char *path)
{
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0) {
        refuse("cannot write", path);
    }
    return file;
}

static struct hosted_explored *map_journal(const char *path)
{
    int file = create(path);
    void *memory = MAP_FAILED;
    if (ftruncate(file, sizeof(struct hosted_explored)) == 0) {
        memory = mmap(NULL, sizeof(struct hosted_explored), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    }
    if (memory == MAP_FAILED) {
        refuse("cannot map", path);
    }
    close(file);
    return memory;
}

/* "KIND CPU AT POINT ADDRESS FRAME...", numbers; addresses hexadecimal. Written at once: the run may end the
 * process at any moment. */
static void write_event(const struct hosted_event *event)
{
    char line[64 + 18 * (HOSTED_FRAME_MAX + 1)];
    int used = snprintf(line, sizeof line, "%u %u %u %u %llx", (unsigned)event->kind, event->cpu, event->at,
                        (unsigned)event->point, (unsigned long long)(uintptr_t)event->address);
    for (unsigned i = 0; i < event->frame_count; i++) {
        used +=
            snprintf(line + used, sizeof line - (size_t)used, " %llx", (unsigned long long)event->frames[i]);
    }
    line[used++] = '\n';
    if (write(trace_file, line, (size_t)used) != used) {
        _Exit(STATUS_USAGE);
    }
}

static void begin_trace(struct hosted_explore *explore, const char *path)
{
    void *frame;
    trace_file = create(path);
    backtrace(&frame, 1); /* the first call loads a library, which needs more stack than a kernel has */
    explore->trace = write_event;
    dprintf(trace_file, "%llx\n", (unsigned long long)hosted_image_base());
}

static void take_option(struct hosted_explore *explore, struct hosted_explored **found, const char *name,
                        const char *value)
{
    enum option option = 0;
    while (option < OPTION_COUNT && strcmp(name, option_names[option]) != 0) {
        option++;
    }
    switch (option) {
    case OPTION_STRATEGY:
        explore->search = strategy(value);
        return;
    case OPTION_BOUND:
        explore->bound = (unsigned)number(value);
        return;
    case OPTION_SCHEDULES:
        explore->schedule_limit = number(value);
        return;
    case OPTION_SEED:
        explore->seed = number(value);
        return;
    case OPTION_REDUCE:
        explore->reduce = number(value) != 0;
        return;
    case OPTION_STEPS:
        explore->steps = steps;
        explore->step_count = read_steps(value);
        return;
    case OPTION_JOURNAL:
        *found = map_journal(value);
        return;
    case OPTION_TRACE:
        begin_trace(explore, value);
        return;
    default:
        refuse("unknown option", name);
    }
}

/* The explored tests among all; each brings its description as CMocka's state. */
static const struct unit_case *explored_test(const struct CMUnitTest *test)
{
    const struct unit_case *description = test->initial_state;
    return test->test_func == unit_run_case && description->explore ? description : NULL;
}

static int search(const struct unit_case *test, int argc, char **argv)
{
    static struct hosted_explored own;
    struct hosted_explored *found = &own;
    struct hosted_explore explore = {.bound = test->explore_bound, .count_states = true};
    unit_prepare(test, &explore.config);
    for (int i = 0; i + 1 < argc; i += 2) {
        take_option(&explore, &found, argv[i], argv[i + 1]);
    }
    hosted_explore(&explore, found);
    printf("schedules=%llu cut=%llu points=%llu states=%llu states_full=%d complete=%d preemptions=%u\n",
           (unsigned long long)found->schedules, (unsigned long long)found->cut,
           (unsigned long long)found->points, (unsigned long long)found->states, found->states_full,
           found->complete, found->preemptions);
    if (found->failed) {
        unit_print_run(test, &found->result);
    }
    return found->failed;
}

int unit_explore_main(const struct CMUnitTest *tests, size_t count, int argc, char **argv)
{
    bool list = strcmp(argv[1], "--list") == 0;
    if (!list && (strcmp(argv[1], "--explore") != 0 || argc < 3)) {
        refuse("unknown option", argv[1]);
    }
    for (size_t i = 0; i < count; i++) {
        const struct unit_case *test = explored_test(&tests[i]);
        if (list && test) {
            printf("%s %u\n", test->name, test->explore_bound);
        } else if (test && strcmp(test->name, argv[2]) == 0) {
            return search(test, argc - 3, argv + 3);
        }
    }
    if (!list) {
        refuse("no explored test", argv[2]);
    }
    return 0;
}
