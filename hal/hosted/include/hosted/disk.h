/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The hosted machine's disk: a virtio device on PCI (Virtual I/O Device specification 1.2, 4.1 and 5.2),
 * which the machine has where its configuration says so. It reaches memory by hosted_dma alone, so by what
 * the IOMMU lets through. It serves requests while it is told of them. Part of hosted/machine.h.
 */
#ifndef HOSTED_DISK_H
#define HOSTED_DISK_H

#include "hosted/pci.h"

#define HOSTED_DISK_SECTOR     512u
#define HOSTED_DISK_QUEUE_SIZE 16u

enum hosted_disk_lie {
    HOSTED_DISK_HONEST,
    /* Of what it is. */
    HOSTED_DISK_NO_RESET,    /* its status never becomes 0 again */
    HOSTED_DISK_NO_FEATURES, /* it takes no features */
    HOSTED_DISK_PHYSICAL,    /* it offers to go by physical addresses only */
    HOSTED_DISK_RESTLESS,    /* its configuration is another one each time */
    HOSTED_DISK_NEEDS_RESET, /* it fails when it is to begin */
    HOSTED_DISK_NO_QUEUE,    /* it has none */
    HOSTED_DISK_ODD_QUEUE,   /* its queue has 7 descriptors */
    HOSTED_DISK_HUGE_QUEUE,  /* or 65535 */
    HOSTED_DISK_FAR_NOTIFY,  /* it wants to be told of requests beyond its BAR */
    HOSTED_DISK_NO_ENABLE,   /* its queue cannot be enabled */
    HOSTED_DISK_NO_MESSAGE,  /* it takes no message for it */
    /* Of requests, in its ring. */
    HOSTED_DISK_ID_HUGE,      /* descriptor 0xffffffff */
    HOSTED_DISK_ID_FREE,      /* one in the middle of a chain, or in none */
    HOSTED_DISK_TWICE,        /* the same once more */
    HOSTED_DISK_LENGTH_HUGE,  /* more bytes written than there was room for */
    HOSTED_DISK_LENGTH_SHORT, /* none written, although it reports success */
    HOSTED_DISK_JUMP,         /* 1000 requests used at once */
    HOSTED_DISK_BACK,         /* one less than none */
    HOSTED_DISK_NEVER,        /* none ever */
    HOSTED_DISK_SILENT,       /* it does not interrupt */
    /* In its answer, and in memory. */
    HOSTED_DISK_ERROR,     /* it reports an error: no lie */
    HOSTED_DISK_UNKNOWN,   /* it does not know the request: no lie either */
    HOSTED_DISK_ANSWER,    /* an answer that there is not */
    HOSTED_DISK_NO_ANSWER, /* none */
    HOSTED_DISK_SCRIBBLE,  /* it writes over the descriptors and the ring's entries; else all is well */
    HOSTED_DISK_WILD,      /* it reaches for memory that is not mapped for it, again and again */
    HOSTED_DISK_LIES
};

struct hosted_disk {
    uint8_t *bytes;
    size_t size; /* whole sectors */
    bool read_only;
    enum hosted_disk_lie lie;
    unsigned honest; /* for so many requests it is honest nevertheless */
};

/* The function, for tables of tests; its device serves the disk of the machine's configuration. */
extern const struct hosted_pci_function hosted_disk_function;

#endif
