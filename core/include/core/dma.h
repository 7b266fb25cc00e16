/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Mappings of memory for devices. One holds its segment and its device until nothing of it can be reached any
 * more (D2): its entries are cleared, a flush of them that was posted afterwards is done, and only then its
 * frames and addresses are free for others. A captive one waits for the flush of many; it holds no device.
 * Its memory may be of several pieces, which lie side by side at the device's addresses.
 *
 * If the hardware does not obey any more, what it was told of is never let go.
 */
#ifndef CORE_DMA_H
#define CORE_DMA_H

#include "core/domain.h"
#include "core/segment.h"

/* Captive mappings of a domain that share a flush. */
#define DMA_BATCH 64u

/* Of one mapping. */
#define DMA_PIECES_MAX 16u

/* Pages [index, index + page_count) of a segment. */
struct dma_piece {
    struct segment *segment;
    uint64_t index, page_count;
};

struct dma {
    struct object object; /* first */
    struct domain *domain;
    struct pci_device *device;
    struct dma_piece pieces[DMA_PIECES_MAX];
    uint32_t piece_count;
    uint64_t page_count; /* of all pieces */
    uint64_t address;
    uint64_t life;            /* of the domain */
    bool held;                /* by the hardware; otherwise the device is trusted */
    bool may_read, may_write; /* the device */
    atomic_u32_t later;       /* 1: whoever drops the last reference does not wait */
    struct dma *next;         /* captive */
};

/* Pieces that the caller holds, 1..DMA_PIECES_MAX, each inside its segment, of 1..IOVA_PAGES_MAX pages in
 * all. E_NOT_FOUND: the domain is not ON; E_NO_MEMORY; E_LIMIT; E_UNSUPPORTED: the hardware ceased to obey,
 * or there is none to put several pieces side by side. */
keel_status_t dma_map(struct pci_device *device, const struct dma_piece *pieces, uint32_t piece_count,
                      bool may_read, bool may_write, uint64_t *handle);
void dma_put(struct dma *dma);

/* What was captive before is let go. False: the hardware does not obey. */
bool dma_flush(struct domain *domain);

/* Mappings of one domain, at most DMA_BATCH, that nothing leads to any more. */
void dma_let_go(struct dma *list);

/* Where the byte at `offset`, inside of it, is in memory; `size` becomes how many are in a row from there on,
 * at most as many as it was. */
hal_paddr_t dma_memory(const struct dma *dma, uint64_t offset, uint64_t *size);

#endif
