/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A mailbox: messages from any number of tasks to any number of tasks, each taken once, in the order in which
 * they came.
 */
#ifndef MAILBOX_H
#define MAILBOX_H

#include <stdint.h>

#include "keel/keel.h"

#define MAILBOX_SIZE 8u

struct mailbox {
    keel_spinlock_t lock;   /* of the fields below */
    keel_semaphore_t empty; /* a token for each free slot */
    keel_semaphore_t full;  /* a token for each message */
    uint32_t first, count;
    uint32_t messages[MAILBOX_SIZE];
};

/* Errors: KEEL_E_LIMIT, KEEL_E_NO_MEMORY; then there is nothing to close. */
keel_status_t mailbox_open(struct mailbox *mailbox);
/* Nobody may use it any more. */
void mailbox_close(struct mailbox *mailbox);

/* Both wait, for at most `timeout` nanoseconds. Errors: KEEL_E_TIMEOUT (it is full, or empty),
 * KEEL_E_CANCELED. */
keel_status_t mailbox_put(struct mailbox *mailbox, uint32_t message, uint64_t timeout);
keel_status_t mailbox_take(struct mailbox *mailbox, uint32_t *message, uint64_t timeout);

#endif
