/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Calls of keel/boot.h and keel/machine.h.
 */
#include "bytes.h"
#include "calls.h"
#include "core/audit.h"
#include "core/queued_spinlock.h"
#include "core/boot.h"
#include "core/client.h"
#include "core/cpu.h"
#include "core/frame.h"
#include "core/lock_order.h"
#include "core/log.h"
#include "hal/cpu.h"
#include "hal/machine.h"

_Static_assert((int)KEEL_REGION_USABLE == HAL_REGION_USABLE &&
                   (int)KEEL_REGION_RECLAIMABLE == HAL_REGION_RECLAIMABLE &&
                   (int)KEEL_REGION_KERNEL == HAL_REGION_KERNEL &&
                   (int)KEEL_REGION_INITRD == HAL_REGION_INITRD &&
                   (int)KEEL_REGION_RESERVED == HAL_REGION_RESERVED &&
                   (int)KEEL_REGION_MMIO == HAL_REGION_MMIO &&
                   (int)KEEL_REGION_UNUSABLE == HAL_REGION_UNUSABLE,
               "one numbering of regions");
_Static_assert((int)KEEL_LOG_ERROR == LOG_ERROR && (int)KEEL_LOG_DEBUG == LOG_DEBUG,
               "one numbering of log levels");
_Static_assert(KEEL_LOG_LINES == LOG_LINES && KEEL_LOG_LINE_MAX == LOG_LINE_MAX,
               "the documented limits are the real ones");

keel_status_t call_boot_info(struct keel_boot_info *info)
{
    const struct hal_boot *boot = boot_info();
    info->frames_free = frame_free_count(); /* first: both grow while boot memory is reclaimed */
    info->frames_total = frame_total();
    info->initrd_size = boot->initrd_size;
    info->command_line_size = boot->command_line_size;
    info->region_count = (uint32_t)boot_memmap()->count;
    info->cpus_present = boot->cpus_present;
    for (uint64_t online = cpu_online_mask(); online != 0; online &= online - 1) {
        info->cpus_online++;
    }
    return KEEL_OK;
}

keel_status_t call_boot_region(uint32_t index, struct keel_region *region)
{
    const struct memmap *map = boot_memmap();
    if (index >= map->count) {
        return KEEL_E_NOT_FOUND;
    }
    region->base = map->regions[index].base;
    region->size = map->regions[index].size;
    region->kind = (uint64_t)map->regions[index].kind;
    return KEEL_OK;
}

keel_status_t call_boot_command_line(uint64_t offset, void *buffer, size_t buffer_size)
{
    const struct hal_boot *boot = boot_info();
    if (!bytes_fit(boot->command_line_size, offset, buffer_size)) {
        return KEEL_E_INVALID;
    }
    for (size_t i = 0; i < buffer_size; i++) {
        ((char *)buffer)[i] = boot->command_line[offset + i];
    }
    return KEEL_OK;
}

keel_status_t call_boot_initrd(uint64_t offset, void *buffer, size_t buffer_size)
{
    const struct hal_boot *boot = boot_info();
    return bytes_read(boot->initrd, boot->initrd_size, offset, buffer, buffer_size);
}

keel_status_t call_boot_reclaim(uint64_t *frame_count)
{
    return frame_reclaim(boot_memmap(), frame_count);
}

keel_status_t call_console_write(const void *buffer, size_t buffer_size)
{
    if (buffer_size > KEEL_CONSOLE_WRITE_MAX) {
        return KEEL_E_INVALID;
    }
    console_write(buffer, buffer_size);
    return KEEL_OK;
}

keel_status_t call_log(uint32_t level, const void *text, size_t text_size)
{
    if (level < KEEL_LOG_ERROR || level > KEEL_LOG_DEBUG) {
        return KEEL_E_INVALID;
    }
    log_bytes((enum log_level)level, text, text_size);
    return KEEL_OK;
}

keel_status_t call_log_read(uint64_t number, struct keel_log_record *record)
{
    struct log_record from;
    if (!log_read(number, &from)) {
        return KEEL_E_NOT_FOUND;
    }
    *record = (struct keel_log_record){.number = from.number,
                                       .time = from.time,
                                       .level = (uint32_t)from.level,
                                       .cpu = from.cpu,
                                       .size = from.size};
    for (uint32_t i = 0; i < from.size; i++) {
        record->text[i] = from.text[i];
    }
    return KEEL_OK;
}

keel_status_t call_time_now(uint64_t *nanoseconds)
{
    *nanoseconds = hal_time_now();
    return KEEL_OK;
}

keel_status_t call_time_wall(uint64_t *nanoseconds)
{
    const uint64_t start = boot_info()->wall_time, now = hal_time_now();
    if (start == 0) {
        return KEEL_E_NOT_FOUND;
    }
    if (now > UINT64_MAX - start) {
        return KEEL_E_LIMIT;
    }
    *nanoseconds = start + now;
    return KEEL_OK;
}

keel_status_t call_cpu_current(uint32_t *cpu)
{
    *cpu = hal_cpu_id();
    return KEEL_OK;
}

keel_status_t call_cpu_relax(void)
{
    spin_turn();
    return KEEL_OK;
}

keel_status_t call_power_off(int32_t status)
{
    hal_power_off(status);
}

keel_status_t call_restart(int32_t status)
{
    hal_restart(status);
}

keel_status_t call_audit(uint32_t *violations)
{
    *violations = audit_run();
    return KEEL_OK;
}

keel_status_t call_lock_order_count(uint64_t *count)
{
    return lock_order_count(count) ? KEEL_OK : KEEL_E_NOT_FOUND;
}

void client_main(uint64_t argument)
{
    (void)argument;
    call_trace_init();
    hal_power_off(keel_main());
}
