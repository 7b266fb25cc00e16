/* SPDX-License-Identifier: BSD-2-Clause
 *
 * PCI, as the rest of the machine sees it.
 */
#ifndef HOSTED_PCI_MACHINE_H
#define HOSTED_PCI_MACHINE_H

/* The functions of machine.config, as at power on. */
void pci_prepare(void);

/* NULL, or what is wrong: a function masters the bus that is no bridge (D3), or a BAR is not where firmware
 * put it (D6). */
const char *pci_wrong(void);

#endif
