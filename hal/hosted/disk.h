/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the disk's two files share.
 */
#ifndef HOSTED_DISK_STATE_H
#define HOSTED_DISK_STATE_H

#include "hosted/disk.h"

struct disk {
    uint8_t status, generation;
    uint32_t offered_select, agreed_select;
    uint64_t agreed;
    uint16_t queue_select;
    struct disk_queue {
        uint64_t table, available, used; /* addresses */
        uint16_t size;
        uint16_t message;
        uint16_t taken, given; /* requests so far */
        bool enabled;
    } queue;
    unsigned served, resets;
    bool busy, again; /* it serves; it was told once more meanwhile */
};
extern struct disk disk;

/* What it says of its size. */
uint16_t disk_queue_most(void);

/* It is told of requests. Other CPUs run meanwhile: they may tell it, too, or reset it. */
void disk_serve(const struct hosted_pci_function *function);

#endif
