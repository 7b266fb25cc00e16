/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The driver of a virtio console (services/virtio_console.c) against consoles that lie: it comes back as a
 * status, or as bytes that the device says it has written, in their order.
 */
#include <string.h>

#include "services/virtio_console.h"
#include "support.h"
#include "virtio_script.h"

#define CHUNK     SERVICES_VIRTIO_CONSOLE_CHUNK
#define BUFFERS   SERVICES_VIRTIO_CONSOLE_BUFFERS
#define BYTES     5000u
#define SECOND    UINT64_C(1000000000)
#define UNTOUCHED 0x77

static uint8_t text[BYTES], back[BYTES];
static struct services_virtio_console console;

static uint8_t written[2 * BYTES];
static size_t written_size;

static void keep(void *context, const uint8_t *bytes, size_t size)
{
    (void)context;
    for (size_t i = 0; i < size && written_size < sizeof written; i++) {
        written[written_size++] = bytes[i];
    }
}

static struct hosted_console port;

/* Each unit test has a machine of its own, but these are the process's. What was typed once the device has
 * had: it begins anew with the machine alone. */
static void prepare(enum hosted_virtio_lie lie, size_t typed)
{
    port =
        (struct hosted_console){.input = text, .input_size = typed, .output = keep, .virtio = {.lie = lie}};
    written_size = 0;
    memset(back, UNTOUCHED, BYTES);
    for (unsigned i = 0; i < BYTES; i++) {
        text[i] = (uint8_t)(i ^ i >> 8);
    }
}

static keel_status_t open_console(void)
{
    return services_virtio_console_open(&console, virtio_index(SERVICES_VIRTIO_CONSOLE));
}

/* So many bytes more are there to read now. */
static void type(size_t size)
{
    port.input_size += size;
    hosted_virtio_arrived(&hosted_console_function);
}

static keel_status_t receive(uint32_t size, uint32_t *count)
{
    return services_virtio_console_receive(&console, back, size, count, SECOND);
}

/* --- Honest ones --- */

