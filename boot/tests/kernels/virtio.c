/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The drivers of virtio devices that services/ has, besides the disk's (examples/disk), on QEMU's devices and
 * on the hosted machine's: an entropy source, a network in which 10.0.2.2 answers, and a console at which a
 * line is typed. All of them interrupt, and leave nothing behind when they are closed.
 */
#include "check.h"
#include "services/virtio_console.h"
#include "services/virtio_net.h"
#include "services/virtio_rng.h"

#define SECOND   UINT64_C(1000000000)
#define ROUNDS   2u
#define LINE_MAX 100u

static bool equal(const uint8_t *one, const uint8_t *other, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (one[i] != other[i]) {
            return false;
        }
    }
    return true;
}

static void copy(uint8_t *to, const uint8_t *from, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        to[i] = from[i];
    }
}

static uint32_t find(uint16_t type)
{
    uint32_t index = 0;
    CHECK_OK(services_virtio_find(type, 0, &index));
    return index;
}

/* So that no device is taken for good that only timers kept alive. */
static void check_interrupts(const char *what, const struct services_virtio_channel *channel)
{
    struct keel_irq_handler_info info = {0};
    CHECK_OK(keel_irq_handler_info(channel->handler, &info));
    for (unsigned turn = 0; info.interrupts == 0 && turn < 50; turn++) {
        CHECK_OK(keel_task_sleep(SECOND / 1000)); /* it may be on its way */
        CHECK_OK(keel_irq_handler_info(channel->handler, &info));
    }
    CHECK(info.interrupts > 0);
    note(what, info.interrupts);
}

/* --- Entropy source --- */

static void D7_entropy_is_another_each_time(void)
{
    static struct services_virtio_rng rng;
    static uint8_t bytes[ROUNDS + 1][300];
    for (unsigned round = 0; round < ROUNDS; round++) {
        CHECK_OK(services_virtio_rng_open(&rng, find(SERVICES_VIRTIO_ENTROPY)));
        CHECK_OK(services_virtio_rng_read(&rng, bytes[round], sizeof(bytes[0])));
        CHECK_OK(services_virtio_rng_read(&rng, bytes[ROUNDS], 16));
        check_interrupts("interrupts of the entropy source", &rng.channel);
        services_virtio_rng_close(&rng);
        CHECK(!equal(bytes[round], bytes[ROUNDS], 16));
        CHECK(!equal(bytes[round] + sizeof(bytes[0]) - 16, bytes[ROUNDS], 16));
    }
    CHECK(!equal(bytes[0], bytes[1], sizeof(bytes[0])));
}

/* --- Network --- */

enum {
    ARP_SIZE = 42,
    ARP_TYPE = 12,
    ARP_OPERATION = 20,
    ARP_FROM = 22,
    ARP_TO = 32,
    MAC_SIZE = 6,
    IP_SIZE = 4
};

static const uint8_t own_ip[IP_SIZE] = {10, 0, 2, 15}, host_ip[IP_SIZE] = {10, 0, 2, 2};
static const uint8_t host_mac[MAC_SIZE] = {0x52, 0x55, 10, 0, 2, 2};

static void make_request(uint8_t *frame, const uint8_t *mac)
{
    static const uint8_t head[] = {0x08, 0x06, 0, 1, 0x08, 0x00, MAC_SIZE, IP_SIZE, 0, 1};
    for (unsigned i = 0; i < ARP_SIZE; i++) {
        frame[i] = i < MAC_SIZE ? 0xff : 0; /* to all */
    }
    copy(frame + MAC_SIZE, mac, MAC_SIZE);
    copy(frame + ARP_TYPE, head, sizeof(head));
    copy(frame + ARP_FROM, mac, MAC_SIZE);
    copy(frame + ARP_FROM + MAC_SIZE, own_ip, IP_SIZE);
    copy(frame + ARP_TO + MAC_SIZE, host_ip, IP_SIZE);
}

static bool is_answer(const uint8_t *frame, uint32_t size, const uint8_t *mac)
{
    return size >= ARP_SIZE && equal(frame, mac, MAC_SIZE) && frame[ARP_TYPE] == 0x08 &&
           frame[ARP_TYPE + 1] == 0x06 && frame[ARP_OPERATION] == 0 && frame[ARP_OPERATION + 1] == 2 &&
           equal(frame + ARP_FROM, host_mac, MAC_SIZE) &&
           equal(frame + ARP_FROM + MAC_SIZE, host_ip, IP_SIZE) && equal(frame + ARP_TO, mac, MAC_SIZE) &&
           equal(frame + ARP_TO + MAC_SIZE, own_ip, IP_SIZE);
}

/* Other frames may come before. */
static bool is_answered(struct services_virtio_net *net)
{
    static uint8_t frame[SERVICES_VIRTIO_NET_FRAME_MAX];
    uint32_t size = 0;
    make_request(frame, net->mac);
    CHECK_OK(services_virtio_net_send(net, frame, ARP_SIZE));
    while (services_virtio_net_receive(net, frame, &size, 10 * SECOND) == KEEL_OK) {
        if (is_answer(frame, size, net->mac)) {
            return true;
        }
    }
    return false;
}

static void D7_host_of_the_network_answers(void)
{
    static struct services_virtio_net net;
    for (unsigned round = 0; round < ROUNDS; round++) {
        CHECK_OK(services_virtio_net_open(&net, find(SERVICES_VIRTIO_NETWORK)));
        for (unsigned i = 0; i < 3 * SERVICES_VIRTIO_NET_BUFFERS; i++) { /* around both rings */
            CHECK(is_answered(&net));
        }
        check_interrupts("interrupts of the network, receiving", &net.in);
        check_interrupts("interrupts of the network, sending", &net.out);
        services_virtio_net_close(&net);
    }
}

/* --- Console --- */

static void print(struct services_virtio_console *console, const char *text)
{
    size_t size = 0;
    while (text[size] != '\0') {
        size++;
    }
    CHECK_OK(services_virtio_console_send(console, text, size));
}

/* Bytes up to the end of a line, with it. */
static uint32_t read_line(struct services_virtio_console *console, char *line)
{
    uint32_t size = 0, count = 0;
    while (size < LINE_MAX && (size == 0 || line[size - 1] != '\n')) {
        if (services_virtio_console_receive(console, line + size, 1, &count, 10 * SECOND) != KEEL_OK) {
            break;
        }
        size += count;
    }
    return size;
}

static void D7_lines_are_sent_back(void)
{
    static struct services_virtio_console console;
    char line[LINE_MAX];
    CHECK_OK(services_virtio_console_open(&console, find(SERVICES_VIRTIO_CONSOLE)));
    print(&console, "say something\n");
    uint32_t size = read_line(&console, line);
    CHECK_VALUE(size > 0, size);
    print(&console, "you say: ");
    CHECK_OK(services_virtio_console_send(&console, line, size));
    check_interrupts("interrupts of the console, receiving", &console.in);
    check_interrupts("interrupts of the console, sending", &console.out);
    services_virtio_console_close(&console);
    CHECK_OK(services_virtio_console_open(&console, find(SERVICES_VIRTIO_CONSOLE)));
    for (unsigned i = 0; i < 40; i++) { /* around the ring */
        print(&console, "and so on\n");
    }
    services_virtio_console_close(&console);
}

int32_t keel_main(void)
{
    static const struct test tests[] = {
        TEST(D7_entropy_is_another_each_time),
        TEST(D7_host_of_the_network_answers),
        TEST(D7_lines_are_sent_back),
    };
    return tests_run("virtio", tests, COUNT_OF(tests));
}
