/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Races between two CPUs: thousands of runs share the process, so each begins by setting what it uses.
 */
#include "keel_test/race.h"
#include "keel_test/test.h"
#include "mailbox.h"

static struct mailbox mailbox;

static void other_puts(uint64_t message)
{
    race_wait();
    CHECK_OK(mailbox_put(&mailbox, (uint32_t)message, 0));
    race_done();
}

static void put_against_put(void)
{
    uint32_t first = 0, second = 0;
    CHECK_OK(mailbox_open(&mailbox));
    keel_task_t other = race_start(other_puts, 1);
    CHECK_OK(mailbox_put(&mailbox, 2, 0));
    race_finish(other);
    CHECK_OK(mailbox_take(&mailbox, &first, 0));
    CHECK_OK(mailbox_take(&mailbox, &second, 0));
    CHECK_EQUAL(first + second, 3);
    mailbox_close(&mailbox);
}

int main(int argc, char **argv)
{
    const struct keel_test tests[] = {
        {KEEL_TEST(put_against_put), .explore = true, .bound = 1},
    };
    return keel_test_main(tests, argc, argv);
}
