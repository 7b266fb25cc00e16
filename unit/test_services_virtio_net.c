/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The driver of a virtio network device (services/virtio_net.c) against devices that lie and networks that
 * send anything: it comes back as a status, or as frames that the device says it has written.
 */
#include <string.h>

#include "services/virtio_net.h"
#include "support.h"
#include "virtio_script.h"

#define FRAME_MIN SERVICES_VIRTIO_NET_FRAME_MIN
#define FRAME_MAX SERVICES_VIRTIO_NET_FRAME_MAX
#define BUFFERS   SERVICES_VIRTIO_NET_BUFFERS
#define SECOND    UINT64_C(1000000000)
#define UNTOUCHED 0x77

static uint8_t frame[FRAME_MAX], back[FRAME_MAX];
static struct services_virtio_net net;

/* --- The other end: it sends back what it gets, or frames of its own --- */

static struct peer {
    uint8_t bytes[FRAME_MAX];
    size_t size;    /* of a frame to send; 0: none */
    unsigned taken; /* so far */
    unsigned own;   /* frames to send besides */
} peer;

/* It is the world around the machine, as hal/hosted is, and not one of its threads: several tasks' calls may
 * lead here, one after the other. */
#define OUTSIDE __attribute__((no_sanitize("thread")))

OUTSIDE static void copy(volatile uint8_t *to, const uint8_t *from, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        to[i] = from[i];
    }
}

OUTSIDE static void echo(void *context, const uint8_t *bytes, size_t size)
{
    (void)context;
    copy(peer.bytes, bytes, size);
    peer.size = size;
    peer.taken++;
}

OUTSIDE static size_t give(void *context, uint8_t *bytes)
{
    (void)context;
    size_t size = peer.size;
    copy(bytes, peer.bytes, size);
    peer.size = 0;
    if (size == 0 && peer.own > 0) {
        uint8_t number = (uint8_t)peer.own--;
        for (size = 0; size < 100; size++) {
            copy(bytes + size, &number, 1);
        }
    }
    return size;
}

static struct hosted_arp_host arp_host;
static const uint8_t own_mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
static struct hosted_network network;

/* Each unit test has a machine of its own, but these are the process's. */
static void prepare(enum hosted_virtio_lie lie)
{
    network = (struct hosted_network){.take = echo, .give = give, .virtio = {.lie = lie}};
    memcpy(network.mac, own_mac, sizeof own_mac);
    peer = (struct peer){.size = 0};
    memset(back, UNTOUCHED, sizeof back);
    for (unsigned i = 0; i < FRAME_MAX; i++) {
        frame[i] = (uint8_t)(i ^ i >> 8);
    }
}

static keel_status_t open_device(void)
{
    return services_virtio_net_open(&net, virtio_index(SERVICES_VIRTIO_NETWORK));
}

static keel_status_t receive(uint32_t *size)
{
    return services_virtio_net_receive(&net, back, size, SECOND);
}

/* --- Honest ones --- */

