/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What this kernel knows of programs, processes, threads and pipes.
 *
 * Each program of the initial ramdisk is a world of its own: its processes (the first one and all that
 * descend from it), their threads and pipes are slots of its struct, and its page count is its own. So
 * whatever a program uses up, it takes from itself alone.
 *
 * Locks: the program's lock guards everything in its struct, but what is marked; the lock of a futex bucket
 * (futex.c) guards the queue of that bucket. No task holds both.
 *
 * Waiting: a thread looks at its condition under the lock, reads the number of an event, lets go of the lock
 * and waits for the event (keel/sync.h). Who changes the condition signals afterwards. Who ends a process
 * signals every event that one of its threads may wait for, so each condition includes `dying`.
 */
#ifndef THREADS_THREADS_H
#define THREADS_THREADS_H

#include <stdatomic.h>

#include "../common/load.h"
#include "../common/text.h"
#include "services/elf.h"
#include "keel/keel.h"

#define PROGRAMS_MAX 4u
/* Of one program. */
#define PROCESSES_MAX 8u
#define THREADS_MAX   16u
#define PIPES_MAX     8u
#define PAGES_MAX     2048u /* mapped in all of its processes together */
/* Of one process. */
#define FDS_MAX    16u
#define SHARED_MAX 4u

/* A write of at most so many bytes is not mixed with others; a pipe holds no more. */
#define PIPE_SIZE 4096u

/* The address space of a process: ELF segments below the arena, which mmap hands out pages of; the stack. */
#define ARENA_START UINT64_C(0x0000700000000000)
#define ARENA_PAGES 1024u
#define ARENA_END   (ARENA_START + (uint64_t)ARENA_PAGES * KEEL_PAGE_SIZE)
#define STACK_PAGES 16u
#define STACK_END   UINT64_C(0x00007ffff0000000)
#define STACK_START (STACK_END - (uint64_t)STACK_PAGES * KEEL_PAGE_SIZE)

/* The parent of a program's first process and of orphans: this kernel, which lets them go when they end. */
#define PID_KERNEL 1u

struct pipe {
    char *bytes; /* of the heap: a ring of PIPE_SIZE; NULL: the slot is unused */
    uint32_t first, count;
    uint32_t readers, writers; /* open ends: descriptors of all processes, and calls in progress */
    uint32_t waiting;          /* of these, calls that wait for it to change */
    keel_event_t changed;
};

enum fd_kind { FD_CLOSED, FD_CONSOLE_IN, FD_CONSOLE_OUT, FD_PIPE_READ, FD_PIPE_WRITE };

struct fd {
    enum fd_kind kind;
    struct pipe *pipe; /* FD_PIPE_* */
};

/* Pages that mmap made for this process and all that it forks. */
struct shared {
    keel_segment_t segment;
    uint32_t first, left; /* arena page of its first frame; pages still mapped here, 0: unused */
};

enum arena_use { ARENA_FREE, ARENA_PRIVATE, ARENA_SHARED /* + index in `shared` */ };

enum process_state { PROCESS_UNUSED, PROCESS_RUNNING, PROCESS_ZOMBIE };

struct process {
    enum process_state state;
    struct program *program;
    char name[40];
    uint32_t pid, parent; /* pids */
    bool first;           /* of its program: loads the ELF file, and its end is reported */
    uint32_t fork_count;
    uint32_t thread_count; /* that have not ended; the last one ends the process */
    keel_space_t space;    /* constant while it runs */
    uint64_t page_count;
    uint8_t arena[ARENA_PAGES];
    struct shared shared[SHARED_MAX];
    struct fd fds[FDS_MAX];
    bool ignores_sigpipe;
    atomic_bool dying;        /* its threads end as soon as they notice; set under the lock */
    int32_t wait_status;      /* as wait4 shows it */
    keel_event_t child_ended; /* constant */
    struct line output;
};

struct futex_key {
    uint64_t space, address; /* handle of the space and virtual address; or 0 and physical address */
};

/* From its start to its end a thread belongs to its task, but what is marked so. */
struct thread {
    struct process *process; /* locked; NULL: the slot is unused */
    uint32_t tid;
    bool ended;
    struct keel_user_regs regs;
    void *vector; /* of the heap: the vector registers that it begins with; NULL: the initial ones */
    uint64_t vector_size;
    uint64_t set_tid;   /* CLONE_CHILD_SETTID; 0: none */
    uint64_t clear_tid; /* CLONE_CHILD_CLEARTID and set_tid_address; 0: none */
    keel_event_t event; /* constant; for whatever only this thread waits for */
    /* Under the lock of the futex bucket. */
    struct futex_key futex;
    struct thread *next;
    bool queued;
};

