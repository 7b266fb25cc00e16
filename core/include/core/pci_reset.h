/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Functions of PCI that change hands are reset, if they say that they can be, each without the others of its
 * device (PCI Express Base Specification 4.0, 6.6.2; Advanced Capabilities for Conventional PCI, ECN of
 * 2006): the next holder finds nothing of what the last one told them.
 *
 *   READY -- last release --> QUIET -- nothing under way, or 100 ms --> RUNNING
 *   RUNNING -- 100 ms, and it answers --> READY
 *   RUNNING -- no answer for 1 s, or it is not what it was --> LOST, for good
 *
 * In QUIET its command register is 0: it begins no transaction, and those under way have their chance to end.
 * In RUNNING nobody touches it. Then it is made what it was when the first tasks ran: the place and size of
 * BARs, the command register, no messages, and what firmware left in registers that nothing of Keel's depends
 * on. A device may lie about all of that (D7): where Keel depends on it, it is asked again, and LOST if it
 * says something else. The audit looks whether what clients hold is READY (D6).
 *
 * Nobody waits. Whoever is noted as the function's owner makes the steps, alone: the last release the first
 * one, and who acquires it the others, before there is a handle (core/pci.c). So no step needs a lock, and
 * none is made while a client holds the function.
 */
#ifndef CORE_PCI_RESET_H
#define CORE_PCI_RESET_H

#include "core/pci.h"

/* At boot: finds out whether the function can be reset, and notes what is to be as it is now. All else about
 * it is known. */
void pci_reset_prepare(struct pci_function *function);

/* The owner: nobody holds it any more, its messages are closed and it does not master the bus. */
void pci_reset_begin(struct pci_function *function);

/* The owner: the steps whose time has come. E_BUSY: it is not READY yet; E_UNSUPPORTED: it is LOST. */
keel_status_t pci_reset_finish(struct pci_function *function);

#endif
