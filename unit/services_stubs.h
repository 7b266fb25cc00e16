/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The calls that the buddy allocator makes, for tests of it alone, without a machine.
 */
#ifndef UNIT_SERVICES_STUBS_H
#define UNIT_SERVICES_STUBS_H

/* Lines logged since the program began. One thread only. */
extern unsigned stub_log_lines;

#endif
