/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/user.c and the calls of keel/user.h: entries are sanitised (U1), traps come back as reasons (U2),
 * vector state stays with its task (U3).
 */
#include "core/user.h"

#include <string.h>

#include "support.h"

#define CODE UINT64_C(0x400000)

/* movq xmm0, rax; syscall; movq rbx, xmm0; syscall */
static const unsigned char vector_code[] = {0x66, 0x48, 0x0f, 0x6e, 0xc0, 0x0f, 0x05,
                                            0x66, 0x48, 0x0f, 0x7e, 0xc3, 0x0f, 0x05};

static void load_code(keel_space_t space, const unsigned char *code, size_t size)
{
    keel_frame_t frame = unit_frame();
    CHECK_OK(keel_frame_write(frame, 0, code, size));
    CHECK_OK(keel_space_map(space, CODE, frame, KEEL_READ | KEEL_EXEC));
    CHECK_OK(keel_frame_release(frame));
    CHECK_OK(keel_space_activate(space));
    CHECK_OK(keel_space_release(space));
}

/* Runs until something else than an interrupt happens. */
static struct keel_user_event run(struct keel_user_regs *regs)
{
    struct keel_user_event event = {0};
    do {
        CHECK_OK(keel_user_run(regs, &event));
    } while (event.reason == KEEL_USER_INTERRUPT);
    return event;
}

static void vector_user(uint64_t secret)
{
    struct keel_user_regs regs = {.rip = CODE, .rax = secret};
    load_code(unit_space(), vector_code, sizeof vector_code);
    for (unsigned i = 0; i < 5; i++) {
        regs.rip = CODE;
        regs.rax = secret + i;
        CHECK_EQUAL(run(&regs).reason, KEEL_USER_SYSCALL);
        CHECK_EQUAL(regs.rip, CODE + 7);
        CHECK_OK(keel_task_yield());
        CHECK_EQUAL(run(&regs).reason, KEEL_USER_SYSCALL);
        CHECK_EQUAL(regs.rbx, secret + i);
    }
}

static void U3_vector_registers_stay_with_their_task(void)
{
    keel_task_t others[3];
    for (unsigned i = 0; i < 3; i++) {
        others[i] = unit_spawn(vector_user, (i + 1) * UINT64_C(0x1111111111111111));
    }
    vector_user(UINT64_C(0xdeadbeefdeadbeef));
    for (unsigned i = 0; i < 3; i++) {
        CHECK(unit_join(others[i]) == 0);
    }
}

static void fresh_user(uint64_t argument)
{
    struct keel_user_regs regs = {.rip = CODE + 7, .rbx = argument};
    load_code(unit_space(), vector_code, sizeof vector_code);
    CHECK_EQUAL(run(&regs).reason, KEEL_USER_SYSCALL);
    CHECK_EQUAL(regs.rbx, 0);
}

static void U3_new_task_sees_the_initial_state(void)
{
    struct keel_user_regs regs = {.rip = CODE, .rax = 0x5ec2e7};
    load_code(unit_space(), vector_code, sizeof vector_code);
    CHECK_EQUAL(run(&regs).reason, KEEL_USER_SYSCALL);
    CHECK(unit_join(unit_spawn(fresh_user, 1)) == 0);
}

static void U3_vector_image_shows_the_registers_and_sets_them(void)
{
    uint64_t size = 0, low = 0;
    struct keel_user_regs regs = {.rip = CODE, .rax = 0x1234};
    load_code(unit_space(), vector_code, sizeof vector_code);
    CHECK_EQUAL(run(&regs).reason, KEEL_USER_SYSCALL);
    CHECK_OK(keel_user_vector_size(&size));
    CHECK_EQUAL(size, hal_vector_size());
    CHECK_OK(keel_user_vector_read(160, &low, 8)); /* XMM0 (SDM vol. 1, table 10-2) */
    CHECK_EQUAL(low, 0x1234);
    low = 0x4321;
    CHECK_OK(keel_user_vector_write(160, &low, 8));
    CHECK_EQUAL(run(&regs).reason, KEEL_USER_SYSCALL);
    CHECK_EQUAL(regs.rbx, 0x4321);
}

