/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The hosted machine's virtio devices on PCI (Virtual I/O Device specification 1.2, 4.1): a disk, an entropy
 * source, a network device and a console, each of which the machine has where its configuration says so. They
 * reach memory by hosted_dma alone, so by what the IOMMU lets through, and serve requests while they are told
 * of them. Each may lie. Part of hosted/machine.h.
 */
#ifndef HOSTED_VIRTIO_H
#define HOSTED_VIRTIO_H

#include "hosted/pci.h"

#define HOSTED_VIRTIO_QUEUE_SIZE 16u

enum hosted_virtio_lie {
    HOSTED_VIRTIO_HONEST,
    /* Of what it is. */
    HOSTED_VIRTIO_NO_RESET,    /* its status never becomes 0 again */
    HOSTED_VIRTIO_NO_FEATURES, /* it takes no features */
    HOSTED_VIRTIO_PHYSICAL,    /* it offers to go by physical addresses only */
    HOSTED_VIRTIO_RESTLESS,    /* its configuration is another one each time */
    HOSTED_VIRTIO_NEEDS_RESET, /* it fails when it is to begin */
    HOSTED_VIRTIO_NO_QUEUE,    /* it has none */
    HOSTED_VIRTIO_ODD_QUEUE,   /* its queues have 7 descriptors */
    HOSTED_VIRTIO_HUGE_QUEUE,  /* or 65535 */
    HOSTED_VIRTIO_FAR_NOTIFY,  /* it wants to be told of requests beyond its BAR */
    HOSTED_VIRTIO_NO_ENABLE,   /* its queues cannot be enabled */
    HOSTED_VIRTIO_NO_MESSAGE,  /* it takes no message for them */
    /* Of requests, in its ring. */
    HOSTED_VIRTIO_ID_HUGE,      /* descriptor 0xffffffff */
    HOSTED_VIRTIO_ID_OTHER,     /* the one beside: in the middle of a chain, in none, or another request */
    HOSTED_VIRTIO_TWICE,        /* the same once more */
    HOSTED_VIRTIO_LENGTH_HUGE,  /* more bytes written than there was room for */
    HOSTED_VIRTIO_LENGTH_SHORT, /* none written, although there are */
    HOSTED_VIRTIO_JUMP,         /* 1000 requests used at once */
    HOSTED_VIRTIO_BACK,         /* one less than none */
    HOSTED_VIRTIO_NEVER,        /* none ever */
    HOSTED_VIRTIO_SILENT,       /* it does not interrupt */
    /* In a disk's answer. */
    HOSTED_VIRTIO_ERROR,     /* it reports an error: no lie */
    HOSTED_VIRTIO_UNKNOWN,   /* it does not know the request: no lie either */
    HOSTED_VIRTIO_ANSWER,    /* an answer that there is not */
    HOSTED_VIRTIO_NO_ANSWER, /* none */
    /* In memory. */
    HOSTED_VIRTIO_SCRIBBLE, /* it writes over the descriptors and the ring's entries; else all is well */
    HOSTED_VIRTIO_WILD,     /* it reaches for memory that is not mapped for it, again and again */
    /* Of what it is, once more. */
    HOSTED_VIRTIO_SMALL_QUEUE, /* its queues have 2 descriptors */
    HOSTED_VIRTIO_LIES
};

/* Of each of them. */
struct hosted_virtio {
    enum hosted_virtio_lie lie;
    unsigned honest; /* for so many requests it is honest nevertheless */
};

/* 5.2 */
#define HOSTED_DISK_SECTOR 512u
struct hosted_disk {
    uint8_t *bytes;
    size_t size; /* whole sectors */
    bool read_only;
    struct hosted_virtio virtio;
};

/* 5.4: what it gives follows from the machine's seed. */
struct hosted_entropy {
    struct hosted_virtio virtio;
};

/* 5.1: what it is connected to is `take`, which gets each frame that is sent, and `give`, which is asked for
 * the next one that comes: its size, up to HOSTED_NETWORK_FRAME_MAX, or 0. */
#define HOSTED_NETWORK_FRAME_MAX 1514u
struct hosted_network {
    uint8_t mac[6];
    bool no_mac; /* it does not say which it is */
    void (*take)(void *context, const uint8_t *frame, size_t size);
    size_t (*give)(void *context, uint8_t *frame);
    void *context;
    struct hosted_virtio virtio;
};

/* Something to connect it to: a host 10.0.2.2 that answers who asks for it by ARP, as QEMU's user network
 * does. The context is one of these, zero at first. */
struct hosted_arp_host {
    uint8_t answer[42];
    size_t size; /* 0: there is none */
};
void hosted_arp_take(void *context, const uint8_t *frame, size_t size);
size_t hosted_arp_give(void *context, uint8_t *frame);

/* 5.3: of one port. */
struct hosted_console {
    const uint8_t *input; /* what comes */
    size_t input_size;
    void (*output)(void *context, const uint8_t *bytes, size_t size);
    void *context;
    struct hosted_virtio virtio;
};

/* The functions, for tables of tests; each one's device is the one of the machine's configuration. */
extern const struct hosted_pci_function hosted_disk_function;
extern const struct hosted_pci_function hosted_entropy_function;
extern const struct hosted_pci_function hosted_network_function;
extern const struct hosted_pci_function hosted_console_function;

/* Something has come to the device from outside: it looks for room in its queues. Called by the kernel under
 * test. */
void hosted_virtio_arrived(const struct hosted_pci_function *function);

#endif
