/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Runs user code in Unicorn and turns the ways in which it stops into events.
 */
#include <string.h>

#include "big_stack.h"
#include "raw.h"
#include "sanitizer.h"
#include "schedule.h"
#include "unicorn_engine.h"
#include "user.h"

/* Virtual time of a run that stopped early; Unicorn does not tell how far it came. */
#define EVENT_TIME 100u

enum {
    VECTOR_BREAKPOINT = 3,
    VECTOR_OVERFLOW = 4,
    VECTOR_INVALID_OPCODE = 6,
    VECTOR_GENERAL_PROTECTION = 13,
    VECTOR_PAGE_FAULT = 14,
};

#define REGISTER_COUNT 20

static int register_ids[REGISTER_COUNT] = {
    UC_X86_REG_RAX, UC_X86_REG_RBX, UC_X86_REG_RCX,    UC_X86_REG_RDX,     UC_X86_REG_RSI,
    UC_X86_REG_RDI, UC_X86_REG_RBP, UC_X86_REG_RSP,    UC_X86_REG_R8,      UC_X86_REG_R9,
    UC_X86_REG_R10, UC_X86_REG_R11, UC_X86_REG_R12,    UC_X86_REG_R13,     UC_X86_REG_R14,
    UC_X86_REG_R15, UC_X86_REG_RIP, UC_X86_REG_RFLAGS, UC_X86_REG_FS_BASE, UC_X86_REG_GS_BASE,
};
_Static_assert(sizeof(struct keel_user_regs) == REGISTER_COUNT * sizeof(uint64_t),
               "one id for each register");

/* In the order of struct keel_user_regs. */
static void list_registers(struct keel_user_regs *regs, void *values[REGISTER_COUNT])
{
    for (unsigned i = 0; i < REGISTER_COUNT; i++) {
        values[i] = (uint64_t *)(void *)regs + i;
    }
}

static void read_registers(struct engine *engine, struct keel_user_regs *regs)
{
    void *values[REGISTER_COUNT];
    list_registers(regs, values);
    uc_reg_read_batch(engine->uc, register_ids, values, REGISTER_COUNT);
    sanitizer_written(regs, sizeof *regs);
}

static void stop(struct engine *engine, uint32_t vector, uint64_t error)
{
    engine->event = (struct keel_user_event){.reason = KEEL_USER_EXCEPTION, .vector = vector, .error = error};
    uc_emu_stop(engine->uc);
}

static uint64_t instruction_pointer(uc_engine *uc)
{
    uint64_t rip = 0;
    uc_reg_read(uc, UC_X86_REG_RIP, &rip);
    return rip;
}

/* Reads bytes of code that has just been executed, hence is mapped; zeroes if not. */
static void read_code(uc_engine *uc, uint64_t at, uint8_t *bytes, size_t size)
{
    if (uc_mem_read(uc, at, bytes, size) != UC_ERR_OK) {
        memset(bytes, 0, size);
    }
    sanitizer_written(bytes, size);
}

static void keep_registers(struct engine *engine, uint64_t rip)
{
    read_registers(engine, &engine->kept);
    engine->kept.rip = rip;
    engine->registers_kept = true;
}

void unicorn_on_interrupt(uc_engine *uc, uint32_t number, void *data)
{
    struct engine *engine = data;
    uint64_t rip = instruction_pointer(uc);
    uint8_t before[2], at[2];
    read_code(uc, rip - 2, before, sizeof before);
    read_code(uc, rip, at, sizeof at);
    if (number == VECTOR_BREAKPOINT || number == VECTOR_OVERFLOW) {
        stop(engine, number, 0);
    } else if (before[0] == 0xcd && before[1] == number) {
        /* INT n through a gate that is not a user's (Intel SDM vol. 3A, 6.12.1.1): the error code names the
         * gate. */
        keep_registers(engine, rip - 2);
        stop(engine, VECTOR_GENERAL_PROTECTION, (uint64_t)number << 3 | 2);
    } else if (number == VECTOR_GENERAL_PROTECTION && at[0] == 0x0f && at[1] == 0x31) {
        engine->timestamp = true;
        uc_emu_stop(uc);
    } else {
        stop(engine, number, 0);
    }
}

