/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The life of a thread: claimed, started, run in its task, ended. And time.
 */
#include "../common/linux.h"
#include "threads.h"

#define NANOSECONDS UINT64_C(1000000000)

/* What a thread shares with its process: all of this, or it is no thread (Linux: CLONE_THREAD wants
 * CLONE_SIGHAND, that wants CLONE_VM; file descriptors and directory of its own this kernel does not offer).
 */
#define CLONE_SHARED                                                                                         \
    (LINUX_CLONE_VM | LINUX_CLONE_FS | LINUX_CLONE_FILES | LINUX_CLONE_SIGHAND | LINUX_CLONE_THREAD)
#define CLONE_OPTIONS                                                                                        \
    (LINUX_CLONE_SETTLS | LINUX_CLONE_PARENT_SETTID | LINUX_CLONE_CHILD_SETTID |                             \
     LINUX_CLONE_CHILD_CLEARTID | LINUX_CLONE_SYSVSEM)

atomic_uint preemption_count;

/* --- Beginning --- */

/* The vector registers of the calling thread, for a child to begin with. */
static bool save_vector(struct thread *child)
{
    if (keel_user_vector_size(&child->vector_size) != KEEL_OK ||
        keel_heap_alloc(child->vector_size, 1, &child->vector) != KEEL_OK) {
        return false;
    }
    return keel_user_vector_read(0, child->vector, (size_t)child->vector_size) == KEEL_OK;
}

static void drop_vector(struct thread *thread)
{
    if (thread->vector != NULL) {
        (void)keel_heap_free(thread->vector);
        thread->vector = NULL;
    }
}

struct thread *thread_claim(struct process *process, const struct thread *parent)
{
    struct thread *thread = process->program->threads;
    while (thread < process->program->threads + THREADS_MAX && thread->process != NULL) {
        thread++;
    }
    if (thread == process->program->threads + THREADS_MAX) {
        return NULL;
    }
    keel_event_t event = thread->event;
    *thread = (struct thread){.process = process, .event = event};
    process->thread_count++;
    if (parent != NULL) {
        thread->regs = parent->regs;
        thread->regs.rax = 0;
        if (!save_vector(thread)) {
            thread_unclaim(thread);
            return NULL;
        }
    }
    return thread;
}

void thread_unclaim(struct thread *thread)
{
    drop_vector(thread);
    thread->process->thread_count--;
    thread->process = NULL;
}

static keel_status_t begin(struct thread *thread)
{
    struct program *program = thread->process->program;
    keel_status_t status = keel_space_activate(thread->process->space);
    if (status == KEEL_OK && thread->process->first && thread->tid == thread->process->pid) {
        program_lock(program);
        status = program_load(thread->process, &thread->regs);
        program_unlock(program);
    }
    if (status == KEEL_OK && thread->vector != NULL) {
        status = keel_user_vector_write(0, thread->vector, (size_t)thread->vector_size);
    }
    drop_vector(thread);
    if (thread->set_tid != 0) {
        (void)keel_user_write(thread->set_tid, &thread->tid, sizeof(thread->tid));
    }
    return status;
}

/* --- Running --- */

static uint64_t switches_to(keel_task_t task)
{
    struct keel_task_info info = {.switches = 0};
    (void)keel_task_info(task, &info);
    return info.switches;
}

/* An interrupt of user code: whoever is runnable comes first, so that the time slice is a tick here whatever
 * the scheduler makes of it. */
static void give_way(keel_task_t self)
{
    uint64_t before = switches_to(self);
    (void)keel_task_yield();
    if (switches_to(self) != before) {
        atomic_fetch_add(&preemption_count, 1);
    }
}

/* Each return from user code is an occasion to notice that the process is dying; the timer brings back
 * whoever calls nothing. */
static keel_status_t run(struct thread *thread)
{
    keel_task_t self = {0};
    keel_status_t status = keel_task_self(&self);
    while (status == KEEL_OK && !thread->ended && !atomic_load(&thread->process->dying)) {
        struct keel_user_event event;
        status = keel_user_run(&thread->regs, &event);
        if (status == KEEL_OK && event.reason == KEEL_USER_INTERRUPT) {
            give_way(self);
        } else if (status == KEEL_OK && event.reason == KEEL_USER_SYSCALL) {
            thread_syscall(thread);
        } else if (status == KEEL_OK) {
            thread_fault(thread, &event);
        }
    }
    (void)keel_task_release(self);
    return status;
}

/* --- End --- */

static void report_failure(struct process *process, keel_status_t status)
{
    struct line line = {.length = 0};
    line_add(&line, "[cannot run: ");
    line_add(&line, keel_status_text(status));
    line_add(&line, "]");
    line_print(&line, process->name);
    process->program->served = false;
}

/* As Linux, only where somebody is left who can see it. */
static void clear_tid(const struct thread *thread, bool alone)
{
    if (thread->clear_tid != 0 && !alone && keel_user_store(thread->clear_tid, 4, 0) == KEEL_OK) {
        futex_wake_joiner(thread->process, thread->clear_tid);
    }
}

