/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Vector state belongs to its task (U3): it survives any number of switches, and no later task finds anything
 * of it. The state is looked at from both sides: as an image, and by user code that stores the registers.
 */
#include "user_code.h"

#define IMAGE_MAX     4096u
#define MXCSR_OFFSET  24u
#define ST_OFFSET     32u /* x87 registers (Intel SDM vol. 1, table 10-2) */
#define XMM_OFFSET    160u
#define XMM_END       416u
#define HEADER_OFFSET 512u /* XSTATE_BV (13.4.2) */
#define YMM_OFFSET    576u /* upper halves, on every CPU that has AVX (CPUID leaf 0DH, sub-leaf 2) */
#define YMM_END       832u
#define BIT_SSE       2u
#define BIT_AVX       4u

#define WORKERS       3u
#define ROUNDS        60u
#define FCW_INITIAL   0x037fu
#define MXCSR_INITIAL 0x1f80u

static bool has_ymm(void)
{
    uint64_t size = 0;
    CHECK_OK(keel_user_vector_size(&size));
    return size >= YMM_END;
}

/* What worker `who` keeps in byte `at` of its registers. User code loads new values into the first and the
 * last register each round, so that what is in the registers and what was last written to the image differ.
 */
static uint8_t secret(uint64_t who, uint64_t round, size_t at)
{
    bool loaded = at < 16 || at >= 240;
    return (uint8_t)((who + 1 + (loaded ? 8 * round : 0)) * 0x35 + at * 7 + 1);
}

static void fill_registers(uint64_t who)
{
    uint8_t bytes[YMM_END - YMM_OFFSET];
    uint32_t mxcsr = MXCSR_INITIAL | (uint32_t)(who & 3) << 13; /* the rounding mode */
    for (size_t i = 0; i < XMM_END - XMM_OFFSET; i++) {
        bytes[i] = secret(who, 0, i);
    }
    CHECK_OK(keel_user_vector_write(XMM_OFFSET, bytes, XMM_END - XMM_OFFSET));
    CHECK_OK(keel_user_vector_write(MXCSR_OFFSET, &mxcsr, sizeof(mxcsr)));
    if (has_ymm()) {
        const uint8_t present = BIT_SSE | BIT_AVX | 1u;
        CHECK_OK(keel_user_vector_write(HEADER_OFFSET, &present, sizeof(present)));
        CHECK_OK(keel_user_vector_write(YMM_OFFSET, bytes, YMM_END - YMM_OFFSET));
    }
}

static void check_image(uint64_t who, uint64_t round)
{
    uint8_t bytes[YMM_END - YMM_OFFSET];
    uint32_t mxcsr = 0;
    CHECK_OK(keel_user_vector_read(MXCSR_OFFSET, &mxcsr, sizeof(mxcsr)));
    CHECK_VALUE(mxcsr == (MXCSR_INITIAL | (uint32_t)(who & 3) << 13), mxcsr);
    CHECK_OK(keel_user_vector_read(XMM_OFFSET, bytes, XMM_END - XMM_OFFSET));
    for (size_t i = 0; i < XMM_END - XMM_OFFSET; i++) {
        CHECK_VALUE(bytes[i] == secret(who, round, i), i);
    }
    if (has_ymm()) { /* no SSE instruction changes an upper half */
        CHECK_OK(keel_user_vector_read(YMM_OFFSET, bytes, YMM_END - YMM_OFFSET));
        for (size_t i = 0; i < YMM_END - YMM_OFFSET; i++) {
            CHECK_VALUE(bytes[i] == secret(who, 0, i), i);
        }
    }
}

/* Has user code load XMM0 and XMM15. */
static void load_registers(uint64_t who, uint64_t round)
{
    struct keel_user_regs regs = user_regs_at(USER_LOAD_XMM);
    struct keel_user_event event;
    uint8_t bytes[32];
    for (size_t i = 0; i < 16; i++) {
        bytes[i] = secret(who, round, i);
        bytes[16 + i] = secret(who, round, 240 + i);
    }
    CHECK_OK(keel_user_write(USER_DATA, bytes, sizeof(bytes)));
    regs.rdi = USER_DATA;
    user_run_to_event(&regs, &event);
    CHECK_VALUE(event.reason == KEEL_USER_SYSCALL, event.vector);
}

/* Has user code store its first and its last register, and gives the 64 bytes: XMM0 and XMM15, or YMM0 and
 * YMM15. */
static void store_registers(bool ymm, uint8_t stored[64])
{
    struct keel_user_regs regs = user_regs_at(ymm ? USER_STORE_YMM : USER_STORE_XMM);
    struct keel_user_event event;
    regs.rdi = USER_DATA;
    user_run_to_event(&regs, &event);
    CHECK_VALUE(event.reason == KEEL_USER_SYSCALL, event.vector);
    CHECK_OK(keel_user_read(USER_DATA, stored, 64));
}

