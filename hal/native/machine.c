/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal/machine.h and hal/boot.h: the machine comes up and ends with the process.
 */
#define _GNU_SOURCE
#include "hal/atomic.h"
#include "hal/boot.h"
#include "hal/cpu.h"
#include "hal/io.h"
#include "hal/machine.h"
#include "hal/pci.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "state.h"

#define UPPER_FIRST (HAL_PT_ENTRIES / 2)

struct native_config native_config;
struct native_ram native_ram = {.file = -1};

void native_die(const char *what)
{
    fprintf(stderr, "keel: native machine: cannot have %s\n", what);
    _exit(1);
}

void hal_console_write(const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes, size);
        if (written <= 0) {
            return; /* nobody listens any more */
        }
        bytes += written;
        size -= (size_t)written;
    }
}

/* Other CPUs run on until the process ends. */
void hal_power_off(int32_t status)
{
    _exit(status == 0 ? 0 : 1);
}

void hal_restart(int32_t status)
{
    hal_power_off(status);
}

void hal_panic(const char *message)
{
    fprintf(stderr, "keel: panic on CPU %u: %s\n", hal_cpu_id(), message);
    _exit(1);
}

/* There is no PCI. */
uint32_t hal_pci_config_size(void)
{
    return 0;
}

uint32_t hal_pci_read(struct hal_pci_address at, uint32_t offset, unsigned width)
{
    (void)at;
    (void)offset;
    return UINT32_MAX >> (32 - 8 * width);
}

void hal_pci_write(struct hal_pci_address at, uint32_t offset, unsigned width, uint32_t value)
{
    (void)at;
    (void)offset;
    (void)width;
    (void)value;
}

bool hal_pci_is_harmless(uint64_t base, uint64_t size)
{
    (void)base;
    (void)size;
    return false;
}

/* Nor is there I/O memory. */
uint64_t hal_io_read(hal_paddr_t at, unsigned width, enum hal_cache cache)
{
    (void)at;
    (void)cache;
    return UINT64_MAX >> (64 - 8 * width);
}

void hal_io_write(hal_paddr_t at, unsigned width, uint64_t value, enum hal_cache cache)
{
    (void)at;
    (void)width;
    (void)value;
    (void)cache;
}

/* A4: the upper half of each loaded root is the kernel's. Caches that could be stale there are none. */
void hal_audit(void (*report)(const char *line))
{
    for (unsigned cpu = 0; cpu < native_config.cpu_count; cpu++) {
        for (unsigned index = UPPER_FIRST; index < HAL_PT_ENTRIES; index++) {
            if (hal_table_peek(native_cpus[cpu]->root, index) != hal_table_peek(hal_kernel_root(), index)) {
                report("A4: the upper half of a loaded root differs");
                break;
            }
        }
    }
}

static void *reserve(size_t size, int rights, int flags, int file)
{
    void *memory = mmap(NULL, size, rights, flags | MAP_NORESERVE, file, 0);
    if (memory == MAP_FAILED) {
        native_die("address space");
    }
    return memory;
}

static void make_ram(uint64_t size)
{
    native_ram.file = memfd_create("keel-ram", MFD_CLOEXEC);
    if (native_ram.file < 0 || ftruncate(native_ram.file, (off_t)size) != 0) {
        native_die("memory");
    }
    native_ram.base = reserve((size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, native_ram.file);
    native_ram.window = reserve(NATIVE_WINDOW_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

    const struct hal_pte_slot slot = {.root = hal_kernel_root(),
                                      .table = hal_kernel_root(),
                                      .va = HAL_WINDOW_BASE,
                                      .level = HAL_PT_LEVELS - 1};
    hal_pte_exchange(&slot, hal_pte_table(hal_paddr(NATIVE_WINDOW_TABLE), 0));
}

void native_run(const struct native_config *config)
{
    static struct hal_region regions[2];
    static struct hal_boot boot;

    native_config = *config;
    make_ram(config->ram_size);
    native_time_start();
    native_cpu_begin(0);
    regions[0] = (struct hal_region){0, config->ram_size, HAL_REGION_USABLE};
    regions[1] = (struct hal_region){0, NATIVE_KERNEL_END, HAL_REGION_KERNEL};
    boot = (struct hal_boot){
        .regions = regions,
        .region_count = 2,
        .command_line = config->command_line,
        .command_line_size = config->command_line != NULL ? strlen(config->command_line) : 0,
        .initrd = hal_paddr(config->ram_size),
        .wall_time = native_wall_time(),
        .cpus_present = config->cpu_count,
    };
    hal_upcall_boot(&boot);
}
