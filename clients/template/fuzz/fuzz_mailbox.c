/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The input is a list of operations, one a byte, on a mailbox and on an array that says what must be in it.
 */
#include "keel_test/fuzz.h"
#include "mailbox.h"

#define OPERATIONS_MAX 1000u

static void put(struct mailbox *mailbox, uint32_t *expected, uint32_t *count)
{
    uint32_t message = fuzz_byte();
    keel_status_t status = mailbox_put(mailbox, message, 0);
    CHECK_STATUS(status, *count < MAILBOX_SIZE ? KEEL_OK : KEEL_E_TIMEOUT);
    if (status == KEEL_OK) {
        expected[(*count)++] = message;
    }
}

static void take(struct mailbox *mailbox, uint32_t *expected, uint32_t *count)
{
    uint32_t message = 0;
    keel_status_t status = mailbox_take(mailbox, &message, 0);
    CHECK_STATUS(status, *count > 0 ? KEEL_OK : KEEL_E_TIMEOUT);
    if (status == KEEL_OK) {
        CHECK_EQUAL(message, expected[0]);
        (*count)--;
        for (uint32_t i = 0; i < *count; i++) {
            expected[i] = expected[i + 1];
        }
    }
}

static void body(void)
{
    struct mailbox mailbox;
    uint32_t expected[MAILBOX_SIZE + 1] = {0}, count = 0;
    keel_status_t status = mailbox_open(&mailbox);
    if (status != KEEL_OK) {
        CHECK(status == KEEL_E_LIMIT || status == KEEL_E_NO_MEMORY);
        return;
    }
    for (uint32_t i = 0; i < OPERATIONS_MAX && fuzz_left() > 0; i++) {
        if (fuzz_byte() % 2 == 0) {
            put(&mailbox, expected, &count);
        } else {
            take(&mailbox, expected, &count);
        }
    }
    mailbox_close(&mailbox);
}

const struct keel_fuzzer keel_fuzzer = {.body = body};
