/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The kernel window as host memory: its first stretch is a reservation of host address space, in which the
 * pages that core mapped are mapped, and everything else faults. Guard pages are thus real.
 */
#ifndef HOSTED_WINDOW_H
#define HOSTED_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WINDOW_SIZE (UINT64_C(1) << 30) /* of the window that has host addresses */

/* Nothing is mapped; called for each run. */
void window_prepare(void);

/* Gives up every host mapping of RAM, which is about to be replaced. */
void window_release(void);

/* The host address of a range whose pages are all mapped, NULL otherwise. */
char *window_pointer(uint64_t va, uint64_t size);

/* The window address of a host address; false if it is outside. */
bool window_address(const void *host, uint64_t *va);

/* Which frame stands behind the page of `va` on the host; false: none. */
bool window_page_mapped(uint64_t va, uint64_t *frame);

#endif
