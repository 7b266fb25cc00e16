/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Events for whoever prints a schedule. Costs nothing unless somebody listens.
 */
#define _GNU_SOURCE
#include <execinfo.h>

#include "explore.h"
#include "report.h"

#define DEPTH_MAX 32

/* The call stack from `place` on, without the machine's own part of it. */
static void walk(struct hosted_event *event, const void *place)
{
    void *frames[DEPTH_MAX];
    int count = backtrace(frames, DEPTH_MAX);
    int first = 0;
    uint64_t base = hosted_image_base();
    while (first < count && frames[first] != place) {
        first++;
    }
    for (int i = first; i < count && event->frame_count < HOSTED_FRAME_MAX; i++) {
        event->frames[event->frame_count++] = (uint64_t)(uintptr_t)frames[i] - base;
    }
}

void explore_trace(enum hosted_event_kind kind, const struct explore_point *point)
{
    unsigned cpu = machine.current->id;
    bool chosen = kind == HOSTED_EVENT_PREEMPTED || kind == HOSTED_EVENT_TIMER;
    if (!search.explore->trace) {
        return;
    }
    struct hosted_event event = {
        .kind = kind,
        .cpu = cpu,
        .at = search.turns[cpu] - chosen, /* a choice that was made is counted already */
        .point = point->kind,
        .address = point->address,
    };
    walk(&event, point->place);
    search.explore->trace(&event);
}
