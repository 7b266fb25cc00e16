/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The virtio driver (services/virtio_*.c, services/virtqueue.c) against disks that lie: whatever they say, it
 * comes back as a status, or as what the disk says that the disk holds.
 */
#include <string.h>

#include "services/virtio_blk.h"
#include "support.h"
#include "virtio_script.h"

#define SECTOR  SERVICES_VIRTIO_BLK_SECTOR
#define SECTORS 128u
#define BYTES   (SECTORS * SECTOR)

static uint8_t contents[BYTES];
static uint8_t buffer[BYTES];
static struct services_virtio_blk blk;
static struct hosted_disk drive = {.bytes = contents, .size = sizeof contents};

/* Each unit test has a machine of its own, but these are the process's. */
static void prepare(enum hosted_virtio_lie lie, unsigned honest)
{
    for (unsigned i = 0; i < BYTES; i++) {
        contents[i] = (uint8_t)(i ^ i >> 8);
    }
    memset(buffer, 0, sizeof buffer);
    drive.virtio.lie = lie;
    drive.virtio.honest = honest;
}

static keel_status_t open_disk(void)
{
    return services_virtio_blk_open(&blk, virtio_index(SERVICES_VIRTIO_BLOCK));
}

/* --- An honest one --- */

static void D7_disk_reads_and_writes(void)
{
    uint32_t index;
    prepare(HOSTED_VIRTIO_HONEST, 0);
    CHECK_STATUS(services_virtio_find(SERVICES_VIRTIO_BLOCK, 1, &index), KEEL_E_NOT_FOUND);
    CHECK_STATUS(services_virtio_find(SERVICES_VIRTIO_BLOCK + 1, 0, &index), KEEL_E_NOT_FOUND);
    CHECK_OK(open_disk());
    CHECK_EQUAL(blk.sector_count, SECTORS);
    CHECK_OK(services_virtio_blk_read(&blk, 0, buffer, SECTORS)); /* several requests */
    CHECK(memcmp(buffer, contents, BYTES) == 0);
    memset(buffer, 0x5a, 33 * SECTOR);
    CHECK_OK(services_virtio_blk_write(&blk, 70, buffer, 33));
    CHECK(memcmp(contents + 70 * SECTOR, buffer, 33 * SECTOR) == 0);
    CHECK(contents[70 * SECTOR - 1] != 0x5a || contents[103 * SECTOR] != 0x5a);
    CHECK_OK(services_virtio_blk_flush(&blk));
    memset(buffer, 0, 3 * SECTOR);
    CHECK_OK(services_virtio_blk_read(&blk, 101, buffer, 3));
    CHECK(memcmp(buffer, contents + 101 * SECTOR, 3 * SECTOR) == 0);
    CHECK_OK(services_virtio_blk_read(&blk, SECTORS, buffer, 0));
    CHECK_STATUS(services_virtio_blk_read(&blk, SECTORS, buffer, 1), KEEL_E_INVALID);
    CHECK_STATUS(services_virtio_blk_read(&blk, SECTORS - 1, buffer, 2), KEEL_E_INVALID);
    CHECK_STATUS(services_virtio_blk_write(&blk, UINT64_MAX, buffer, 2), KEEL_E_INVALID);
    CHECK_STATUS(services_virtio_blk_read(&blk, 1, buffer, UINT64_MAX), KEEL_E_INVALID);
    for (unsigned i = 0; i < 100; i++) { /* around all rings */
        CHECK_OK(services_virtio_blk_read(&blk, i, buffer, 1));
        CHECK(memcmp(buffer, contents + i * SECTOR, SECTOR) == 0);
    }
    services_virtio_blk_close(&blk);
    CHECK_STATUS(services_virtio_blk_read(&blk, 0, buffer, 0), KEEL_E_BAD_HANDLE);
    CHECK_OK(open_disk());
    services_virtio_blk_close(&blk);
    CHECK_AUDIT();
}

static void use_sectors(uint64_t first)
{
    uint8_t sector[SECTOR], back[SECTOR];
    for (unsigned i = 0; i < 4; i++) {
        memset(sector, (int)(first + i), SECTOR);
        CHECK_OK(services_virtio_blk_write(&blk, first + i, sector, 1));
        CHECK_OK(services_virtio_blk_read(&blk, first + i, back, 1));
        CHECK(memcmp(sector, back, SECTOR) == 0);
    }
}