struct program {
    char name[PROGRAM_NAME_SIZE];
    uint64_t file_offset; /* of the ELF file in the initrd */
    struct services_source file;
    struct services_elf elf;
    bool served; /* this kernel did its part */
    keel_mutex_t lock;
    uint32_t last_id; /* pids and tids are numbered together */
    uint32_t process_count;
    uint64_t page_count;
    struct process processes[PROCESSES_MAX];
    struct thread threads[THREADS_MAX];
    struct pipe pipes[PIPES_MAX];
};

extern struct program programs[PROGRAMS_MAX];
/* Signalled when the last process of a program has ended. */
extern keel_event_t program_ended;
/* How often a thread lost its CPU in the middle of user code. */
extern atomic_uint preemption_count;

void program_lock(struct program *program);
void program_unlock(struct program *program);

/* process.c. Its functions take the lock but where they say so. */
/* Makes events and lock of an empty program. */
keel_status_t program_prepare(struct program *program);
/* Runs the first process. */
keel_status_t program_start(struct program *program);
/* A number that no process and no thread of the program has; locked. */
uint32_t program_new_id(struct program *program);
/* Ends the process with what wait4 shows, unless something else has; locked. */
void process_kill(struct process *process, int32_t wait_status);
/* What is left to do when the last thread has ended; locked. */
void process_finish(struct process *process);
/* System calls answer a non-negative result or a negative Linux error number. */
int64_t process_fork(struct thread *parent, uint64_t flags, uint64_t parent_tid, uint64_t child_tid);
int64_t process_wait(struct thread *thread, uint64_t pid, uint64_t status_va, uint64_t options);

/* thread.c */
/* A thread in an unused slot, with the registers of `parent` (NULL: initial ones); locked. NULL: no slot or
 * no memory. */
struct thread *thread_claim(struct process *process, const struct thread *parent);
/* Gives back what thread_claim took; locked. */
void thread_unclaim(struct thread *thread);
/* Runs it in a task of its own. */
keel_status_t thread_start(const struct thread *thread);
int64_t thread_clone(struct thread *parent);
/* Waits for an event whose number was `sequence`, at most until `deadline`. */
void thread_wait(keel_event_t event, uint64_t sequence, uint64_t deadline);
/* Reads a timespec: nanoseconds. 0 or a negative Linux error number. */
int64_t thread_read_time(uint64_t va, uint64_t *nanoseconds);
/* Nanoseconds from now to the end of such a time; KEEL_FOREVER stays. */
uint64_t thread_deadline(uint64_t nanoseconds);
bool thread_late(uint64_t deadline);
int64_t thread_sleep(struct thread *thread, uint64_t time_va);

/* futex.c */
keel_status_t futex_prepare(void);
int64_t futex_call(struct thread *thread);
/* As the kernel wakes who waits for the end of a thread. */
void futex_wake_joiner(const struct process *process, uint64_t va);

/* pipe.c */
int64_t pipe_open(struct thread *thread, uint64_t fds_va, uint64_t flags);
int64_t pipe_close(struct thread *thread, uint64_t fd);
int64_t pipe_read(struct thread *thread, uint64_t fd, uint64_t va, uint64_t size);
int64_t pipe_write(struct thread *thread, uint64_t fd, uint64_t va, uint64_t size);
/* A child has what its parent has open; a process that ends closes everything. Locked. */
void pipe_inherit(const struct process *parent, struct process *child);
void pipe_close_all(struct process *process);

/* loader.c: do all segments keep clear of arena and stack? */
bool program_fits(const struct services_elf *elf);
/* Fills the process's space, which is active; sets `regs` to its first instruction. Errors: Keel's. */
keel_status_t program_load(struct process *process, struct keel_user_regs *regs);

/* memory.c; all locked. Maps zeroed pages, all or nothing. Errors: E_LIMIT, E_EXISTS, E_NO_MEMORY. */
keel_status_t memory_map(struct process *process, uint64_t va, uint64_t page_count, uint32_t rights);
/* Copies the parent's pages, or shares them where both are meant to see them. The parent's space is active.
 */
keel_status_t memory_fork(const struct process *parent, struct process *child);
/* Ends the space, when no thread has it active any more. */
void memory_end(struct process *process);
int64_t memory_mmap(struct process *process, const struct keel_user_regs *regs);
int64_t memory_munmap(struct process *process, uint64_t va, uint64_t size);

/* syscalls.c: serves the system call that the thread's registers describe. */
void thread_syscall(struct thread *thread);
/* An exception ends the process, as the signal does that Linux sends. */
void thread_fault(struct thread *thread, const struct keel_user_event *event);

#endif
