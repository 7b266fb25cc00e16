/* SPDX-License-Identifier: BSD-2-Clause
 *
 * File descriptors and pipes. Bytes move between user memory and the pipe under the program's lock: a part is
 * there as a whole or not at all, also when the user memory cannot be reached.
 */
#include "../common/linux.h"
#include "threads.h"

/* One call moves at most this many bytes; more is a short read or write, as programs must expect. */
#define CALL_MAX UINT64_C(0x7ffff000)

static void changed(const struct pipe *pipe)
{
    uint32_t woken;
    if (pipe->waiting != 0) {
        (void)keel_event_signal(pipe->changed, UINT32_MAX, &woken);
    }
}

/* --- Ends --- */

/* One more open end of that kind. */
static void hold(const struct fd *fd)
{
    fd->pipe->readers += fd->kind == FD_PIPE_READ ? 1 : 0;
    fd->pipe->writers += fd->kind == FD_PIPE_WRITE ? 1 : 0;
}

/* One less; a pipe without ends goes. */
static void drop(const struct fd *fd)
{
    struct pipe *pipe = fd->pipe;
    pipe->readers -= fd->kind == FD_PIPE_READ ? 1 : 0;
    pipe->writers -= fd->kind == FD_PIPE_WRITE ? 1 : 0;
    if (pipe->readers == 0 && pipe->writers == 0) {
        (void)keel_heap_free(pipe->bytes);
        pipe->bytes = NULL;
    } else if (pipe->readers == 0 || pipe->writers == 0) {
        changed(pipe); /* who waits on the other side waits in vain */
    }
}

static bool is_pipe(const struct fd *fd)
{
    return fd->kind == FD_PIPE_READ || fd->kind == FD_PIPE_WRITE;
}

static void close_fd(struct fd *fd)
{
    if (is_pipe(fd)) {
        drop(fd);
    }
    fd->kind = FD_CLOSED;
}

void pipe_close_all(struct process *process)
{
    for (uint32_t i = 0; i < FDS_MAX; i++) {
        close_fd(&process->fds[i]);
    }
}

void pipe_inherit(const struct process *parent, struct process *child)
{
    for (uint32_t i = 0; i < FDS_MAX; i++) {
        child->fds[i] = parent->fds[i];
        if (is_pipe(&child->fds[i])) {
            hold(&child->fds[i]);
        }
    }
}

int64_t pipe_close(struct thread *thread, uint64_t fd)
{
    struct process *process = thread->process;
    int64_t answer = -LINUX_EBADF;
    program_lock(process->program);
    if (fd < FDS_MAX && process->fds[fd].kind != FD_CLOSED) {
        close_fd(&process->fds[fd]);
        answer = 0;
    }
    program_unlock(process->program);
    return answer;
}

/* --- Opening --- */

/* The lowest closed descriptor from `first` on; FDS_MAX: there is none. */
static uint32_t find_closed(const struct process *process, uint32_t first)
{
    while (first < FDS_MAX && process->fds[first].kind != FD_CLOSED) {
        first++;
    }
    return first;
}

static struct pipe *new_pipe(struct program *program)
{
    void *bytes = NULL;
    struct pipe *pipe = program->pipes;
    while (pipe < program->pipes + PIPES_MAX && pipe->bytes != NULL) {
        pipe++;
    }
    if (pipe == program->pipes + PIPES_MAX || keel_heap_alloc(PIPE_SIZE, 1, &bytes) != KEEL_OK) {
        return NULL;
    }
    pipe->bytes = bytes;
    pipe->first = 0;
    pipe->count = 0;
    return pipe;
}

static int64_t open_locked(struct process *process, uint64_t fds_va)
{
    uint32_t fds[2];
    fds[0] = find_closed(process, 0);
    fds[1] = find_closed(process, fds[0] + 1);
    if (fds[1] >= FDS_MAX) {
        return -LINUX_EMFILE;
    }
    struct pipe *pipe = new_pipe(process->program);
    if (pipe == NULL) {
        return -LINUX_ENFILE;
    }
    process->fds[fds[0]] = (struct fd){FD_PIPE_READ, pipe};
    process->fds[fds[1]] = (struct fd){FD_PIPE_WRITE, pipe};
    hold(&process->fds[fds[0]]);
    hold(&process->fds[fds[1]]);
    if (keel_user_write(fds_va, fds, sizeof(fds)) != KEEL_OK) {
        close_fd(&process->fds[fds[0]]);
        close_fd(&process->fds[fds[1]]);
        return -LINUX_EFAULT;
    }
    return 0;
}

int64_t pipe_open(struct thread *thread, uint64_t fds_va, uint64_t flags)
{
    if ((flags & ~(uint64_t)LINUX_O_CLOEXEC) != 0) {
        return -LINUX_EINVAL;
    }
    program_lock(thread->process->program);
    int64_t answer = open_locked(thread->process, fds_va);
    program_unlock(thread->process->program);
    return answer;
}

/* --- Bytes --- */

