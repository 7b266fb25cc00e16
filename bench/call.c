/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The border itself: what a call costs, and what a handle adds. The two calls do next to nothing inside.
 */
#include "keel/keel.h"

#include "kernel.h"
#include "measure.h"

static keel_frame_t frame;

static void prepare(void)
{
    must(keel_frame_alloc(&frame), "frame_alloc");
}

static void run_without_handle(uint64_t n)
{
    uint64_t size;
    for (uint64_t i = 0; i < n; i++) {
        (void)keel_user_vector_size(&size);
    }
}

static void run_with_handle(uint64_t n)
{
    struct keel_frame_info info;
    for (uint64_t i = 0; i < n; i++) {
        (void)keel_frame_info(frame, &info);
    }
}

const struct measure call_measures[] = {
    {.name = "call_without_handle", .things = 1, .operations = 100000, .run = run_without_handle},
    {.name = "call_with_handle",
     .things = 1,
     .operations = 100000,
     .prepare = prepare,
     .run = run_with_handle},
    {.name = NULL},
};
