/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What one execution of fuzz_calls or fuzz_world knows: the input, the handles that it collected, and the
 * hostile parties.
 */
#ifndef FUZZ_CALLS_WORLD_H
#define FUZZ_CALLS_WORLD_H

#include "calls_input.h"
#include "hosted/machine.h"
#include "keel/keel.h"

struct calls_world {
    struct calls_input input;
    size_t next_op; /* taken by whichever worker runs next */
    uint64_t random;
    uint64_t slots[OBJECT_KIND_COUNT]
                  [CALLS_SLOTS];    /* handles that operations name by index; live, stale or 0 */
    uint64_t pointers[CALLS_SLOTS]; /* the same for native memory */
    unsigned fails_in;              /* so many requests for memory later one is refused; 0: none is */
    bool print;
};

extern struct calls_world calls_world;

/* True with a chance of lies/256. */
static inline bool calls_lies(uint8_t lies)
{
    return (calls_random(&calls_world.random) & 0xff) < lies;
}

/* A policy is asked for memory: shall it say that there is none? */
static inline bool calls_fails(void)
{
    return calls_world.fails_in > 0 && --calls_world.fails_in == 0;
}

/* Decodes and makes the call of one operation. */
void calls_execute(const struct calls_op *op);
/* Calls of several tasks get the same buffers, one after the other (benign.h). */
void calls_buffers_share(void);
/* One operation as a readable call. */
void calls_print(const struct calls_op *op);
/* The handle that a byte of an operation names. */
uint64_t calls_handle(enum object_kind kind, uint8_t byte);

/* Policies that lie as often as the input says. */
void calls_policies_reset(void);
struct keel_frame_allocator calls_allocator(void);
struct keel_scheduler calls_scheduler(void);
struct keel_slab_allocator calls_slab_allocator(void);
void calls_slab_policy_reset(void);
/* What a policy must never get through with. */
void calls_policy_calls_back(void);

/* A page-fault handler that makes calls of its own. */
struct keel_fault_handler calls_fault_handler(void);

/* A timer whose handler makes the next operation in interrupt context. */
struct keel_timer_options calls_timer_options(void);
/* The same in soft context. */
struct keel_work_options calls_work_options(void);

/* A handler on an interrupt line that does the same, and answers anything. */
struct keel_irq_handler_options calls_irq_handler_options(uint8_t source, uint8_t flags);
/* What devices do between two operations; and one of each thing, as a number says: a device reaches for
 * memory, a function sends its message, a device writes any message. */
void calls_devices(void);
void calls_reach(uint64_t random);
void calls_send(uint64_t random);
void calls_forge(uint64_t random);
/* The interrupt source that a byte names. */
uint32_t calls_source(uint8_t byte);
/* The same handler, called on other CPUs. */
struct keel_cpu_call_options calls_cpu_call_options(void);

/* A user program that does whatever it likes. */
void calls_user_script(void *context, struct keel_user_regs *regs, struct keel_user_event *event);
void calls_user_regs(uint8_t pattern, struct keel_user_regs *regs);

/* The next operation, for whoever runs now. False: none is left. */
bool calls_next(struct calls_op *op);
/* The entry of worker tasks: takes operations until none is left. */
void calls_worker(uint64_t argument);
/* Releases whatever there is, whoever got or guessed it. */
void calls_release_all(void);

/* The input is parsed: everything else as at the beginning. */
void calls_begin(void);
/* One execution on the machine that `config` describes, completed by what the input says of interleaving and
 * devices. A failure ends the process. */
void calls_run(const char *target, struct hosted_config *config);

#endif