static void D7_frames_go_and_come(void)
{
    static const uint32_t sizes[] = {FRAME_MIN, 60, 1000, FRAME_MAX, FRAME_MIN};
    uint32_t size = 0;
    prepare(HOSTED_VIRTIO_HONEST);
    CHECK_OK(open_device());
    CHECK(memcmp(net.mac, own_mac, sizeof own_mac) == 0);
    for (unsigned i = 0; i < 60; i++) { /* around all rings */
        uint32_t sent = sizes[i % 5];
        frame[0] = (uint8_t)i;
        memset(back, UNTOUCHED, sizeof back);
        CHECK_OK(services_virtio_net_send(&net, frame, sent));
        CHECK_OK(receive(&size));
        CHECK_EQUAL(size, sent);
        CHECK(memcmp(back, frame, sent) == 0);
        CHECK(sent == FRAME_MAX || back[sent] == UNTOUCHED);
    }
    CHECK_STATUS(services_virtio_net_send(&net, frame, FRAME_MIN - 1), KEEL_E_INVALID);
    CHECK_STATUS(services_virtio_net_send(&net, frame, FRAME_MAX + 1), KEEL_E_INVALID);
    CHECK_STATUS(services_virtio_net_send(&net, frame, UINT32_MAX), KEEL_E_INVALID);
    CHECK_EQUAL(peer.taken, 60);
    services_virtio_net_close(&net);
    CHECK_STATUS(services_virtio_net_send(&net, frame, FRAME_MIN), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(receive(&size), KEEL_E_BAD_HANDLE);
    CHECK_AUDIT();
}

static void D7_device_is_one_drivers(void)
{
    static struct services_virtio_net other;
    prepare(HOSTED_VIRTIO_HONEST);
    CHECK_OK(open_device());
    CHECK_STATUS(services_virtio_net_open(&other, virtio_index(SERVICES_VIRTIO_NETWORK)), KEEL_E_BUSY);
    CHECK_STATUS(services_virtio_net_open(&other, 0), KEEL_E_UNSUPPORTED);
    services_virtio_net_close(&net);
    CHECK_OK(open_device());
    services_virtio_net_close(&net);
}

static void D7_host_answers_arp(void)
{
    static const uint8_t request[42] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0, 0x12, 0x34, 0x56, 8, 6, 0, 1, 8, 0,  6, 4, 0,
        1,    0x52, 0x54, 0,    0x12, 0x34, 0x56, 10,   0, 2,    15,   0,    0, 0, 0, 0, 0, 10, 0, 2, 2};
    uint32_t size = 0;
    prepare(HOSTED_VIRTIO_HONEST);
    arp_host = (struct hosted_arp_host){.size = 0};
    network.take = hosted_arp_take;
    network.give = hosted_arp_give;
    network.context = &arp_host;
    CHECK_OK(open_device());
    memcpy(frame, request, sizeof request);
    frame[41] = 3; /* somebody else */
    CHECK_OK(services_virtio_net_send(&net, frame, sizeof request));
    CHECK_STATUS(services_virtio_net_receive(&net, back, &size, SECOND / 100), KEEL_E_TIMEOUT);
    CHECK_OK(services_virtio_net_send(&net, request, sizeof request));
    CHECK_OK(receive(&size));
    CHECK_EQUAL(size, 42);
    CHECK(memcmp(back, own_mac, 6) == 0 && memcmp(back + 32, own_mac, 6) == 0);
    CHECK(back[21] == 2 && memcmp(back + 28, request + 38, 4) == 0);
    services_virtio_net_close(&net);
}

/* More than there are buffers wait where they come from. */
static void D7_frames_that_come_unasked(void)
{
    uint32_t size = 0;
    prepare(HOSTED_VIRTIO_HONEST);
    peer.own = 3 * BUFFERS;
    CHECK_OK(open_device());
    CHECK_EQUAL(peer.own, 2 * BUFFERS - 1); /* one is on its way */
    for (unsigned i = 3 * BUFFERS; i > 0; i--) {
        CHECK_OK(receive(&size));
        CHECK(size == 100 && back[0] == i && back[99] == i && back[100] == UNTOUCHED);
    }
    CHECK_STATUS(services_virtio_net_receive(&net, back, &size, 0), KEEL_E_TIMEOUT);
    services_virtio_net_close(&net);
    CHECK_AUDIT();
}

static void receive_one(uint64_t expected)
{
    uint32_t size = 0;
    CHECK_STATUS(services_virtio_net_receive(&net, back, &size, KEEL_FOREVER),
                 (keel_status_t)(int64_t)expected);
}

static void T9_receiver_is_woken_or_canceled(void)
{
    static uint8_t other[FRAME_MAX];
    uint32_t size = 0;
    prepare(HOSTED_VIRTIO_HONEST);
    network.take = NULL;
    CHECK_OK(open_device());
    keel_task_t receiver = unit_spawn_until_blocked(receive_one, (uint64_t)KEEL_OK);
    peer.own = 1;
    hosted_virtio_arrived(&hosted_network_function);
    CHECK(unit_join(receiver) == 0);
    CHECK_EQUAL(back[0], 1);
    receiver = unit_spawn_until_blocked(receive_one, (uint64_t)(int64_t)KEEL_E_CANCELED);
    CHECK_OK(services_virtio_net_send(&net, frame, FRAME_MIN));
    CHECK_STATUS(services_virtio_net_receive(&net, other, &size, SECOND), KEEL_E_TIMEOUT); /* for the other */
    CHECK_OK(keel_task_cancel(receiver));
    CHECK(unit_join(receiver) == 0);
    peer.own = 1;
    hosted_virtio_arrived(&hosted_network_function);
    CHECK_OK(receive(&size));
    services_virtio_net_close(&net);
    CHECK_AUDIT();
}

/* Each frame's bytes are the sender's number. */
static void send_many(uint64_t number)
{
    uint8_t bytes[200];
    memset(bytes, (int)number, sizeof bytes);
    for (unsigned i = 0; i < 20; i++) {
        CHECK_OK(services_virtio_net_send(&net, bytes, sizeof bytes));
    }
}