static void U1_vector_image_ranges(void)
{
    static unsigned char image[HAL_VECTOR_SIZE_MAX + 1];
    uint64_t size = hal_vector_size();
    CHECK_OK(keel_user_vector_read(0, image, (size_t)size));
    CHECK_OK(keel_user_vector_read(size, image, 0));
    CHECK_STATUS(keel_user_vector_read(size, image, 1), KEEL_E_INVALID);
    CHECK_STATUS(keel_user_vector_read(0, image, (size_t)size + 1), KEEL_E_INVALID);
    CHECK_STATUS(keel_user_vector_write(1, image, (size_t)size), KEEL_E_INVALID);
    CHECK_STATUS(keel_user_vector_write(UINT64_MAX, image, 1), KEEL_E_INVALID);
    CHECK_STATUS(keel_user_vector_read(0, NULL, 1), KEEL_E_INVALID);
}

static void U1_any_vector_image_can_be_loaded(void)
{
    static unsigned char image[HAL_VECTOR_SIZE_MAX];
    struct keel_user_regs regs = {.rip = CODE};
    load_code(unit_space(), vector_code, sizeof vector_code);
    memset(image, 0xff, sizeof image);
    CHECK_OK(keel_user_vector_write(0, image, hal_vector_size()));
    uint32_t mxcsr = 0;
    CHECK_OK(keel_user_vector_read(24, &mxcsr, 4)); /* MXCSR (SDM vol. 1, table 10-2) */
    CHECK_EQUAL(mxcsr & UINT32_C(0xffff0000), 0);
    CHECK_EQUAL(run(&regs).reason, KEEL_USER_SYSCALL);
}

static void U1_run_needs_a_space_and_arguments(void)
{
    struct keel_user_regs regs = {.rip = CODE};
    struct keel_user_event event = {0};
    CHECK_STATUS(keel_user_run(&regs, &event), KEEL_E_BUSY);
    CHECK_STATUS(keel_user_run(NULL, &event), KEEL_E_INVALID);
    CHECK_STATUS(keel_user_run(&regs, NULL), KEEL_E_INVALID);
}

/* The flags that a user may own: CF PF AF ZF SF OF DF TF AC ID (SDM vol. 1, 3.4.3); bit 1 is fixed, IF is on.
 */
#define FLAGS_USER  UINT64_C(0x240dd5)
#define FLAGS_FIXED UINT64_C(0x202)

static void U1_every_flag_bit_is_masked(void)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        struct keel_user_regs regs = {.rip = CODE, .rflags = UINT64_C(1) << bit};
        struct keel_user_event event = {0};
        CHECK(hal_user_sanitise(&regs, &event));
        CHECK_EQUAL(regs.rflags, ((UINT64_C(1) << bit) & FLAGS_USER) | FLAGS_FIXED);
    }
    struct keel_user_regs regs = {.rip = CODE, .rflags = UINT64_MAX & ~UINT64_C(0x100)}; /* not stepping */
    load_code(unit_space(), vector_code, sizeof vector_code);
    CHECK_EQUAL(run(&regs).reason, KEEL_USER_SYSCALL);
    CHECK_EQUAL(regs.rflags & ~(FLAGS_USER | FLAGS_FIXED), 0);
}

static void U1_non_canonical_addresses_are_reported_not_loaded(void)
{
    static const uint64_t wrong[] = {UINT64_C(0x0000800000000000), UINT64_C(0xffff7fffffffffff),
                                     UINT64_C(1) << 63, UINT64_C(0x00ff800000000000)};
    load_code(unit_space(), vector_code, sizeof vector_code);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct keel_user_regs regs[4] = {{.rip = wrong[i]},
                                         {.rip = CODE, .rsp = wrong[i]},
                                         {.rip = CODE, .fs_base = wrong[i]},
                                         {.rip = CODE, .gs_base = wrong[i]}};
        for (unsigned which = 0; which < 4; which++) {
            struct keel_user_event event = run(&regs[which]);
            CHECK_EQUAL(event.reason, KEEL_USER_EXCEPTION);
            CHECK_EQUAL(event.vector, which == 1 ? 12 : 13);
        }
    }
}

