/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The benchmark kernel: does one thing that report.py asks for on the command line and prints it as words.
 *
 *   bench.time=A,B,... bench.repetitions=N   runs the measures in turn, N times each: "time NAME NS" per run,
 *                                            nanoseconds of one thing
 *   bench.count=A bench.scale=N              prepares measure A and runs N times its operations, for
 * callgrind to count; then "counted THINGS FLUSHES PAGES": what was handled, and the flushes of the whole run
 *   bench.growth=1                           see growth.c
 *   bench.frames=1                           "frames TOTAL FREE"
 *   bench.policy=default                     besides: injects the policies of services/ first
 */
#include "keel/keel.h"

#include <string.h>
#include <time.h>

#include "growth.h"
#include "kernel.h"
#include "measure.h"
#include "native/machine.h"
#include "services/defaults.h"

#define NAMES_MAX 8u
#define TEXT_MAX  256u

static const struct measure *const lists[] = {bulk_measures, call_measures, copy_measures, frame_measures,
                                              heap_measures, peer_measures, space_measures};

static const struct measure *find(const char *name)
{
    for (unsigned i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        for (const struct measure *measure = lists[i]; measure->name != NULL; measure++) {
            if (strcmp(measure->name, name) == 0) {
                return measure;
            }
        }
    }
    require(false, "there is no such measure");
    return NULL;
}

uint64_t bench_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void prepare(const struct measure *measure)
{
    if (measure->prepare != NULL) {
        measure->prepare();
    }
}

static void time_once(const struct measure *measure, bool print)
{
    uint64_t start = bench_time();
    measure->run(measure->operations);
    uint64_t spent = bench_time() - start;
    if (print) {
        say_format("time %s %.4f\n", measure->name,
                   (double)spent / (double)(measure->operations * measure->things));
    }
}

static void time_all(char *names)
{
    const struct measure *measures[NAMES_MAX];
    unsigned count = 0;
    for (char *rest = names, *name; (name = strtok_r(rest, ",", &rest)) != NULL;) {
        require(count < NAMES_MAX, "too many measures");
        measures[count] = find(name);
        prepare(measures[count]);
        time_once(measures[count++], false); /* warm */
    }
    for (uint64_t turn = option_number("bench.repetitions", 11); turn > 0; turn--) {
        for (unsigned i = 0; i < count; i++) {
            time_once(measures[i], true);
        }
    }
}

static void count(const char *name)
{
    const struct measure *measure = find(name);
    prepare(measure);
    uint64_t operations = measure->operations * option_number("bench.scale", 1);
    measure->run(operations);
    struct native_flushes flushes = native_flushes();
    say_format("counted %llu %llu %llu\n", (unsigned long long)(operations * measure->things),
               (unsigned long long)flushes.operations, (unsigned long long)flushes.pages);
}

static void print_frames(void)
{
    struct keel_boot_info info;
    must(keel_boot_info(&info), "boot_info");
    say_format("frames %llu %llu\n", (unsigned long long)info.frames_total,
               (unsigned long long)info.frames_free);
}

int32_t keel_main(void)
{
    char text[TEXT_MAX];
    if (option_number("bench.frames", 0) != 0) {
        print_frames();
    }
    if (option_text("bench.policy", text, sizeof text) && strcmp(text, "default") == 0) {
        must(services_inject_defaults(), "inject_defaults");
    }
    if (option_text("bench.time", text, sizeof text)) {
        time_all(text);
    }
    if (option_text("bench.count", text, sizeof text)) {
        count(text);
    }
    if (option_number("bench.growth", 0) != 0) {
        growth_measure(option_number("bench.repetitions", 11));
    }
    return 0;
}