OUTSIDE static void count_frame(void *context, const uint8_t *bytes, size_t size)
{
    unsigned *counts = context, same = 0;
    for (size_t i = 0; i < size; i++) {
        same += bytes[i] == bytes[0];
    }
    counts[same == 200 && size == 200 && bytes[0] < 3 ? bytes[0] : 0]++;
}

static void D7_device_serves_several_tasks(void)
{
    static unsigned counts[3];
    uint32_t size = 0;
    prepare(HOSTED_VIRTIO_HONEST);
    memset(counts, 0, sizeof counts);
    network.take = count_frame;
    network.context = counts;
    CHECK_OK(open_device());
    peer.own = 10;
    keel_task_t other = unit_spawn(send_many, 1);
    for (unsigned i = 0; i < 10; i++) {
        hosted_virtio_arrived(&hosted_network_function);
        CHECK_OK(receive(&size));
    }
    send_many(2);
    CHECK(unit_join(other) == 0);
    services_virtio_net_close(&net);
    CHECK(counts[0] == 0 && counts[1] == 20 && counts[2] == 20);
}

/* --- Some that lie --- */

static void D7_devices_that_are_none_are_not_opened(void)
{
    for (unsigned i = 0; i < VIRTIO_COUNT(virtio_closed); i++) {
        prepare(virtio_closed[i].lie);
        CHECK_STATUS(open_device(), virtio_closed[i].status);
    }
    prepare(HOSTED_VIRTIO_RESTLESS); /* its configuration never stands still */
    CHECK_STATUS(open_device(), KEEL_E_TIMEOUT);
    CHECK_AUDIT();
}

static void D7_addresses_that_are_none(void)
{
    prepare(HOSTED_VIRTIO_HONEST);
    network.no_mac = true;
    CHECK_STATUS(open_device(), KEEL_E_UNSUPPORTED);
    network.no_mac = false;
    network.mac[0] |= 1; /* of a group */
    CHECK_STATUS(open_device(), KEEL_E_MALFORMED);
    memset(network.mac, 0, sizeof network.mac);
    CHECK_STATUS(open_device(), KEEL_E_MALFORMED);
    network.mac[5] = 1;
    CHECK_OK(open_device());
    services_virtio_net_close(&net);
}

static void D7_devices_that_are_only_slow_or_wild_serve(void)
{
    static const enum hosted_virtio_lie lies[] = {HOSTED_VIRTIO_SILENT,    HOSTED_VIRTIO_NO_MESSAGE,
                                                  HOSTED_VIRTIO_ODD_QUEUE, HOSTED_VIRTIO_HUGE_QUEUE,
                                                  HOSTED_VIRTIO_SCRIBBLE,  HOSTED_VIRTIO_WILD};
    uint32_t size = 0;
    for (unsigned i = 0; i < VIRTIO_COUNT(lies); i++) {
        prepare(lies[i]);
        CHECK_OK(open_device());
        CHECK_EQUAL(net.in.queue.size, lies[i] == HOSTED_VIRTIO_ODD_QUEUE ? 4 : BUFFERS);
        for (unsigned j = 0; j < 2 * BUFFERS && lies[i] != HOSTED_VIRTIO_WILD; j++) {
            frame[0] = (uint8_t)j;
            CHECK_OK(services_virtio_net_send(&net, frame, 200));
            CHECK_OK(receive(&size));
            CHECK(size == 200 && memcmp(back, frame, 200) == 0);
        }
        services_virtio_net_close(&net);
        CHECK_AUDIT();
    }
}

/* What it does to the second frame that comes. */
static void D7_frames_that_are_lied_about(void)
{
    uint32_t size = 0;
    for (unsigned i = 0; i < VIRTIO_COUNT(virtio_received); i++) {
        prepare(virtio_received[i].lie);
        network.take = NULL;
        network.virtio.honest = UINT32_MAX;
        CHECK_OK(open_device());
        peer.own = 1;
        hosted_virtio_arrived(&hosted_network_function);
        CHECK_OK(receive(&size));
        memset(back, UNTOUCHED, sizeof back);
        network.virtio.honest = 0;
        peer.own = 1;
        hosted_virtio_arrived(&hosted_network_function);
        CHECK_STATUS(receive(&size), virtio_received[i].status);
        CHECK_EQUAL(back[0], UNTOUCHED); /* nothing came back */
        network.virtio.honest = UINT32_MAX;
        bool gone = virtio_received[i].status != KEEL_E_TIMEOUT;
        CHECK_STATUS(receive(&size), gone ? KEEL_E_BUSY : KEEL_E_TIMEOUT);
        CHECK_STATUS(services_virtio_net_send(&net, frame, 60), gone ? KEEL_E_BUSY : KEEL_OK);
        services_virtio_net_close(&net);
        CHECK_AUDIT();
    }
}

