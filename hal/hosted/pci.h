/* SPDX-License-Identifier: BSD-2-Clause
 *
 * PCI, as the rest of the machine sees it.
 */
#ifndef HOSTED_PCI_MACHINE_H
#define HOSTED_PCI_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

/* The functions of machine.config, as at power on. */
void pci_prepare(void);

struct hosted_pci_function;
/* The function with a device behind the BAR that the address is in, as firmware placed it, if it decodes
 * that; NULL: there is none. */
const struct hosted_pci_function *pci_device_at(uint64_t address, unsigned *bar, uint64_t *offset);

/* Core reaches a table of MSI-X. False: there is none at the address. */
bool pci_table_read(uint64_t address, unsigned width, uint64_t *value);
bool pci_table_write(uint64_t address, unsigned width, uint64_t value);

/* NULL, or what is wrong: a function masters the bus that has no domain and is no bridge (D3), a BAR is
 * decoded that is not where firmware put it (D6), or messages are on that nobody has opened (D4). */
const char *pci_wrong(void);

#endif
