/* SPDX-License-Identifier: BSD-2-Clause */
#include "mailbox.h"

keel_status_t mailbox_open(struct mailbox *mailbox)
{
    *mailbox = (struct mailbox){.first = 0};
    keel_status_t status = keel_spinlock_create(0, &mailbox->lock);
    if (status == KEEL_OK) {
        status = keel_semaphore_create(MAILBOX_SIZE, &mailbox->empty);
    }
    if (status == KEEL_OK) {
        status = keel_semaphore_create(0, &mailbox->full);
    }
    if (status != KEEL_OK) {
        mailbox_close(mailbox);
    }
    return status;
}

/* A handle of zeroes names nothing; releasing it is an error that changes nothing. */
void mailbox_close(struct mailbox *mailbox)
{
    (void)keel_semaphore_release(mailbox->full);
    (void)keel_semaphore_release(mailbox->empty);
    (void)keel_spinlock_release(mailbox->lock);
}

keel_status_t mailbox_put(struct mailbox *mailbox, uint32_t message, uint64_t timeout)
{
    keel_status_t status = keel_semaphore_down(mailbox->empty, timeout);
    if (status != KEEL_OK) {
        return status;
    }
    status = keel_spinlock_lock(mailbox->lock);
    if (status != KEEL_OK) {
        (void)keel_semaphore_up(mailbox->empty, 1);
        return status;
    }
    mailbox->messages[(mailbox->first + mailbox->count) % MAILBOX_SIZE] = message;
    mailbox->count++;
    (void)keel_spinlock_unlock(mailbox->lock);
    return keel_semaphore_up(mailbox->full, 1);
}

keel_status_t mailbox_take(struct mailbox *mailbox, uint32_t *message, uint64_t timeout)
{
    keel_status_t status = keel_semaphore_down(mailbox->full, timeout);
    if (status != KEEL_OK) {
        return status;
    }
    status = keel_spinlock_lock(mailbox->lock);
    if (status != KEEL_OK) {
        (void)keel_semaphore_up(mailbox->full, 1);
        return status;
    }
    *message = mailbox->messages[mailbox->first];
    mailbox->first = (mailbox->first + 1) % MAILBOX_SIZE;
    mailbox->count--;
    (void)keel_spinlock_unlock(mailbox->lock);
    return keel_semaphore_up(mailbox->empty, 1);
}
