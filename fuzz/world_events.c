/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What happens to fuzz_world's machine besides calls. See world_events.h.
 */
#include "world_events.h"

#include <stdio.h>
#include <string.h>

#include "calls_world.h"
#include "core/pci.h"

#define RUNS_MAX 8u

/* All bytes of the operation, for what takes a number apart by itself. */
static uint64_t number_of(const struct calls_op *op)
{
    const uint8_t bytes[8] = {op->handles[0], op->handles[1], op->numbers[0], op->numbers[1],
                              op->numbers[2], op->buffer,     op->buffer,     op->slot};
    uint64_t number = 0;
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        number |= (uint64_t)bytes[i] << 8 * i;
    }
    return number;
}

/* What says who a function is, its status and its capabilities' beginning: nothing that core has written. */
static void change_config(const struct calls_op *op)
{
    static const uint8_t offsets[] = {0x00, 0x01, 0x02, 0x03, 0x06, 0x07, 0x08, 0x09,
                                      0x0a, 0x0b, 0x0e, 0x2c, 0x2e, 0x34, 0x3c, 0x3d};
    if (pci_count() > 0) {
        const struct pci_function *function = pci_at(op->handles[0] % pci_count());
        hosted_pci_poke(function->at, offsets[op->numbers[0] % sizeof(offsets)], 1, op->numbers[1]);
    }
}

/* A page with a part of the program: from anywhere in it, anywhere in the page. */
static void load(const struct calls_op *op)
{
    keel_frame_t frame;
    if (keel_frame_alloc(&frame) != KEEL_OK) {
        return;
    }
    size_t from = op->numbers[1] * (size_t)CALLS_OP_SIZE % (calls_world.input.program_size + 1);
    size_t size = calls_world.input.program_size - from;
    uint32_t rights = KEEL_READ | KEEL_EXEC;
    rights = (op->numbers[2] & 1) != 0 ? KEEL_READ | KEEL_WRITE : rights;
    (void)keel_frame_write(frame, op->numbers[2] / 2u, calls_world.input.program + from,
                           size < KEEL_PAGE_SIZE - 128 ? size : KEEL_PAGE_SIZE - 128);
    keel_space_t space = {calls_handle(OBJECT_SPACE, op->handles[0])};
    (void)keel_space_map(space, calls_number("va", op->numbers[0]) & ~(uint64_t)(KEEL_PAGE_SIZE - 1), frame,
                         rights);
    (void)keel_space_activate(space);
    (void)keel_frame_release(frame);
}

/* System calls are answered by going on, as are interrupts: with what is there now, at most for a while. */
static void run(const struct calls_op *op)
{
    struct keel_user_regs regs = {.rip = calls_number("va", op->numbers[0]) + op->numbers[2] / 2u,
                                  .rsp = calls_number("va", op->numbers[1]),
                                  .rax = op->handles[0],
                                  .rdi = calls_number("va", op->handles[1]),
                                  .rflags = op->slot};
    struct keel_user_event event = {.reason = KEEL_USER_SYSCALL};
    for (unsigned i = 0; i < 1u + op->buffer % RUNS_MAX && event.reason != KEEL_USER_EXCEPTION; i++) {
        if (keel_user_run(&regs, &event) != KEEL_OK) {
            return;
        }
    }
    if (calls_world.print) {
        fprintf(stderr, "    -> reason %u, vector %u, at 0x%llx\n", event.reason, event.vector,
                (unsigned long long)regs.rip);
    }
}

void world_happen(const struct calls_op *op)
{
    switch (world_event(op)) {
    case WORLD_REACH:
        calls_reach(number_of(op));
        break;
    case WORLD_SEND:
        calls_send(number_of(op));
        break;
    case WORLD_FORGE:
        calls_forge(number_of(op));
        break;
    case WORLD_LINE:
        hosted_irq_assert(calls_source(op->handles[0]), op->numbers[0] % 2 != 0);
        break;
    case WORLD_CONFIG:
        change_config(op);
        break;
    case WORLD_FAIL:
        calls_world.fails_in = op->numbers[0];
        break;
    case WORLD_PROGRAM:
        load(op);
        break;
    default:
        run(op);
        break;
    }
}

void world_print(const struct calls_op *op)
{
    static const char *const names[WORLD_EVENT_COUNT] = {
        "a device reaches for memory",   "a function sends its message",
        "a device writes a message",     "a wire changes",
        "a function's registers change", "memory will be refused",
        "the program is mapped",         "the program runs"};
    fprintf(stderr, "[%s: %02x %02x, %02x %02x %02x, %02x %02x]\n", names[world_event(op)], op->handles[0],
            op->handles[1], op->numbers[0], op->numbers[1], op->numbers[2], op->buffer, op->slot);
}