static void D7_disk_serves_several_tasks(void)
{
    prepare(HOSTED_VIRTIO_HONEST, 0);
    CHECK_OK(open_disk());
    keel_task_t other = unit_spawn(use_sectors, 8);
    use_sectors(4);
    CHECK(unit_join(other) == 0);
    for (unsigned i = 4; i < 12; i++) {
        CHECK(contents[i * SECTOR] == i && contents[(i + 1) * SECTOR - 1] == i);
    }
    services_virtio_blk_close(&blk);
}

static uint64_t interrupts(void)
{
    struct keel_irq_handler_info info = {0};
    CHECK_OK(keel_irq_handler_info(blk.channel.handler, &info));
    return info.interrupts;
}

/* A device that does not interrupt, or cannot, is slower. */
static void T9_disk_interrupts_or_is_asked(void)
{
    prepare(HOSTED_VIRTIO_SILENT, 3);
    CHECK_OK(open_disk());
    for (unsigned i = 0; i < 6; i++) {
        CHECK_OK(services_virtio_blk_read(&blk, i, buffer, 1));
    }
    CHECK_OK(keel_task_sleep(1000000)); /* the last one may be on its way */
    CHECK_EQUAL(interrupts(), 3);
    services_virtio_blk_close(&blk);
    prepare(HOSTED_VIRTIO_NO_MESSAGE, 0);
    CHECK_OK(open_disk());
    CHECK_EQUAL(blk.channel.handler.value, 0);
    CHECK_OK(services_virtio_blk_read(&blk, 7, buffer, 1));
    CHECK(memcmp(buffer, contents + 7 * SECTOR, SECTOR) == 0);
    services_virtio_blk_close(&blk);
    CHECK_AUDIT();
}

static void D7_disk_is_one_drivers(void)
{
    static struct services_virtio_blk second;
    prepare(HOSTED_VIRTIO_HONEST, 0);
    CHECK_OK(open_disk());
    CHECK_STATUS(services_virtio_blk_open(&second, virtio_index(SERVICES_VIRTIO_BLOCK)), KEEL_E_BUSY);
    CHECK_STATUS(services_virtio_blk_open(&second, 0), KEEL_E_UNSUPPORTED);
    CHECK_STATUS(services_virtio_blk_open(&second, UINT32_MAX), KEEL_E_UNSUPPORTED);
    CHECK_OK(services_virtio_blk_read(&blk, 0, buffer, 1));
    services_virtio_blk_close(&blk);
}

static void D7_read_only_disk_is_not_written(void)
{
    prepare(HOSTED_VIRTIO_HONEST, 0);
    drive.read_only = true;
    CHECK_OK(open_disk());
    CHECK_STATUS(services_virtio_blk_write(&blk, 0, buffer, 1), KEEL_E_DENIED);
    CHECK_OK(services_virtio_blk_read(&blk, 0, buffer, 1));
    services_virtio_blk_close(&blk);
    drive.read_only = false;
}

/* --- Some that lie --- */

static void D7_disks_that_are_none_are_not_opened(void)
{
    for (unsigned i = 0; i < VIRTIO_COUNT(virtio_closed); i++) {
        prepare(virtio_closed[i].lie, 0);
        CHECK_STATUS(open_disk(), virtio_closed[i].status);
    }
    prepare(HOSTED_VIRTIO_RESTLESS, 0); /* its configuration never stands still */
    CHECK_STATUS(open_disk(), KEEL_E_TIMEOUT);
    prepare(HOSTED_VIRTIO_NO_RESET, 0);
    CHECK_OK(open_disk()); /* as the last one left it, it is reset */
    services_virtio_blk_close(&blk);
    CHECK_STATUS(open_disk(), KEEL_E_TIMEOUT);
    CHECK_AUDIT();
}

/* Whatever a driver agrees to: such a device is not translated, so it reaches no memory (D1). */
static struct hosted_disk untranslated = {
    .bytes = contents, .size = sizeof contents, .virtio.lie = HOSTED_VIRTIO_PHYSICAL};
static struct hosted_pci_function old_function;