static void D7_bytes_go_out(void)
{
    static struct services_virtio_console other;
    uint32_t count;
    prepare(HOSTED_VIRTIO_HONEST, 0);
    CHECK_OK(open_console());
    CHECK_STATUS(services_virtio_console_open(&other, virtio_index(SERVICES_VIRTIO_CONSOLE)), KEEL_E_BUSY);
    CHECK_STATUS(services_virtio_console_open(&other, 0), KEEL_E_UNSUPPORTED);
    CHECK_OK(services_virtio_console_send(&console, text, 0));
    CHECK_EQUAL(written_size, 0);
    CHECK_OK(services_virtio_console_send(&console, text, 1));
    CHECK_EQUAL(written_size, 1);
    CHECK_OK(services_virtio_console_send(&console, text + 1, BYTES - 1)); /* more than all buffers */
    CHECK_EQUAL(written_size, BYTES);
    CHECK(memcmp(written, text, BYTES) == 0);
    services_virtio_console_close(&console);
    CHECK_STATUS(services_virtio_console_send(&console, text, 1), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(receive(1, &count), KEEL_E_BAD_HANDLE);
    CHECK_OK(open_console());
    services_virtio_console_close(&console);
    CHECK_AUDIT();
}

static void D7_bytes_come_in_order_whatever_is_asked_for(void)
{
    static const uint32_t sizes[] = {1, 3, 64, 7, BYTES};
    uint32_t count = 0, total = 0;
    prepare(HOSTED_VIRTIO_HONEST, 0);
    CHECK_OK(open_console());
    CHECK_STATUS(receive(0, &count), KEEL_E_INVALID);
    CHECK_STATUS(receive(1, &count), KEEL_E_TIMEOUT);
    type(BYTES);
    for (unsigned i = 0; total < BYTES && i < BYTES; i++) {
        memset(back, UNTOUCHED, BYTES);
        CHECK_OK(receive(sizes[i % 5], &count));
        CHECK(count > 0 && count <= sizes[i % 5] && count <= BYTES - total);
        CHECK(memcmp(back, text + total, count) == 0);
        CHECK(count == BYTES || back[count] == UNTOUCHED);
        total += count;
    }
    CHECK_EQUAL(total, BYTES);
    CHECK_STATUS(services_virtio_console_receive(&console, back, 1, &count, 0), KEEL_E_TIMEOUT);
    services_virtio_console_close(&console);
    CHECK_AUDIT();
}

static void receive_one(uint64_t expected)
{
    uint32_t count = 0;
    uint8_t byte = UNTOUCHED;
    CHECK_STATUS(services_virtio_console_receive(&console, &byte, 1, &count, KEEL_FOREVER),
                 (keel_status_t)(int64_t)expected);
    CHECK_EQUAL(byte, expected == (uint64_t)KEEL_OK ? text[0] : UNTOUCHED);
}

static void T9_reader_is_woken_or_canceled(void)
{
    prepare(HOSTED_VIRTIO_HONEST, 0);
    CHECK_OK(open_console());
    keel_task_t reader = unit_spawn_until_blocked(receive_one, (uint64_t)KEEL_OK);
    CHECK_OK(services_virtio_console_send(&console, text, 10)); /* nobody's lock is in its way */
    type(1);
    CHECK(unit_join(reader) == 0);
    reader = unit_spawn_until_blocked(receive_one, (uint64_t)(int64_t)KEEL_E_CANCELED);
    CHECK_OK(keel_task_cancel(reader));
    CHECK(unit_join(reader) == 0);
    services_virtio_console_close(&console);
}

static void send_line(uint64_t byte)
{
    uint8_t line[2 * CHUNK];
    memset(line, (int)byte, sizeof line);
    for (unsigned i = 0; i < 5; i++) {
        CHECK_OK(services_virtio_console_send(&console, line, sizeof line));
    }
}

/* What is sent by one call stays together. */
static void D7_console_serves_several_tasks(void)
{
    unsigned changes = 0;
    prepare(HOSTED_VIRTIO_HONEST, 0);
    CHECK_OK(open_console());
    keel_task_t other = unit_spawn(send_line, 1);
    send_line(2);
    CHECK(unit_join(other) == 0);
    CHECK_EQUAL(written_size, 20 * CHUNK);
    for (size_t i = 1; i < written_size; i++) {
        changes += written[i] != written[i - 1];
        CHECK(written[i] == written[i - 1] || i % (2 * CHUNK) == 0);
    }
    CHECK(changes >= 1);
    services_virtio_console_close(&console);
}

/* Requests that would leave a buffer are the driver's own mistakes. */
static void D7_buffers_have_ends(void)
{
    uint8_t beside = UNTOUCHED;
    prepare(HOSTED_VIRTIO_HONEST, 0);
    CHECK_OK(open_console());
    CHECK_STATUS(services_virtio_channel_offer(&console.out, CHUNK + 1), KEEL_E_INVALID);
    CHECK_STATUS(services_virtio_channel_offer(&console.in, CHUNK), KEEL_E_LIMIT); /* all are out */
    CHECK_STATUS(services_virtio_channel_send(&console.out, CHUNK, text + 1, 1), KEEL_E_INVALID);
    CHECK_OK(services_virtio_channel_read(&console.out, 1, 0, &beside, 1));
    CHECK_EQUAL(beside, 0);
    CHECK_STATUS(services_virtio_channel_send(&console.out, CHUNK + 1, text, UINT32_MAX), KEEL_E_INVALID);
    CHECK_OK(services_virtio_channel_send(&console.out, CHUNK - 1, text, 1)); /* a head of zeroes */
    CHECK_OK(services_virtio_channel_drain(&console.out));
    CHECK_EQUAL(written_size, CHUNK);
    CHECK(written[CHUNK - 2] == 0 && written[CHUNK - 1] == text[0]);
    services_virtio_console_close(&console);
}

/* --- Some that lie --- */

static void D7_consoles_that_are_none_are_not_opened(void)
{
    for (unsigned i = 0; i < VIRTIO_COUNT(virtio_closed); i++) {
        prepare(virtio_closed[i].lie, 0);
        CHECK_STATUS(open_console(), virtio_closed[i].status);
    }
    CHECK_AUDIT();
}

static void D7_consoles_that_are_only_slow_or_wild_serve(void)
{
    static const enum hosted_virtio_lie lies[] = {HOSTED_VIRTIO_SILENT, HOSTED_VIRTIO_NO_MESSAGE,
                                                  HOSTED_VIRTIO_ODD_QUEUE, HOSTED_VIRTIO_HUGE_QUEUE,
                                                  HOSTED_VIRTIO_SCRIBBLE};
    uint32_t count = 0;
    for (unsigned i = 0; i < VIRTIO_COUNT(lies); i++) {
        prepare(lies[i], i * 1000ul);
        CHECK_OK(open_console());
        CHECK_OK(services_virtio_console_send(&console, text, 3000));
        CHECK(written_size == 3000 && memcmp(written, text, 3000) == 0);
        type(1000);
        for (unsigned total = 0; total < 1000; total += count) {
            CHECK_OK(receive(1000, &count));
            CHECK(memcmp(back, text + i * 1000ul + total, count) == 0);
        }
        services_virtio_console_close(&console);
        CHECK_AUDIT();
    }
}

/* What it does to the second piece that comes. */
static void D7_bytes_that_are_lied_about(void)
{
    uint32_t count = 0;
    for (unsigned i = 0; i < VIRTIO_COUNT(virtio_received); i++) {
        prepare(virtio_received[i].lie, i * 30ul);
        port.virtio.honest = UINT32_MAX;
        CHECK_OK(open_console());
        type(10);
        CHECK_OK(receive(BYTES, &count));
        CHECK_EQUAL(count, 10);
        memset(back, UNTOUCHED, BYTES);
        port.virtio.honest = 0;
        type(20);
        CHECK_STATUS(receive(BYTES, &count), virtio_received[i].status);
        CHECK_EQUAL(back[0], UNTOUCHED); /* nothing came back */
        port.virtio.honest = UINT32_MAX;
        bool gone = virtio_received[i].status != KEEL_E_TIMEOUT;
        CHECK_STATUS(receive(BYTES, &count), gone ? KEEL_E_BUSY : KEEL_E_TIMEOUT);
        CHECK_STATUS(services_virtio_console_send(&console, text, 1), gone ? KEEL_E_BUSY : KEEL_OK);
        services_virtio_console_close(&console);
        CHECK_AUDIT();
    }
}

static void D7_sent_bytes_that_are_lied_about(void)
{
    uint32_t count;
    for (unsigned i = 0; i < VIRTIO_COUNT(virtio_sent); i++) {
        prepare(virtio_sent[i].lie, 0);
        CHECK_OK(open_console());
        CHECK_STATUS(services_virtio_console_send(&console, text, 10), virtio_sent[i].status);
        CHECK_STATUS(services_virtio_console_send(&console, text, 10), KEEL_E_BUSY);
        CHECK_STATUS(receive(BYTES, &count), KEEL_E_BUSY);
        services_virtio_console_close(&console);
        CHECK_AUDIT();
    }
}

static void D7_console_that_says_anything(void)
{
    unsigned opened = 0, sent = 0, received = 0, refused = 0;
    uint32_t count = 0;
    prepare(HOSTED_VIRTIO_HONEST, 0);
    for (unsigned i = 0; i < 100; i++) {
        port.input_size = BYTES;
        if (services_virtio_console_open(&console, 0) != KEEL_OK) {
            continue;
        }
        opened++;
        for (unsigned j = 0; j < 4; j++) {
            keel_status_t status = services_virtio_console_send(&console, text, 300);
            sent += status == KEEL_OK;
            refused += status == KEEL_E_MALFORMED || status == KEEL_E_TIMEOUT;
            status = receive(100, &count);
            received += status == KEEL_OK;
            CHECK(status != KEEL_OK || (count > 0 && count <= 100));
            refused += status == KEEL_E_MALFORMED;
        }
        services_virtio_console_close(&console);
        CHECK_AUDIT();
    }
    CHECK(opened > 10 && sent > 10 && received > 10 && refused > 10);
}

#define PORT(name) UNIT(name, .config.virtio_console = &port)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(D7_bytes_go_out, .config.virtio_console = &port, .seeds = 2),
        PORT(D7_bytes_come_in_order_whatever_is_asked_for),
        UNIT(T9_reader_is_woken_or_canceled, .config.virtio_console = &port, .seeds = 4,
             .config.step_limit = 1 << 24),
        UNIT(D7_console_serves_several_tasks, .config.virtio_console = &port, .seeds = 4),
        PORT(D7_buffers_have_ends),
        PORT(D7_consoles_that_are_none_are_not_opened),
        PORT(D7_consoles_that_are_only_slow_or_wild_serve),
        PORT(D7_bytes_that_are_lied_about),
        PORT(D7_sent_bytes_that_are_lied_about),
        UNIT(D7_console_that_says_anything, .config.virtio_console = &port, .config.pci = &moody_function,
             .config.pci_count = 1, .config.step_limit = 1 << 28),
    };
    make_moody(&hosted_console_function, &port.virtio);
    return unit_main(tests, argc, argv);
}
