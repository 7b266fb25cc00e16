/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The life of a process: its first thread starts it, its last one ends it, wait4 buries it.
 *
 *            claim                last thread                    wait4
 *   UNUSED ---------> RUNNING ----------------> ZOMBIE ----------------> UNUSED
 *                        \                         the kernel is its parent /
 *                         `----------------------------------------------->'
 */
#include "../common/linux.h"
#include "threads.h"

#define WAIT_EXITED(status) ((status) >> 8 & 0xff)
#define WAIT_SIGNAL(status) ((status) & 0x7f)

void program_lock(struct program *program)
{
    (void)keel_mutex_lock(program->lock, KEEL_FOREVER);
}

void program_unlock(struct program *program)
{
    (void)keel_mutex_unlock(program->lock);
}

keel_status_t program_prepare(struct program *program)
{
    keel_status_t status = keel_mutex_create(&program->lock);
    for (uint32_t i = 0; i < PROCESSES_MAX && status == KEEL_OK; i++) {
        status = keel_event_create(&program->processes[i].child_ended);
    }
    for (uint32_t i = 0; i < THREADS_MAX && status == KEEL_OK; i++) {
        status = keel_event_create(&program->threads[i].event);
    }
    for (uint32_t i = 0; i < PIPES_MAX && status == KEEL_OK; i++) {
        status = keel_event_create(&program->pipes[i].changed);
    }
    program->last_id = PID_KERNEL;
    return status;
}

/* --- Beginning --- */

static bool id_is_used(const struct program *program, uint32_t id)
{
    bool used = id <= PID_KERNEL;
    for (uint32_t i = 0; i < PROCESSES_MAX; i++) {
        used |= program->processes[i].state != PROCESS_UNUSED && program->processes[i].pid == id;
    }
    for (uint32_t i = 0; i < THREADS_MAX; i++) {
        used |= program->threads[i].process != NULL && program->threads[i].tid == id;
    }
    return used;
}

/* There are far more numbers than slots. */
uint32_t program_new_id(struct program *program)
{
    do {
        program->last_id = (program->last_id + 1) & INT32_MAX;
    } while (id_is_used(program, program->last_id));
    return program->last_id;
}

static struct process *claim(struct program *program)
{
    struct process *process = program->processes;
    while (process < program->processes + PROCESSES_MAX && process->state != PROCESS_UNUSED) {
        process++;
    }
    if (process == program->processes + PROCESSES_MAX || keel_space_create(&process->space) != KEEL_OK) {
        return NULL;
    }
    keel_event_t child_ended = process->child_ended;
    keel_space_t space = process->space;
    *process = (struct process){.state = PROCESS_RUNNING,
                                .program = program,
                                .parent = PID_KERNEL,
                                .space = space,
                                .child_ended = child_ended};
    process->pid = program_new_id(program);
    program->process_count++;
    return process;
}

static void unclaim(struct process *process)
{
    pipe_close_all(process);
    memory_end(process);
    process->state = PROCESS_UNUSED;
    process->program->process_count--;
}

keel_status_t program_start(struct program *program)
{
    keel_status_t status = KEEL_E_LIMIT;
    program_lock(program);
    struct process *process = claim(program);
    struct thread *thread = process != NULL ? thread_claim(process, NULL) : NULL;
    if (thread != NULL) {
        name_sanitise(process->name, sizeof(process->name), program->name);
        process->fds[0].kind = FD_CONSOLE_IN;
        process->fds[1].kind = FD_CONSOLE_OUT;
        process->fds[2].kind = FD_CONSOLE_OUT;
        thread->tid = process->pid;
        process->first = true;
        status = thread_start(thread);
    }
    if (thread != NULL && status != KEEL_OK) {
        thread_unclaim(thread);
    }
    if (process != NULL && status != KEEL_OK) {
        unclaim(process);
    }
    program_unlock(program);
    return status;
}

/* A child is named after its parent and the number of the fork. */
static void set_name(struct process *child, struct process *parent)
{
    struct line name = {.length = 0};
    parent->fork_count++;
    line_add(&name, parent->name);
    line_add(&name, ".");
    line_add_decimal(&name, parent->fork_count);
    name.bytes[name.length < LINE_LENGTH_MAX ? name.length : LINE_LENGTH_MAX - 1] = '\0';
    name_sanitise(child->name, sizeof(child->name), name.bytes);
}

/* The child of `parent`, with its one thread, still without memory. NULL: a table is full. */
static struct thread *claim_child(struct thread *parent)
{
    struct process *process = claim(parent->process->program);
    struct thread *thread = process != NULL ? thread_claim(process, parent) : NULL;
    if (thread == NULL) {
        if (process != NULL) {
            unclaim(process);
        }
        return NULL;
    }
    process->parent = parent->process->pid;
    process->ignores_sigpipe = parent->process->ignores_sigpipe;
    set_name(process, parent->process);
    pipe_inherit(parent->process, process);
    thread->tid = process->pid;
    return thread;
}

int64_t process_fork(struct thread *parent, uint64_t flags, uint64_t parent_tid, uint64_t child_tid)
{
    struct program *program = parent->process->program;
    int64_t answer = -LINUX_EAGAIN;
    program_lock(program);
    struct thread *child = claim_child(parent);
    if (child != NULL) {
        uint32_t pid = child->tid;
        child->set_tid = (flags & LINUX_CLONE_CHILD_SETTID) != 0 ? child_tid : 0;
        child->clear_tid = (flags & LINUX_CLONE_CHILD_CLEARTID) != 0 ? child_tid : 0;
        if (memory_fork(parent->process, child->process) != KEEL_OK) {
            answer = -LINUX_ENOMEM;
        } else if (thread_start(child) == KEEL_OK) {
            answer = pid;
        }
        if (answer < 0) {
            struct process *process = child->process;
            thread_unclaim(child);
            unclaim(process);
        } else if ((flags & LINUX_CLONE_PARENT_SETTID) != 0) {
            (void)keel_user_write(parent_tid, &pid, sizeof(pid)); /* as Linux: the child is there anyway */
        }
    }
    program_unlock(program);
    return answer;
}

/* --- End --- */

static void signal_all(keel_event_t event)
{
    uint32_t woken;
    (void)keel_event_signal(event, UINT32_MAX, &woken);
}

void process_kill(struct process *process, int32_t wait_status)
{
    struct program *program = process->program;
    if (atomic_load(&process->dying)) {
        return;
    }
    process->wait_status = wait_status;
    atomic_store(&process->dying, true);
    for (uint32_t i = 0; i < THREADS_MAX; i++) {
        if (program->threads[i].process == process) {
            signal_all(program->threads[i].event);
        }
    }
    for (uint32_t i = 0; i < PIPES_MAX; i++) {
        signal_all(program->pipes[i].changed);
    }
    signal_all(process->child_ended);
}

static struct process *find_running(struct program *program, uint32_t pid)
{
    for (uint32_t i = 0; i < PROCESSES_MAX; i++) {
        if (program->processes[i].state == PROCESS_RUNNING && program->processes[i].pid == pid) {
            return &program->processes[i];
        }
    }
    return NULL;
}

static void let_go_children(const struct process *process)
{
    for (uint32_t i = 0; i < PROCESSES_MAX; i++) {
        struct process *child = &process->program->processes[i];
        if (child->state == PROCESS_UNUSED || child->parent != process->pid) {
            continue;
        }
        child->parent = PID_KERNEL;
        if (child->state == PROCESS_ZOMBIE) {
            child->state = PROCESS_UNUSED;
        }
    }
}

static void report_end(const struct process *process)
{
    struct line line = {.length = 0};
    bool killed = WAIT_SIGNAL(process->wait_status) != 0;
    line_add(&line, killed ? "[killed by signal " : "[exited with status ");
    line_add_decimal(
        &line, (uint64_t)(killed ? WAIT_SIGNAL(process->wait_status) : WAIT_EXITED(process->wait_status)));
    line_add(&line, "]");
    line_print(&line, process->name);
}

void process_finish(struct process *process)
{
    struct program *program = process->program;
    if (process->output.length != 0) {
        line_print(&process->output, process->name);
    }
    pipe_close_all(process);
    memory_end(process);
    let_go_children(process);
    struct process *parent = find_running(program, process->parent);
    if (parent != NULL) {
        process->state = PROCESS_ZOMBIE;
        signal_all(parent->child_ended);
    } else {
        process->state = PROCESS_UNUSED;
    }
    if (process->first) { /* the others' ends are their parents' affair */
        report_end(process);
    }
    program->process_count--;
    if (program->process_count == 0) {
        signal_all(program_ended);
    }
}

/* --- Waiting for it --- */

enum search { NONE, RUNNING, ENDED };

/* A child that has ended before one that has not. */
static enum search find_child(const struct process *parent, int32_t pid, struct process **found)
{
    enum search result = NONE;
    for (uint32_t i = 0; i < PROCESSES_MAX; i++) {
        struct process *child = &parent->program->processes[i];
        if (child->state == PROCESS_UNUSED || child->parent != parent->pid ||
            (pid > 0 && child->pid != (uint32_t)pid)) {
            continue;
        }
        if (child->state == PROCESS_ZOMBIE) {
            *found = child;
            return ENDED;
        }
        result = RUNNING;
    }
    return result;
}

/* Waits, and takes the child out of the table. */
static int64_t bury(struct process *process, int32_t pid, bool hang, int32_t *status)
{
    struct process *child = NULL;
    int64_t answer = 0;
    program_lock(process->program);
    enum search result = find_child(process, pid, &child);
    while (result == RUNNING && hang && !atomic_load(&process->dying)) {
        uint64_t sequence = 0;
        (void)keel_event_sequence(process->child_ended, &sequence);
        program_unlock(process->program);
        thread_wait(process->child_ended, sequence, KEEL_FOREVER);
        program_lock(process->program);
        result = find_child(process, pid, &child);
    }
    if (result == ENDED) {
        *status = child->wait_status;
        answer = child->pid;
        child->state = PROCESS_UNUSED;
    } else if (result == NONE) {
        answer = -LINUX_ECHILD;
    }
    program_unlock(process->program);
    return answer;
}

int64_t process_wait(struct thread *thread, uint64_t pid, uint64_t status_va, uint64_t options)
{
    int32_t status = 0;
    if ((options & ~(uint64_t)LINUX_WNOHANG) != 0) {
        return -LINUX_EINVAL;
    }
    if ((int32_t)pid < -1) { /* a process group: all processes of a program are in one, which has no number */
        return -LINUX_ECHILD;
    }
    int64_t answer = bury(thread->process, (int32_t)pid, (options & LINUX_WNOHANG) == 0, &status);
    if (answer > 0 && status_va != 0 && keel_user_write(status_va, &status, sizeof(status)) != KEEL_OK) {
        return -LINUX_EFAULT;
    }
    return answer;
}
