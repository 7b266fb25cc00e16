/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The hosted machine as a whole: configure, boot, end.
 */
#define _GNU_SOURCE
#include "hosted/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fault.h"
#include "hal/vector_image.h"
#include "io.h"
#include "ioapic.h"
#include "iommu.h"
#include "mmu.h"
#include "pci.h"
#include "ram.h"
#include "report.h"
#include "sanitizer.h"
#include "schedule.h"
#include "state.h"
#include "store_buffer.h"
#include "switch.h"
#include "uart.h"
#include "user.h"
#include "window.h"

/* A CPU boots and idles on this stack. Its lowest page stays unmapped. */
#define CPU_STACK_SIZE (256u * 1024)

#define REGION_EXTRA 2 /* regions that the machine adds to the configured ones */
#define REGION_MAX   512

struct machine machine;

static char *cpu_stacks[HOSTED_CPU_MAX]; /* kept from run to run */
static struct hal_region regions[REGION_MAX];
static const struct hal_io_range io_range = {HOSTED_IO_BASE, HOSTED_IO_SIZE};
static void *owner_stack_pointer;

const char *hosted_end_text(enum hosted_end end)
{
    static const char *const text[] = {"power off", "restart",    "panic",         "kernel fault",
                                       "deadlock",  "step limit", "machine check", "cut short"};
    return (unsigned)end < sizeof text / sizeof text[0] ? text[end] : "unknown";
}

static void refuse(const char *sentence)
{
    fprintf(stderr, "keel: hosted machine: %s\n", sentence);
    abort();
}

static void configure(const struct hosted_config *given)
{
    struct hosted_config *config = &machine.config;
    *config = *given;
    config->ram_size = config->ram_size ? config->ram_size : UINT64_C(16) << 20;
    config->cpu_count = config->cpu_count ? config->cpu_count : 2;
    config->switch_period = config->switch_period ? config->switch_period : 16;
    config->pct_steps = config->pct_steps ? config->pct_steps : 1000;
    config->wall_time = config->wall_time ? config->wall_time : HOSTED_WALL_TIME;
    config->step_limit = config->step_limit ? config->step_limit : UINT64_C(1) << 40;
    config->tlb_tags = config->tlb_tags ? config->tlb_tags : 3;
    config->store_buffer = sanitizer_has_tsan() ? 0 : config->store_buffer;
    if (config->store_buffer > HOSTED_STORES_MAX) {
        refuse("store_buffer is out of range");
    }
    if (config->tlb_tags > HAL_TLB_TAGS_MAX) {
        refuse("tlb_tags is out of range");
    }
    if (config->cpu_count > HOSTED_CPU_MAX) {
        refuse("cpu_count is out of range");
    }
    if (config->ram_size % HAL_PAGE_SIZE != 0 || config->ram_size > UINT64_C(64) << 30 ||
        config->ram_size < RAM_KERNEL_END + HAL_PAGE_SIZE ||
        config->initrd_size > config->ram_size - RAM_KERNEL_END) {
        refuse("ram_size is out of range");
    }
    if (config->region_count > REGION_MAX - REGION_EXTRA) {
        refuse("too many regions");
    }
}

static void describe_boot(void)
{
    const struct hosted_config *config = &machine.config;
    size_t count = 0;
    if (!config->regions) {
        regions[count++] = (struct hal_region){0, config->ram_size, HAL_REGION_USABLE};
    }
    for (size_t i = 0; i < config->region_count; i++) {
        regions[count++] = config->regions[i];
    }
    regions[count++] = (struct hal_region){0, RAM_KERNEL_END, HAL_REGION_KERNEL};
    if (config->initrd_size) {
        regions[count++] = (struct hal_region){ram.initrd, config->ram_size - ram.initrd, HAL_REGION_INITRD};
    }
    machine.boot = (struct hal_boot){
        .regions = regions,
        .region_count = count,
        .io_ranges = &io_range,
        .io_range_count = 1,
        .port_ranges = hosted_port_ranges,
        .port_range_count = HOSTED_PORT_RANGES,
        .command_line = config->command_line,
        .command_line_size = config->command_line_size,
        .initrd = hal_paddr(ram.initrd),
        .initrd_size = config->initrd_size,
        .wall_time = config->no_wall_time ? 0 : config->wall_time,
        .cpus_present = config->cpu_count,
    };
}

static void reset_cpu(unsigned id)
{
    struct cpu *cpu = &machine.cpus[id];
    struct tlb tlb = cpu->tlb;
    *cpu = (struct cpu){.id = id, .deadline = UINT64_MAX, .roots = {hal_paddr(RAM_KERNEL_ROOT)}};
    cpu->tlb.stale = tlb.stale;
    cpu->tlb.capacity = tlb.capacity;
    x86_vector_init(cpu->vector, sizeof cpu->vector, 0);
}

static char *cpu_stack(unsigned id)
{
    if (cpu_stacks[id]) {
        return cpu_stacks[id];
    }
    char *stack = mmap(NULL, CPU_STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED || mprotect(stack, HAL_PAGE_SIZE, PROT_NONE) != 0) {
        refuse("no memory for a CPU's stack");
    }
    cpu_stacks[id] = stack;
    return stack;
}

void machine_start_cpu(struct cpu *cpu, void (*entry)(void *))
{
    char *stack = cpu_stack(cpu->id);
    cpu->fiber = fiber_take(stack + HAL_PAGE_SIZE, CPU_STACK_SIZE - HAL_PAGE_SIZE);
    cpu->fiber->running = true;
    cpu->stack_pointer = hosted_stack_prepare(stack + CPU_STACK_SIZE, entry, cpu);
    cpu->online = true;
    machine.edits++;
}

static void boot(void *cpu)
{
    (void)cpu;
    fiber_arrived();
    hal_upcall_boot(&machine.boot);
}

_Noreturn void machine_end(enum hosted_end end, int32_t status, const char *message)
{
    void *abandoned;
    stores_perform_all();
    schedule_settle();
    machine.result.end = end;
    machine.result.status = status;
    machine.result.time = machine.time;
    snprintf(machine.result.message, sizeof machine.result.message, "%s", message);
    machine.running = false;
    machine.budget = 0;
    machine.budget_granted = 0;
    fiber_switch(machine.current->fiber, &abandoned, &fiber_owner, owner_stack_pointer, true);
    abort(); /* nobody resumes an abandoned run */
}

struct hosted_result hosted_run(const struct hosted_config *config)
{
    if (machine.running) {
        refuse("one run inside another");
    }
    configure(config);
    machine.result = (struct hosted_result){0};
    sanitizer_prepare();
    window_prepare();
    ram_prepare();
    mmu_prepare();
    user_prepare();
    fault_prepare();
    describe_boot();
    for (unsigned i = 0; i < machine.config.cpu_count; i++) {
        reset_cpu(i);
    }
    schedule_prepare();
    iommu_prepare();
    ioapic_prepare();
    uart_prepare();
    pci_prepare();
    io_prepare();
    machine.frozen = 0;
    hosted_stores_room = machine.config.store_buffer;
    hosted_stores_kept = 0;
    machine.edits = 0;
    machine.audited = UINT64_MAX;
    machine.current = &machine.cpus[0];
    machine_start_cpu(machine.current, boot);

    machine.running = true;
    fiber_switch(&fiber_owner, &owner_stack_pointer, machine.current->fiber, machine.current->stack_pointer,
                 true);
    fiber_give_back_all();
    return machine.result;
}
