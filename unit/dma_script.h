/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Devices with DMA on the hosted machine, for tests of it.
 */
#ifndef UNIT_DMA_SCRIPT_H
#define UNIT_DMA_SCRIPT_H

#include <string.h>

#include "core/frame.h"
#include "core/pci_parse.h"
#include "hal/pci.h"
#include "support.h"

#define PAGE KEEL_PAGE_SIZE
#define BOTH KEEL_DMA_BOTH

/* Functions of hosted_pci_bus, by their place in the table. */
enum { HOST_BRIDGE, ROOT_PORT, CARD, CARD_SECOND, ISA_BRIDGE, STORAGE };

static inline keel_pci_device_t dma_acquire(uint32_t index)
{
    keel_pci_device_t device = {0};
    CHECK_OK(keel_pci_device_acquire(index, &device));
    return device;
}

static inline keel_pci_device_t dma_device(uint32_t index)
{
    keel_pci_device_t device = dma_acquire(index);
    CHECK_OK(keel_dma_enable(device, 0));
    return device;
}

/* How its DMA is told from that of others. */
static inline uint16_t dma_source(uint32_t index)
{
    struct keel_pci_device_info info = {0};
    CHECK_OK(keel_pci_device_info(index, &info));
    return (uint16_t)(info.bus << 8 | info.device << 3 | info.function);
}

static inline keel_segment_t dma_segment(uint64_t page_count)
{
    keel_segment_t segment = {0};
    CHECK_OK(keel_segment_alloc(page_count, 1, &segment));
    return segment;
}

static inline keel_dma_t dma_of(keel_pci_device_t device, keel_segment_t segment, uint64_t index,
                                uint64_t page_count, uint32_t direction)
{
    keel_dma_t dma = {0};
    CHECK_OK(keel_dma_map(device, segment, index, page_count, direction, &dma));
    return dma;
}

/* A new segment that only the mapping holds. */
static inline keel_dma_t dma_new(keel_pci_device_t device, uint64_t page_count, uint32_t direction)
{
    keel_segment_t segment = dma_segment(page_count);
    keel_dma_t dma = dma_of(device, segment, 0, page_count, direction);
    CHECK_OK(keel_segment_release(segment));
    return dma;
}

static inline uint64_t dma_address(keel_dma_t dma)
{
    struct keel_dma_info info = {.reserved = 9};
    CHECK_OK(keel_dma_info(dma, &info));
    CHECK_EQUAL(info.reserved, 0);
    return info.address;
}

static inline struct keel_dma_state dma_state(keel_pci_device_t device)
{
    struct keel_dma_state state = {0};
    CHECK_OK(keel_dma_state(device, &state));
    return state;
}

/* What the device does: one byte. */
static inline bool dma_reads(uint16_t source, uint64_t address, uint8_t *byte)
{
    return hosted_dma(source, address, byte, 1, false);
}

static inline bool dma_writes(uint16_t source, uint64_t address, uint8_t byte)
{
    return hosted_dma(source, address, &byte, 1, true);
}

static inline uint64_t free_frames(void)
{
    return frame_free_count();
}

/* Is bus mastering on in its command register? */
static inline bool masters(uint32_t index)
{
    struct keel_pci_device_info info = {0};
    CHECK_OK(keel_pci_device_info(index, &info));
    return (hosted_pci_peek((struct hal_pci_address){info.bus, info.device, info.function}, PCI_COMMAND, 2) &
            PCI_COMMAND_MASTER) != 0;
}

#endif
