/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A function of PCI as it is now: what pci.c and pci_message.c share.
 */
#ifndef HOSTED_PCI_FUNCTION_H
#define HOSTED_PCI_FUNCTION_H

#include <string.h>

#include "hosted/pci.h"

#define PCI_CONFIG_SIZE 256u

struct function {
    const struct hosted_pci_function *made_from;
    uint8_t config[PCI_CONFIG_SIZE];
    uint8_t msi, msix;             /* where the capabilities are; 0: there is none */
    uint64_t table;                /* of MSI-X: the address, ... */
    unsigned entries, first_entry; /* ... how many, and which of the machine's */
    uint8_t express, advanced;     /* where the capabilities to reset it are; 0: there is none */
    uint64_t quiet_since;          /* when its command register was written last */
    uint64_t reset_at;             /* when it was reset last ... */
    bool was_reset;                /* ... if it was */
    bool resetting;                /* and core has not written the command register since */
};

static inline uint32_t pci_load(const uint8_t *bytes, unsigned width)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < width; i++) {
        value |= (uint32_t)bytes[i] << 8 * i;
    }
    return value;
}

static inline void pci_store(uint8_t *bytes, uint32_t value, unsigned width)
{
    for (unsigned i = 0; i < width; i++) {
        bytes[i] = (uint8_t)(value >> 8 * i);
    }
}

/* bus:8, device:5, function:3. */
static inline uint16_t pci_requester(const struct function *function)
{
    const struct hosted_pci_function *from = function->made_from;
    return (uint16_t)(from->bus << 8 | from->device << 3 | from->function);
}

/* pci.c: the function at this place among those of the machine; NULL: there are fewer. */
struct function *pci_function_at(size_t index);
/* Address and size of a memory BAR; answers whether it takes the next one's place. */
bool pci_bar_range(const struct hosted_pci_function *from, unsigned index, uint64_t *base, uint64_t *size);

/* pci.c: does it decode its memory BARs? They are where firmware put them. */
bool pci_decodes(const struct function *function);
/* Configuration space as at power on. */
void pci_fill(struct function *function);

/* pci_reset.c. */
void pci_reset_power_on(struct function *function);
/* Is it there for core, which reaches it now? */
bool pci_answers(const struct function *function);
/* Core writes a register. False: it is none by which functions are reset, and none that core puts back then.
 */
bool pci_reset_write(struct function *function, uint32_t offset, unsigned width, uint32_t value);
/* After each change: what is stuck. */
void pci_reset_stick(struct function *function);
/* Which bits of a BAR can be written. */
uint32_t pci_bar_mask(const struct function *function, unsigned index);

/* pci_message.c: the first capability of this id behind the one at `after`, or of all; 0: there is none that
 * fits. */
uint8_t pci_find_capability(const struct function *function, uint8_t wanted, uint8_t after);
/* It is reset: no message is on and all are masked, or, if it `wakes`, the other way round. */
void pci_message_restart(struct function *function, bool wakes);

/* pci_message.c: no function has a table yet; finds the function's, as at power on. */
void pci_message_reset(void);
void pci_message_power_on(struct function *function);

/* Core writes a register. False: it is none of a capability for messages. */
bool pci_message_write(struct function *function, uint32_t offset, unsigned width, uint32_t value);

/* NULL, or what is wrong: messages are on that stand for no source of the function (D4, D6). */
const char *pci_message_wrong(const struct function *function);

#endif