static void check_registers(uint64_t who, uint64_t round)
{
    uint8_t stored[64];
    store_registers(false, stored);
    for (size_t i = 0; i < 16; i++) {
        CHECK_VALUE(stored[i] == secret(who, round, i), i);
        CHECK_VALUE(stored[16 + i] == secret(who, round, 240 + i), i);
    }
    if (has_ymm()) {
        store_registers(true, stored);
        for (size_t i = 0; i < 16; i++) {
            CHECK_VALUE(stored[i] == secret(who, round, i) && stored[16 + i] == secret(who, 0, i), i);
            CHECK_VALUE(stored[32 + i] == secret(who, round, 240 + i), i);
            CHECK_VALUE(stored[48 + i] == secret(who, 0, 240 + i), i);
        }
    }
}

/* User code spins until the timer takes the CPU away: a switch with the registers live. */
static void spin(void)
{
    struct keel_user_regs regs = user_regs_at(USER_SPIN);
    struct keel_user_event event;
    CHECK_OK(keel_user_run(&regs, &event));
    CHECK_VALUE(event.reason == KEEL_USER_INTERRUPT, event.reason);
}

static void worker(uint64_t who)
{
    struct user_space user;
    if (!user_space_open(&user)) {
        return;
    }
    fill_registers(who);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        load_registers(who, round);
        if (round % 4 == 0) {
            spin();
        }
        if (round % 3 != 0) {
            CHECK_OK(keel_task_yield());
        }
        check_registers(who, round);
        check_image(who, round);
        check_registers(who, round);
    }
    user_space_close(&user);
}

static void U3_tasks_keep_their_state(void)
{
    keel_task_t workers[WORKERS];
    for (uint64_t i = 0; i < WORKERS; i++) {
        workers[i] = task_start("worker", worker, i);
    }
    for (uint32_t i = 0; i < WORKERS; i++) {
        CHECK(task_finish(workers[i]) == 0);
    }
}

/* The architectural initial state: control words, all registers zero (SDM vol. 1, 13.6). */
static void check_initial(void)
{
    static uint8_t image[IMAGE_MAX];
    uint64_t size = 0;
    CHECK_OK(keel_user_vector_size(&size));
    CHECK_OK(keel_user_vector_read(0, image, (size_t)size));
    CHECK_VALUE((image[0] | image[1] << 8) == FCW_INITIAL, image[0]);
    CHECK_VALUE((image[MXCSR_OFFSET] | image[MXCSR_OFFSET + 1] << 8) == MXCSR_INITIAL, image[MXCSR_OFFSET]);
    for (size_t i = 2; i < MXCSR_OFFSET; i++) {
        CHECK_VALUE(image[i] == 0, i);
    }
    for (size_t i = ST_OFFSET; i < XMM_END; i++) {
        CHECK_VALUE(image[i] == 0, i);
    }
    for (size_t i = YMM_OFFSET; i < size; i++) {
        CHECK_VALUE(image[i] == 0, i);
    }
}

static void check_zero(bool ymm)
{
    uint8_t stored[64];
    store_registers(ymm, stored);
    for (size_t i = 0; i < (ymm ? 64 : 32); i++) {
        CHECK_VALUE(stored[i] == 0, i);
    }
}

static void fresh(uint64_t argument)
{
    struct user_space user;
    (void)argument;
    check_initial();
    if (!user_space_open(&user)) {
        return;
    }
    check_zero(false);
    if (has_ymm()) {
        check_zero(true);
    }
    check_initial();
    user_space_close(&user);
}

/* Leaves its secrets in the registers of the CPU and sleeps or dies with them. */
static void leave_secrets(uint64_t nanoseconds)
{
    struct user_space user;
    if (!user_space_open(&user)) {
        return;
    }
    fill_registers(5);
    spin();
    user_space_close(&user);
    if (nanoseconds != 0) {
        CHECK_OK(keel_task_sleep(nanoseconds));
    }
}

static void U3_new_task_has_initial_state(void)
{
    for (uint32_t round = 0; round < 8; round++) {
        keel_task_t other = task_start("secrets", leave_secrets, round % 2 == 0 ? 0 : 50000000u);
        CHECK(task_run("fresh", fresh, 0) == 0);
        CHECK(task_finish(other) == 0);
        CHECK(task_run("fresh", fresh, 0) == 0);
    }
}

int32_t keel_main(void)
{
    static const struct test tests[] = {TEST(U3_tasks_keep_their_state), TEST(U3_new_task_has_initial_state)};
    return tests_run("vector", tests, COUNT_OF(tests));
}
