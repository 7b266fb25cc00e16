/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Damage planted in the kernel's own page tables, in the page attribute table and in what it knows of
 * configuration space and of its clock, which only code that breaks every rule can do: the real machine's
 * audit must see each kind of the first three (A4, A5, D5), and the machine must leave the clock (T9). And an
 * exception planted where an NMI comes at the worst moment (T9). For the real machine only: it reads CR3 and
 * edits entries through the linear map.
 */
#include "by_hand.h"
#include "check.h"

static uint32_t audit(void)
{
    uint32_t violations = UINT32_MAX;
    CHECK_OK(keel_audit(&violations));
    return violations;
}

/* Turns a bit of an entry over, and back. */
static void plant(const volatile void *where, uint64_t bit, uint32_t violations)
{
    volatile uint64_t *entry = leaf_of((uint64_t)(uintptr_t)where);
    CHECK_VALUE(audit() == 0, *entry);
    *entry ^= bit;
    uint32_t found = audit();
    *entry ^= bit;
    CHECK_VALUE(found == violations, found);
    CHECK_VALUE(audit() == 0, *entry);
}

static const volatile uint64_t constant = 1;
static volatile uint64_t data = 1;

static void A4_audit_sees_writable_code(void)
{
    plant((const volatile void *)(uintptr_t)keel_main, ENTRY_WRITE, 2); /* and executable */
}

static void A4_audit_sees_writable_constants(void)
{
    plant(&constant, ENTRY_WRITE, 1);
}

static void A4_audit_sees_executable_data(void)
{
    plant(&data, ENTRY_NX, 2); /* and writable */
}

static void A4_audit_sees_an_executable_linear_map(void)
{
    plant((const volatile void *)(uintptr_t)(LINEAR_BASE + page_root()), ENTRY_NX, 2);
}

static void A4_audit_sees_a_user_bit(void)
{
    plant(&data, ENTRY_USER, 1);
}

#define MSR_PAT 0x277u

static void write_pat(uint32_t low, uint32_t high)
{
    __asm__ volatile("wrmsr" : : "c"(MSR_PAT), "a"(low), "d"(high) : "memory");
}

/* The last entry of the page attribute table, which no mapping chooses. */
static void A5_audit_sees_another_cache_policy(void)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(MSR_PAT));
    CHECK_VALUE(low == 0x00040106 && high == low, (uint64_t)high << 32 | low);
    write_pat(low, high ^ UINT32_C(0x06000000));
    uint32_t found = audit();
    write_pat(low, high);
    CHECK_VALUE(found == 1, found);
    CHECK(audit() == 0);
}

extern volatile uint64_t x86_ecam_windows[]; /* where each begins and ends */
extern volatile unsigned x86_ecam_window_count;

/* Firmware names one more, where nothing is on this machine and nothing is kept out. */
static void D5_audit_sees_configuration_space_given_out(void)
{
    volatile uint64_t *window = &x86_ecam_windows[2 * x86_ecam_window_count];
    CHECK(audit() == 0);
    window[0] = UINT64_C(1) << 30;
    window[1] = window[0] + (UINT64_C(1) << 20);
    x86_ecam_window_count += 1;
    uint32_t found = audit();
    x86_ecam_window_count -= 1;
    CHECK_VALUE(found == 1, found);
    CHECK(audit() == 0);
}

#define MS UINT64_C(1000000)

extern volatile uint64_t x86_tsc_factor;

static uint64_t time_now(void)
{
    uint64_t now = 0;
    CHECK_OK(keel_time_now(&now));
    return now;
}

/* As a TSC that runs faster than it was measured. Once the clock is another one, the factor does not matter:
 * if it did, time would go back where the factor is put right. */
static void T9_clock_that_runs_away_is_left(void)
{
    uint64_t factor = x86_tsc_factor, last = time_now();
    x86_tsc_factor += factor / 8;
    for (uint32_t i = 0; i < 30; i++) {
        CHECK_OK(keel_task_sleep(100 * MS));
        uint64_t now = time_now();
        CHECK_VALUE(now >= last + 100 * MS, now - last);
        last = now;
    }
    x86_tsc_factor = factor;
    uint64_t now = time_now();
    CHECK_VALUE(now >= last, last - now);
}

extern const unsigned char x86_wait_halt[];
void x86_wait(void);

#define BREAKPOINTS_OFF UINT64_C(0x400)
#define BREAKPOINT_0    (BREAKPOINTS_OFF | 1) /* where DR0 says, before that instruction */

/* What an NMI there does: it comes the same way as a breakpoint. */
static void T9_nmi_before_the_halt_ends_the_wait(void)
{
    uint64_t flags;
    keel_guard_t guard = {0};
    CHECK_OK(keel_preempt_disable(&guard));
    __asm__ volatile("pushfq; popq %0; cli; mov %1, %%dr0; mov %2, %%dr7"
                     : "=&r"(flags)
                     : "r"(x86_wait_halt), "r"(BREAKPOINT_0)
                     : "memory");
    x86_wait(); /* perhaps for ever */
    __asm__ volatile("mov %0, %%dr7; pushq %1; popfq" : : "r"(BREAKPOINTS_OFF), "r"(flags) : "memory");
    CHECK_OK(keel_guard_release(guard));
}

int32_t keel_main(void)
{
    static const struct test tests[] = {
        TEST(A4_audit_sees_writable_code),
        TEST(A4_audit_sees_writable_constants),
        TEST(A4_audit_sees_executable_data),
        TEST(A4_audit_sees_an_executable_linear_map),
        TEST(A4_audit_sees_a_user_bit),
        TEST(A5_audit_sees_another_cache_policy),
        TEST(D5_audit_sees_configuration_space_given_out),
        TEST(T9_nmi_before_the_halt_ends_the_wait),
        TEST(T9_clock_that_runs_away_is_left),
    };
    return tests_run("planted", tests, COUNT_OF(tests));
}
