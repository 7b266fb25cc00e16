/* SPDX-License-Identifier: BSD-2-Clause
 *
 * threads: a small kernel on Keel's API whose programs have threads, futexes, processes and pipes, by Linux's
 * numbers and meanings.
 *
 * Read it from the bottom. The design is in threads.h: what there is, what guards it, and how anybody waits.
 */
#include "threads.h"
#include "../common/initrd.h"
#include "services/defaults.h"

#define SETTLE_TURNS 1000u
#define SETTLE_PAUSE UINT64_C(1000000) /* nanoseconds */

struct program programs[PROGRAMS_MAX];
keel_event_t program_ended;
static uint32_t program_count;

/* --- Finding the programs --- */

static void refuse(const char *name, const char *reason)
{
    struct line line = {.length = 0};
    line_add(&line, name);
    line_add(&line, " refused: ");
    line_add(&line, reason);
    line_print(&line, "kernel");
}

static void add_program(const struct services_cpio_entry *entry)
{
    char name[sizeof(programs[0].name)];
    name_sanitise(name, sizeof(name), entry->name);
    if (program_count == PROGRAMS_MAX) {
        refuse(name, "too many programs");
        return;
    }
    struct program *program = &programs[program_count];
    name_sanitise(program->name, sizeof(program->name), name);
    const char *wrong = initrd_open_elf(entry, &program->file_offset, &program->file, &program->elf);
    if (wrong == NULL && !program_fits(&program->elf)) {
        wrong = "a segment lies where this kernel puts the stack or mmap's pages";
    }
    if (wrong != NULL) {
        refuse(name, wrong);
    } else {
        program_count++;
    }
}

/* --- Running them --- */

static bool all_ended(void)
{
    bool ended = true;
    for (uint32_t i = 0; i < program_count; i++) {
        program_lock(&programs[i]);
        ended &= programs[i].process_count == 0;
        program_unlock(&programs[i]);
    }
    return ended;
}

/* True if each was served to its end. */
static bool run_programs(void)
{
    bool well = true;
    for (uint32_t i = 0; i < program_count; i++) {
        programs[i].served = true;
        if (program_start(&programs[i]) != KEEL_OK) {
            refuse(programs[i].name, "it cannot be started");
            well = false;
        }
    }
    for (;;) {
        uint64_t sequence = 0;
        (void)keel_event_sequence(program_ended, &sequence);
        if (all_ended()) {
            break;
        }
        (void)keel_event_wait(program_ended, sequence, KEEL_FOREVER);
    }
    for (uint32_t i = 0; i < program_count; i++) {
        well &= programs[i].served;
    }
    return well;
}

/* --- The kernel --- */

static bool prepare(void)
{
    bool well = services_inject_defaults() == KEEL_OK && futex_prepare() == KEEL_OK &&
                keel_event_create(&program_ended) == KEEL_OK;
    for (uint32_t i = 0; i < PROGRAMS_MAX; i++) {
        well = well && program_prepare(&programs[i]) == KEEL_OK;
    }
    return well;
}

/* Free frames, and those that the heap keeps for the next who asks. */
static uint64_t frames_left(void)
{
    struct keel_boot_info info = {0};
    struct keel_heap_stats heap = {0};
    (void)keel_boot_info(&info);
    (void)keel_heap_stats(&heap);
    return info.frames_free + heap.slab_frames;
}

/* A dead task's stack goes back when its CPU has left it. */
static bool frames_are_back(uint64_t before)
{
    for (uint32_t i = 0; frames_left() != before && i < SETTLE_TURNS; i++) {
        (void)keel_task_sleep(SETTLE_PAUSE);
    }
    return frames_left() == before;
}

/* Nothing here may depend on the machine: how often something happened does, that it happened does not. */
static bool report(const char *text, bool as_it_should)
{
    struct line line = {.length = 0};
    line_add(&line, text);
    line_add(&line, as_it_should ? ": yes" : ": no");
    line_print(&line, "kernel");
    return as_it_should;
}

static bool report_all(uint64_t frames_before)
{
    struct keel_policy_report policies = {0};
    struct line line = {.length = 0};
    uint32_t violations = 1;
    bool pages_gone = true;
    for (uint32_t i = 0; i < program_count; i++) {
        pages_gone &= programs[i].page_count == 0;
    }
    bool well = report("all pages are gone", pages_gone);
    well &= report("all frames are free again", frames_are_back(frames_before));
    well &= report("policies answered right", keel_policy_report(&policies) == KEEL_OK &&
                                                  policies.allocator_wrong + policies.scheduler_wrong == 0);
    well &= report("the audit is clean", keel_audit(&violations) == KEEL_OK && violations == 0);
    line_add(&line, "threads lost the CPU in user code: ");
    line_add_decimal(&line, atomic_load(&preemption_count));
    (void)keel_log(KEEL_LOG_INFO, line.bytes, line.length);
    return well;
}

int32_t keel_main(void)
{
    if (!prepare()) {
        refuse("all programs", "this machine is too small for the kernel's tables");
        return 1;
    }
    uint64_t frames_before = frames_left();
    const char *broken = initrd_for_each(add_program);
    if (broken != NULL) {
        refuse("initrd", broken);
    }
    bool well = run_programs();
    well &= report_all(frames_before);
    return well && broken == NULL ? 0 : 1;
}
