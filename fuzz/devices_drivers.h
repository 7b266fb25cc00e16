/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The drivers that fuzz_devices has under hostile devices, all seen in the same way.
 */
#ifndef FUZZ_DEVICES_DRIVERS_H
#define FUZZ_DEVICES_DRIVERS_H

#include "hosted/machine.h"
#include "keel/status.h"

#define REQUEST_SIZE 3u

struct driver {
    const char *name;
    const struct hosted_pci_function *function; /* of an honest device */
    struct hosted_virtio *settings;             /* that device's */
    keel_status_t (*open)(uint32_t pci_index);
    /* Does what the bytes of the input say. */
    keel_status_t (*request)(const uint8_t bytes[REQUEST_SIZE]);
    void (*close)(void);
};

#define DRIVERS 4u
extern const struct driver drivers[DRIVERS];

/* As at power on: every device is there, and honest. */
void drivers_begin(struct hosted_config *config);

#endif
