/* SPDX-License-Identifier: BSD-2-Clause
 *
 * User contexts as an attacker would fill them (U1, U2, U4): every flag bit, random register files with
 * addresses that a CPU refuses, the kernel's own addresses in GS, junk in the vector image. Each must come
 * back as an event that fits what was asked, and leave the kernel sane.
 *
 * Command line: seed=N, rounds=N (random register files).
 */
#include "user_code.h"

#define ROUNDS_DEFAULT 4000u
#define IMAGE_MAX      4096u
#define MXCSR_OFFSET   24u
#define HEADER_OFFSET  512u /* of the XSAVE header (Intel SDM vol. 1, 13.4) */
#define HEADER_SIZE    64u

enum {
    VECTOR_DEBUG = 1,
    VECTOR_BREAKPOINT = 3,
    VECTOR_INVALID_OPCODE = 6,
    VECTOR_STACK_FAULT = 12,
    VECTOR_GENERAL_PROTECTION = 13,
    VECTOR_PAGE_FAULT = 14,
};

/* RFLAGS (SDM vol. 1, figure 3-8): what a user owns, and what is always set in user mode. */
#define FLAG_TF     UINT64_C(0x100)
#define FLAGS_OWNED UINT64_C(0x240dd5) /* CF PF AF ZF SF TF DF OF AC ID */
#define FLAGS_SET   UINT64_C(0x202)    /* the fixed bit and IF */
#define FLAG_RF                                                                                              \
    UINT64_C(0x10000) /* a CPU sets it in the image that a fault leaves (SDM vol. 3B, 17.3.1.1)              \
                       */

static bool is_canonical(uint64_t address)
{
    uint64_t top = address >> 47;
    return top == 0 || top == 0x1ffff;
}

static void check_flags(const struct keel_user_regs *regs)
{
    CHECK_VALUE((regs->rflags & FLAGS_SET) == FLAGS_SET, regs->rflags);
    CHECK_VALUE((regs->rflags & ~(FLAGS_OWNED | FLAGS_SET | FLAG_RF)) == 0, regs->rflags);
}

static void run_with_flags(uint64_t flags, bool by_sysret)
{
    struct keel_user_regs regs = user_regs_at(USER_NOP_SYSCALL);
    struct keel_user_event event;
    regs.rflags = flags;
    if (by_sysret) {
        /* With RCX and R11 like this an entry by SYSRET is possible; the sanitised flags are what R11 must
         * equal. */
        regs.rcx = regs.rip;
        regs.r11 = (flags & FLAGS_OWNED) | FLAGS_SET;
    }
    user_run_to_event(&regs, &event);
    check_flags(&regs);
    if ((flags & FLAG_TF) != 0) {
        CHECK_VALUE(event.reason == KEEL_USER_EXCEPTION, event.reason);
        CHECK_VALUE(event.vector == VECTOR_DEBUG, event.vector);
        CHECK_VALUE(regs.rip == USER_CODE + USER_NOP_SYSCALL + 1, regs.rip);
    } else {
        CHECK_VALUE(event.reason == KEEL_USER_SYSCALL, flags);
        CHECK_VALUE(regs.rflags == ((flags & FLAGS_OWNED) | FLAGS_SET), regs.rflags);
        CHECK_VALUE(regs.rip == USER_CODE + USER_NOP_SYSCALL + 3, regs.rip);
    }
}

/* Each bit alone, each bit missing, all, none; each by both ways into user mode. */
static void U1_every_flag_bit(void)
{
    struct user_space user;
    if (!user_space_open(&user)) {
        return;
    }
    for (uint32_t by_sysret = 0; by_sysret < 2; by_sysret++) {
        for (uint32_t bit = 0; bit < 64; bit++) {
            run_with_flags(UINT64_C(1) << bit, by_sysret != 0);
            run_with_flags(~(UINT64_C(1) << bit), by_sysret != 0);
        }
        run_with_flags(0, by_sysret != 0);
        run_with_flags(UINT64_MAX, by_sysret != 0);
    }
    user_space_close(&user);
}

/* An address that some CPU or kernel got wrong, or any at all. */
static uint64_t random_address(void)
{
    static const uint64_t chosen[] = {
        0,
        KEEL_USER_END - 1,
        KEEL_USER_END,
        UINT64_C(0x00007fffffffffff),
        UINT64_C(0x0000800000000000), /* the first non-canonical one */
        UINT64_C(0x7fffffffffffffff),
        UINT64_C(0x8000000000000000),
        UINT64_C(0xffff7fffffffffff), /* the last non-canonical one */
        UINT64_C(0xffff800000000000), /* the linear map */
        UINT64_C(0xffffc90000000000), /* the window with the kernel stacks */
        UINT64_C(0xffffffff80000000), /* the kernel image */
        UINT64_MAX,
    };
    switch (random_below(4)) {
    case 0:
        return chosen[random_below(COUNT_OF(chosen))];
    case 1:
        return USER_DATA + random_below(KEEL_PAGE_SIZE);
    case 2:
        return chosen[random_below(COUNT_OF(chosen))] + random_below(32) - 16;
    default:
        return random_next();
    }
}