/* Lets others change the pipe. False: the process is dying. */
static bool await_change(const struct thread *thread, struct pipe *pipe)
{
    uint64_t sequence = 0;
    if (atomic_load(&thread->process->dying)) {
        return false;
    }
    (void)keel_event_sequence(pipe->changed, &sequence);
    pipe->waiting++;
    program_unlock(thread->process->program);
    thread_wait(pipe->changed, sequence, KEEL_FOREVER);
    program_lock(thread->process->program);
    pipe->waiting--;
    return true;
}

/* The ring is at most two runs of bytes, from `start` on. */
static uint32_t run_of(uint32_t start, uint32_t size)
{
    return size < PIPE_SIZE - start ? size : PIPE_SIZE - start;
}

static bool take_bytes(struct pipe *pipe, uint64_t va, uint32_t size)
{
    uint32_t run = run_of(pipe->first, size);
    if (keel_user_write(va, pipe->bytes + pipe->first, run) != KEEL_OK ||
        (run < size && keel_user_write(va + run, pipe->bytes, size - run) != KEEL_OK)) {
        return false;
    }
    pipe->first = (pipe->first + size) % PIPE_SIZE;
    pipe->count -= size;
    changed(pipe);
    return true;
}

static bool put_bytes(struct pipe *pipe, uint64_t va, uint32_t size)
{
    uint32_t start = (pipe->first + pipe->count) % PIPE_SIZE;
    uint32_t run = run_of(start, size);
    if (keel_user_read(va, pipe->bytes + start, run) != KEEL_OK ||
        (run < size && keel_user_read(va + run, pipe->bytes, size - run) != KEEL_OK)) {
        return false;
    }
    pipe->count += size;
    changed(pipe);
    return true;
}

static int64_t read_pipe(const struct thread *thread, struct pipe *pipe, uint64_t va, uint64_t size)
{
    while (pipe->count == 0 && pipe->writers != 0) {
        if (!await_change(thread, pipe)) {
            return -LINUX_EINTR;
        }
    }
    uint32_t part = size < pipe->count ? (uint32_t)size : pipe->count;
    if (part == 0) {
        return 0; /* nobody can write any more */
    }
    return take_bytes(pipe, va, part) ? (int64_t)part : -LINUX_EFAULT;
}

/* The signal ends the process, unless it ignores it. */
static int64_t broken(struct process *process)
{
    if (!process->ignores_sigpipe) {
        process_kill(process, LINUX_SIGPIPE);
    }
    return -LINUX_EPIPE;
}

static int64_t write_pipe(const struct thread *thread, struct pipe *pipe, uint64_t va, uint64_t size)
{
    uint32_t need = size <= PIPE_SIZE ? (uint32_t)size : 1;
    uint64_t done = 0;
    int64_t error = 0;
    while (done < size && error == 0) {
        uint32_t room = PIPE_SIZE - pipe->count;
        if (pipe->readers == 0) {
            error = broken(thread->process);
        } else if (room < need) {
            error = await_change(thread, pipe) ? 0 : -LINUX_EINTR;
        } else {
            uint32_t part = size - done < room ? (uint32_t)(size - done) : room;
            error = put_bytes(pipe, va + done, part) ? 0 : -LINUX_EFAULT;
            done += error == 0 ? part : 0;
        }
    }
    return done != 0 ? (int64_t)done : error;
}

/* --- System calls --- */

/* The descriptor's copy stays open during the call, whatever other threads close meanwhile. */
static int64_t move(struct thread *thread, const struct fd *fd, uint64_t va, uint64_t size)
{
    int64_t answer = 0;
    hold(fd);
    if (size != 0) {
        answer = fd->kind == FD_PIPE_READ ? read_pipe(thread, fd->pipe, va, size)
                                          : write_pipe(thread, fd->pipe, va, size);
    }
    drop(fd);
    return answer;
}

static int64_t transfer(struct thread *thread, uint64_t number, uint64_t va, uint64_t size, bool reading)
{
    struct process *process = thread->process;
    int64_t answer = -LINUX_EBADF;
    size = size < CALL_MAX ? size : CALL_MAX;
    program_lock(process->program);
    struct fd fd = {.kind = FD_CLOSED};
    if (number < FDS_MAX) {
        fd = process->fds[number];
    }
    if (fd.kind == (reading ? FD_PIPE_READ : FD_PIPE_WRITE)) {
        answer = move(thread, &fd, va, size);
    } else if (reading && fd.kind == FD_CONSOLE_IN) {
        answer = 0; /* nothing ever comes */
    } else if (!reading && fd.kind == FD_CONSOLE_OUT) {
        answer = line_output_user(&process->output, process->name, va, size);
    }
    program_unlock(process->program);
    return answer;
}

int64_t pipe_read(struct thread *thread, uint64_t fd, uint64_t va, uint64_t size)
{
    return transfer(thread, fd, va, size, true);
}

int64_t pipe_write(struct thread *thread, uint64_t fd, uint64_t va, uint64_t size)
{
    return transfer(thread, fd, va, size, false);
}
