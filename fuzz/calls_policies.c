/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Hostile policies: they keep honest books, and lie as often as the input says. A lie is any answer at all:
 * something used, misaligned, far outside, the same again, nothing. They also call the API back.
 */
#include "calls_world.h"

#define FRAMES_KNOWN 1536u /* all that the machine has */
#define TASKS_KNOWN  64u

static struct {
    bool is_free[FRAMES_KNOWN];
    uint64_t last; /* what was answered last */
} frames;

static struct {
    uint64_t queue[TASKS_KNOWN], affinity[TASKS_KNOWN];
    unsigned count;
    uint64_t last;
} tasks;

void calls_policies_reset(void)
{
    for (unsigned i = 0; i < FRAMES_KNOWN; i++) {
        frames.is_free[i] = false;
    }
    frames.last = 0;
    tasks.count = 0;
    tasks.last = 0;
    calls_slab_policy_reset();
}

void calls_policy_calls_back(void)
{
    keel_frame_t frame;
    keel_task_t task;
    uint64_t now;
    void *memory;
    if (keel_heap_alloc(32, 1, &memory) != KEEL_E_CONTEXT || keel_cpu_relax() != KEEL_OK ||
        keel_frame_alloc(&frame) != KEEL_E_CONTEXT || keel_task_self(&task) != KEEL_E_CONTEXT ||
        keel_task_yield() != KEEL_E_CONTEXT || keel_time_now(&now) != KEEL_OK) {
        __builtin_trap();
    }
}

static void note(uint64_t first, uint64_t count, bool is_free)
{
    for (uint64_t i = first; i < first + count && i < FRAMES_KNOWN; i++) {
        frames.is_free[i] = is_free;
    }
}

static void add(void *context, uint32_t cpu, uint64_t first, uint64_t count)
{
    (void)context;
    (void)cpu;
    note(first, count, true);
}

/* The reserved frame 0 and the frames that hold Keel's own metadata come first. */
#define FRAMES_OF_KEEL 16u

static uint64_t alloc_lie(uint64_t count)
{
    uint64_t random = calls_random(&calls_world.random);
    uint64_t detail = random >> 8;
    switch (random % 8) {
    case 0: /* the same again */
        return frames.last;
    case 1: /* anything near: used, free, misaligned */
        return detail % 512;
    case 2: /* anything */
        return random;
    case 3: /* far outside */
        return UINT64_MAX - detail % 4;
    case 4: /* overlapping what was answered last, from either side */
        return frames.last + detail % (2 * count) - count;
    case 5: /* over the end */
        return FRAMES_KNOWN - detail % (count + 1);
    case 6: /* reserved, or Keel's own */
        return detail % FRAMES_OF_KEEL;
    default:
        calls_policy_calls_back();
        return KEEL_FRAME_NONE;
    }
}

static void free_frames(void *context, uint32_t cpu, uint64_t first, uint64_t count)
{
    (void)context;
    (void)cpu;
    if (calls_lies(calls_world.input.allocator_lies)) {
        calls_policy_calls_back(); /* other CPUs go on here */
    }
    note(first, count, true);
}

static uint64_t alloc(void *context, uint32_t cpu, uint64_t count, uint64_t alignment)
{
    (void)context;
    (void)cpu;
    if (calls_fails()) {
        return KEEL_FRAME_NONE;
    }
    if (calls_lies(calls_world.input.allocator_lies)) {
        calls_policy_calls_back();
        return alloc_lie(count);
    }
    for (uint64_t at = 0; at + count <= FRAMES_KNOWN; at += alignment) {
        uint64_t run = 0;
        while (run < count && frames.is_free[at + run]) {
            run++;
        }
        if (run == count) {
            note(at, count, false);
            frames.last = at;
            return at;
        }
    }
    return KEEL_FRAME_NONE;
}

struct keel_frame_allocator calls_allocator(void)
{
    return (struct keel_frame_allocator){.context = &frames, .add = add, .alloc = alloc, .free = free_frames};
}