static void D3_disks_that_go_past_the_iommu_get_no_memory(void)
{
    uint32_t count = 0;
    CHECK_OK(keel_pci_device_count(&count));
    for (uint32_t i = 0; i < count; i++) {
        keel_pci_device_t device_of_it = {0};
        CHECK_OK(keel_pci_device_acquire(i, &device_of_it));
        CHECK_STATUS(keel_dma_enable(device_of_it, 0), KEEL_E_UNSUPPORTED);
        CHECK_OK(keel_pci_device_release(device_of_it));
    }
    CHECK_EQUAL(unit_console_count("no DMA, since it goes past the remapping hardware"), 2);
}

/* Functions that say of their parts what cannot be. */
enum { COMMON = 0, CONFIG = 8, NOTIFY = 12, MULTIPLIER = 16 }; /* words of hosted_disk_function */
static const struct {
    struct {
        unsigned word;
        uint32_t value;
    } changes[2];
    keel_status_t status;
} lost[] = {
    {{{COMMON + 1, 7}}, KEEL_E_MALFORMED},                                    /* no such BAR */
    {{{COMMON + 1, 1}}, KEEL_E_MALFORMED},                                    /* none there */
    {{{COMMON + 2, 0x4000}}, KEEL_E_MALFORMED},                               /* beyond it */
    {{{COMMON + 2, 0xfffffffc}, {COMMON + 3, 0xffffffff}}, KEEL_E_MALFORMED}, /* around */
    {{{COMMON + 2, 2}}, KEEL_E_MALFORMED},                                    /* not aligned */
    {{{COMMON + 3, 0x37}}, KEEL_E_MALFORMED},                                 /* too small */
    {{{COMMON, 0x010f5009}}, KEEL_E_MALFORMED},                               /* itself too short */
    {{{COMMON, 0x01105009}, {NOTIFY + 3, 0x4000}}, KEEL_E_MALFORMED},         /* larger than the BAR */
    {{{NOTIFY, 0x02109009}}, KEEL_E_MALFORMED},                               /* no multiplier */
    {{{NOTIFY + 3, 1}}, KEEL_E_MALFORMED},                                    /* no room to be told in */
    {{{CONFIG + 3, 4}}, KEEL_E_INVALID},                                      /* half a size */
    {{{CONFIG, 0x09107009}}, KEEL_E_INVALID},                                 /* no configuration */
    {{{COMMON + 1, 7}, {CONFIG, 0x01107009}}, KEEL_E_INVALID},                /* the second is one */
    {{{MULTIPLIER, 0xffffffff}}, KEEL_OK},                                    /* times 0 */
};
#define LOST (sizeof lost / sizeof lost[0])
static struct hosted_pci_function lost_functions[LOST];

static void make_lost_functions(void)
{
    for (unsigned i = 0; i < LOST; i++) {
        lost_functions[i] = hosted_disk_function;
        lost_functions[i].device = (uint8_t)i;
        lost_functions[i].bars[0] += 0x4000 * (i + 1);
        lost_functions[i].bars[1] += 0x2000 * (i + 1);
        for (unsigned j = 0; j < 2 && lost[i].changes[j].value != 0; j++) {
            lost_functions[i].words[lost[i].changes[j].word].value = lost[i].changes[j].value;
        }
    }
    lost_functions[12].words[CONFIG + 2].value = 0; /* where the common part is */
}

static void D7_parts_that_are_nowhere(void)
{
    prepare(HOSTED_VIRTIO_HONEST, 0);
    for (uint32_t i = 0; i < LOST; i++) {
        CHECK_STATUS(services_virtio_blk_open(&blk, i), lost[i].status);
        if (lost[i].status == KEEL_OK) {
            CHECK_OK(services_virtio_blk_read(&blk, 1, buffer, 1));
            services_virtio_blk_close(&blk);
        }
    }
    CHECK_AUDIT();
}

/* As many descriptors as it says are too many, or no power of two. */
static void D7_queues_of_any_size_serve(void)
{
    static const enum hosted_virtio_lie lies[] = {HOSTED_VIRTIO_ODD_QUEUE, HOSTED_VIRTIO_HUGE_QUEUE};
    static const uint16_t sizes[] = {4, SERVICES_VIRTQUEUE_SIZE_MAX};
    for (unsigned i = 0; i < 2; i++) {
        prepare(lies[i], 0);
        CHECK_OK(open_disk());
        CHECK_EQUAL(blk.channel.queue.size, sizes[i]);
        CHECK_OK(services_virtio_blk_read(&blk, 5, buffer, 40));
        CHECK(memcmp(buffer, contents + 5 * SECTOR, 40 * SECTOR) == 0);
        services_virtio_blk_close(&blk);
    }
    prepare(HOSTED_VIRTIO_NO_QUEUE, 0);
    CHECK_STATUS(open_disk(), KEEL_E_NOT_FOUND);
    prepare(HOSTED_VIRTIO_SMALL_QUEUE, 0);
    CHECK_STATUS(open_disk(), KEEL_E_UNSUPPORTED);
}