static const enum user_program simple_programs[] = {USER_SYSCALL, USER_UD2, USER_INT3, USER_HLT};

static struct keel_user_regs random_regs(void)
{
    struct keel_user_regs regs;
    uint64_t *words = (uint64_t *)(void *)&regs;
    for (size_t i = 0; i < sizeof(regs) / sizeof(words[0]); i++) {
        words[i] = random_next();
    }
    regs.rsp = random_address();
    regs.fs_base = random_address();
    regs.gs_base = random_address();
    regs.rip = USER_CODE + (uint64_t)simple_programs[random_below(COUNT_OF(simple_programs))];
    if (random_below(4) == 0) {
        regs.rip = random_address();
    }
    if (random_below(64) == 0) {
        regs.rip = USER_CODE + USER_SPIN;
    }
    if (random_below(2) == 0) {
        regs.rcx = regs.rip;
        regs.r11 = (regs.rflags & FLAGS_OWNED) | FLAGS_SET;
    }
    return regs;
}

/* Nothing ran: every register is what it was, but for the flags. */
static void check_refused(const struct keel_user_regs *asked, const struct keel_user_regs *regs,
                          const struct keel_user_event *event)
{
    bool only_rsp = is_canonical(asked->rip) && is_canonical(asked->fs_base) && is_canonical(asked->gs_base);
    CHECK_VALUE(event->reason == KEEL_USER_EXCEPTION, event->reason);
    CHECK_VALUE(event->vector == (only_rsp ? VECTOR_STACK_FAULT : VECTOR_GENERAL_PROTECTION), event->vector);
    const uint64_t *before = (const uint64_t *)(const void *)asked;
    const uint64_t *after = (const uint64_t *)(const void *)regs;
    for (size_t i = 0; i < sizeof(*regs) / sizeof(*before); i++) {
        CHECK_VALUE(before[i] == after[i] || &after[i] == &regs->rflags, i);
    }
}

/* None of the programs writes a general register, apart from what SYSCALL does to RCX and R11. */
static void check_kept(const struct keel_user_regs *asked, const struct keel_user_regs *regs, bool by_syscall)
{
    CHECK(regs->rax == asked->rax && regs->rbx == asked->rbx && regs->rdx == asked->rdx);
    CHECK(regs->rsi == asked->rsi && regs->rdi == asked->rdi && regs->rbp == asked->rbp);
    CHECK(regs->r8 == asked->r8 && regs->r9 == asked->r9 && regs->r10 == asked->r10);
    CHECK(regs->r12 == asked->r12 && regs->r13 == asked->r13 && regs->r14 == asked->r14);
    CHECK(regs->r15 == asked->r15 && regs->rsp == asked->rsp);
    CHECK_VALUE(regs->fs_base == asked->fs_base, regs->fs_base);
    CHECK_VALUE(regs->gs_base == asked->gs_base, regs->gs_base);
    CHECK(by_syscall || (regs->rcx == asked->rcx && regs->r11 == asked->r11));
}

/* Whether the event is one that the program at asked->rip can end in. */
static bool event_fits(const struct keel_user_regs *asked, const struct keel_user_event *event)
{
    bool exception = event->reason == KEEL_USER_EXCEPTION;
    if (exception && event->vector == VECTOR_DEBUG && (asked->rflags & FLAG_TF) != 0) {
        return true;
    }
    switch (asked->rip - USER_CODE) {
    case USER_SYSCALL:
        return event->reason == KEEL_USER_SYSCALL;
    case USER_UD2:
        return exception && event->vector == VECTOR_INVALID_OPCODE;
    case USER_INT3:
        return exception && event->vector == VECTOR_BREAKPOINT;
    case USER_HLT:
        return exception && event->vector == VECTOR_GENERAL_PROTECTION;
    case USER_SPIN:
        return event->reason == KEEL_USER_INTERRUPT;
    default: /* no code there; the fetch may begin on a page and end on the next */
        return exception && event->vector == VECTOR_PAGE_FAULT && event->address - asked->rip < 16;
    }
}

