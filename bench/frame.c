/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Frames: one at a time, and as segments.
 */
#include "keel/keel.h"

#include "kernel.h"
#include "measure.h"

#define SEGMENT_FRAMES 512u

static void run_frame(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        keel_frame_t frame = {0};
        must(keel_frame_alloc(&frame), "frame_alloc");
        (void)keel_frame_release(frame);
    }
}

static void run_segment(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        keel_segment_t segment = {0};
        must(keel_segment_alloc(SEGMENT_FRAMES, SEGMENT_FRAMES, &segment), "segment_alloc");
        (void)keel_segment_release(segment);
    }
}

const struct measure frame_measures[] = {
    {.name = "frame", .things = 1, .operations = 2000, .run = run_frame},
    {.name = "segment_512", .things = SEGMENT_FRAMES, .operations = 10, .run = run_segment},
    {.name = NULL},
};
