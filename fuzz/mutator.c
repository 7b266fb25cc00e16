/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Mutations of inputs that are lists of operations (calls_input.h), for libFuzzer as well as for AFL++: whole
 * operations are put in, taken out, repeated, moved and taken from another input; handles are led to what
 * earlier operations have made; numbers become neighbours or extremes; interleaving, lies and what is left
 * out change. One mutation in a few is the fuzzer's own, which knows nothing of all this but has learnt what
 * values are compared.
 *
 * MUTATOR_HEADER is the size of the target's header.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define OP_SIZE   8u
#define SLOTS     16u
#define STEPS_MAX 4u
#define RUN_MAX   6u /* operations that are repeated or taken out together */

/* Of an operation: see calls_input.h. */
enum { AT_CALL, AT_HANDLES, AT_NUMBERS = 3, AT_BUFFER = 6, AT_SLOT };

struct list {
    uint8_t *ops;
    size_t count, room;
};

static uint64_t state;

static uint32_t random_below(uint32_t limit)
{
    state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t value = (state ^ state >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((value ^ value >> 31) >> 32) % limit;
}

static uint8_t any_byte(void)
{
    return (uint8_t)random_below(256);
}

static uint8_t *op_at(const struct list *list, size_t index)
{
    return list->ops + index * OP_SIZE;
}

static size_t any_place(const struct list *list)
{
    return random_below((uint32_t)list->count);
}

/* A name of an object: mostly one of a few, so that operations meet at the same. */
static uint8_t any_handle(void)
{
    switch (random_below(8)) {
    case 0:
        return any_byte();
    case 1:
        return (uint8_t)random_below(SLOTS);
    default:
        return (uint8_t)random_below(3);
    }
}

static uint8_t any_number(uint8_t old)
{
    switch (random_below(6)) {
    case 0:
        return (uint8_t)(old + 1);
    case 1:
        return (uint8_t)(old - 1);
    case 2:
        return (uint8_t)(old ^ 1u << random_below(8));
    case 3:
        return (uint8_t)(0xf0u + random_below(16));
    case 4:
        return (uint8_t)random_below(8);
    default:
        return any_byte();
    }
}

/* Makes room for `count` operations at `place`. False: there is none. */
static bool open_gap(struct list *list, size_t place, size_t count)
{
    if (list->count + count > list->room) {
        return false;
    }
    memmove(op_at(list, place + count), op_at(list, place), (list->count - place) * OP_SIZE);
    list->count += count;
    return true;
}

static void put_in(struct list *list)
{
    size_t place = random_below((uint32_t)list->count + 1);
    if (open_gap(list, place, 1)) {
        uint8_t *op = op_at(list, place);
        op[AT_CALL] = any_byte();
        op[AT_HANDLES] = any_handle();
        op[AT_HANDLES + 1] = any_handle();
        for (unsigned i = AT_NUMBERS; i <= AT_BUFFER; i++) {
            op[i] = any_number(0);
        }
        op[AT_SLOT] = any_handle();
    }
}

static void take_out(struct list *list)
{
    size_t place = any_place(list), count = 1 + random_below(RUN_MAX);
    count = count < list->count - place ? count : list->count - place;
    if (count < list->count) {
        memmove(op_at(list, place), op_at(list, place + count), (list->count - place - count) * OP_SIZE);
        list->count -= count;
    }
}

/* Some operations again, elsewhere; `from` may be another input's. */
static void repeat(struct list *list, const struct list *from)
{
    uint8_t run[RUN_MAX * OP_SIZE];
    size_t source = any_place(from), count = 1 + random_below(RUN_MAX);
    count = count < from->count - source ? count : from->count - source;
    memcpy(run, op_at(from, source), count * OP_SIZE);
    size_t place = random_below((uint32_t)list->count + 1);
    if (open_gap(list, place, count)) {
        memcpy(op_at(list, place), run, count * OP_SIZE);
    }
}

static void swap(struct list *list)
{
    uint8_t kept[OP_SIZE], *one = op_at(list, any_place(list)), *other = op_at(list, any_place(list));
    memcpy(kept, one, OP_SIZE);
    memmove(one, other, OP_SIZE);
    memcpy(other, kept, OP_SIZE);
}

/* A handle becomes that of what an operation before it may have made. */
static void retarget(struct list *list)
{
    size_t place = any_place(list);
    uint8_t *handle = op_at(list, place) + AT_HANDLES + random_below(2);
    *handle = place > 0 && random_below(2) != 0 ? op_at(list, random_below((uint32_t)place))[AT_SLOT] % SLOTS
                                                : any_handle();
}

static void renumber(struct list *list)
{
    uint8_t *number = op_at(list, any_place(list)) + AT_NUMBERS + random_below(AT_BUFFER + 1 - AT_NUMBERS);
    *number = any_number(*number);
}

static void change(uint8_t *header, struct list *list, const struct list *other)
{
    switch (random_below(12)) {
    case 0:
    case 1:
        put_in(list);
        break;
    case 2:
    case 3:
        take_out(list);
        break;
    case 4:
        repeat(list, list);
        break;
    case 5:
        repeat(list, other);
        break;
    case 6:
        swap(list);
        break;
    case 7:
        op_at(list, any_place(list))[AT_CALL] = any_byte();
        break;
    case 8:
        retarget(list);
        break;
    case 9:
    case 10:
        renumber(list);
        break;
    default: {
        uint8_t *byte = header + random_below(MUTATOR_HEADER);
        *byte = any_number(*byte);
        break;
    }
    }
}

/* Changes an input of at least a header and an operation in place; answers its new size. */
static size_t mutate(uint8_t *data, size_t size, size_t size_max, const struct list *other)
{
    struct list list = {.ops = data + MUTATOR_HEADER,
                        .count = (size - MUTATOR_HEADER) / OP_SIZE,
                        .room = (size_max - MUTATOR_HEADER) / OP_SIZE};
    for (unsigned steps = 1 + random_below(STEPS_MAX); steps > 0; steps--) {
        change(data, &list, other != NULL ? other : &list);
    }
    return MUTATOR_HEADER + list.count * OP_SIZE;
}

static bool is_list(size_t size)
{
    return size >= MUTATOR_HEADER + OP_SIZE;
}

#ifndef MUTATOR_AFL

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t size_max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_size, const uint8_t *other, size_t other_size,
                                 uint8_t *out, size_t out_size, unsigned seed);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed)
{
    state = seed;
    if (!is_list(size) || !is_list(size_max) || random_below(4) == 0) {
        return LLVMFuzzerMutate(data, size, size_max);
    }
    return mutate(data, size, size_max, NULL);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_size, const uint8_t *other, size_t other_size,
                                 uint8_t *out, size_t out_size, unsigned seed)
{
    state = seed;
    size_t size = one_size < out_size ? one_size : out_size;
    memcpy(out, one, size);
    if (!is_list(size) || !is_list(other_size)) {
        return size;
    }
    struct list list = {.ops = out + MUTATOR_HEADER,
                        .count = (size - MUTATOR_HEADER) / OP_SIZE,
                        .room = (out_size - MUTATOR_HEADER) / OP_SIZE};
    const struct list from = {.ops = (uint8_t *)(uintptr_t)other + MUTATOR_HEADER,
                              .count = (other_size - MUTATOR_HEADER) / OP_SIZE};
    for (unsigned steps = 1 + random_below(STEPS_MAX); steps > 0; steps--) {
        repeat(&list, &from);
    }
    return MUTATOR_HEADER + list.count * OP_SIZE;
}