static void run_random(void)
{
    const struct keel_user_regs asked = random_regs();
    struct keel_user_regs regs = asked;
    struct keel_user_event event;
    do {
        CHECK_OK(keel_user_run(&regs, &event));
    } while (event.reason == KEEL_USER_INTERRUPT && asked.rip != USER_CODE + USER_SPIN);
    check_flags(&regs);
    if (!is_canonical(asked.rip) || !is_canonical(asked.rsp) || !is_canonical(asked.fs_base) ||
        !is_canonical(asked.gs_base)) {
        check_refused(&asked, &regs, &event);
        return;
    }
    CHECK_VALUE(event_fits(&asked, &event), asked.rip);
    CHECK_VALUE(event_fits(&asked, &event), (uint64_t)event.reason << 32 | event.vector);
    check_kept(&asked, &regs, event.reason == KEEL_USER_SYSCALL || event.vector == VECTOR_DEBUG);
}

static void U1_random_register_files(void)
{
    struct user_space user;
    uint64_t rounds = option_number("rounds=", ROUNDS_DEFAULT);
    if (!user_space_open(&user)) {
        return;
    }
    for (uint64_t round = 0; round < rounds; round++) {
        run_random();
    }
    user_space_close(&user);
    note("random register files", rounds);
}

/* What a CPU refuses with #GP or #SS, register by register, with everything else harmless. */
static void U1_non_canonical_addresses(void)
{
    static const uint64_t addresses[] = {
        UINT64_C(0x0000800000000000), UINT64_C(0x00008000deadbeef), UINT64_C(0x7fffffffffffffff),
        UINT64_C(0x8000000000000000), UINT64_C(0xfffe800000000000), UINT64_C(0xffff7fffffffffff),
    };
    struct user_space user;
    if (!user_space_open(&user)) {
        return;
    }
    for (size_t i = 0; i < COUNT_OF(addresses); i++) {
        for (uint32_t which = 0; which < 8; which++) {
            struct keel_user_regs regs = user_regs_at(USER_SYSCALL);
            struct keel_user_event event;
            uint64_t *const targets[] = {&regs.rip, &regs.rsp, &regs.fs_base, &regs.gs_base};
            *targets[which % 4] = addresses[i];
            regs.rcx = regs.rip; /* the dangerous case: SYSRET to a non-canonical address */
            regs.r11 = which < 4 ? 0 : FLAGS_SET;
            const struct keel_user_regs asked = regs;
            user_run_to_event(&regs, &event);
            check_refused(&asked, &regs, &event);
        }
    }
    user_space_close(&user);
}

/* GS is what the kernel finds its own data by: a user who chooses the kernel's values must gain nothing. */
static void U4_kernel_addresses_in_gs(void)
{
    static const uint64_t bases[] = {
        UINT64_C(0xffff800000000000),
        UINT64_C(0xffff800000001000),
        UINT64_C(0xffffc90000000000),
        UINT64_C(0xffffffff80000000),
        UINT64_C(0xffffffff80100000),
        UINT64_C(0xfffffffffffff000),
        UINT64_MAX,
        0,
    };
    static const struct {
        enum user_program program;
        uint32_t reason, vector;
    } runs[] = {
        {USER_SYSCALL, KEEL_USER_SYSCALL, 0},
        {USER_UD2, KEEL_USER_EXCEPTION, VECTOR_INVALID_OPCODE},
        {USER_INT3, KEEL_USER_EXCEPTION, VECTOR_BREAKPOINT},
        {USER_HLT, KEEL_USER_EXCEPTION, VECTOR_GENERAL_PROTECTION},
        {USER_SWAPGS, KEEL_USER_EXCEPTION, VECTOR_GENERAL_PROTECTION},
        {USER_SYSCALL_GS, KEEL_USER_EXCEPTION, VECTOR_PAGE_FAULT},
        {USER_SPIN, KEEL_USER_INTERRUPT, 0},
    };
    struct user_space user;
    if (!user_space_open(&user)) {
        return;
    }
    for (size_t i = 0; i < COUNT_OF(bases) * COUNT_OF(runs); i++) {
        uint64_t base = bases[i % COUNT_OF(bases)];
        size_t run = i / COUNT_OF(bases);
        struct keel_user_regs regs = user_regs_at(runs[run].program);
        struct keel_user_event event;
        regs.gs_base = base;
        regs.fs_base = base;
        do {
            CHECK_OK(keel_user_run(&regs, &event));
        } while (event.reason == KEEL_USER_INTERRUPT && runs[run].program != USER_SPIN);
        CHECK_VALUE(event.reason == runs[run].reason, base);
        CHECK_VALUE(event.vector == runs[run].vector || base + 8 < base, event.vector);
        CHECK(regs.gs_base == base && regs.fs_base == base);
    }
    user_space_close(&user);
}

