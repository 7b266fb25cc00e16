/* SPDX-License-Identifier: BSD-2-Clause */
#include "keel_test/test.h"
#include "mailbox.h"

static struct mailbox mailbox;

static void messages_come_in_order(void)
{
    uint32_t message = 0;
    CHECK_OK(mailbox_open(&mailbox));
    for (uint32_t i = 0; i < MAILBOX_SIZE; i++) {
        CHECK_OK(mailbox_put(&mailbox, i, 0));
    }
    CHECK_STATUS(mailbox_put(&mailbox, 0, 0), KEEL_E_TIMEOUT);
    for (uint32_t i = 0; i < MAILBOX_SIZE; i++) {
        CHECK_OK(mailbox_take(&mailbox, &message, 0));
        CHECK_EQUAL(message, i);
    }
    CHECK_STATUS(mailbox_take(&mailbox, &message, 0), KEEL_E_TIMEOUT);
    mailbox_close(&mailbox);
}

static void put_many(uint64_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        CHECK_OK(mailbox_put(&mailbox, i, KEEL_FOREVER));
    }
}

static void who_takes_waits_for_who_puts(void)
{
    uint32_t message = 0;
    CHECK_OK(mailbox_open(&mailbox));
    keel_task_t other = unit_spawn(put_many, 3 * MAILBOX_SIZE);
    for (uint32_t i = 0; i < 3 * MAILBOX_SIZE; i++) {
        CHECK_OK(mailbox_take(&mailbox, &message, KEEL_FOREVER));
        CHECK_EQUAL(message, i);
    }
    CHECK_EQUAL((uint64_t)unit_join(other), 0);
    mailbox_close(&mailbox);
}

int main(int argc, char **argv)
{
    const struct keel_test tests[] = {
        {KEEL_TEST(messages_come_in_order)},
        {KEEL_TEST(who_takes_waits_for_who_puts), .seeds = 4},
    };
    return keel_test_main(tests, argc, argv);
}
