/* SPDX-License-Identifier: BSD-2-Clause
 *
 * pager: a small kernel on Keel's API whose programs have more memory than there is. It pages on demand,
 * copies on write after a fork, shares memory between programs, and keeps all of them in a few frames.
 *
 * Read it from the bottom. A page that is missing is noticed in two ways, and both end in memory_fault
 * (memory.c): the program touches it, which comes back as an event of keel_user_run (process.c); or the
 * kernel touches it on the program's behalf, in the middle of keel_user_read or keel_user_write, and then
 * Keel calls handle_fault below.
 */
#include "../common/initrd.h"
#include "pages.h"
#include "services/defaults.h"

#define SETTLE_TURNS 10000u

static struct program programs[PROGRAMS_MAX];
static uint32_t program_count, refused_count;

static uint32_t handle_fault(void *context, uint64_t va, uint32_t access)
{
    struct process *process = process_current();
    (void)context;
    return process != NULL && memory_fault(process, va, access) ? 1 : 0;
}

/* --- Finding the programs --- */

static void refuse(const char *name, const char *reason)
{
    struct line line = {.length = 0};
    line_add(&line, name);
    line_add(&line, " refused: ");
    line_add(&line, reason);
    line_print(&line, "kernel");
    refused_count++;
}

static bool fits(const struct services_elf *elf)
{
    for (uint32_t i = 0; i < elf->segment_count; i++) {
        uint64_t last = elf->segments[i].va + elf->segments[i].memory_size - 1;
        if (slot_of(elf->segments[i].va) >= IMAGE_PAGES || slot_of(last) >= IMAGE_PAGES) {
            return false;
        }
    }
    return true;
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
    if (wrong == NULL && !fits(&program->elf)) {
        wrong = "a segment lies outside the area of programs";
    }
    if (wrong != NULL) {
        refuse(name, wrong);
    } else {
        program_count++;
    }
}

/* --- The kernel --- */

/* Reaps those whose parent will not: the kernel's own, and orphans. A process that lives may still fork. */
static bool reap_all(void)
{
    bool well = true;
    for (bool found = true; found;) {
        found = false;
        for (uint32_t i = 0; i < PROCESSES_MAX; i++) {
            struct process *process = &processes[i];
            if (process_waits(process) &&
                (process->parent == 0 || !process_waits(&processes[process->parent - 1]))) {
                (void)process_reap(process);
                found = true;
            }
        }
    }
    for (uint32_t i = 0; i < PROCESSES_MAX; i++) {
        well &= processes[i].pid == 0 || processes[i].served;
    }
    return well;
}

static bool run_programs(void)
{
    bool well = true;
    for (uint32_t i = 0; i < program_count; i++) {
        struct process *process = process_claim(&programs[i], NULL);
        well &= process != NULL && process_start(process) == KEEL_OK;
    }
    return reap_all() && well;
}

static uint64_t frames_free(void)
{
    struct keel_boot_info info = {0};
    (void)keel_boot_info(&info);
    return info.frames_free;
}

/* The frames that are missing. A dead task's stack goes back when its CPU has left it. */
static uint64_t frames_lost(uint64_t free_before)
{
    for (uint32_t i = 0; frames_free() != free_before && i < SETTLE_TURNS; i++) {
        (void)keel_task_yield();
    }
    return free_before - frames_free();
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

static void log_count(const char *text, uint64_t count)
{
    struct line line = {.length = 0};
    line_add(&line, text);
    line_add(&line, ": ");
    line_add_decimal(&line, count);
    (void)keel_log(KEEL_LOG_INFO, line.bytes, line.length);
}

static bool report_all(uint64_t free_before)
{
    struct keel_policy_report policies = {0};
    uint32_t violations = 1;
    /* What the programs gave occasion to; the default ones do. */
    (void)report("more pages in use than the budget", page_counts.held_most > BUDGET);
    (void)report("pages went to the store and came back", page_counts.brought_back > 0);
    (void)report("writers after a fork got copies", page_counts.copied > 0);
    (void)report("last owners got their pages without a copy", page_counts.taken_over > 0);
    /* What must hold whatever they do. */
    bool well = report("never more resident pages than the budget", page_counts.resident_most <= BUDGET);
    well &= report("all pages are gone", page_counts.held == 0 && page_counts.resident == 0);
    well &= report("all frames are free again", frames_lost(free_before) == 0);
    well &= report("policies answered right", keel_policy_report(&policies) == KEEL_OK &&
                                                  policies.allocator_wrong + policies.scheduler_wrong == 0);
    well &= report("the audit is clean", keel_audit(&violations) == KEEL_OK && violations == 0);
    log_count("pages held at most", page_counts.held_most);
    log_count("stored", page_counts.stored);
    log_count("brought back", page_counts.brought_back);
    log_count("copied on write", page_counts.copied);
    log_count("taken over", page_counts.taken_over);
    return well;
}

int32_t keel_main(void)
{
    const struct keel_fault_handler handler = {.context = NULL, .handle = handle_fault};
    bool well = services_inject_defaults() == KEEL_OK && keel_fault_handler_inject(&handler) == KEEL_OK;
    uint64_t free_before = frames_free();
    const char *broken = initrd_for_each(add_program);
    if (broken != NULL) {
        refuse("initrd", broken);
    }
    well &= run_programs();
    well &= report_all(free_before);
    return well && broken == NULL ? 0 : 1;
}
