/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The calls that services make, for tests of them alone, without a machine.
 */
#ifndef UNIT_SERVICES_STUBS_H
#define UNIT_SERVICES_STUBS_H

#include <stdint.h>

/* Lines logged since the program began. One thread only. */
extern unsigned stub_log_lines;

/* What keel_time_now answers. One thread only. */
extern uint64_t stub_time;

/* Called instead of letting the host run another thread, where something spins. One thread only. */
extern void (*stub_relax)(void);

#endif
