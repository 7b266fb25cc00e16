/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What every benchmark kernel does, see measure.h.
 */
#include "keel/keel.h"

#include <string.h>
#include <time.h>

#include "kernel.h"
#include "measure.h"
#include "native/machine.h"
#include "services/defaults.h"

#define NAMES_MAX 16u
#define TEXT_MAX  256u

static const struct measure *find(const struct measure *const *lists, const char *name)
{
    for (; *lists != NULL; lists++) {
        for (const struct measure *measure = *lists; measure->name != NULL; measure++) {
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

static void time_all(const struct measure *const *lists, char *names)
{
    const struct measure *measures[NAMES_MAX];
    unsigned count = 0;
    for (char *rest = names, *name; (name = strtok_r(rest, ",", &rest)) != NULL;) {
        require(count < NAMES_MAX, "too many measures");
        measures[count] = find(lists, name);
        prepare(measures[count]);
        time_once(measures[count++], false); /* warm */
    }
    for (uint64_t turn = option_number("bench.repetitions", 11); turn > 0; turn--) {
        for (unsigned i = 0; i < count; i++) {
            time_once(measures[i], true);
        }
    }
}

static void count(const struct measure *measure)
{
    prepare(measure);
    uint64_t operations = measure->operations * option_number("bench.scale", 1);
    measure->run(operations);
    struct native_flushes flushes = native_flushes();
    say_format("counted %llu %llu %llu\n", (unsigned long long)(operations * measure->things),
               (unsigned long long)flushes.operations, (unsigned long long)flushes.pages);
}

static void inject(const char *policy)
{
    if (strcmp(policy, "default") == 0) {
        must(services_inject_defaults(), "inject_defaults");
    } else if (strcmp(policy, "fair") == 0) {
        must(services_inject_fair_defaults(), "inject_fair_defaults");
    } else {
        require(false, "there is no such policy");
    }
}

void bench_run(const struct measure *const *lists)
{
    char text[TEXT_MAX];
    if (option_text("bench.policy", text, sizeof text)) {
        inject(text);
    }
    if (option_text("bench.time", text, sizeof text)) {
        time_all(lists, text);
    }
    if (option_text("bench.count", text, sizeof text)) {
        count(find(lists, text));
    }
}
