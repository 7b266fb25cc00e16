/* SPDX-License-Identifier: BSD-2-Clause
 *
 * From the machine's hands to the client's: each subsystem starts here, in the order of what leans on what.
 */
#include "core/boot.h"

#include "core/area.h"
#include "core/client.h"
#include "core/cmdline.h"
#include "core/cpu.h"
#include "core/cpu_call.h"
#include "core/deadline.h"
#include "core/domain.h"
#include "core/io_memory.h"
#include "core/io_port.h"
#include "core/iommu.h"
#include "core/irq.h"
#include "core/lock_order.h"
#include "core/log.h"
#include "core/pci.h"
#include "core/policy.h"
#include "core/queued_spinlock.h"
#include "core/rcu.h"
#include "core/retire.h"
#include "core/sched.h"
#include "core/slab.h"
#include "core/tlb.h"
#include "hal/machine.h"

static const struct hal_boot *boot;
static struct memmap memmap;

const struct hal_boot *boot_info(void)
{
    return boot;
}

const struct memmap *boot_memmap(void)
{
    return &memmap;
}

static void report_cpus(void)
{
    for (unsigned id = 0; id < boot->cpus_present && id < HAL_CPU_MAX; id++) {
        struct text line;
        text_clear(&line);
        text_string(&line, "cpu ");
        text_u64(&line, id);
        text_string(&line, ": ");
        text_string(&line, hal_cpu_describe(id));
        text_string(&line, id < hal_cpu_count() ? "" : ", present, not started");
        log_text(LOG_INFO, &line);
    }
}

static void report_memory(void)
{
    struct text line;
    text_clear(&line);
    text_string(&line, "memory: ");
    text_u64(&line, memmap.count);
    text_string(&line, " regions, ");
    text_u64(&line, frame_free_count());
    text_string(&line, " of ");
    text_u64(&line, frame_total());
    text_string(&line, " frames free");
    log_text(LOG_INFO, &line);
    if (memmap.truncated) {
        log_string(LOG_WARNING,
                   "memory: the map has too many regions; memory above the last one kept is not used");
    }
}

/* Does the command line say that devices may have all of memory? Nothing but these words does. */
static bool trusts_devices(void)
{
    static const char words[] = "trust-devices";
    struct cmdline_value value;
    if (!cmdline_find(boot->command_line, boot->command_line_size, "keel.dma", &value)) {
        return false;
    }
    bool trusts = value.size == sizeof(words) - 1;
    for (size_t i = 0; trusts && i < value.size; i++) {
        trusts = value.bytes[i] == words[i];
    }
    if (!trusts) {
        log_string(LOG_WARNING, "dma: the command line's keel.dma has a value that is not known");
    }
    return trusts;
}

static void start_client(void)
{
    const struct task_options options = {.entry = client_main, .name = "main", .detached = true};
    uint64_t handle;
    if (task_spawn(&options, &handle) != KEEL_OK) {
        log_string(LOG_ERROR, "boot: no memory for the first task");
        hal_power_off(1);
    }
}

/* Every CPU answers shootdowns before there is anything to shoot down. */
static void start_cpus(void)
{
    uint64_t all = UINT64_MAX >> (64 - hal_cpu_count());
    hal_cpus_start();
    while (cpu_online_mask() != all) {
        hal_cpu_relax();
    }
}

static void come_online(void)
{
    struct cpu *cpu = cpu_this();
    hal_context_adopt(&cpu->idle);
    cpu_set_current(cpu, NULL);
    atomic_u32_store_release(&cpu->online, 1);
}

_Noreturn void hal_upcall_boot(const struct hal_boot *given)
{
    boot = given;
    cpu_init(); /* first: from here on a call knows that it comes too early (H4) */
    policy_init();
    log_init();
    log_string(LOG_INFO, "keel: starting");
#ifdef KEEL_UNCHECKED
    log_string(LOG_WARNING,
               "keel: built WITHOUT CHECKS, to measure what they cost; not sound, not to be used");
#endif
    memmap_normalise(boot->regions, boot->region_count, &memmap);
    pci_init(&memmap); /* before there is memory that a device could write */
    domain_init(trusts_devices());
    tlb_init();
    cpu_call_init();
    queued_spinlock_init();
    lock_order_init();
    rcu_init();
    retire_init();
    sched_init();
    area_init();
    irq_init();
    if (!frame_init(&memmap) || !object_init() || !deadlines_init()) {
        log_string(LOG_ERROR, "boot: not enough usable memory");
        hal_power_off(1);
    }
    slab_init();
    iommu_init();
    io_memory_init(boot, &memmap);
    io_port_init(boot);
    report_memory();
    report_cpus();
    come_online();
    start_cpus();
    start_client();
    sched_idle();
}

_Noreturn void hal_upcall_cpu_online(void)
{
    come_online();
    sched_idle();
}
