/* SPDX-License-Identifier: BSD-2-Clause
 *
 * User code on the hosted machine: real instructions, and how each comes back.
 */
#include "hosted_kernel.h"

#include "hal/cpu.h"
#include "hal/user.h"

struct attempt {
    const char *name;
    uint8_t code[16];
    uint32_t reason, vector;
    uint64_t error, address, rip;
};

#define EXCEPTION  KEEL_USER_EXCEPTION
#define CODE(...)  {__VA_ARGS__}
#define IN_CODE(n) (USER_CODE + (n))

/* clang-format off */
static const struct attempt attempts[] = {
    {"syscall", CODE(0x0f, 0x05), KEEL_USER_SYSCALL, 0, 0, 0, IN_CODE(2)},
    {"cli", CODE(0x90, 0xfa), EXCEPTION, 13, 0, IN_CODE(1), IN_CODE(1)},
    {"ud2", CODE(0x0f, 0x0b), EXCEPTION, 6, 0, IN_CODE(0), IN_CODE(0)},
    {"sysret", CODE(0x48, 0x0f, 0x07), EXCEPTION, 13, 0, IN_CODE(0), IN_CODE(0)},
    {"in", CODE(0xe4, 0x80), EXCEPTION, 13, 0, IN_CODE(0), IN_CODE(0)},
    {"out", CODE(0xe6, 0x80), EXCEPTION, 13, 0, IN_CODE(0), IN_CODE(0)},
    {"int3", CODE(0xcc), EXCEPTION, 3, 0, IN_CODE(1), IN_CODE(1)},
    {"int 0x80", CODE(0xcd, 0x80), EXCEPTION, 13, 0x402, IN_CODE(0), IN_CODE(0)},
    {"int 14", CODE(0xcd, 0x0e), EXCEPTION, 13, 0x72, IN_CODE(0), IN_CODE(0)},
    {"div by zero", CODE(0x31, 0xc9, 0xf7, 0xf1), EXCEPTION, 0, 0, IN_CODE(2), IN_CODE(2)},
    {"load from 0", CODE(0x8b, 0x04, 0x25), EXCEPTION, 14, 4, 0, IN_CODE(0)},
    {"store to code", CODE(0x89, 0x04, 0x25, 0, 0, 0x40), EXCEPTION, 14, 7, USER_CODE, IN_CODE(0)},
    {"jump to data", CODE(0x68, 0, 0, 0x50, 0, 0xc3), EXCEPTION, 14, 0x15, USER_DATA, USER_DATA},
    {"jump to 0", CODE(0x31, 0xc0, 0xff, 0xe0), EXCEPTION, 14, 0x14, 0, 0},
    {"load, kernel", CODE(0x48, 0xb8, 0, 0, 0, 0, 0, 0x80, 0xff, 0xff, 0x8b, 0x00), EXCEPTION, 14, 5,
     HAL_LINEAR_BASE, IN_CODE(10)},
    {"load, not canonical", CODE(0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x8b, 0x00), EXCEPTION, 13, 0,
     IN_CODE(10), IN_CODE(10)},
};
/* clang-format on */

static const struct attempt *attempt;

static void try_user_code(void)
{
    hal_paddr_t frame, root = mini_make_space(&frame), code = mini_take_frame(HAL_FRAME_UNTYPED);
    struct keel_user_event event;
    struct keel_user_regs regs = {.rip = USER_CODE, .rsp = USER_DATA + 2048, .rflags = 0x202};
    hal_phys_write(code, attempt->code, sizeof attempt->code);
    mini_map(root, USER_CODE, code, HAL_PROT_USER | HAL_PROT_EXEC);
    do {
        hal_user_run(&regs, &event);
    } while (event.reason == KEEL_USER_INTERRUPT);
    mini_expect(event.reason == attempt->reason && event.vector == attempt->vector &&
                event.error == attempt->error);
    mini_expect(event.address == attempt->address && regs.rip == attempt->rip);
    mini_audit();
    mini_expect(mini_audit_lines == 0);
}

static void preempt_user_code(void)
{
    static const uint8_t loop[] = {0xeb, 0xfe};
    hal_paddr_t frame, root = mini_make_space(&frame), code = mini_take_frame(HAL_FRAME_UNTYPED);
    struct keel_user_event event;
    struct keel_user_regs regs = {.rip = USER_CODE, .rsp = USER_DATA + 2048, .rflags = 0x202};
    hal_phys_write(code, loop, sizeof loop);
    mini_map(root, USER_CODE, code, HAL_PROT_USER | HAL_PROT_EXEC);
    hal_timer_arm(hal_time_now() + 100000);
    hal_user_run(&regs, &event);
    mini_expect(event.reason == KEEL_USER_INTERRUPT && mini_timer_count == 1 && regs.rip == USER_CODE);
}

/* mov byte [rip + 2 ahead, through a writable alias], hlt: a CPU executes the new byte. */
static void modify_own_code(void)
{
    static const uint8_t bytes[] = {0xc6, 0x04, 0x25, 0x09, 0x00, 0x50, 0x00, 0xf4, 0x90, 0x90, 0x0f, 0x05};
    hal_paddr_t frame, root = mini_make_space(&frame);
    struct keel_user_event event;
    struct keel_user_regs regs = {.rip = USER_CODE, .rsp = USER_DATA + 2048, .rflags = 0x202};
    hal_phys_write(frame, bytes, sizeof bytes);
    mini_map(root, USER_CODE, frame, HAL_PROT_USER | HAL_PROT_EXEC);
    do {
        hal_user_run(&regs, &event);
    } while (event.reason == KEEL_USER_INTERRUPT);
    mini_expect(event.reason == EXCEPTION && event.vector == 13 && regs.rip == USER_CODE + 9);
}

static void U2_user_code_comes_back_as_events(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        attempt = &attempts[i];
        struct hosted_result result = mini_run_with(&mini_small, try_user_code, NULL);
        if (result.status != 0 || result.violations != 0) {
            print_error("%s: status %d %s\n", attempt->name, (int)result.status, result.first_violation);
        }
        assert_int_equal(result.status, 0);
        assert_int_equal(result.violations, 0);
    }
}

static void U2_user_loop_is_preempted(void **state)
{
    (void)state;
    mini_run_well(preempt_user_code, NULL);
}

static void U2_user_code_sees_its_own_writes(void **state)
{
    (void)state;
    mini_run_well(modify_own_code, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(U2_user_code_comes_back_as_events),
        cmocka_unit_test(U2_user_loop_is_preempted),
        cmocka_unit_test(U2_user_code_sees_its_own_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
