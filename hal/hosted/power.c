/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal/machine.h: console, the ends of a run, freezing.
 */
#include "hal/machine.h"

#include <stdio.h>
#include <unistd.h>

#include "explore.h"
#include "report.h"
#include "sanitizer.h"
#include "state.h"
#include "store_buffer.h"

void hal_console_write(const char *bytes, size_t size)
{
    sanitizer_check_read(bytes, size);
    if (machine.config.console) {
        sanitizer_leave_machine();
        machine.config.console(machine.config.console_context, bytes, size);
        sanitizer_reenter_machine();
        return;
    }
    while (size > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes, size);
        if (written <= 0) {
            return; /* nobody listens any more */
        }
        bytes += written;
        size -= (size_t)written;
    }
}

void hal_power_off(int32_t status)
{
    machine_print("keel: power off, status %d", (int)status);
    machine_end(HOSTED_POWER_OFF, status, "");
}

void hal_restart(int32_t status)
{
    machine_print("keel: restart, status %d", (int)status);
    machine_end(HOSTED_RESTART, status, "");
}

void hal_panic(const char *message)
{
    machine_print("keel: panic on CPU %u: %s", machine.current->id, message);
    machine_backtrace();
    machine_print("keel: panic");
    machine_end(HOSTED_PANIC, 1, message);
}

/* Nobody else runs, so what the caller looks at meanwhile races with nothing; yet it is not ordered with
 * anything either, which would hide other races. */
void hal_freeze(void)
{
    CONTRACT(!cpu_current()->irq_on, "interrupts are on");
    explore_disturb(); /* the caller may look at everything */
    stores_perform_all();
    if (machine.frozen++ == 0) {
        sanitizer_leave_machine();
    }
}

void hal_thaw(void)
{
    if (CONTRACT(machine.frozen > 0, "nothing is frozen") && --machine.frozen == 0) {
        sanitizer_reenter_machine();
    }
}
