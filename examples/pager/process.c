/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The life of a process: claimed, started, run in its task, ended, reaped.
 */
#include "pages.h"

#define VECTOR_PAGE_FAULT 14u
/* Page-fault error code (Intel SDM vol. 3A, 4.7). */
#define PF_WRITE 0x02u
#define PF_FETCH 0x10u

/* Tags of the auxiliary vector (System V ABI, AMD64 supplement, 3.4.3). */
#define AT_NULL   0u
#define AT_PAGESZ 6u

struct process processes[PROCESSES_MAX];

static void set_state(struct process *process, enum process_state state)
{
    pages_lock();
    process->state = state;
    pages_unlock();
}

static struct process *claim_unused(void)
{
    struct process *found = NULL;
    pages_lock();
    for (uint32_t i = 0; i < PROCESSES_MAX && found == NULL; i++) {
        if (processes[i].state == PROCESS_UNUSED && processes[i].pid == 0) {
            found = &processes[i];
            found->pid = i + 1;
        }
    }
    pages_unlock();
    return found;
}

/* A child is named after its parent. */
static void set_name(struct process *process, const char *from, const char *suffix)
{
    uint32_t size = 0;
    for (; size < sizeof(process->name) - 3 && *from != '\0'; from++) {
        process->name[size++] = *from;
    }
    for (; size < sizeof(process->name) - 1 && *suffix != '\0'; suffix++) {
        process->name[size++] = *suffix;
    }
    process->name[size] = '\0';
}

struct process *process_claim(const struct program *program, const struct process *parent)
{
    struct process *process = claim_unused();
    if (process == NULL || keel_space_create(&process->space) != KEEL_OK) {
        return NULL;
    }
    process->program = program;
    process->parent = parent != NULL ? parent->pid : 0;
    set_name(process, parent != NULL ? parent->name : program->name, parent != NULL ? ".1" : "");
    set_state(process, PROCESS_RUNNING);
    return process;
}

static void end_memory(struct process *process)
{
    memory_end(process);
    (void)keel_space_activate((keel_space_t){0});
    (void)keel_space_release(process->space);
}

/* The first stack: argc, argv, environment and auxiliary vector as the ABI wants them at rsp (AMD64
 * supplement, figure 3.9). The pages are not there yet: the fault handler brings them. */
static keel_status_t make_stack(struct process *process)
{
    uint64_t name = STACK_END - sizeof(process->program->name);
    const uint64_t words[] = {
        1, name, 0 /* end of argv */, 0 /* end of environment */, AT_PAGESZ, KEEL_PAGE_SIZE, AT_NULL, 0};
    process->regs = (struct keel_user_regs){.rip = process->program->elf.entry, .rsp = name - sizeof(words)};
    keel_status_t status = keel_user_write(name, process->program->name, sizeof(process->program->name));
    return status == KEEL_OK ? keel_user_write(process->regs.rsp, words, sizeof(words)) : status;
}

static keel_status_t begin(struct process *process)
{
    keel_task_t self;
    keel_status_t status = keel_task_self(&self);
    if (status == KEEL_OK) {
        pages_lock();
        process->self = self;
        pages_unlock();
        status = keel_space_activate(process->space);
    }
    if (status == KEEL_OK && process->parent == 0) {
        memory_prepare(process);
        status = make_stack(process);
    } else if (status == KEEL_OK && process->vector_size > 0) {
        status = keel_user_vector_write(0, process->vector, (size_t)process->vector_size);
    }
    return status;
}

static void serve_exception(struct process *process, const struct keel_user_event *event)
{
    uint32_t access = 0;
    if (event->vector == VECTOR_PAGE_FAULT) {
        access = (event->error & PF_WRITE) != 0 ? KEEL_WRITE : KEEL_READ;
        access = (event->error & PF_FETCH) != 0 ? (uint32_t)KEEL_EXEC : access;
    }
    if (access == 0 || !memory_fault(process, event->address, access)) {
        process_fault(process, event, access);
    }
}

static void process_task(uint64_t index)
{
    struct process *process = &processes[index];
    keel_status_t status = begin(process);
    while (status == KEEL_OK && !process->ended) {
        struct keel_user_event event;
        status = keel_user_run(&process->regs, &event);
        if (status == KEEL_OK && event.reason == KEEL_USER_SYSCALL) {
            process_syscall(process);
        } else if (status == KEEL_OK && event.reason == KEEL_USER_EXCEPTION) {
            serve_exception(process, &event);
        }
    }
    process->served = status == KEEL_OK;
    end_memory(process);
    (void)keel_task_release(process->self);
}

struct process *process_current(void)
{
    keel_task_t self;
    struct process *found = NULL;
    if (keel_task_self(&self) != KEEL_OK) {
        return NULL;
    }
    pages_lock();
    for (uint32_t i = 0; i < PROCESSES_MAX && found == NULL; i++) {
        if (processes[i].state == PROCESS_RUNNING && processes[i].self.value == self.value) {
            found = &processes[i];
        }
    }
    pages_unlock();
    (void)keel_task_release(self);
    return found;
}

keel_status_t process_start(struct process *process)
{
    struct keel_task_options options = {.entry = process_task, .argument = process->pid - 1};
    for (uint32_t i = 0; i < KEEL_TASK_NAME_MAX && process->name[i] != '\0'; i++) {
        options.name[i] = process->name[i];
    }
    keel_status_t status = keel_task_spawn(&options, &process->task);
    if (status != KEEL_OK) {
        memory_end(process);
        (void)keel_space_release(process->space);
        set_state(process, PROCESS_REAPED);
    }
    return status;
}

bool process_waits(const struct process *process)
{
    pages_lock();
    bool waits = process->state == PROCESS_RUNNING;
    pages_unlock();
    return waits;
}

int32_t process_reap(struct process *process)
{
    int32_t status;
    (void)keel_task_join(process->task, &status);
    (void)keel_task_release(process->task);
    set_state(process, PROCESS_REAPED);
    return process->exit_status;
}
