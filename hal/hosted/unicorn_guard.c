/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Unicorn 2.0 calls abort() where its translator has come to grief, which some programs bring about ("tcg
 * fatal error"). That is no reason for the machine to end.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>

#include "big_stack.h"
#include "unicorn_engine.h"

/* Only where AddressSanitizer is there; what it has reported is not Unicorn's. */
__attribute__((weak)) int __asan_report_present(void);

static sigjmp_buf way_out;
static volatile sig_atomic_t inside;
static struct sigaction others;

static void on_abort(int number)
{
    bool reported = __asan_report_present && __asan_report_present();
    if (inside && big_stack_contains(__builtin_frame_address(0)) && !reported) {
        siglongjmp(way_out, 1);
    }
    (void)sigaction(SIGABRT, &others, NULL);
    (void)raise(number);
}

static void watch(void)
{
    static bool watching;
    struct sigaction own = {.sa_handler = on_abort, .sa_flags = SA_NODEFER};
    if (!watching) {
        watching = sigaction(SIGABRT, &own, &others) == 0;
    }
}

bool unicorn_emulate(struct engine *engine, size_t instructions)
{
    watch();
    bool gave_up = sigsetjmp(way_out, 0) != 0;
    if (!gave_up) {
        inside = 1;
        /* The end address is one that is never executed. An error is an access that the hook refused. */
        (void)uc_emu_start(engine->uc, ENTRY_BASE + ENTRY_CODE, ENTRY_BASE + ENTRY_GDT, 0, instructions);
    }
    inside = 0;
    return !gave_up;
}
