/* SPDX-License-Identifier: BSD-2-Clause
 *
 * One user program: what this kernel knows of it. From spawn to join it belongs to the task that runs it.
 */
#ifndef HELLO_PROGRAM_H
#define HELLO_PROGRAM_H

#include "services/elf.h"
#include "keel/keel.h"
#include "../common/load.h"
#include "../common/text.h"

#define PROGRAMS_MAX 32u

/* The address space of a program: its ELF segments below the arena or above the stack, the arena that mmap
 * hands out pages of, and the stack. All addresses are bytes. */
#define ARENA_START UINT64_C(0x0000700000000000)
#define ARENA_PAGES 16384u
#define ARENA_END   (ARENA_START + (uint64_t)ARENA_PAGES * KEEL_PAGE_SIZE)
#define STACK_PAGES 16u
#define STACK_END   UINT64_C(0x00007ffff0000000)
#define STACK_START (STACK_END - (uint64_t)STACK_PAGES * KEEL_PAGE_SIZE)
/* Pages that one program may have mapped at a time: enough for the largest ELF file, the stack and the arena.
 */
#define PAGES_MAX 40000u

/* A one-shot fault handler, as a signal handler would be: see system call 0x4b00 in syscalls.c. */
struct fault_handler {
    bool armed, quiet;
    uint64_t resume, rsp;
};

struct program {
    char name[PROGRAM_NAME_SIZE];
    uint32_t pid;
    bool ended;           /* by exit or by a fault */
    bool served;          /* to its end; false: this kernel failed it */
    uint64_t file_offset; /* of the ELF file in the initrd */
    struct services_source file;
    struct services_elf elf;
    keel_task_t task;
    keel_space_t space;
    struct line output;               /* what it has written of a line so far */
    uint64_t page_count;              /* mapped now */
    uint64_t arena[ARENA_PAGES / 64]; /* one bit a page: handed out */
    struct fault_handler handler;
};

/* loader.c: do all segments keep clear of arena and stack? */
bool program_fits(const struct services_elf *elf);
/* Fills the program's space, which is active, from its ELF file, with an initial stack; sets `regs`
 * to its first instruction. Errors: E_NO_MEMORY and others of Keel's. */
keel_status_t program_load(struct program *program, struct keel_user_regs *regs);

/* memory.c: maps `page_count` zeroed pages; all or nothing. Errors: E_EXISTS, E_NO_MEMORY, E_LIMIT. */
keel_status_t program_map(struct program *program, uint64_t va, uint64_t page_count, uint32_t rights);
void program_unmap(struct program *program, uint64_t va, uint64_t page_count);
/* mmap and munmap: a non-negative result, or a negative Linux error number. */
int64_t program_mmap(struct program *program, const struct keel_user_regs *regs);
int64_t program_munmap(struct program *program, uint64_t va, uint64_t size);

/* syscalls.c: serves the system call that `regs` describe and stores the result there. */
void program_syscall(struct program *program, struct keel_user_regs *regs);

/* faults.c: reports an exception; the program goes on at its handler if it has one, else it has ended. */
void program_fault(struct program *program, struct keel_user_regs *regs, const struct keel_user_event *event);

#endif
