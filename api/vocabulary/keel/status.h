/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What every call answers. This header is vocabulary: it holds no call, and every layer may include it.
 */
#ifndef KEEL_STATUS_H
#define KEEL_STATUS_H

#include <stdint.h>

/* Every public call returns one of these. On anything but KEEL_OK nothing has changed, unless the call's own
 * comment says what has. Values are stable; new ones are added at the end. */
#define KEEL_STATUS_TABLE(X)                                                                                 \
    X(0, OK, "ok")                                                                                           \
    X(1, E_INVALID, "an argument is out of its range")                                                       \
    X(2, E_BAD_HANDLE, "the handle is forged, stale, closed or of another kind")                             \
    X(3, E_CONTEXT, "the call is not allowed in this context")                                               \
    X(4, E_NO_MEMORY, "no free frame")                                                                       \
    X(5, E_LIMIT, "a table or a counter is full")                                                            \
    X(6, E_BUSY, "the object is in a state that does not allow this")                                        \
    X(7, E_EXISTS, "something is there already")                                                             \
    X(8, E_NOT_FOUND, "nothing is there")                                                                    \
    X(9, E_FAULT, "user memory at this address cannot be reached that way")                                  \
    X(10, E_DENIED, "the request is well formed but never allowed")                                          \
    X(11, E_UNSUPPORTED, "this machine cannot do it")                                                        \
    X(12, E_MALFORMED, "the input's format is broken")                                                       \
    X(13, E_TIMEOUT, "the time is up")                                                                       \
    X(14, E_CANCELED, "somebody asked the task to stop waiting")

#define KEEL_STATUS_ENUM(value, name, text) KEEL_##name = value,
enum keel_status_value { KEEL_STATUS_TABLE(KEEL_STATUS_ENUM) KEEL_STATUS_COUNT };
#undef KEEL_STATUS_ENUM

typedef int32_t keel_status_t;

/* The status in words; "unknown status" for a value outside the table. Never NULL. */
static inline const char *keel_status_text(keel_status_t status)
{
    switch (status) {
#define KEEL_STATUS_CASE(value, name, text)                                                                  \
    case value:                                                                                              \
        return text;
        KEEL_STATUS_TABLE(KEEL_STATUS_CASE)
#undef KEEL_STATUS_CASE
    default:
        return "unknown status";
    }
}

#endif
