/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What this kernel knows of programs, processes and their memory.
 *
 * A process sees four areas. Their pages are numbered through: that number is a page's slot, and a page has
 * the same slot in every process that it belongs to (fork keeps addresses, shared memory has fixed ones).
 */
#ifndef PAGER_PAGER_H
#define PAGER_PAGER_H

#include "../common/text.h"
#include "services/elf.h"
#include "keel/keel.h"

#define PROGRAMS_MAX  8u
#define PROCESSES_MAX 16u

/* Frames that all pages of all programs may hold together, page tables apart. */
#define BUDGET 32u

#define IMAGE_START      UINT64_C(0x0000000000200000) /* the ELF file */
#define IMAGE_PAGES      64u
#define ARENA_START      UINT64_C(0x0000700000000000) /* mmap */
#define ARENA_PAGES      256u
#define SHARED_START     UINT64_C(0x0000710000000000) /* shared memory, some pages for each key */
#define SHARED_KEYS      4u
#define SHARED_KEY_PAGES 8u
#define SHARED_PAGES     (SHARED_KEYS * SHARED_KEY_PAGES)
#define STACK_END        UINT64_C(0x00007ffff0000000)
#define STACK_PAGES      16u
#define STACK_START      (STACK_END - STACK_PAGES * KEEL_PAGE_SIZE)

#define ARENA_SLOT  IMAGE_PAGES
#define SHARED_SLOT (ARENA_SLOT + ARENA_PAGES)
#define STACK_SLOT  (SHARED_SLOT + SHARED_PAGES)
#define SLOTS       (STACK_SLOT + STACK_PAGES)
#define SLOT_NONE   SLOTS

struct program {
    char name[32];
    uint64_t file_offset; /* in the initrd */
    struct services_source file;
    struct services_elf elf;
};

/* One page of a process's address space. */
struct slot {
    uint16_t page;   /* pages.h; 0: never touched, reads as the ELF file or as zeroes */
    uint16_t rights; /* KEEL_READ | ...; 0: the program may not touch it */
};

enum process_state { PROCESS_UNUSED, PROCESS_RUNNING, PROCESS_REAPED };

/* From start to reaping it belongs to its task, but what is marked so: that is under the lock of pages.h. */
struct process {
    enum process_state state; /* locked */
    char name[40];
    uint32_t pid;    /* index + 1; each is used once */
    uint32_t parent; /* pid; 0: the kernel */
    const struct program *program;
    keel_task_t task;         /* of whoever waits for it */
    keel_task_t self;         /* locked: the same task, as it knows itself */
    keel_space_t space;       /* constant while it runs */
    struct slot slots[SLOTS]; /* locked */
    struct keel_user_regs regs;
    uint64_t vector_size; /* of a forked one: what its task begins with */
    uint8_t vector[4096];
    bool ended, served;
    int32_t exit_status;
    struct line output;
};

extern struct process processes[PROCESSES_MAX];

/* process.c: an unused process, for the parent (NULL: the kernel). NULL: there is none left. */
struct process *process_claim(const struct program *program, const struct process *parent);
/* Runs the claimed process in a task of its own, or gives it back. */
keel_status_t process_start(struct process *process);
/* Is there anything to reap? */
bool process_waits(const struct process *process);
/* Waits until the process has ended; its status as wait(2) shows it. */
int32_t process_reap(struct process *process);

/* The process that the calling task runs; NULL: none. */
struct process *process_current(void);

/* areas.c: the slot of an address, SLOT_NONE if it lies in no area; and the other way round. */
uint32_t slot_of(uint64_t va);
uint64_t slot_address(uint32_t slot);
/* The pages of the program become reachable, and the stack. */
void memory_prepare(struct process *process);
void memory_end(struct process *process);
/* mmap, munmap and shared memory: a non-negative result or a negative Linux error number. */
int64_t memory_mmap(struct process *process, uint64_t size, uint64_t prot, uint64_t flags);
int64_t memory_munmap(struct process *process, uint64_t va, uint64_t size);
int64_t memory_share(struct process *process, uint64_t key);

/* memory.c: demand paging. Makes the page at `va` reachable for `access` (KEEL_READ, KEEL_WRITE or
 * KEEL_EXEC). False: the program has no such right, or there is no memory. */
bool memory_fault(struct process *process, uint64_t va, uint32_t access);
/* The child gets the parent's memory: every page belongs to both now, and none of them may write to it. */
void memory_fork(struct process *parent, struct process *child);

/* syscalls.c: serves the system call that the process's registers describe. */
void process_syscall(struct process *process);
/* Reports what ends the process: an access that nothing can serve; access 0: another exception. */
void process_fault(struct process *process, const struct keel_user_event *event, uint32_t access);

#endif