#else /* a library that afl-fuzz loads (AFL_CUSTOM_MUTATOR_LIBRARY) */

struct mutator {
    uint8_t *bytes;
    size_t size;
};

void *afl_custom_init(void *afl, unsigned seed);
size_t afl_custom_fuzz(struct mutator *mutator, uint8_t *data, size_t size, uint8_t **out, uint8_t *more,
                       size_t more_size, size_t size_max);
void afl_custom_deinit(struct mutator *mutator);

void *afl_custom_init(void *afl, unsigned seed)
{
    (void)afl;
    state = seed;
    return calloc(1, sizeof(struct mutator));
}

size_t afl_custom_fuzz(struct mutator *mutator, uint8_t *data, size_t size, uint8_t **out, uint8_t *more,
                       size_t more_size, size_t size_max)
{
    if (mutator->size < size_max) {
        free(mutator->bytes);
        mutator->bytes = malloc(size_max);
        mutator->size = mutator->bytes != NULL ? size_max : 0;
    }
    if (!is_list(size) || size > mutator->size) {
        *out = data;
        return size;
    }
    const struct list other = {.ops = more + MUTATOR_HEADER,
                               .count = is_list(more_size) ? (more_size - MUTATOR_HEADER) / OP_SIZE : 0};
    *out = mutator->bytes;
    memcpy(*out, data, size);
    return mutate(*out, size, mutator->size, other.count > 0 ? &other : NULL);
}

void afl_custom_deinit(struct mutator *mutator)
{
    free(mutator->bytes);
    free(mutator);
}

#endif
