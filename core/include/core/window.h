/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The kernel window: kernel stacks, each between unmapped guard pages. Slot i belongs to task slot i. A slot
 * is twice as large as a stack: the lower half stays empty, so that a frame as large as the stack still
 * ends in the guard; larger ones are made to touch every page on their way (-fstack-clash-protection) (T3).
 */
#ifndef CORE_WINDOW_H
#define CORE_WINDOW_H

#include "core/frame.h"

/* Makes the tables for every stack slot, so that mapping a stack later cannot fail. Boot CPU, once. False: no
 * memory. */
bool window_init(void);

/* Where stack `slot` lies. */
uint64_t window_stack_base(uint32_t slot);
/* The slot whose guard half contains `va`. False: none. */
bool window_guard_slot(uint64_t va, uint32_t *slot);

/* Maps HAL_STACK_PAGES frames as stack `slot`. */
void window_map_stack(uint32_t slot, struct frame *first);
/* Unmaps it everywhere (A2). */
void window_unmap_stack(uint32_t slot);

#endif