void unicorn_on_syscall(uc_engine *uc, void *data)
{
    struct engine *engine = data;
    engine->event = (struct keel_user_event){.reason = KEEL_USER_SYSCALL};
    uc_emu_stop(uc);
}

/* Privileged instructions that Unicorn takes for invalid ones: SYSRET and RDPMC. */
static bool privileged(const uint8_t *code)
{
    bool prefixed = (code[0] & 0xf0) == 0x40; /* REX */
    const uint8_t *opcode = code + prefixed;
    return opcode[0] == 0x0f && (opcode[1] == 0x07 || opcode[1] == 0x33);
}

bool unicorn_on_invalid(uc_engine *uc, void *data)
{
    uint8_t code[3];
    read_code(uc, instruction_pointer(uc), code, sizeof code);
    stop(data, privileged(code) ? VECTOR_GENERAL_PROTECTION : VECTOR_INVALID_OPCODE, 0);
    return true;
}

/* Unicorn finishes the instruction after the hook; a CPU would not have begun it. */
uint32_t unicorn_on_in(uc_engine *uc, uint32_t port, int size, void *data)
{
    (void)port;
    (void)size;
    keep_registers(data, instruction_pointer(uc));
    stop(data, VECTOR_GENERAL_PROTECTION, 0);
    return 0;
}

void unicorn_on_out(uc_engine *uc, uint32_t port, int size, uint32_t value, void *data)
{
    (void)value;
    unicorn_on_in(uc, port, size, data);
}

/* x87 and SSE registers between Unicorn and an FXSAVE image (Intel SDM vol. 1, table 10-2). Numbers of
 * registers of one kind are consecutive. */
static void load_vector(uc_engine *uc, const uint8_t *image)
{
    uint16_t control, status, tags = 0;
    uint32_t mxcsr;
    memcpy(&control, image, sizeof control);
    memcpy(&status, image + 2, sizeof status);
    memcpy(&mxcsr, image + 24, sizeof mxcsr);
    for (int i = 0; i < 8; i++) {
        tags |= (uint16_t)((image[4] >> i & 1 ? 0 : 3) << (2 * i)); /* abridged: 1 is "not empty" */
    }
    uc_reg_write(uc, UC_X86_REG_FPCW, &control);
    uc_reg_write(uc, UC_X86_REG_FPSW, &status);
    uc_reg_write(uc, UC_X86_REG_FPTAG, &tags);
    uc_reg_write(uc, UC_X86_REG_MXCSR, &mxcsr);
    for (int i = 0; i < 8; i++) {
        uc_reg_write(uc, UC_X86_REG_ST0 + i, image + 32 + 16 * i);
    }
    for (int i = 0; i < 16; i++) {
        uc_reg_write(uc, UC_X86_REG_XMM0 + i, image + 160 + 16 * i);
    }
}

static void save_vector(uc_engine *uc, uint8_t *image)
{
    uint16_t control = 0, status = 0, tags = 0;
    uint32_t mxcsr = 0;
    uc_reg_read(uc, UC_X86_REG_FPCW, &control);
    uc_reg_read(uc, UC_X86_REG_FPSW, &status);
    uc_reg_read(uc, UC_X86_REG_FPTAG, &tags);
    uc_reg_read(uc, UC_X86_REG_MXCSR, &mxcsr);
    mxcsr &= 0xffff; /* Unicorn lets user code set reserved bits */
    memcpy(image, &control, sizeof control);
    memcpy(image + 2, &status, sizeof status);
    memcpy(image + 24, &mxcsr, sizeof mxcsr);
    image[4] = 0;
    for (int i = 0; i < 8; i++) {
        image[4] |= (uint8_t)(((tags >> (2 * i) & 3) != 3) << i);
    }
    for (int i = 0; i < 8; i++) {
        uc_reg_read(uc, UC_X86_REG_ST0 + i, image + 32 + 16 * i);
    }
    for (int i = 0; i < 16; i++) {
        uc_reg_read(uc, UC_X86_REG_XMM0 + i, image + 160 + 16 * i);
    }
    sanitizer_written(image + 32, 16 * (8 + 16));
}