/* What it does to the request after the second, of one sector. */
static void lie_about_a_request(const struct virtio_case *lying)
{
    prepare(lying->lie, drive.virtio.honest);
    drive.virtio.honest = UINT32_MAX;
    CHECK_OK(open_disk());
    CHECK_OK(services_virtio_blk_read(&blk, 3, buffer, 2));
    CHECK(memcmp(buffer, contents + 3 * SECTOR, 2 * SECTOR) == 0);
    drive.virtio.honest = 0;
    memset(buffer, 0x77, SECTOR);
    CHECK_STATUS(services_virtio_blk_read(&blk, 9, buffer, 1), lying->status);
    CHECK_EQUAL(buffer[0], 0x77); /* nothing came back */
    CHECK_STATUS(services_virtio_blk_read(&blk, 9, buffer, 1), KEEL_E_BUSY);
    CHECK_STATUS(services_virtio_blk_write(&blk, 9, buffer, 1), KEEL_E_BUSY);
    CHECK_STATUS(services_virtio_blk_flush(&blk), KEEL_E_BUSY);
    services_virtio_blk_close(&blk);
    CHECK_AUDIT();
}

static void D7_requests_that_are_lied_about(void)
{
    static const struct virtio_case of_disks[] = {{HOSTED_VIRTIO_ANSWER, KEEL_E_MALFORMED},
                                                  {HOSTED_VIRTIO_NO_ANSWER, KEEL_E_MALFORMED}};
    for (unsigned i = 0; i < VIRTIO_COUNT(virtio_answers); i++) {
        lie_about_a_request(&virtio_answers[i]);
    }
    for (unsigned i = 0; i < VIRTIO_COUNT(of_disks); i++) {
        lie_about_a_request(&of_disks[i]);
    }
    drive.virtio.honest = UINT32_MAX; /* another chance */
    CHECK_OK(open_disk());
    CHECK_OK(services_virtio_blk_read(&blk, 9, buffer, 1));
    CHECK(memcmp(buffer, contents + 9 * SECTOR, SECTOR) == 0);
    services_virtio_blk_close(&blk);
}

static void D7_errors_of_a_disk_are_told(void)
{
    prepare(HOSTED_VIRTIO_ERROR, UINT32_MAX);
    CHECK_OK(open_disk());
    drive.virtio.honest = 0;
    CHECK_STATUS(services_virtio_blk_read(&blk, 0, buffer, 1), KEEL_E_DENIED);
    CHECK_STATUS(services_virtio_blk_write(&blk, 0, buffer, 1), KEEL_E_DENIED);
    drive.virtio.lie = HOSTED_VIRTIO_UNKNOWN;
    CHECK_STATUS(services_virtio_blk_flush(&blk), KEEL_E_UNSUPPORTED);
    drive.virtio.lie = HOSTED_VIRTIO_HONEST;
    CHECK_OK(services_virtio_blk_read(&blk, 0, buffer, 1));
    services_virtio_blk_close(&blk);
}

/* What the driver needs is in memory that no device reaches; what the device reaches is mapped for it (D1).
 */
static void D7_descriptors_written_over_are_the_devices_loss(void)
{
    prepare(HOSTED_VIRTIO_SCRIBBLE, 0);
    CHECK_OK(open_disk());
    for (unsigned i = 0; i < 40; i++) {
        CHECK_OK(services_virtio_blk_read(&blk, i, buffer, 1));
        CHECK(memcmp(buffer, contents + i * SECTOR, SECTOR) == 0);
    }
    services_virtio_blk_close(&blk);
    CHECK_AUDIT();
}

