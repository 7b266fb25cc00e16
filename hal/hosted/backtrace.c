/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Backtrace of the running fiber. Names come from the executable's own symbol table, so that static functions
 * have theirs, which the dynamic symbols alone would not give.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hosted/explore.h"
#include "report.h"

#define DEPTH_MAX 48

/* The executable file in memory. Written by the linker and trusted. */
struct image {
    const char *bytes;
    size_t size;
};

static struct image image_open(void)
{
    struct image image = {0};
    struct stat status;
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return image;
    }
    if (fstat(file, &status) == 0 && status.st_size > 0) {
        void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        if (bytes != MAP_FAILED) {
            image = (struct image){bytes, (size_t)status.st_size};
        }
    }
    close(file);
    return image;
}

static int first_object(struct dl_phdr_info *info, size_t size, void *base)
{
    (void)size;
    memcpy(base, &info->dlpi_addr, sizeof info->dlpi_addr);
    return 1; /* the executable comes first; stop */
}

uint64_t hosted_image_base(void)
{
    static uint64_t base;
    static bool known;
    if (!known) {
        dl_iterate_phdr(first_object, &base);
        known = true;
    }
    return base;
}

static const char *symbol_in_table(const struct image *image, const Elf64_Shdr *table,
                                   const Elf64_Shdr *strings, uint64_t address, uint64_t *offset)
{
    const Elf64_Sym *symbols = (const void *)(image->bytes + table->sh_offset);
    for (size_t i = 0; i < table->sh_size / sizeof *symbols; i++) {
        if (ELF64_ST_TYPE(symbols[i].st_info) != STT_FUNC ||
            address - symbols[i].st_value >= symbols[i].st_size) {
            continue;
        }
        *offset = address - symbols[i].st_value;
        return image->bytes + strings->sh_offset + symbols[i].st_name;
    }
    return NULL;
}

static const char *symbol_name(const struct image *image, uint64_t address, uint64_t *offset)
{
    if (!image->bytes) {
        return NULL;
    }
    const Elf64_Ehdr *header = (const void *)image->bytes;
    const Elf64_Shdr *sections = (const void *)(image->bytes + header->e_shoff);
    for (unsigned i = 0; i < header->e_shnum; i++) {
        if (sections[i].sh_type == SHT_SYMTAB) {
            return symbol_in_table(image, &sections[i], &sections[sections[i].sh_link], address, offset);
        }
    }
    return NULL;
}

void machine_backtrace(void)
{
    void *frames[DEPTH_MAX];
    int count = backtrace(frames, DEPTH_MAX);
    struct image image = image_open();
    uint64_t base = hosted_image_base();

    for (int i = 1; i < count; i++) {
        uint64_t address = (uint64_t)(uintptr_t)frames[i] - base;
        uint64_t offset = 0;
        /* A return address may lie past the end of a function whose last act is a call that does not return.
         */
        const char *name = symbol_name(&image, address - 1, &offset);
        if (name) {
            machine_print("keel:   #%d %s+0x%llx", i - 1, name, (unsigned long long)offset + 1);
        } else {
            machine_print("keel:   #%d 0x%llx", i - 1, (unsigned long long)address);
        }
    }
    if (image.bytes) {
        munmap((void *)(uintptr_t)image.bytes, image.size);
    }
}