/* Ring 0, about to execute the IRETQ that enters user code. */
static void load_registers(struct engine *engine, const struct keel_user_regs *regs)
{
    struct keel_user_regs entry = *regs;
    const uint64_t frame[5] = {regs->rip, SELECTOR_USER_CODE, regs->rflags, regs->rsp, SELECTOR_USER_DATA};
    void *values[REGISTER_COUNT];
    uc_context_restore(engine->uc, engine->pristine);
    raw_copy(engine->entry_page + ENTRY_FRAME, frame, sizeof frame);
    entry.rsp = ENTRY_BASE + ENTRY_FRAME;
    entry.rip = ENTRY_BASE + ENTRY_CODE;
    entry.rflags = 2;
    list_registers(&entry, values);
    uc_reg_write_batch(engine->uc, register_ids, values, REGISTER_COUNT);
    load_vector(engine->uc, engine->cpu->vector);
}

static void store_registers(struct engine *engine, struct keel_user_regs *regs)
{
    if (engine->registers_kept) {
        *regs = engine->kept;
    } else {
        read_registers(engine, regs);
    }
    save_vector(engine->uc, engine->cpu->vector);
}

static void execute_timestamp(struct keel_user_regs *regs)
{
    uint64_t now = schedule_now();
    regs->rax = (uint32_t)now;
    regs->rdx = now >> 32;
    regs->rip += 2;
}

/* One slice, on the big stack. */
struct slice {
    struct engine *engine;
    struct keel_user_regs *regs;
    uint64_t instructions;
    bool gave_up;
};

static void run_slice(void *data)
{
    struct slice *slice = data;
    struct engine *engine = slice->engine;
    do {
        engine->missing = false;
        load_registers(engine, slice->regs);
        /* The IRETQ counts as an instruction. */
        if (!unicorn_emulate(engine, engine->self_writing ? 2 : (size_t)slice->instructions + 1)) {
            slice->gave_up = true;
            unicorn_engine_discard(engine);
            return;
        }
        store_registers(engine, slice->regs);
    } while (engine->missing && unicorn_fill_missing(engine, slice->regs->rip));
    if (engine->self_writing) {
        unicorn_end_self_writing(engine);
    }

    struct keel_user_event *event = &engine->event;
    if (event->reason == KEEL_USER_SYSCALL) {
        /* What SYSCALL leaves there (Intel SDM vol. 2B, SYSCALL). */
        slice->regs->rcx = slice->regs->rip;
        slice->regs->r11 = slice->regs->rflags;
    } else if (event->reason == KEEL_USER_EXCEPTION && event->vector != VECTOR_PAGE_FAULT) {
        event->address = slice->regs->rip;
    }
}

uint64_t unicorn_run(struct cpu *cpu, struct keel_user_regs *regs, struct keel_user_event *event,
                     uint64_t slice)
{
    struct engine *engine = unicorn_engine(cpu->id);
    engine->cpu = cpu;
    engine->event = (struct keel_user_event){0};
    engine->registers_kept = false;
    engine->timestamp = false;
    struct slice run = {engine, regs, slice, false};
    big_stack_call(run_slice, &run);
    if (run.gave_up) { /* the program is where it was; memory that it has written stays written */
        *event = (struct keel_user_event){
            .reason = KEEL_USER_EXCEPTION, .vector = VECTOR_INVALID_OPCODE, .address = regs->rip};
        return EVENT_TIME;
    }
    *event = engine->event;
    if (engine->timestamp) {
        execute_timestamp(regs);
    }
    return event->reason || engine->timestamp ? EVENT_TIME : slice;
}
