/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Fibers and their sanitizer annotations. All of the annotations of stack switches stand here.
 */
#include "fiber.h"

#include "sanitizer.h"
#include "switch.h"

#define FIBER_MAX 4096

struct hosted_fiber fiber_owner = {.running = true};

static struct hosted_fiber fibers[FIBER_MAX];
static size_t fiber_high;   /* no fiber at or above this index was ever used in this run */
static size_t fiber_lowest; /* no free fiber below */

struct hosted_fiber *fiber_take(const void *bottom, size_t size)
{
    size_t index = fiber_lowest;
    while (index < FIBER_MAX && fibers[index].used) {
        index++;
    }
    if (index == FIBER_MAX) {
        return NULL;
    }

    fiber_lowest = index + 1;
    if (fiber_high < fiber_lowest) {
        fiber_high = fiber_lowest;
    }
    struct hosted_fiber *fiber = &fibers[index];
    *fiber = (struct hosted_fiber){.bottom = bottom, .size = size, .used = true};
    fiber->tsan = __tsan_create_fiber ? __tsan_create_fiber(0) : NULL;
    sanitizer_unpoison(bottom, size); /* redzones of frames that were abandoned here */
    sanitizer_written(bottom, size);  /* each function forgets its own variables */
    return fiber;
}

void fiber_give_back(struct hosted_fiber *fiber)
{
    size_t index = (size_t)(fiber - fibers);
    if (fiber->tsan) {
        __tsan_destroy_fiber(fiber->tsan);
    }
    *fiber = (struct hosted_fiber){.used = false};
    if (index < fiber_lowest) {
        fiber_lowest = index;
    }
}

void fiber_switch(struct hosted_fiber *from, void **save, struct hosted_fiber *to, void *resume, bool ordered)
{
    if (from == &fiber_owner && __tsan_get_current_fiber) {
        from->tsan = __tsan_get_current_fiber();
    }
    if (__sanitizer_start_switch_fiber) {
        __sanitizer_start_switch_fiber(&from->asan_fake_stack, to->bottom, to->size);
    }
    if (__tsan_switch_to_fiber) {
        __tsan_switch_to_fiber(to->tsan, ordered ? 0 : 1);
    }
    hosted_stack_switch(save, resume);
    if (__sanitizer_finish_switch_fiber) {
        __sanitizer_finish_switch_fiber(from->asan_fake_stack, NULL, NULL);
    }
}

void fiber_arrived(void)
{
    const void *bottom = NULL;
    size_t size = 0;
    if (!__sanitizer_finish_switch_fiber) {
        return;
    }

    __sanitizer_finish_switch_fiber(NULL, &bottom, &size);
    if (!fiber_owner.bottom) {
        /* The very first switch came from the owner; this is how its bounds are learned. */
        fiber_owner.bottom = bottom;
        fiber_owner.size = size;
    }
}

void fiber_jumped(struct hosted_fiber *to)
{
    void *lost = NULL;
    if (__sanitizer_start_switch_fiber) {
        __sanitizer_start_switch_fiber(&lost, to->bottom, to->size);
        __sanitizer_finish_switch_fiber(NULL, NULL, NULL);
    }
    if (__tsan_switch_to_fiber) {
        __tsan_switch_to_fiber(to->tsan, 0);
    }
}

void fiber_give_back_all(void)
{
    for (size_t i = 0; i < fiber_high; i++) {
        if (!fibers[i].used) {
            continue;
        }
        if (fibers[i].tsan) {
            /* Only while it is current can a fiber's clock be handed to the owner. */
            __tsan_switch_to_fiber(fibers[i].tsan, 1);
            __tsan_switch_to_fiber(fiber_owner.tsan, 0);
        }
        fiber_give_back(&fibers[i]);
    }
    fiber_high = 0;
    fiber_lowest = 0;
}
