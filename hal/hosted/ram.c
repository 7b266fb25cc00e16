/* SPDX-License-Identifier: BSD-2-Clause
 *
 * RAM is one memfd, mapped once and kept from run to run; a run that starts puts back only the frames that
 * the last one soiled. A fork must not share it: the child makes its own.
 */
#define _GNU_SOURCE
#include "ram.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "raw.h"
#include "report.h"
#include "sanitizer.h"
#include "state.h"
#include "window.h"

/* What unused memory holds at boot and after each use, at the beginning of the frame: whoever forgets to
 * clear it (M9) shows. Read as a page-table entry it is present and has reserved bits set. */
#define JUNK_BYTE 0xa5
#define JUNK_SIZE 64

struct ram ram = {.file = -1};
_Alignas(4096) char ram_io[RAM_IO_FAR_SIZE + HOSTED_PCI_SIZE];
uint64_t ram_io_soiled;

/* For which configuration the arrays stand. */
static struct {
    pid_t process;
    uint64_t frame_count;
    struct hal_region *regions;
    size_t region_count;
} prepared;

const char *ram_use_text(enum hal_frame_use use)
{
    static const char *const text[] = {"unused", "untyped", "table", "stack", "object", "reserved"};
    return (unsigned)use < sizeof text / sizeof text[0] ? text[use] : "unknown";
}

static void die(const char *what)
{
    perror(what);
    abort();
}

static void *array(uint64_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory) {
        die("keel: hosted machine: frame arrays");
    }
    return memory;
}

static void arrays_make(uint64_t frame_count)
{
    free(ram.use);
    free(ram.boot_use);
    free(ram.dirty);
    free(ram.root);
    free(ram.level);
    free(ram.iommu_led);
    free(ram.iommu_page);
    free(ram.refs);
    free(ram.window);
    free(ram.filled);
    free(ram.dirty_list);
    ram.use = array(frame_count, sizeof *ram.use);
    ram.boot_use = array(frame_count, sizeof *ram.boot_use);
    ram.dirty = array(frame_count, sizeof *ram.dirty);
    ram.root = array(frame_count, sizeof *ram.root);
    ram.level = array(frame_count, sizeof *ram.level);
    ram.iommu_led = array(frame_count, sizeof *ram.iommu_led);
    ram.iommu_page = array(frame_count, sizeof *ram.iommu_page);
    ram.refs = array(frame_count, sizeof *ram.refs);
    ram.window = array(frame_count, sizeof *ram.window);
    ram.filled = array(frame_count, sizeof *ram.filled);
    ram.dirty_list = array(frame_count, sizeof *ram.dirty_list);
    ram.dirty_count = 0;
    ram.frame_count = frame_count;
}

static void memory_make(uint64_t size)
{
    window_release();
    if (ram.linear) {
        sanitizer_unpoison(ram.linear, (size_t)prepared.frame_count << HAL_PAGE_SHIFT);
        munmap(ram.linear, (size_t)prepared.frame_count << HAL_PAGE_SHIFT);
        munmap(ram.unpoisoned, (size_t)prepared.frame_count << HAL_PAGE_SHIFT);
        close(ram.file);
    }
    ram.file = memfd_create("keel-ram", MFD_CLOEXEC);
    if (ram.file < 0 || ftruncate(ram.file, (off_t)size) != 0) {
        die("keel: hosted machine: memfd");
    }
    ram.linear = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ram.file, 0);
    ram.unpoisoned = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ram.file, 0);
    if (ram.linear == MAP_FAILED || ram.unpoisoned == MAP_FAILED) {
        die("keel: hosted machine: mapping RAM");
    }
}

/* `use` of the frames that lie in the region, whole ones only for RAM that core may take. */
static void mark_region(uint64_t base, uint64_t size, enum hal_frame_use use)
{
    uint64_t end = ram.frame_count << HAL_PAGE_SHIFT;
    uint64_t last = size > UINT64_MAX - base ? UINT64_MAX : base + size;
    if (last > end) {
        last = end;
    }
    uint64_t first_frame = (base >> HAL_PAGE_SHIFT) + (use == HAL_FRAME_UNUSED && base % HAL_PAGE_SIZE != 0);
    uint64_t end_frame = (last >> HAL_PAGE_SHIFT) + (use != HAL_FRAME_UNUSED && last % HAL_PAGE_SIZE != 0);
    for (uint64_t frame = first_frame; frame < end_frame; frame++) {
        ram.boot_use[frame] = (uint8_t)use;
    }
}

