/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The operations of fuzz_model_dma: calls, by their names, and what devices do. make_model_dma_seeds.py reads
 * them from here.
 */
#ifndef FUZZ_MODEL_DMA_OPS_H
#define FUZZ_MODEL_DMA_OPS_H

/* clang-format off */
#define DMA_OPERATIONS(X)                                                                                    \
    X(segment_alloc) X(segment_ref) X(segment_release) X(segment_read) X(segment_write)                      \
    X(pci_device_acquire) X(pci_device_ref) X(pci_device_release)                                            \
    X(dma_enable) X(dma_disable) X(dma_watch) X(dma_state) X(dma_map) X(dma_map_list) X(dma_ref)             \
    X(dma_release) X(dma_release_later) X(dma_flush) X(dma_info) X(dma_read) X(dma_write) X(dma_load)        \
    X(dma_store) X(dma_sync)                                                                                 \
    X(device_reads) X(device_writes) X(device_storms) X(time_passes) X(handle_offer)
/* clang-format on */

#endif