static void D8_disk_that_reaches_for_all_memory_is_cut_off(void)
{
    struct keel_dma_state state = {0};
    prepare(HOSTED_VIRTIO_WILD, 0);
    CHECK_OK(open_disk());
    for (unsigned i = 0; i < 2 * KEEL_DMA_FAULTS_MAX && state.cut_off == 0; i++) {
        CHECK_OK(services_virtio_blk_read(&blk, 1, buffer, 1));
        CHECK_OK(keel_task_sleep(600000000)); /* until the records of attempts are looked at */
        CHECK_OK(keel_dma_state(blk.device.pci, &state));
    }
    CHECK_EQUAL(state.cut_off, 1);
    CHECK_STATUS(services_virtio_blk_read(&blk, 1, buffer, 1), KEEL_E_TIMEOUT);
    services_virtio_blk_close(&blk);
    CHECK_AUDIT();
}

static void D7_disk_that_says_anything(void)
{
    unsigned opened = 0, served = 0, refused = 0;
    prepare(HOSTED_VIRTIO_HONEST, 0);
    for (unsigned i = 0; i < 60; i++) {
        if (services_virtio_blk_open(&blk, 0) != KEEL_OK) {
            continue;
        }
        opened++;
        for (unsigned j = 0; j < 8; j++) {
            keel_status_t status = j % 2 == 0 ? services_virtio_blk_read(&blk, j, buffer, 33)
                                              : services_virtio_blk_write(&blk, j, buffer, 2);
            served += status == KEEL_OK;
            refused += status == KEEL_E_MALFORMED || status == KEEL_E_TIMEOUT;
        }
        services_virtio_blk_close(&blk);
        CHECK_AUDIT();
    }
    CHECK(opened > 10 && served > 10 && refused > 10);
}

/* --- The queue alone, with the test in the device's place --- */

static struct services_virtio_device device;
static struct services_virtqueue queue;

static void use(uint16_t index, uint32_t number, uint32_t written)
{
    uint64_t ring = queue.used_ring - queue.table, entry = ring + 4 + 8ull * ((index - 1u) % queue.size);
    CHECK_OK(keel_dma_store(queue.dma, entry, 4, number));
    CHECK_OK(keel_dma_store(queue.dma, entry + 4, 4, written));
    CHECK_OK(keel_dma_store(queue.dma, ring + 2, 2, index));
}

static void D7_queue_believes_nothing(void)
{
    static const struct services_virtqueue_part parts[3] = {
        {0x1000, 16, false}, {0x2000, 8, true}, {0x3000, 4, true}};
    static const struct {
        uint16_t index;
        uint32_t number, written;
    } lies[] = {
        {2, 3, 13}, {2, 3, UINT32_MAX}, {2, 0, 0}, {2, 1, 0}, {2, 4, 0},    {2, 6, 0},
        {2, 8, 0},  {2, UINT32_MAX, 0}, {3, 3, 0}, {0, 3, 0}, {1000, 3, 0}, {2, 0x10003, 0},
    };
    uint16_t id = 0;
    uint32_t written = 0;
    prepare(HOSTED_VIRTIO_HONEST, 0);
    CHECK_OK(services_virtio_open(&device, virtio_index(SERVICES_VIRTIO_BLOCK), SERVICES_VIRTIO_BLOCK, 0));
    for (unsigned i = 0; i < VIRTIO_COUNT(lies); i++) {
        CHECK_OK(services_virtqueue_create(&queue, device.pci, 8, false));
        CHECK_OK(services_virtqueue_add(&queue, parts, 3, &id)); /* 0, 1, 2 */
        CHECK_OK(services_virtqueue_add(&queue, parts, 3, &id)); /* 3, 4, 5 */
        CHECK_STATUS(services_virtqueue_take(&queue, &id, &written), KEEL_E_NOT_FOUND);
        use(1, 0, 12);
        CHECK_OK(services_virtqueue_take(&queue, &id, &written));
        CHECK(id == 0 && written == 12);
        use(lies[i].index, lies[i].number, lies[i].written);
        CHECK_STATUS(services_virtqueue_take(&queue, &id, &written), KEEL_E_MALFORMED);
        use(2, 3, 12); /* too late */
        CHECK_STATUS(services_virtqueue_take(&queue, &id, &written), KEEL_E_MALFORMED);
        CHECK_STATUS(services_virtqueue_add(&queue, parts, 1, &id), KEEL_E_MALFORMED);
        services_virtqueue_destroy(&queue);
    }
    services_virtio_close(&device);
}

