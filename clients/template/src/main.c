/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The kernel. keel_main is its first task; what it returns ends the machine, and 0 says that all is well.
 */
#include <stdbool.h>

#include "keel/keel.h"
#include "mailbox.h"
#include "services/defaults.h"

#define MESSAGES 100u

static struct mailbox mailbox;

static void sender(uint64_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (mailbox_put(&mailbox, i, KEEL_FOREVER) != KEEL_OK) {
            (void)keel_task_exit(1);
        }
    }
}

static size_t add_text(char *line, size_t size, const char *text)
{
    for (; *text != '\0'; text++) {
        line[size++] = *text;
    }
    return size;
}

static size_t add_number(char *line, size_t size, uint32_t value)
{
    char digits[10];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    while (count > 0) {
        line[size++] = digits[--count];
    }
    return size;
}

/* In one call, so that no other line comes in between. */
static keel_status_t report(uint32_t count, uint32_t sum)
{
    char line[64];
    size_t size = add_text(line, 0, "kernel| messages: ");
    size = add_number(line, size, count);
    size = add_text(line, size, ", sum: ");
    size = add_number(line, size, sum);
    line[size++] = '\n';
    return keel_console_write(line, size);
}

static bool receive(keel_task_t from)
{
    uint32_t message = 0, count = 0, sum = 0;
    int32_t status = 1;
    while (count < MESSAGES && mailbox_take(&mailbox, &message, KEEL_FOREVER) == KEEL_OK) {
        sum += message;
        count++;
    }
    bool joined = keel_task_join(from, &status) == KEEL_OK && keel_task_release(from) == KEEL_OK;
    return report(count, sum) == KEEL_OK && joined && status == 0;
}

int32_t keel_main(void)
{
    const struct keel_task_options options = {.entry = sender, .argument = MESSAGES, .name = "sender"};
    keel_task_t task;
    if (services_inject_defaults() != KEEL_OK || mailbox_open(&mailbox) != KEEL_OK ||
        keel_task_spawn(&options, &task) != KEEL_OK) {
        return 1;
    }
    bool well = receive(task);
    mailbox_close(&mailbox);
    return well ? 0 : 1;
}
