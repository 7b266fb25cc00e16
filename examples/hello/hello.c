/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hello: a whole small kernel on Keel's API. It runs every ELF file of the initial ramdisk as a user program,
 * each in a task and an address space of its own, serves a handful of Linux system calls and reports faults.
 *
 * Read it from the bottom: keel_main is where Keel hands over. Everything here is ordinary, unprivileged C:
 * whatever it does wrong comes back as a status, and the worst that it can do to the machine is to stop using
 * it.
 *
 * Each line on the console that belongs to a program begins with its name, those of this kernel with
 * "kernel". They hold nothing that depends on the machine, so two machines can be compared line by line.
 */
#include "program.h"
#include "../common/initrd.h"
#include "services/defaults.h"

static struct program programs[PROGRAMS_MAX];
static uint32_t program_count;
static uint32_t refused_count;

/* --- Running one program, in its own task --- */

static void report_status(struct program *program, const char *what, keel_status_t status)
{
    struct line line = {.length = 0};
    line_add(&line, what);
    line_add(&line, keel_status_text(status));
    line_add(&line, "]");
    line_print(&line, program->name);
}

/* Lets the program run, and serves it each time that it comes back, until it has ended. */
static void run_user(struct program *program, struct keel_user_regs *regs)
{
    while (!program->ended) {
        struct keel_user_event event;
        keel_status_t status = keel_user_run(regs, &event);
        if (status != KEEL_OK) {
            report_status(program, "[cannot run: ", status);
            return;
        }
        if (event.reason == KEEL_USER_SYSCALL) {
            program_syscall(program, regs);
        } else if (event.reason == KEEL_USER_EXCEPTION) {
            program_fault(program, regs, &event);
        }
        /* KEEL_USER_INTERRUPT: the timer wanted the CPU for others, and they have had it. */
    }
    program->served = true;
}

/* The entry of a program's task. Its address space is filled and used here and goes away with the last
 * reference, and with it every frame that only the space still holds. */
static void program_task(uint64_t index)
{
    struct program *program = &programs[index];
    struct keel_user_regs regs;

    keel_status_t status = keel_space_create(&program->space);
    if (status == KEEL_OK) {
        status = keel_space_activate(program->space);
        if (status == KEEL_OK) {
            status = program_load(program, &regs);
        }
        if (status == KEEL_OK) {
            run_user(program, &regs);
        }
        (void)keel_space_activate((keel_space_t){0});
        (void)keel_space_release(program->space);
    }
    if (status != KEEL_OK) {
        report_status(program, "[cannot start: ", status);
    }
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

/* Takes one file of the initrd in, if it is a program that can be run. */
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
    program->pid = program_count + 1;
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

/* Takes in all files of the initrd. False: the archive is broken; what stands before the break is used. */
static bool find_programs(void)
{
    const char *broken = initrd_for_each(add_program);
    if (broken != NULL) {
        refuse("initrd", broken);
    }
    return broken == NULL;
}

/* --- The kernel --- */

/* Starts every program, waits for all of them. True if each was served to its end. */
static bool run_programs(void)
{
    bool well = true;
    for (uint32_t i = 0; i < program_count; i++) {
        struct keel_task_options options = {.entry = program_task, .argument = i};
        for (uint32_t c = 0; c < KEEL_TASK_NAME_MAX && programs[i].name[c] != '\0'; c++) {
            options.name[c] = programs[i].name[c];
        }
        keel_status_t status = keel_task_spawn(&options, &programs[i].task);
        if (status != KEEL_OK) {
            report_status(&programs[i], "[cannot start: ", status);
        }
    }
    for (uint32_t i = 0; i < program_count; i++) {
        int32_t exit_status;
        if (programs[i].task.value != 0) {
            well &= keel_task_join(programs[i].task, &exit_status) == KEEL_OK;
            well &= keel_task_release(programs[i].task) == KEEL_OK;
        }
        well &= programs[i].served;
    }
    return well;
}

/* Prints "text: N" or the status that took its place; true if the call went well and N is 0. */
static bool report_count(const char *text, keel_status_t status, uint64_t count)
{
    struct line line = {.length = 0};
    line_add(&line, text);
    if (status == KEEL_OK) {
        line_add_decimal(&line, count);
    } else {
        line_add(&line, keel_status_text(status));
    }
    line_print(&line, "kernel");
    return status == KEEL_OK && count == 0;
}

int32_t keel_main(void)
{
    struct keel_policy_report policies = {0};
    uint32_t violations = 0;

    bool well = services_inject_defaults() == KEEL_OK;
    well &= find_programs();
    well &= run_programs();

    (void)report_count("programs run: ", KEEL_OK, program_count);
    (void)report_count("files refused: ", KEEL_OK, refused_count);
    keel_status_t status = keel_policy_report(&policies);
    well &= report_count("wrong answers of policies: ", status,
                         policies.allocator_wrong + policies.scheduler_wrong);
    status = keel_audit(&violations);
    well &= report_count("audit, violations: ", status, violations);
    return well ? 0 : 1;
}