static void U2_kernel_addresses_fault(void)
{
    static const uint64_t places[] = {0, KEEL_USER_END, UINT64_C(0xffff800000000000),
                                      UINT64_C(0xffffc90000000000)};
    load_code(unit_space(), vector_code, sizeof vector_code);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct keel_user_regs regs = {.rip = places[i]};
        struct keel_user_event event = run(&regs);
        CHECK_EQUAL(event.reason, KEEL_USER_EXCEPTION);
        CHECK_EQUAL(event.vector, 14);
        CHECK_EQUAL(event.address, places[i]);
    }
}

static void U2_endless_program_is_interrupted(void)
{
    static const unsigned char loop[] = {0xeb, 0xfe};
    struct keel_user_regs regs = {.rip = CODE};
    struct keel_user_event event = {0};
    load_code(unit_space(), loop, sizeof loop);
    CHECK_OK(keel_user_run(&regs, &event));
    CHECK_EQUAL(event.reason, KEEL_USER_INTERRUPT);
    CHECK_EQUAL(regs.rip, CODE);
}

/* A script that wants every kind of wild event. */
static unsigned script_turn;

static void script(void *context, struct keel_user_regs *regs, struct keel_user_event *event)
{
    (void)context;
    memset(regs, 0xff, sizeof *regs);
    *event = (struct keel_user_event){.reason = ++script_turn % 2 ? KEEL_USER_EXCEPTION : KEEL_USER_SYSCALL,
                                      .vector = 31,
                                      .error = UINT64_MAX,
                                      .address = UINT64_MAX};
}

static void U1_registers_from_user_mode_are_sanitised_again(void)
{
    struct keel_user_regs regs = {.rip = CODE};
    keel_space_t space = unit_space();
    CHECK_OK(keel_space_activate(space));
    script_turn = 0;
    CHECK_EQUAL(run(&regs).reason, KEEL_USER_EXCEPTION);
    CHECK_EQUAL(run(&regs).reason, KEEL_USER_SYSCALL);
    regs.rip = UINT64_C(0x800000000000);
    CHECK_EQUAL(run(&regs).vector, 13);
    CHECK_OK(keel_space_release(space));
}

/* Where the machine is told that no program is to run, it says if one does. */
static void U2_unexpected_program_is_reported(void)
{
    struct keel_user_regs regs = {.rip = CODE};
    keel_space_t space = unit_space();
    CHECK_OK(keel_space_activate(space));
    CHECK_EQUAL(run(&regs).reason, KEEL_USER_EXCEPTION);
    CHECK_OK(keel_space_release(space));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(U3_vector_registers_stay_with_their_task, .seeds = 10),
        UNIT(U3_new_task_sees_the_initial_state, .config.cpu_count = 1),
        UNIT(U3_vector_image_shows_the_registers_and_sets_them),
        UNIT(U1_vector_image_ranges),
        UNIT(U1_any_vector_image_can_be_loaded),
        UNIT(U1_run_needs_a_space_and_arguments),
        UNIT(U1_every_flag_bit_is_masked),
        UNIT(U1_non_canonical_addresses_are_reported_not_loaded),
        UNIT(U2_kernel_addresses_fault),
        UNIT(U2_endless_program_is_interrupted),
        UNIT(U1_registers_from_user_mode_are_sanitised_again, .config.user_engine = HOSTED_USER_SCRIPT,
             .config.user_script = script),
        UNIT(U2_unexpected_program_is_reported, .config.user_engine = HOSTED_USER_SCRIPT,
             .config.count_violations = true, .violation = "HAL: a user program runs"),
    };
    return unit_main(tests, argc, argv);
}