static void thread_task(uint64_t index)
{
    struct program *program = &programs[index / THREADS_MAX];
    struct thread *thread = &program->threads[index % THREADS_MAX];
    struct process *process = thread->process;
    keel_status_t status = begin(thread);
    if (status == KEEL_OK) {
        status = run(thread);
    }
    program_lock(program);
    if (status != KEEL_OK) {
        report_failure(process, status);
        process_kill(process, LINUX_SIGSEGV);
    }
    bool alone = process->thread_count == 1;
    program_unlock(program);
    clear_tid(thread, alone);
    /* No thread of an ended process has its space active, so that the space ends with it. */
    (void)keel_space_activate((keel_space_t){0});
    program_lock(program);
    thread_unclaim(thread);
    if (process->thread_count == 0) {
        process_finish(process);
    }
    program_unlock(program);
}

keel_status_t thread_start(const struct thread *thread)
{
    const struct program *program = thread->process->program;
    struct keel_task_options options = {.entry = thread_task};
    keel_task_t task;
    options.argument = (uint64_t)(program - programs) * THREADS_MAX + (uint64_t)(thread - program->threads);
    for (uint32_t i = 0; i < KEEL_TASK_NAME_MAX && program->name[i] != '\0'; i++) {
        options.name[i] = program->name[i];
    }
    keel_status_t status = keel_task_spawn(&options, &task);
    if (status == KEEL_OK) {
        (void)keel_task_release(task); /* nobody joins it: it gives back its slot itself */
    }
    return status;
}

/* --- Clone --- */

static int64_t start_thread(struct thread *parent, uint64_t flags)
{
    const struct keel_user_regs *regs = &parent->regs;
    struct thread *thread = thread_claim(parent->process, parent);
    if (thread == NULL) {
        return -LINUX_EAGAIN;
    }
    uint32_t tid = program_new_id(parent->process->program);
    thread->tid = tid;
    thread->set_tid = (flags & LINUX_CLONE_CHILD_SETTID) != 0 ? regs->r10 : 0;
    thread->clear_tid = (flags & LINUX_CLONE_CHILD_CLEARTID) != 0 ? regs->r10 : 0;
    thread->regs.rsp = regs->rsi != 0 ? regs->rsi : regs->rsp;
    thread->regs.fs_base = (flags & LINUX_CLONE_SETTLS) != 0 ? regs->r8 : regs->fs_base;
    if ((flags & LINUX_CLONE_PARENT_SETTID) != 0) {
        (void)keel_user_write(regs->rdx, &tid, sizeof(tid));
    }
    if (thread_start(thread) != KEEL_OK) {
        thread_unclaim(thread);
        return -LINUX_EAGAIN;
    }
    return tid;
}

int64_t thread_clone(struct thread *parent)
{
    const struct keel_user_regs *regs = &parent->regs;
    uint64_t flags = regs->rdi & UINT32_MAX, signal = flags & LINUX_CLONE_SIGNAL;
    uint64_t shared = flags & CLONE_SHARED;
    if ((flags & ~(uint64_t)(CLONE_SHARED | CLONE_OPTIONS | LINUX_CLONE_SIGNAL)) != 0 ||
        (shared != 0 && shared != CLONE_SHARED) || (shared == 0 && signal != LINUX_SIGCHLD)) {
        return -LINUX_EINVAL;
    }
    if ((flags & LINUX_CLONE_SETTLS) != 0 && regs->r8 >= KEEL_USER_END) {
        return -LINUX_EPERM;
    }
    if (shared == 0) {
        return process_fork(parent, flags, regs->rdx, regs->r10);
    }
    program_lock(parent->process->program);
    int64_t answer = start_thread(parent, flags);
    program_unlock(parent->process->program);
    return answer;
}

/* --- Waiting and time --- */

static uint64_t now(void)
{
    uint64_t nanoseconds = 0;
    (void)keel_time_now(&nanoseconds);
    return nanoseconds;
}

uint64_t thread_deadline(uint64_t nanoseconds)
{
    uint64_t start = now();
    return nanoseconds < KEEL_FOREVER - start ? start + nanoseconds : KEEL_FOREVER;
}

bool thread_late(uint64_t deadline)
{
    return deadline != KEEL_FOREVER && now() >= deadline;
}

void thread_wait(keel_event_t event, uint64_t sequence, uint64_t deadline)
{
    uint64_t start = deadline == KEEL_FOREVER ? 0 : now();
    uint64_t timeout = deadline == KEEL_FOREVER ? KEEL_FOREVER : deadline > start ? deadline - start : 0;
    (void)keel_event_wait(event, sequence, timeout);
}

int64_t thread_read_time(uint64_t va, uint64_t *nanoseconds)
{
    uint64_t words[2]; /* seconds, nanoseconds */
    if (keel_user_read(va, words, sizeof(words)) != KEEL_OK) {
        return -LINUX_EFAULT;
    }
    if (words[0] > INT64_MAX || words[1] >= NANOSECONDS) {
        return -LINUX_EINVAL;
    }
    *nanoseconds = words[0] < KEEL_FOREVER / NANOSECONDS ? words[0] * NANOSECONDS + words[1] : KEEL_FOREVER;
    return 0;
}

int64_t thread_sleep(struct thread *thread, uint64_t time_va)
{
    uint64_t nanoseconds;
    int64_t error = thread_read_time(time_va, &nanoseconds);
    if (error != 0) {
        return error;
    }
    uint64_t deadline = thread_deadline(nanoseconds);
    for (;;) {
        uint64_t sequence = 0;
        (void)keel_event_sequence(thread->event, &sequence);
        if (thread_late(deadline) || atomic_load(&thread->process->dying)) {
            return 0;
        }
        thread_wait(thread->event, sequence, deadline);
    }
}
