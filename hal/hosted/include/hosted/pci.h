/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The hosted machine's PCI: functions made from a table, which answer what it says, or lie. Part of
 * hosted/machine.h.
 */
#ifndef HOSTED_PCI_H
#define HOSTED_PCI_H

#include "hal/pci.h"

/* Where BARs can be: below 4 GiB, and behind the memory of the other device. Each keeps what is written. */
#define HOSTED_PCI_BASE     UINT64_C(0xe0000000)
#define HOSTED_PCI_FAR_BASE ((UINT64_C(1) << 40) + (UINT64_C(4) << 20))
#define HOSTED_PCI_SIZE     (UINT64_C(1) << 20)  /* of either */
#define HOSTED_PCI_ECAM     UINT64_C(0xd0000000) /* nobody else may be there */
#define HOSTED_PCI_BUSES    8u                   /* more there are not */

/* A device behind the BARs of a function: what core's accesses there do (hal/io.h), and it may do what
 * devices can (hosted/machine.h). Users who have a BAR mapped reach the memory that every BAR has, and not
 * the device. */
struct hosted_pci_function;
struct hosted_device {
    void (*power_on)(void *context); /* before each run, and when its function is reset; or NULL */
    uint64_t (*read)(void *context, const struct hosted_pci_function *function, unsigned bar, uint64_t offset,
                     unsigned width);
    void (*write)(void *context, const struct hosted_pci_function *function, unsigned bar, uint64_t offset,
                  unsigned width, uint64_t value);
    void *context;
};

enum hosted_pci_lie {
    HOSTED_PCI_HONEST,
    HOSTED_PCI_FICKLE,  /* answers something else each time */
    HOSTED_PCI_FORGETS, /* its BARs do not take their old values back */
    HOSTED_PCI_MASTERS, /* bus mastering cannot be switched off */
    HOSTED_PCI_DECODES, /* nor decoding */
    HOSTED_PCI_ALIASES, /* answers to the numbers of all functions of its device */
    /* Of those that say that they can be reset: */
    HOSTED_PCI_RESET_IGNORED, /* nothing happens */
    HOSTED_PCI_RESET_NEVER,   /* it never answers again */
    HOSTED_PCI_RESET_SLOW,    /* only after 600 ms, and until then it says that it is not ready */
    HOSTED_PCI_RESET_WAKES,   /* with other BARs, decoding them, a master of the bus, all messages on */
    HOSTED_PCI_RESET_GROWS,   /* its first BAR is twice as large */
    HOSTED_PCI_RESET_FORGETS, /* its BARs do not take their old values back */
};

struct hosted_pci_function {
    uint8_t bus, device, function; /* bus < HOSTED_PCI_BUSES */
    uint16_t vendor_id, device_id;
    uint32_t class_code; /* 24 bits */
    uint8_t header;      /* bit 7: the device has several */
    uint8_t irq_pin;
    uint16_t command;        /* as firmware left it */
    uint32_t bars[6];        /* the registers' values ... */
    uint32_t masks[6];       /* ... and which of their bits can be written */
    uint8_t secondary, last; /* of a bridge: the buses behind it; it has the first two BARs only */
    uint8_t capabilities;    /* where the list begins; 0: there is none */
    struct hosted_pci_word {
        uint8_t offset; /* a multiple of 4 */
        uint32_t value;
    } words[20];                  /* of the capabilities */
    struct hosted_pci_word stuck; /* what it has, once it was reset, for ever; offset 0: nothing */
    enum hosted_pci_lie lie;
    const struct hosted_device *device_model; /* NULL: only memory */
};

/* The machine has these where its configuration says nothing else: all honest. */
#define HOSTED_PCI_COUNT 8u
extern const struct hosted_pci_function hosted_pci_bus[HOSTED_PCI_COUNT];
#define HOSTED_PCI_NOISE 3u /* of these, one whose memory answers something else each time */
#define HOSTED_PCI_RESET 6u /* and two that can be reset: this one as PCI Express says, ... */
#define HOSTED_PCI_AF    7u /* ... and this one by its Advanced Features */
/* And these lie in every way. */
#define HOSTED_PCI_LIARS 18u
extern const struct hosted_pci_function hosted_pci_liars[HOSTED_PCI_LIARS];

/* The function sends its message `index`, as the registers say that core has written: of its MSI-X table, or
 * MSI. False: they do not let it (a masked one may come later), or it does not master the bus. */
bool hosted_pci_message(struct hal_pci_address at, unsigned index);

/* What is in a function's registers now, and changes to it; for tests. */
uint32_t hosted_pci_peek(struct hal_pci_address at, uint32_t offset, unsigned width);
void hosted_pci_poke(struct hal_pci_address at, uint32_t offset, unsigned width, uint32_t value);

#endif
