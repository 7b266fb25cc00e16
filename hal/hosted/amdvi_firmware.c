/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The IVRS of the machine (AMD I/O Virtualization Technology specification 3.0, 5.2), by which the driver
 * learns of AMD's remapping units: of the first for all sources, of the second for those of odd buses.
 */
#include <string.h>

#include "amdvi_model.h"
#include "ioapic.h"
#include "report.h"
#include "state.h"

enum { UNIT = 0x10, MEMORY_OF_ONE = 0x21, ALL = 1, FIRST = 3, LAST = 4, SPECIAL = 72, BLOCKS = 48 };
enum { IOAPIC = 1, SPECIAL_SIZE = 8, READ_AND_WRITE = 7 };

static uint8_t bytes[2048];
static uint32_t length;

static void put(uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        bytes[length++] = (uint8_t)(value >> 8 * i);
    }
}

/* Of so many bytes in all. */
static void begin_block(unsigned type, unsigned size, uint16_t source)
{
    put(type, 2);
    put(size, 2);
    put(source, 2);
}

static bool names_ioapics(void)
{
    return (machine.config.iommu & HOSTED_IOMMU_OLD_INTERRUPTS) == 0;
}

static void put_unit(unsigned unit, unsigned entry_count)
{
    begin_block(UNIT, 24 + 4 * entry_count + (names_ioapics() ? SPECIAL_SIZE : 0), (uint16_t)(unit << 3 | 2));
    put(0x40, 2); /* its capability */
    put(0xfed80000 + ACPI_IVRS_REGISTERS_SIZE * unit, 8);
    put(0, 8); /* of segment 0 */
}

static void put_device(unsigned type, unsigned source)
{
    put(type, 1);
    put(source, 2);
    put(0, 1);
}

/* Behind the unit. */
static void put_ioapic(unsigned unit)
{
    if (names_ioapics()) {
        put_device(SPECIAL, 0);
        put(IOAPIC_ID(unit), 1);
        put(IOAPIC_SOURCE(unit), 2);
        put(IOAPIC, 1);
    }
}

static void put_all(void)
{
    memset(bytes, 0, BLOCKS);
    length = BLOCKS;
    put_unit(0, 1);
    put_device(ALL, 0);
    put_ioapic(0);
    put_unit(1, 256);
    put_ioapic(1);
    for (unsigned bus = 1; bus < 256; bus += 2) {
        put_device(FIRST, bus << 8);
        put_device(LAST, bus << 8 | 0xff);
    }
    if ((machine.config.iommu & HOSTED_IOMMU_RANGE) != 0) {
        begin_block(MEMORY_OF_ONE | READ_AND_WRITE << 8, 32, HOSTED_IOMMU_RANGE_SOURCE);
        put(0, 2);
        put(0, 8);
        put(iommu_firmwares(), 8);
        put(HAL_PAGE_SIZE, 8);
    }
}

static bool read_bytes(void *context, uint64_t physical, void *to, size_t size)
{
    (void)context;
    if (physical > length || size > length - physical) {
        return false;
    }
    memcpy(to, bytes + physical, size);
    return true;
}

void amdvi_read_ivrs(struct acpi_ivrs *ivrs)
{
    const struct acpi_memory memory = {.read = read_bytes};
    put_all();
    const struct acpi_table table = {.length = length, .revision = 2};
    CONTRACT(acpi_parse_ivrs(&memory, &table, ivrs), "the IVRS is not understood");
}
