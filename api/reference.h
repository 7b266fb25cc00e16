/* SPDX-License-Identifier: BSD-2-Clause
 *
 * keel_X_ref and keel_X_release, the same for every kind. The entry point holds a reference of its own
 * meanwhile, so what is dropped here is never the last one.
 */
#ifndef API_REFERENCE_H
#define API_REFERENCE_H

#include "core/assert.h"
#include "core/ref.h"

/* One more reference of the clients'. E_LIMIT. */
static inline keel_status_t reference_add(struct ref *ref)
{
    keel_status_t status = ref_get(ref);
    if (status != KEEL_OK) {
        return status;
    }
    status = ref_handle_add(ref);
    if (status != KEEL_OK) {
        bool last = ref_put(ref);
        CORE_ASSERT(!last);
    }
    return status;
}

/* One reference of the clients' less. E_BAD_HANDLE: they hold none. */
static inline keel_status_t reference_drop(struct ref *ref)
{
    keel_status_t status = ref_handle_drop(ref);
    if (status == KEEL_OK && !ref_put_quick(ref)) {
        bool last = ref_put(ref);
        CORE_ASSERT(!last);
    }
    return status;
}

/* The bodies of keel_X_ref and keel_X_release, for an X that is a `struct type` with its count at `ref`. */
#define REFERENCE_CALLS_OF(kind, type, ref)                                                                  \
    keel_status_t call_##kind##_ref(struct type *kind)                                                       \
    {                                                                                                        \
        return reference_add(&kind->ref);                                                                    \
    }                                                                                                        \
    keel_status_t call_##kind##_release(struct type *kind)                                                   \
    {                                                                                                        \
        return reference_drop(&kind->ref);                                                                   \
    }
#define REFERENCE_CALLS(kind, ref) REFERENCE_CALLS_OF(kind, kind, ref)

#endif
