/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The table of calls as data, and what every entry point does first and last. Internal to api; also for the
 * fuzzers and tests, which make calls from data.
 */
#ifndef API_CALLS_H
#define API_CALLS_H

#include "calls_gen.h"
#include "core/cpu.h"
#include "core/object.h"
#include "keel/cold.h"

enum call_argument_kind {
    CALL_HANDLE,          /* value.number: a handle */
    CALL_HANDLE_OPTIONAL, /* the same, or 0 */
    CALL_NUMBER,          /* value.number */
    CALL_OUT_NUMBER,      /* value.number, stored after the call; value.memory NULL passes a NULL pointer */
    CALL_NEW_HANDLE,      /* the same, a handle */
    CALL_STRUCT_IN,       /* value.memory: the structure, of `size` bytes, or NULL */
    CALL_STRUCT_OUT,
    CALL_STRUCT_INOUT,
    CALL_BYTES_IN, /* value.memory, value.size */
    CALL_BYTES_OUT,
    CALL_POINTER,     /* value.number: any value, never followed by the entry point */
    CALL_OUT_POINTER, /* as CALL_OUT_NUMBER */
};

struct call_argument {
    enum call_argument_kind kind;
    enum object_kind object; /* of handles */
    size_t size;             /* of structures */
    const char *name;
};

struct call_descriptor {
    const char *name;  /* without keel_ */
    unsigned contexts; /* enum cpu_context bits */
    unsigned argument_count;
    struct call_argument arguments[CALL_ARGUMENTS_MAX];
};

extern const struct call_descriptor call_descriptors[CALL_COUNT];

struct call_value {
    uint64_t number;
    void *memory;
    size_t size;
};

/* Makes call `id`; values[i] belongs to argument i. */
keel_status_t call_invoke(enum call_id id, struct call_value *values);

/* Is the caller's context one of the call's `contexts` (H4)? */
static inline bool call_enter(unsigned contexts)
{
    return (contexts & cpu_context()) != 0;
}

/* Tracing: `keel.trace` on the kernel command line logs every call with its numbers and its status. */
void call_trace_init(void);
extern bool call_traced;
KEEL_COLD void call_trace(enum call_id id, const uint64_t *arguments, keel_status_t status);

#endif
