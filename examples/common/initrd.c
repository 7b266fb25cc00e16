/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The files of the initial ramdisk.
 */
#include "initrd.h"

#include "keel/keel.h"

keel_status_t initrd_read_file(void *file_offset, uint64_t offset, void *buffer, size_t size)
{
    return keel_boot_initrd(*(const uint64_t *)file_offset + offset, buffer, size);
}

const char *initrd_for_each(void (*found)(const struct services_cpio_entry *file))
{
    struct keel_boot_info info;
    struct services_cpio_entry entry;
    uint64_t position = 0, start = 0;
    keel_status_t status = keel_boot_info(&info);
    if (status != KEEL_OK) {
        return keel_status_text(status);
    }
    struct services_source initrd = {initrd_read_file, &start, info.initrd_size};
    enum services_cpio_result result = services_cpio_next(&initrd, &position, &entry);
    for (; result == SERVICES_CPIO_OK; result = services_cpio_next(&initrd, &position, &entry)) {
        if (services_cpio_is_file(&entry)) {
            found(&entry);
        }
    }
    return result == SERVICES_CPIO_END ? NULL : services_cpio_text(result);
}

const char *initrd_open_elf(const struct services_cpio_entry *entry, uint64_t *file_offset,
                            struct services_source *file, struct services_elf *elf)
{
    *file_offset = entry->offset;
    *file = (struct services_source){initrd_read_file, file_offset, entry->size};
    enum services_elf_result result = services_elf_parse(file, elf);
    return result == SERVICES_ELF_OK ? NULL : services_elf_text(result);
}
