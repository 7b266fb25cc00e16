/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The newc cpio reader; services/cpio.h describes the format. A header is 6 bytes of magic number and 13
 * fields of 8 hexadecimal digits: inode, mode, uid, gid, links, mtime, filesize, 4 device numbers, namesize,
 * checksum.
 */
#include "services/cpio.h"

#define MAGIC_SIZE     6u
#define FIELD_SIZE     8u
#define FIELD_COUNT    13u
#define HEADER_SIZE    (MAGIC_SIZE + FIELD_SIZE * FIELD_COUNT)
#define FIELD_MODE     1u
#define FIELD_FILESIZE 6u
#define FIELD_NAME     11u

static bool bytes_equal(const char *a, const char *b, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (a[i] != b[i]) {
            return false;
        }
    }
    return true;
}

static bool parse_hex(const char *text, uint32_t *value)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < FIELD_SIZE; i++) {
        char c = text[i];
        uint32_t digit;
        if (c >= '0' && c <= '9') {
            digit = (uint32_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            digit = (uint32_t)(c - 'a') + 10;
        } else if (c >= 'A' && c <= 'F') {
            digit = (uint32_t)(c - 'A') + 10;
        } else {
            return false;
        }
        sum = sum << 4 | digit;
    }
    *value = sum;
    return true;
}

/* Reads and checks the name, `size` bytes with its terminator. */
static enum services_cpio_result read_name(const struct services_source *source, uint64_t offset,
                                           uint32_t size, char *name)
{
    if (size < 2 || size > SERVICES_CPIO_NAME_MAX + 1) {
        return SERVICES_CPIO_NAME;
    }
    if (!services_source_holds(source, offset, size)) {
        return SERVICES_CPIO_TRUNCATED;
    }
    if (services_source_read(source, offset, name, size) != KEEL_OK) {
        return SERVICES_CPIO_READ;
    }
    for (uint32_t i = 0; i < size; i++) {
        if ((name[i] == '\0') != (i == size - 1)) {
            return SERVICES_CPIO_NAME;
        }
    }
    return SERVICES_CPIO_OK;
}

static uint64_t padded(uint64_t offset)
{
    return (offset + 3) & ~UINT64_C(3);
}

enum services_cpio_result services_cpio_next(const struct services_source *source, uint64_t *position,
                                             struct services_cpio_entry *entry)
{
    static const char trailer[] = "TRAILER!!!";
    char header[HEADER_SIZE];
    uint32_t fields[FIELD_COUNT];

    if (!services_source_holds(source, *position, HEADER_SIZE)) {
        return SERVICES_CPIO_TRUNCATED;
    }
    if (services_source_read(source, *position, header, HEADER_SIZE) != KEEL_OK) {
        return SERVICES_CPIO_READ;
    }
    if (!bytes_equal(header, "070701", MAGIC_SIZE)) {
        return SERVICES_CPIO_MAGIC;
    }
    for (uint32_t i = 0; i < FIELD_COUNT; i++) {
        if (!parse_hex(header + MAGIC_SIZE + i * FIELD_SIZE, &fields[i])) {
            return SERVICES_CPIO_NUMBER;
        }
    }

    uint32_t name_size = fields[FIELD_NAME];
    enum services_cpio_result result = read_name(source, *position + HEADER_SIZE, name_size, entry->name);
    if (result != SERVICES_CPIO_OK) {
        return result;
    }
    if (name_size == sizeof(trailer) && bytes_equal(entry->name, trailer, sizeof(trailer))) {
        return SERVICES_CPIO_END;
    }

    entry->mode = fields[FIELD_MODE];
    entry->size = fields[FIELD_FILESIZE];
    entry->offset = padded(*position + HEADER_SIZE + name_size);
    if (!services_source_holds(source, entry->offset, entry->size)) {
        return SERVICES_CPIO_TRUNCATED;
    }
    *position = padded(entry->offset + entry->size);
    return SERVICES_CPIO_OK;
}

const char *services_cpio_text(enum services_cpio_result result)
{
    switch (result) {
#define CPIO_CASE(name, text)                                                                                \
    case SERVICES_CPIO_##name:                                                                               \
        return text;
        SERVICES_CPIO_TABLE(CPIO_CASE)
#undef CPIO_CASE
    case SERVICES_CPIO_RESULT_COUNT:
        break;
    }
    return "unknown result";
}
