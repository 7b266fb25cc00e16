/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Faults of kernel code: what the exception handlers are on the real machine, the SIGSEGV handler is here.
 */
#ifndef HOSTED_FAULT_H
#define HOSTED_FAULT_H

/* Called for each run. */
void fault_prepare(void);

#endif
