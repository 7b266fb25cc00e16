/* SPDX-License-Identifier: BSD-2-Clause
 *
 * From an ELF file to an address space.
 */
#ifndef COMMON_LOAD_H
#define COMMON_LOAD_H

#include "keel/space.h"
#include "keel/user_regs.h"
#include "services/elf.h"

/* Bytes of a program's name, its NUL and what is unused included. */
#define PROGRAM_NAME_SIZE 32u

struct load_target {
    keel_space_t space; /* active */
    /* Maps zeroed pages for `owner`; all or nothing. Errors: E_EXISTS, and others of Keel's. */
    keel_status_t (*map)(void *owner, uint64_t va, uint64_t page_count, uint32_t rights);
    void *owner;
    uint64_t stack_start, stack_pages;
};

/* Fills the space from the file, with an initial stack; sets `regs` to its first instruction. Nothing is ever
 * writable and executable (Keel would refuse it): pages are mapped writable, filled through the active space
 * like any user memory, and then given their final rights. Errors: those of `map` and of reading the file. */
keel_status_t load_program(const char name[PROGRAM_NAME_SIZE], const struct services_source *file,
                           const struct services_elf *elf, const struct load_target *target,
                           struct keel_user_regs *regs);

#endif
