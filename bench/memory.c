/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The kernel of ./keel bench memory. Besides what bench_run does:
 *
 *   bench.growth=1   see growth.h
 *   bench.frames=1   "frames TOTAL FREE", before policies are injected
 */
#include "keel/keel.h"

#include "growth.h"
#include "kernel.h"
#include "measure.h"

static const struct measure *const lists[] = {
    bulk_measures, call_measures,      copy_measures,  frame_measures, heap_measures,
    peer_measures, yardstick_measures, space_measures, NULL,
};

static void print_frames(void)
{
    struct keel_boot_info info;
    must(keel_boot_info(&info), "boot_info");
    say_format("frames %llu %llu\n", (unsigned long long)info.frames_total,
               (unsigned long long)info.frames_free);
}

int32_t keel_main(void)
{
    if (option_number("bench.frames", 0) != 0) {
        print_frames();
    }
    bench_run(lists);
    if (option_number("bench.growth", 0) != 0) {
        growth_measure(option_number("bench.repetitions", 11));
    }
    return 0;
}
