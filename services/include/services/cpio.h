/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Reads a cpio archive in the "newc" format: a header of ASCII hexadecimal numbers, the name, the data, each
 * part padded to 4 bytes; an entry named TRAILER!!! ends it. Every byte is untrusted.
 */
#ifndef SERVICES_CPIO_H
#define SERVICES_CPIO_H

#include "services/source.h"

#define SERVICES_CPIO_NAME_MAX 255u

#define SERVICES_CPIO_TABLE(X)                                                                               \
    X(OK, "ok")                                                                                              \
    X(END, "end of the archive")                                                                             \
    X(READ, "the archive cannot be read")                                                                    \
    X(TRUNCATED, "the archive ends in the middle of an entry")                                               \
    X(MAGIC, "an entry does not begin with 070701")                                                          \
    X(NUMBER, "a header field is not a hexadecimal number")                                                  \
    X(NAME, "a name is empty, too long or not terminated")

#define SERVICES_CPIO_ENUM(name, text) SERVICES_CPIO_##name,
enum services_cpio_result { SERVICES_CPIO_TABLE(SERVICES_CPIO_ENUM) SERVICES_CPIO_RESULT_COUNT };
#undef SERVICES_CPIO_ENUM

struct services_cpio_entry {
    char name[SERVICES_CPIO_NAME_MAX + 1]; /* terminated; any bytes but NUL */
    uint32_t mode;                         /* file type and permissions as in stat(2) */
    uint64_t offset, size;                 /* of the data, in the source; inside it */
};

static inline bool services_cpio_is_file(const struct services_cpio_entry *entry)
{
    return (entry->mode & 0170000u) == 0100000u;
}

/* Reads the entry at `*position` (0 for the first) and moves `*position` past it. On anything but
 * SERVICES_CPIO_OK the position stays and the entry means nothing. Each header byte is read once. */
enum services_cpio_result services_cpio_next(const struct services_source *source, uint64_t *position,
                                             struct services_cpio_entry *entry);

const char *services_cpio_text(enum services_cpio_result result);

#endif
