/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Memory that firmware has its devices use all the time (RMRR of Intel's DMAR, unity maps of AMD's IVRS), and
 * tables by which such a device reaches it, at the addresses that it has in memory, and nothing else (D1).
 * They stand before the first unit translates, so that the device notices nothing of it.
 *
 * Firmware is believed only where no harm can come of it: whole pages of memory that the map of memory calls
 * firmware's (remap_is_reserved), so that nobody is ever given a frame of it (M1), a bounded number of them,
 * for a device on bus 0, whose source is its own. All of a device's ranges are so, or none is mapped.
 */
#ifndef HAL_REMAP_FIRMWARE_H
#define HAL_REMAP_FIRMWARE_H

#include "hal/iommu.h"

/* Devices, and bytes of one range. */
#define REMAP_FIRMWARE_MAX      8u
#define REMAP_FIRMWARE_SIZE_MAX (UINT64_C(256) << 20)

/* How a maker's tables are written (hal/iommu.h). */
struct remap_tables {
    unsigned levels, leaf_level_max, address_bits;
    uint64_t (*table_entry)(hal_paddr_t table, unsigned level);
    uint64_t (*leaf_entry)(hal_paddr_t page, unsigned level, bool may_read, bool may_write);
    void (*fill)(hal_paddr_t table, unsigned index, unsigned count, uint64_t entry, uint64_t step);
};

struct remap_firmware {
    uint16_t source;
    hal_paddr_t root;
};

/* Boot CPU: makes tables of pages by remap_page for each source that it can, and says so in its ranges.
 * Answers how many those are. */
unsigned remap_firmware_map(const struct remap_tables *tables, struct hal_iommu_range *ranges,
                            unsigned range_count, struct remap_firmware found[REMAP_FIRMWARE_MAX]);

/* Does the source reach what firmware has it use? */
bool remap_firmware_is_mapped(const struct hal_iommu_range *ranges, unsigned range_count, uint16_t source);

#endif
