/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The input of fuzz_calls and fuzz_world: an 8-byte header, then operations of 8 bytes each, so that a
 * mutation of one byte changes one thing and an operation inserted or removed leaves the others as they were.
 *
 *   header   0    flags (enum calls_flags)
 *            1    switch period
 *            2,3  seed
 *            4    lies of the allocator
 *            5    lies of the scheduler
 *            6    workers
 *            7    lies of the slab allocator
 *
 * Of fuzz_world it goes on:
 *
 *            8    CPUs, and tags of their TLBs
 *            9    machine (enum world_machine)
 *            10   kinds of calls that are left out
 *            11   commands until the first remapping unit stops, or 0
 *            12   size of the user program
 *            13   bit 0: strategy by priorities; bits 1 to 3: changed so often; 4 to 7: stores kept back
 *            14   more of the machine (enum world_more)
 *            15   nothing
 *
 * and behind the operations there is the user program, of so many times 8 bytes.
 *
 *   op      0 call    1,2 handles      3,4,5 numbers   6 buffer   7 slot for a new handle
 *
 * What a byte means for an argument depends on the argument's kind and name in the table of calls: objects
 * are named by small indexes into what earlier operations made, so that mutations keep hitting live ones, and
 * some values of each byte stand for raw, stale, foreign or extreme ones.
 */
#ifndef FUZZ_CALLS_INPUT_H
#define FUZZ_CALLS_INPUT_H

#include "calls.h"

#define CALLS_HEADER_SIZE 8u
#define WORLD_HEADER_SIZE 16u
#define CALLS_OP_SIZE     8u
#define CALLS_OPS_MAX     256u
#define CALLS_SLOTS       16u

enum calls_flags {
    CALLS_INJECT_ALLOCATOR = 1u << 0,
    CALLS_INJECT_SCHEDULER = 1u << 1,
    CALLS_CHOICES_FROM_INPUT = 1u << 2, /* interleaving by the input's bytes instead of by seed */
    CALLS_INJECT_SLAB_ALLOCATOR = 1u << 3,
    CALLS_INJECT_FAULT_HANDLER = 1u << 4,
    CALLS_DEVICES = 1u << 5, /* devices interrupt */
    CALLS_LIARS = 1u << 6,   /* those of PCI lie */
    CALLS_AMD = 1u << 7,     /* what holds them is AMD's */
};
enum world_machine {
    WORLD_REGISTERS = 1u << 0, /* as in hosted/machine.h */
    WORLD_NARROW = 1u << 1,
    WORLD_RANGE = 1u << 2,
    WORLD_OLD_INTERRUPTS = 1u << 3,
    WORLD_APART = 1u << 4,
    WORLD_NONE = 1u << 5,     /* there is no remapping unit */
    WORLD_TRUSTED = 1u << 6,  /* the command line trusts devices */
    WORLD_PROGRAMS = 1u << 7, /* user programs run for real */
};

enum world_more {
    WORLD_DIES = 1u << 0, /* a remapping unit that stops never goes on */
    WORLD_PLAIN = 1u << 1,
};

/* Room for large pages, which is slow, so few inputs have it: by the number of workers. */
#define CALLS_MUCH_MEMORY(workers) ((workers) >= 0xf8)

struct calls_op {
    uint8_t call, handles[2], numbers[3], buffer, slot;
};

struct calls_input {
    uint8_t flags, switch_period, allocator_lies, scheduler_lies, workers, slab_lies;
    uint16_t seed;
    const uint8_t *ops;
    size_t ops_size, op_count;
    bool world; /* what follows is fuzz_world's */
    uint8_t cpus, machine, more, left_out, stalls, strategy;
    const uint8_t *program;
    size_t program_size;
};

/* False: too short to mean anything. */
bool calls_input_parse(const uint8_t *data, size_t size, struct calls_input *input);
bool world_input_parse(const uint8_t *data, size_t size, struct calls_input *input);
struct calls_op calls_input_op(const struct calls_input *input, size_t index);

/* Does the input leave out all calls of this kind? */
bool calls_input_leaves_out(const struct calls_input *input, enum call_id id);

/* A number for the argument called `name`. */
uint64_t calls_number(const char *name, uint8_t byte);

/* A pseudo-random sequence (splitmix64). */
uint64_t calls_random(uint64_t *state);

#endif
