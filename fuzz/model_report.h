/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the differential fuzzers (fuzz_model, fuzz_model_tasks, fuzz_model_dma) have in common: their inputs,
 * the lines that they print, and what each does with a handle.
 *
 * The input is a header of 2 bytes (flags, how often everything is compared) and operations of 8 bytes:
 *
 *   0 operation   1,2 names of objects   3,4,5 numbers   6 size   7 slot for a new name
 *
 * Objects are named by slots that hold the handles which earlier operations got, alive or not.
 */
#ifndef FUZZ_MODEL_REPORT_H
#define FUZZ_MODEL_REPORT_H

#include <stdbool.h>

#include "core/object.h"
#include "hosted/machine.h"
#include "keel/keel.h"

#define MODEL_HEADER_SIZE 2u
#define MODEL_OP_SIZE     8u
#define MODEL_OPS_MAX     512u
#define MODEL_SLOTS       16u

struct model_op {
    uint8_t op, names[2], numbers[3], size, slot;
};

struct model_report {
    const char *target;
    bool print;
    bool comparing; /* calls are not the input's: they are not printed */
    uint8_t flags;
    size_t op_count, op_index, period; /* everything is compared after so many operations */
};

extern struct model_report model_report;

/* --- The run --- */

/* False: the input is too short to mean anything. */
bool model_input(const char *target, const uint8_t *data, size_t size);
struct model_op model_op_now(void);
/* Is everything to be compared after this operation? */
bool model_period_ends(void);
/* Boots the machine and runs keel_main; any end but power off is a finding. */
void model_run(struct hosted_config config);

/* --- What Keel answers, and what the model says --- */

/* The call that is about to be made, readably. */
void model_call(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* One more thing about it. */
void model_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Keel and the model disagree. */
_Noreturn void model_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Fails unless the statuses are equal. True: KEEL_OK. */
bool model_answer(keel_status_t status, keel_status_t expected);
void model_equal(uint64_t value, uint64_t expected, const char *what);
void model_equal_bytes(const void *bytes, const void *expected, size_t size, const char *what);
/* No violation of any invariant. */
void model_audit(void);

/* --- Handles --- */

/* The handle that a byte names among `names`, which has MODEL_SLOTS for each kind. */
uint64_t model_pick(uint64_t (*names)[MODEL_SLOTS], unsigned kinds, unsigned kind, uint8_t byte);
/* A handle that was given for a new object: never the value of another one (H3). */
void model_is_new(uint64_t handle);
/* Every call there is refuses the value where it does not name what it wants (H1). `is`: the kind of object
 * that it names now, OBJECT_NONE for none; `live` has, by kind, a handle for the other arguments, or 0: calls
 * that need one of that kind are left out, they would refuse the 0. */
void model_offer(uint64_t handle, enum object_kind is, const uint64_t *live);
/* Objects of the kind that there are. */
uint32_t model_objects(enum object_kind kind);

#endif