static void boot_use_make(void)
{
    const struct hosted_config *config = &machine.config;
    uint64_t end = ram.frame_count << HAL_PAGE_SHIFT;
    memset(ram.boot_use, config->regions ? HAL_FRAME_RESERVED : HAL_FRAME_UNUSED, ram.frame_count);
    for (size_t i = 0; i < config->region_count; i++) {
        if (config->regions[i].kind == HAL_REGION_USABLE) {
            mark_region(config->regions[i].base, config->regions[i].size, HAL_FRAME_UNUSED);
        }
    }
    for (size_t i = 0; i < config->region_count; i++) {
        if (config->regions[i].kind != HAL_REGION_USABLE) {
            mark_region(config->regions[i].base, config->regions[i].size, HAL_FRAME_RESERVED);
        }
    }
    mark_region(0, HAL_PAGE_SIZE, HAL_FRAME_RESERVED);
    mark_region(RAM_KERNEL_ROOT, RAM_KERNEL_END - RAM_KERNEL_ROOT, HAL_FRAME_TABLE);
    mark_region(ram.initrd, end - ram.initrd, HAL_FRAME_RESERVED);
}

static void frame_to_boot_state(uint64_t frame)
{
    char *bytes = ram_pointer(frame << HAL_PAGE_SHIFT);
    raw_fill(bytes, 0, HAL_PAGE_SIZE);
    ram.use[frame] = ram.boot_use[frame];
    ram.refs[frame] = 0;
    ram.root[frame] = 0;
    ram.level[frame] = 0;
    ram.iommu_led[frame] = 0;
    ram.iommu_page[frame] = 0;
    ram.dirty[frame] = 0;
    memset(ram.filled[frame], 0, sizeof ram.filled[frame]);
    sanitizer_poison(bytes, HAL_PAGE_SIZE);
}

static bool same_layout(uint64_t frame_count, uint64_t initrd)
{
    const struct hosted_config *config = &machine.config;
    return prepared.process == getpid() && prepared.frame_count == frame_count && ram.initrd == initrd &&
           prepared.region_count == config->region_count && !prepared.regions == !config->regions &&
           memcmp(prepared.regions ? (const void *)prepared.regions : "",
                  config->regions ? (const void *)config->regions : "",
                  config->region_count * sizeof *config->regions) == 0;
}

static void remember_layout(uint64_t frame_count)
{
    size_t size = machine.config.region_count * sizeof *machine.config.regions;
    free(prepared.regions);
    prepared.regions = machine.config.regions ? array(size + 1, 1) : NULL;
    if (prepared.regions) {
        memcpy(prepared.regions, machine.config.regions, size);
    }
    prepared.region_count = machine.config.region_count;
    prepared.frame_count = frame_count;
    prepared.process = getpid();
}

static void layout_make(uint64_t frame_count, uint64_t initrd)
{
    memory_make(frame_count << HAL_PAGE_SHIFT);
    arrays_make(frame_count);
    ram.initrd = initrd;
    boot_use_make();
    memcpy(ram.use, ram.boot_use, frame_count);
    sanitizer_poison(ram.linear, frame_count << HAL_PAGE_SHIFT);
    remember_layout(frame_count);
}

void ram_soil(uint64_t frame)
{
    if (ram.dirty[frame]) {
        return;
    }
    ram.dirty[frame] = 1;
    ram.dirty_list[ram.dirty_count++] = (uint32_t)frame;
}

void ram_junk(uint64_t frame)
{
    raw_fill(ram_pointer(frame << HAL_PAGE_SHIFT), JUNK_BYTE, JUNK_SIZE);
}

void ram_prepare(void)
{
    memset(ram_io, 0, ram_io_soiled);
    ram_io_soiled = 0;
    uint64_t frame_count = machine.config.ram_size >> HAL_PAGE_SHIFT;
    uint64_t initrd_frames = (machine.config.initrd_size + HAL_PAGE_SIZE - 1) >> HAL_PAGE_SHIFT;
    uint64_t initrd = (frame_count - initrd_frames) << HAL_PAGE_SHIFT;
    if (!same_layout(frame_count, initrd)) {
        layout_make(frame_count, initrd);
    } else {
        for (size_t i = 0; i < ram.dirty_count; i++) {
            frame_to_boot_state(ram.dirty_list[i]);
        }
        ram.dirty_count = 0;
    }

    if (!machine.config.initrd_size) {
        return;
    }
    raw_copy(ram_pointer(initrd), machine.config.initrd, machine.config.initrd_size);
    for (uint64_t frame = initrd >> HAL_PAGE_SHIFT; frame < frame_count; frame++) {
        ram_soil(frame);
    }
}
