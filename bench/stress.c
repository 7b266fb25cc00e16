/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A bounded storm of calls from two tasks on two CPUs that share one space and some frames; the audit has the
 * last word. Its order is the host's, so it is no replayable run: what the explorer proves on small cases is
 * tried here on many, on real CPUs and under ThreadSanitizer.
 *
 * Options on the command line: stress.rounds=N (default 2000).
 */
#include "keel/keel.h"

#include "kernel.h"

#define FRAMES      16u
#define PAGES       64u
#define SHARED_BASE UINT64_C(0x400000)
#define OWN_BASE    UINT64_C(0x40000000)
#define TASKS       2u

static keel_space_t space;
static keel_frame_t frames[FRAMES];
static uint64_t rounds;

static uint32_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

/* Any answer that the documentation allows is fine: both tasks work on the same pages. */
static void hammer_shared(uint64_t *random)
{
    uint64_t va = SHARED_BASE + next_random(random) % PAGES * KEEL_PAGE_SIZE;
    uint64_t count;
    char byte = 1;
    switch (next_random(random) % 6) {
    case 0:
        (void)keel_space_map(space, va, frames[next_random(random) % FRAMES], KEEL_READ | KEEL_WRITE);
        break;
    case 1:
        (void)keel_space_unmap(space, va, 1 + next_random(random) % 8, &count);
        break;
    case 2:
        (void)keel_space_protect(space, va, 1 + next_random(random) % 8, KEEL_READ, &count);
        break;
    case 3:
        (void)keel_user_write(va, &byte, 1);
        break;
    case 4:
        (void)keel_user_read(va, &byte, 1);
        break;
    default:
        (void)keel_task_yield();
        break;
    }
}

/* Nobody else knows this frame and these pages: here every answer is certain. */
static void use_own(uint64_t id, uint64_t round)
{
    uint64_t va = OWN_BASE * (id + 1) + round % PAGES * KEEL_PAGE_SIZE, count = 0, back = 1;
    keel_frame_t frame;
    must(keel_frame_alloc(&frame), "frame_alloc");
    must(keel_frame_read(frame, 0, &back, sizeof back), "frame_read");
    require(back == 0, "a new frame is not zeroed");
    must(keel_space_map(space, va, frame, KEEL_READ | KEEL_WRITE), "space_map");
    must(keel_user_write(va + 8, &round, sizeof round), "user_write");
    must(keel_frame_read(frame, 8, &back, sizeof back), "frame_read");
    require(back == round, "a mapped frame does not hold what was written through the mapping");
    must(keel_frame_release(frame), "frame_release");
    must(keel_space_unmap(space, va, 1, &count), "space_unmap");
    require(count == 1, "unmap did not find the page");
    require(keel_user_read(va, &back, sizeof back) == KEEL_E_FAULT, "an unmapped page can be read");
}

static void hammer(uint64_t id)
{
    uint64_t random = id + 1;
    must(keel_space_activate(space), "space_activate");
    for (uint64_t round = 0; round < rounds; round++) {
        for (unsigned i = 0; i < 8; i++) {
            hammer_shared(&random);
        }
        use_own(id, round);
    }
    must(keel_space_activate((keel_space_t){0}), "space_activate");
}

static void check_audit(void)
{
    uint32_t violations = 0;
    must(keel_audit(&violations), "audit");
    require(violations == 0, "the audit found violations");
}

int32_t keel_main(void)
{
    struct keel_boot_info before, after;
    keel_task_t tasks[TASKS];
    uint64_t count;

    rounds = option_number("stress.rounds", 2000);
    must(keel_boot_info(&before), "boot_info");
    must(keel_space_create(&space), "space_create");
    for (unsigned i = 0; i < FRAMES; i++) {
        must(keel_frame_alloc(&frames[i]), "frame_alloc");
    }
    for (unsigned i = 0; i < TASKS; i++) {
        struct keel_task_options options = {.entry = hammer, .argument = i, .name = "hammer"};
        must(keel_task_spawn(&options, &tasks[i]), "task_spawn");
    }
    check_audit(); /* while they run */
    for (unsigned i = 0; i < TASKS; i++) {
        int32_t status;
        must(keel_task_join(tasks[i], &status), "task_join");
        must(keel_task_release(tasks[i]), "task_release");
    }
    check_audit();
    must(keel_space_unmap(space, SHARED_BASE, PAGES + 8, &count), "space_unmap");
    for (unsigned i = 0; i < FRAMES; i++) {
        must(keel_frame_release(frames[i]), "frame_release");
    }
    must(keel_space_release(space), "space_release");
    check_audit();
    must(keel_boot_info(&after), "boot_info");
    require(after.frames_free == before.frames_free, "frames are missing");
    say("stress: done\n");
    return 0;
}
