/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See user_code.h.
 */
#include "user_code.h"

#define CODE_SIZE 0x100u

/* What no program fills is ud2. */
static void write_program(uint8_t page[CODE_SIZE], enum user_program at, const uint8_t *code, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        page[(size_t)at + i] = code[i];
    }
}
#define WRITE_PROGRAM(page, at, ...)                                                                         \
    write_program(page, at, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void assemble(uint8_t page[CODE_SIZE])
{
    for (size_t i = 0; i < CODE_SIZE; i += 2) {
        page[i] = 0x0f;
        page[i + 1] = 0x0b;
    }
    WRITE_PROGRAM(page, USER_SYSCALL, 0x0f, 0x05);
    WRITE_PROGRAM(page, USER_NOP_SYSCALL, 0x90, 0x0f, 0x05);
    WRITE_PROGRAM(page, USER_UD2, 0x0f, 0x0b);
    WRITE_PROGRAM(page, USER_INT3, 0xcc);
    WRITE_PROGRAM(page, USER_HLT, 0xf4);
    WRITE_PROGRAM(page, USER_SPIN, 0xeb, 0xfe);
    WRITE_PROGRAM(page, USER_SWAPGS, 0x0f, 0x01, 0xf8);
    WRITE_PROGRAM(page, USER_STORE_XMM, 0xf3, 0x0f, 0x7f, 0x07, 0xf3, 0x44, 0x0f, 0x7f, 0x7f, 0x10, 0x0f,
                  0x05);
    WRITE_PROGRAM(page, USER_STORE_YMM, 0xc5, 0xfe, 0x7f, 0x07, 0xc5, 0x7e, 0x7f, 0x7f, 0x20, 0x0f, 0x05);
    WRITE_PROGRAM(page, USER_LOAD_XMM, 0xf3, 0x0f, 0x6f, 0x07, 0xf3, 0x44, 0x0f, 0x6f, 0x7f, 0x10, 0x0f,
                  0x05);
    WRITE_PROGRAM(page, USER_SYSCALL_GS, 0x65, 0x48, 0x8b, 0x04, 0x25, 0x00, 0x00, 0x00, 0x00, 0x0f, 0x05);
}

bool user_space_open(struct user_space *user)
{
    uint8_t code[CODE_SIZE];
    assemble(code);
    keel_status_t status = keel_space_create(&user->space);
    status = status != KEEL_OK ? status : keel_frame_alloc(&user->code);
    status = status != KEEL_OK ? status : keel_frame_alloc(&user->data);
    status = status != KEEL_OK ? status : keel_frame_write(user->code, 0, code, sizeof(code));
    status = status != KEEL_OK ? status
                               : keel_space_map(user->space, USER_CODE, user->code, KEEL_READ | KEEL_EXEC);
    status = status != KEEL_OK ? status
                               : keel_space_map(user->space, USER_DATA, user->data, KEEL_READ | KEEL_WRITE);
    status = status != KEEL_OK ? status : keel_space_activate(user->space);
    CHECK_OK(status);
    return status == KEEL_OK;
}

void user_space_close(struct user_space *user)
{
    CHECK_OK(keel_space_activate((keel_space_t){0}));
    CHECK_OK(keel_space_release(user->space));
    CHECK_OK(keel_frame_release(user->code));
    CHECK_OK(keel_frame_release(user->data));
}

struct keel_user_regs user_regs_at(enum user_program program)
{
    return (struct keel_user_regs){.rip = USER_CODE + (uint64_t)program};
}

void user_run_to_event(struct keel_user_regs *regs, struct keel_user_event *event)
{
    do {
        *event = (struct keel_user_event){0};
        CHECK_OK(keel_user_run(regs, event));
    } while (event->reason == KEEL_USER_INTERRUPT);
}
