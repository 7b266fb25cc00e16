/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Store buffers. See store_buffer.h.
 */
#include "store_buffer.h"

#include "strategy.h"

/* Nothing that outlives a call lies nearer above a function's frame. */
#define STACK_SIZE_MAX ((uintptr_t)64 * 1024)

unsigned hosted_stores_room, hosted_stores_kept;

/* One instruction each, as the compiler would make it of a relaxed atomic store. */
static void perform(const struct kept_store *store)
{
    if (store->size == sizeof(uint64_t)) {
        __asm__ volatile("movq %1, (%0)" : : "r"(store->at), "r"(store->value) : "memory");
    } else {
        __asm__ volatile("movl %1, (%0)" : : "r"(store->at), "r"((uint32_t)store->value) : "memory");
    }
}

static void perform_oldest(struct cpu *cpu)
{
    perform(&cpu->stores[0]);
    hosted_stores_kept--;
    cpu->store_count--;
    for (unsigned i = 0; i < cpu->store_count; i++) {
        cpu->stores[i] = cpu->stores[i + 1];
    }
}

void stores_perform(struct cpu *cpu)
{
    while (cpu->store_count > 0) {
        perform_oldest(cpu);
    }
}

void stores_perform_all(void)
{
    for (unsigned i = 0; i < machine.config.cpu_count; i++) {
        stores_perform(&machine.cpus[i]);
    }
}

bool hosted_store_kept(volatile void *at, uint64_t value, unsigned size)
{
    struct cpu *cpu = machine.current;
    uintptr_t above = (uintptr_t)at - (uintptr_t)__builtin_frame_address(0);
    if (!machine.running || machine.frozen > 0) {
        return false;
    }
    if (above < STACK_SIZE_MAX) {
        stores_perform(cpu);
        return false;
    }
    /* With luck some are visible earlier. */
    bool random = machine.config.strategy == HOSTED_RANDOM;
    while (cpu->store_count == hosted_stores_room ||
           (cpu->store_count > 0 && random && strategy_random(&machine.random) % 4 == 0)) {
        perform_oldest(cpu);
    }
    cpu->stores[cpu->store_count++] = (struct kept_store){at, value, size};
    hosted_stores_kept++;
    return true;
}

bool hosted_store_found(const volatile void *at, uint64_t *value)
{
    if (!machine.running) {
        return false;
    }
    const struct cpu *cpu = machine.current;
    for (unsigned i = cpu->store_count; i-- > 0;) {
        if (cpu->stores[i].at == at) {
            *value = cpu->stores[i].value;
            return true;
        }
    }
    return false;
}

void hosted_stores_perform(void)
{
    if (machine.running) {
        stores_perform(machine.current);
    }
}