static void D7_queue_takes_no_more_than_it_has(void)
{
    struct services_virtqueue_part parts[5] = {
        {0x1000, 16, false}, {0x2000, 8, true}, {0x3000, 4, true}, {0x4000, 1, true}, {0x5000, 1, true}};
    uint16_t id = 0;
    uint32_t written;
    prepare(HOSTED_VIRTIO_HONEST, 0);
    CHECK_OK(services_virtio_open(&device, virtio_index(SERVICES_VIRTIO_BLOCK), SERVICES_VIRTIO_BLOCK, 0));
    CHECK_STATUS(services_virtqueue_create(&queue, device.pci, 0, false), KEEL_E_INVALID);
    CHECK_STATUS(services_virtqueue_create(&queue, device.pci, 12, false), KEEL_E_INVALID);
    CHECK_STATUS(services_virtqueue_create(&queue, device.pci, 256, false), KEEL_E_INVALID);
    CHECK_OK(services_virtqueue_create(&queue, device.pci, 8, false));
    CHECK_STATUS(services_virtqueue_take(&queue, &id, &written), KEEL_E_NOT_FOUND);
    CHECK_STATUS(services_virtqueue_add(&queue, parts, 0, &id), KEEL_E_INVALID);
    CHECK_OK(services_virtqueue_add(&queue, parts, 5, &id));
    CHECK_EQUAL(id, 0);
    CHECK_EQUAL(queue.slots[0].room, 14);
    CHECK_STATUS(services_virtqueue_add(&queue, parts, 4, &id), KEEL_E_LIMIT);
    CHECK_OK(services_virtqueue_add(&queue, parts, 3, &id));
    CHECK_EQUAL(id, 5);
    CHECK_STATUS(services_virtqueue_add(&queue, parts, 1, &id), KEEL_E_LIMIT);
    parts[2].written = false; /* after one that is written */
    CHECK_STATUS(services_virtqueue_add(&queue, parts, 3, &id), KEEL_E_INVALID);
    parts[2] = (struct services_virtqueue_part){0x3000, UINT32_MAX, true};
    CHECK_STATUS(services_virtqueue_add(&queue, parts, 3, &id), KEEL_E_INVALID);
    parts[2].size = 0;
    CHECK_STATUS(services_virtqueue_add(&queue, parts, 3, &id), KEEL_E_INVALID);
    services_virtqueue_destroy(&queue);
    CHECK_STATUS(services_virtqueue_take(&queue, &id, &written), KEEL_E_MALFORMED);
    services_virtio_close(&device);
}

#define DISK(name) UNIT(name, .config.disk = &drive)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(D7_disk_reads_and_writes, .config.disk = &drive, .seeds = 3),
        UNIT(D7_disk_serves_several_tasks, .config.disk = &drive, .seeds = 5, .by_amd = true),
        UNIT(T9_disk_interrupts_or_is_asked, .config.disk = &drive, .seeds = 3),
        DISK(D7_disk_is_one_drivers),
        DISK(D7_read_only_disk_is_not_written),
        DISK(D7_disks_that_are_none_are_not_opened),
        UNIT(D3_disks_that_go_past_the_iommu_get_no_memory, .config.disk = &untranslated,
             .config.pci = &old_function, .config.pci_count = 1),
        UNIT(D7_parts_that_are_nowhere, .config.disk = &drive, .config.pci = lost_functions,
             .config.pci_count = LOST),
        DISK(D7_queues_of_any_size_serve),
        DISK(D7_requests_that_are_lied_about),
        DISK(D7_errors_of_a_disk_are_told),
        DISK(D7_descriptors_written_over_are_the_devices_loss),
        UNIT(D8_disk_that_reaches_for_all_memory_is_cut_off, .config.disk = &drive, .by_amd = true),
        UNIT(D7_disk_that_says_anything, .config.disk = &drive, .config.pci = &moody_function,
             .config.pci_count = 1, .config.step_limit = 1 << 28),
        DISK(D7_queue_believes_nothing),
        DISK(D7_queue_takes_no_more_than_it_has),
    };
    make_lost_functions();
    old_function = lost_functions[0];
    old_function.device_id = 0x1001;
    make_moody(&hosted_disk_function, &drive.virtio);
    return unit_main(tests, argc, argv);
}
