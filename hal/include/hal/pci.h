/* SPDX-License-Identifier: BSD-2-Clause
 *
 * HAL contract: configuration space of PCI, segment 0 (PCI Local Bus Specification 3.0, 6; PCI Express Base
 * Specification, 7.2). What it answers comes from devices: it may be anything, and something else each time.
 *
 * Core makes the calls below with interrupts off, and never two at once.
 */
#ifndef HAL_PCI_H
#define HAL_PCI_H

#include "hal/types.h"

#define HAL_PCI_BUS_COUNT      256u
#define HAL_PCI_DEVICE_COUNT   32u /* on a bus */
#define HAL_PCI_FUNCTION_COUNT 8u  /* of a device */

struct hal_pci_address {
    uint8_t bus, device, function; /* below the counts above */
};

/* How many bytes of a function's configuration space can be reached: 0 (the machine has no PCI), 256 or 4096.
 * Constant from hal_upcall_boot on. */
uint32_t hal_pci_config_size(void);

/* `width` is 1, 2 or 4, `offset` a multiple of it and below hal_pci_config_size(). Where there is no such
 * function, or the machine does not reach these bytes of it, a read has all bits set and a write does
 * nothing. */
uint32_t hal_pci_read(struct hal_pci_address address, uint32_t offset, unsigned width);
void hal_pci_write(struct hal_pci_address address, uint32_t offset, unsigned width, uint32_t value);

/* May a device have the physical addresses [base, base + size)? They are not empty and do not wrap. True:
 * CPUs can address them, and nothing there is memory, or steers a CPU, an interrupt controller, DMA
 * remapping or configuration space, as far as the machine knows (D5). */
bool hal_pci_is_harmless(uint64_t base, uint64_t size);

#endif
