/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Bytes to parse: something that can be read at an offset, of a known size. The parsers get everything
 * through here, so that one bounds check serves them all and a test can hand them any bytes.
 */
#ifndef SERVICES_SOURCE_H
#define SERVICES_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keel/status.h"

struct services_source {
    /* Copies [offset, offset + size) to buffer, all or nothing. Called with ranges inside `size` only. */
    keel_status_t (*read)(void *context, uint64_t offset, void *buffer, size_t size);
    void *context;
    uint64_t size; /* bytes; not more than INT64_MAX */
};

/* True if [offset, offset + size) lies inside the source. No sum is formed, so nothing can overflow. */
static inline bool services_source_holds(const struct services_source *source, uint64_t offset, uint64_t size)
{
    return offset <= source->size && size <= source->size - offset;
}

/* Errors: E_INVALID (the range leaves the source), and what `read` answers. */
static inline keel_status_t services_source_read(const struct services_source *source, uint64_t offset,
                                                 void *buffer, size_t size)
{
    if (!services_source_holds(source, offset, size)) {
        return KEEL_E_INVALID;
    }
    return source->read(source->context, offset, buffer, size);
}

#endif
