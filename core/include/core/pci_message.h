/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Messages by which functions of PCI interrupt (PCI Local Bus Specification 3.0, 6.8): MSI-X where a function
 * has that, with as many messages as its table has entries, otherwise MSI, with one.
 *
 * What is written there decides which CPU is interrupted and how, so only Keel writes it (D4, D6). A message
 * that is open has a source of interrupts (hal/irq.h), and its function is told how to raise that one, and
 * nothing else:
 *
 *   - An entry of MSI-X is masked by its own bit, since boot; MSI by its mask bit, or, where it has none, by
 *     being switched off. So is each while the line of its source is (core/irq.h).
 *   - What to write is changed while it is masked.
 *   - MSI-X or MSI is on, the other one off, and the function's wire disabled, as long as a message is open.
 *
 * Messages are writes to memory: a function that does not master the bus sends none.
 */
#ifndef CORE_PCI_MESSAGE_H
#define CORE_PCI_MESSAGE_H

#include "core/audit.h"
#include "core/pci.h"
#include "hal/irq.h"

struct pci_message;

/* Boot CPU, once, before other CPUs run and before the functions are scanned. */
void pci_message_init(void);

/* For pci_scan.c, once what may be given out is known: switches off what messages the function sends, also if
 * it is a bridge or cannot be trusted, finds those that it can be given, and masks them. */
void pci_message_prepare(struct pci_function *function);

/* For core/pci_reset.c, of a function that none is open of and that does not master the bus: MSI and MSI-X
 * are off; false: it does not say so. Once it decodes its BARs, the entries of MSI-X are masked. */
bool pci_messages_switch_off(struct pci_function *function);
void pci_messages_mask(const struct pci_function *function);

/* E_NOT_FOUND: the function has no message `index`, or, to close one, it is not open; E_EXISTS: it is open;
 * E_LIMIT: no source is left, or its messages could not be told from another's. */
keel_status_t pci_message_open(const struct pci_device *device, uint32_t index, uint32_t *source);
keel_status_t pci_message_close(const struct pci_device *device, uint32_t index);
/* Nobody holds the function any more: closes all. */
void pci_messages_close(struct pci_function *function);

/* For core/irq.c, under the line's lock, of a message that it has attached. */
void pci_message_mask(const struct pci_message *message, bool masked);
/* What to write from now on; `masked`: it is, and stays so. */
void pci_message_tell(const struct pci_message *message, struct hal_irq_message told, bool masked);
/* It is masked. When this returns, what was sent before has left the function. */
void pci_message_clear(const struct pci_message *message);

/* Open messages are of functions that somebody holds (D4). Frozen. */
void pci_message_audit(audit_report_t *report);

#endif
