/* SPDX-License-Identifier: BSD-2-Clause
 *
 * HAL contract: kernel contexts. `struct hal_context` comes from the backend (`hal/context_arch.h`), with
 * HAL_STACK_PAGES, the pages that a kernel stack needs at least on this machine.
 */
#ifndef HAL_CONTEXT_H
#define HAL_CONTEXT_H

#include "hal/types.h"
#include "hal/context_arch.h"

/* Prepares a context that will enter `entry(argument)` with interrupts off on the stack
 * [stack_va, stack_va + page_count pages), HAL_STACK_PAGES or more, an address in the kernel window that is
 * mapped and synced. `entry` never returns. `context` is zero or was finished. */
void hal_context_init(struct hal_context *context, uint64_t stack_va, uint64_t page_count,
                      void (*entry)(void *), void *argument);

/* Makes `context` describe the running code, which stays on the stack it has (the idle context of a CPU). */
void hal_context_adopt(struct hal_context *context);

/* Saves the running context and resumes another. Interrupts off on both sides. Returns when `from` is
 * resumed, perhaps on another CPU. All of `from` is saved and visible before anything that the resumed code
 * does. */
void hal_context_switch(struct hal_context *from, struct hal_context *to);

/* The context will never run again. Not the running one. */
void hal_context_finish(struct hal_context *context);

/* Upcall from the backend's kernel-fault report: does `va` lie in a guard page of a kernel stack? Fills
 * `name` (NUL terminated, truncated to size) with the owner's name if so. Takes no lock, may run in any
 * context. */
bool hal_upcall_guard_owner(uint64_t va, char *name, size_t size);

#endif