static uint32_t place_lie(uint32_t cpu)
{
    uint64_t random = calls_random(&calls_world.random);
    calls_policy_calls_back();
    switch (random % 6) {
    case 0: /* its own CPU, whatever runs there */
        return cpu | KEEL_CPU_PREEMPT;
    case 1: /* one of those near */
        return (uint32_t)(random >> 8) % 4 | (random & 0x80 ? KEEL_CPU_PREEMPT : 0);
    case 2: /* another one that there could be */
        return (uint32_t)(random >> 8) % KEEL_CPU_MAX;
    case 3: /* flags that there are not */
        return cpu | UINT32_C(1) << (random >> 8) % 32;
    case 4:
        return KEEL_CPU_ANY | KEEL_CPU_PREEMPT;
    default:
        return (uint32_t)(random >> 8);
    }
}

/* Where the task shall run: honestly, wherever it may. */
static uint32_t place(uint32_t cpu)
{
    return calls_lies(calls_world.input.scheduler_lies) ? place_lie(cpu) : KEEL_CPU_ANY;
}

static uint32_t enqueue(void *context, keel_task_t task, uint32_t cpu, uint32_t priority, uint64_t affinity,
                        uint32_t reason)
{
    (void)context;
    (void)priority;
    (void)reason;
    if (tasks.count < TASKS_KNOWN && !calls_lies(calls_world.input.scheduler_lies / 4)) {
        tasks.affinity[tasks.count] = affinity;
        tasks.queue[tasks.count++] = task.value;
    }
    return place(cpu);
}

/* Takes out of the list what stands there. */
static uint64_t take(unsigned index)
{
    uint64_t task = tasks.queue[index];
    tasks.count--;
    for (unsigned i = index; i < tasks.count; i++) {
        tasks.queue[i] = tasks.queue[i + 1];
        tasks.affinity[i] = tasks.affinity[i + 1];
    }
    return task;
}

static keel_task_t pick(void *context, uint32_t cpu)
{
    (void)context;
    if (calls_lies(calls_world.input.scheduler_lies)) {
        uint64_t random = calls_random(&calls_world.random);
        calls_policy_calls_back();
        switch (random % 5) {
        case 0:
            return (keel_task_t){tasks.last};
        case 1:
            return (keel_task_t){calls_handle(OBJECT_TASK, (uint8_t)(random >> 8))};
        case 2:
            return (keel_task_t){random};
        case 3:
            return (keel_task_t){tasks.count > 0 ? tasks.queue[(random >> 8) % tasks.count] : cpu};
        default:
            return (keel_task_t){0};
        }
    }
    for (unsigned i = 0; i < tasks.count; i++) {
        if ((tasks.affinity[i] >> cpu & 1) != 0) {
            tasks.last = take(i);
            return (keel_task_t){tasks.last};
        }
    }
    return (keel_task_t){0};
}

static void dequeue(void *context, keel_task_t task)
{
    (void)context;
    for (unsigned i = tasks.count; i-- > 0;) {
        if (tasks.queue[i] == task.value) {
            (void)take(i);
        }
    }
}

static uint32_t tick(void *context, keel_task_t task, uint32_t cpu)
{
    (void)context;
    (void)task;
    (void)cpu;
    return (uint32_t)(calls_random(&calls_world.random) % 3);
}

static uint32_t update(void *context, keel_task_t task, uint32_t cpu, uint32_t priority, uint64_t affinity)
{
    (void)context;
    (void)priority;
    for (unsigned i = 0; i < tasks.count; i++) {
        tasks.affinity[i] = tasks.queue[i] == task.value ? affinity : tasks.affinity[i];
    }
    return place(cpu);
}

struct keel_scheduler calls_scheduler(void)
{
    return (struct keel_scheduler){.context = &tasks,
                                   .enqueue = enqueue,
                                   .pick = pick,
                                   .dequeue = dequeue,
                                   .tick = tick,
                                   .update = update};
}
