/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The files of the initial ramdisk.
 */
#ifndef COMMON_INITRD_H
#define COMMON_INITRD_H

#include "services/cpio.h"
#include "services/elf.h"

/* Calls `found` for each regular file, in the archive's order. NULL, or what is broken: the files before the
 * break were found. */
const char *initrd_for_each(void (*found)(const struct services_cpio_entry *file));

/* Reads from one file: the `read` of a struct services_source whose context points at the file's offset in
 * the ramdisk, a uint64_t. */
keel_status_t initrd_read_file(void *file_offset, uint64_t offset, void *buffer, size_t size);

/* What an ELF file holds, and how it is read; `file` keeps the address of `file_offset`. NULL, or why it
 * cannot be run. */
const char *initrd_open_elf(const struct services_cpio_entry *entry, uint64_t *file_offset,
                            struct services_source *file, struct services_elf *elf);

#endif
