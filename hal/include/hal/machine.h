/* SPDX-License-Identifier: BSD-2-Clause
 *
 * HAL contract: console, power, panic, audit.
 */
#ifndef HAL_MACHINE_H
#define HAL_MACHINE_H

#include "hal/types.h"

/* Writes bytes to the console before it returns, all of them unless it has ceased to take any. Any context,
 * panic included; callers serialise where they care about interleaving. */
void hal_console_write(const char *bytes, size_t size);

/* Ends the run. `status` reaches whoever started the machine (0 = all is well). */
_Noreturn void hal_power_off(int32_t status);
_Noreturn void hal_restart(int32_t status);

/* Reports a broken invariant with a backtrace and ends the run with a failure status. Reachable by a bug
 * only. Any context; takes no lock of core's. */
_Noreturn void hal_panic(const char *message);

/* Freeze everything but this CPU, as far as the machine can, for core's audit; thaw. Interrupts off between.
 * While frozen, scheduling points do nothing. */
void hal_freeze(void);
void hal_thaw(void);

/* The backend's part of the audit, called frozen: its own tables and caches (TLBs against tables, kernel
 * mappings W^X, control register bits). Calls `report` with one line per violation. */
void hal_audit(void (*report)(const char *line));

#endif