/* Every trap that user code can make on purpose is an event with the right vector and address. */
static void U2_traps_become_reasons(void)
{
    struct user_space user;
    struct keel_user_event event;
    struct keel_user_regs regs;
    if (!user_space_open(&user)) {
        return;
    }
    regs = user_regs_at(USER_UD2);
    user_run_to_event(&regs, &event);
    CHECK_VALUE(event.vector == VECTOR_INVALID_OPCODE && event.address == regs.rip, event.vector);
    regs = user_regs_at(USER_INT3);
    user_run_to_event(&regs, &event);
    CHECK_VALUE(event.vector == VECTOR_BREAKPOINT && regs.rip == USER_CODE + USER_INT3 + 1, event.vector);
    regs = user_regs_at(USER_STORE_XMM); /* to address 0 */
    user_run_to_event(&regs, &event);
    CHECK_VALUE(event.vector == VECTOR_PAGE_FAULT && event.address == 0, event.vector);
    regs = user_regs_at(USER_SPIN);
    CHECK_OK(keel_user_run(&regs, &event));
    CHECK_VALUE(event.reason == KEEL_USER_INTERRUPT && regs.rip == USER_CODE + USER_SPIN, event.reason);
    user_space_close(&user);
}

static void run_image(const uint8_t *image, size_t size)
{
    struct keel_user_regs regs = user_regs_at(USER_SYSCALL);
    struct keel_user_event event;
    uint32_t mxcsr = 0;
    CHECK_OK(keel_user_vector_write(0, image, size));
    CHECK_OK(keel_user_vector_read(MXCSR_OFFSET, &mxcsr, sizeof(mxcsr)));
    CHECK_VALUE(mxcsr <= 0xffff, mxcsr); /* what is loaded, which the machine may mask again when it saves */
    user_run_to_event(&regs, &event);
    CHECK_VALUE(event.reason == KEEL_USER_SYSCALL, event.vector);
    CHECK_OK(keel_user_vector_read(MXCSR_OFFSET, &mxcsr, sizeof(mxcsr)));
    CHECK_VALUE(mxcsr <= 0xffff, mxcsr);
}

/* Bytes that FXRSTOR or XRSTOR would refuse with #GP in the kernel. */
static void U1_junk_vector_images(void)
{
    static uint8_t image[IMAGE_MAX];
    static uint8_t initial[IMAGE_MAX];
    struct user_space user;
    uint64_t size = 0;
    CHECK_OK(keel_user_vector_size(&size));
    if (size > IMAGE_MAX || !user_space_open(&user)) {
        CHECK(size <= IMAGE_MAX);
        return;
    }
    CHECK_OK(keel_user_vector_read(0, initial, (size_t)size));
    for (uint32_t bit = 0; bit < 32; bit++) {
        uint32_t mxcsr = UINT32_C(1) << bit;
        CHECK_OK(keel_user_vector_write(MXCSR_OFFSET, &mxcsr, sizeof(mxcsr)));
        CHECK_OK(keel_user_vector_read(0, image, (size_t)size));
        run_image(image, (size_t)size);
    }
    for (size_t at = HEADER_OFFSET; at < HEADER_OFFSET + HEADER_SIZE && at < size; at++) {
        for (uint32_t bit = 0; bit < 8; bit++) {
            for (size_t i = 0; i < size; i++) {
                image[i] = initial[i];
            }
            image[at] = (uint8_t)(image[at] ^ 1u << bit);
            run_image(image, (size_t)size);
        }
    }
    for (uint32_t round = 0; round < 300; round++) {
        for (size_t i = 0; i < size; i++) {
            image[i] = (uint8_t)random_next();
        }
        run_image(image, (size_t)size);
    }
    run_image(initial, (size_t)size);
    CHECK_STATUS(KEEL_E_INVALID, keel_user_vector_write(1, image, (size_t)size));
    CHECK_STATUS(KEEL_E_INVALID, keel_user_vector_write(UINT64_MAX, image, 1));
    user_space_close(&user);
}

int32_t keel_main(void)
{
    static const struct test tests[] = {
        TEST(U1_every_flag_bit),     TEST(U1_random_register_files),  TEST(U1_non_canonical_addresses),
        TEST(U1_junk_vector_images), TEST(U4_kernel_addresses_in_gs), TEST(U2_traps_become_reasons),
    };
    return tests_run("context", tests, COUNT_OF(tests));
}