/* A buffer that was never written, and the same one over and over: the device has them all, so that is no
 * more than what it could have written. */
static void D7_other_buffers_than_those_written(void)
{
    static const enum hosted_virtio_lie lies[] = {HOSTED_VIRTIO_ID_OTHER, HOSTED_VIRTIO_TWICE};
    uint32_t size = 0;
    for (unsigned i = 0; i < 2; i++) {
        prepare(lies[i]);
        network.take = NULL;
        CHECK_OK(open_device());
        peer.own = 1;
        hosted_virtio_arrived(&hosted_network_function);
        CHECK_OK(receive(&size));
        CHECK(size == 100 && back[0] == (lies[i] == HOSTED_VIRTIO_TWICE) && back[100] == UNTOUCHED);
        services_virtio_net_close(&net);
        CHECK_AUDIT();
    }
}

/* What it does to the first frame that goes comes out with a later one. */
static void D7_sent_frames_that_are_lied_about(void)
{
    uint32_t size = 0;
    for (unsigned i = 0; i < VIRTIO_COUNT(virtio_sent); i++) {
        keel_status_t status = KEEL_OK;
        unsigned sent = 0;
        prepare(virtio_sent[i].lie);
        network.give = NULL;
        CHECK_OK(open_device());
        for (; status == KEEL_OK && sent < 2 * BUFFERS; sent++) {
            status = services_virtio_net_send(&net, frame, FRAME_MAX);
        }
        CHECK_STATUS(status, virtio_sent[i].status);
        CHECK_EQUAL(sent, status == KEEL_E_TIMEOUT ? BUFFERS + 1 : 2); /* when no buffer is left */
        CHECK_STATUS(services_virtio_net_send(&net, frame, FRAME_MAX), KEEL_E_BUSY);
        CHECK_STATUS(receive(&size), KEEL_E_BUSY);
        services_virtio_net_close(&net);
        CHECK_AUDIT();
    }
}

static void D7_device_that_says_anything(void)
{
    unsigned opened = 0, sent = 0, received = 0, refused = 0;
    uint32_t size = 0;
    prepare(HOSTED_VIRTIO_HONEST);
    for (unsigned i = 0; i < 200; i++) {
        if (services_virtio_net_open(&net, 0) != KEEL_OK) {
            continue;
        }
        opened++;
        for (unsigned j = 0; j < 4; j++) {
            keel_status_t status = services_virtio_net_send(&net, frame, 300);
            sent += status == KEEL_OK;
            refused += status == KEEL_E_MALFORMED || status == KEEL_E_TIMEOUT;
            status = receive(&size);
            received += status == KEEL_OK;
            CHECK(status != KEEL_OK || size <= FRAME_MAX);
            refused += status == KEEL_E_MALFORMED;
        }
        services_virtio_net_close(&net);
        CHECK_AUDIT();
    }
    CHECK(opened > 10 && sent > 10 && received > 10 && refused > 10);
}

#define DEVICE(name) UNIT(name, .config.network = &network)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(D7_frames_go_and_come, .config.network = &network, .seeds = 2),
        DEVICE(D7_device_is_one_drivers),
        DEVICE(D7_host_answers_arp),
        DEVICE(D7_frames_that_come_unasked),
        UNIT(T9_receiver_is_woken_or_canceled, .config.network = &network, .seeds = 4,
             .config.step_limit = 1 << 24),
        UNIT(D7_device_serves_several_tasks, .config.network = &network, .seeds = 4),
        DEVICE(D7_devices_that_are_none_are_not_opened),
        DEVICE(D7_addresses_that_are_none),
        DEVICE(D7_devices_that_are_only_slow_or_wild_serve),
        DEVICE(D7_frames_that_are_lied_about),
        DEVICE(D7_other_buffers_than_those_written),
        DEVICE(D7_sent_frames_that_are_lied_about),
        UNIT(D7_device_that_says_anything, .config.network = &network, .config.pci = &moody_function,
             .config.pci_count = 1, .config.step_limit = 1 << 28),
    };
    make_moody(&hosted_network_function, &network.virtio);
    return unit_main(tests, argc, argv);
}
