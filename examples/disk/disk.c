/* SPDX-License-Identifier: BSD-2-Clause
 *
 * disk: a small kernel on Keel's API that drives a virtio disk. It lists the cpio archive at the disk's
 * beginning, prints one of its files, fills the second half of the disk and reads it back.
 *
 * Read it from the bottom. The driver is no part of Keel: services/virtio_blk.c and what that is made of see
 * the public API alone, as this file does.
 */
#include "../common/text.h"
#include "keel/keel.h"
#include "services/cpio.h"
#include "services/defaults.h"
#include "services/virtio_blk.h"

#define SECTOR       SERVICES_VIRTIO_BLK_SECTOR
#define SHOWN        "greeting.txt"
#define STEP         8u /* sectors written at a time */
#define SETTLE_TURNS 10000u

static struct services_virtio_blk disk;

static bool report(const char *text, bool as_it_should)
{
    struct line line = {.length = 0};
    line_add(&line, text);
    line_add(&line, as_it_should ? ": yes" : ": no");
    line_print(&line, "kernel");
    return as_it_should;
}

static bool succeeds(const char *text, keel_status_t status)
{
    struct line line = {.length = 0};
    if (status != KEEL_OK) {
        line_add(&line, text);
        line_add(&line, ": ");
        line_add(&line, keel_status_text(status));
        line_print(&line, "kernel");
    }
    return status == KEEL_OK;
}

/* --- The archive: bytes anywhere, from whole sectors --- */

static keel_status_t read_bytes(void *context, uint64_t offset, void *buffer, size_t size)
{
    uint8_t sector[SECTOR], *to = buffer;
    (void)context;
    while (size > 0) {
        uint64_t first = offset % SECTOR;
        size_t part = size < SECTOR - first ? size : (size_t)(SECTOR - first);
        keel_status_t status = services_virtio_blk_read(&disk, offset / SECTOR, sector, 1);
        if (status != KEEL_OK) {
            return status;
        }
        for (size_t i = 0; i < part; i++) {
            to[i] = sector[first + i];
        }
        to += part;
        offset += part;
        size -= part;
    }
    return KEEL_OK;
}

static bool is_shown(const char *name)
{
    const char *wanted = SHOWN;
    for (; *name != '\0' && *name == *wanted; name++, wanted++) {
    }
    return *name == *wanted;
}

static keel_status_t show(const struct services_source *source, const struct services_cpio_entry *file)
{
    struct line line = {.length = 0};
    char chunk[64];
    for (uint64_t done = 0; done < file->size;) {
        size_t part = file->size - done < sizeof(chunk) ? (size_t)(file->size - done) : sizeof(chunk);
        keel_status_t status = services_source_read(source, file->offset + done, chunk, part);
        if (status != KEEL_OK) {
            return status;
        }
        line_output(&line, SHOWN, chunk, part);
        done += part;
    }
    return KEEL_OK;
}

static void list(const struct services_cpio_entry *file)
{
    struct line line = {.length = 0};
    line_add(&line, "on the disk: ");
    line_add(&line, file->name);
    line_add(&line, ", ");
    line_add_decimal(&line, file->size);
    line_add(&line, " bytes");
    line_print(&line, "kernel");
}

static bool read_archive(void)
{
    const struct services_source source = {read_bytes, NULL, disk.sector_count / 2 * SECTOR};
    struct services_cpio_entry entry;
    uint64_t position = 0;
    bool well = true;
    enum services_cpio_result result = services_cpio_next(&source, &position, &entry);
    for (; result == SERVICES_CPIO_OK; result = services_cpio_next(&source, &position, &entry)) {
        list(&entry);
        if (is_shown(entry.name)) {
            well &= succeeds("reading the file", show(&source, &entry));
        }
    }
    return report("the archive is whole", result == SERVICES_CPIO_END) && well;
}

/* --- The second half: what make_disk.py expects to be there afterwards --- */

static void fill(uint8_t *bytes, uint64_t sector)
{
    for (uint64_t i = 0; i < STEP * SECTOR; i++) {
        uint64_t word = (sector * SECTOR + i) / 8 * UINT64_C(0x9e3779b97f4a7c15);
        bytes[i] = (uint8_t)(word >> 8 * (i % 8));
    }
}

static bool is_filled(const uint8_t *bytes, uint64_t sector)
{
    static uint8_t expected[STEP * SECTOR];
    bool same = true;
    fill(expected, sector);
    for (uint64_t i = 0; i < STEP * SECTOR; i++) {
        same &= bytes[i] == expected[i];
    }
    return same;
}

static bool write_and_read_back(void)
{
    static uint8_t bytes[STEP * SECTOR];
    uint64_t first = disk.sector_count / 2;
    bool well = true, same = true;
    for (uint64_t sector = first; well && sector + STEP <= disk.sector_count; sector += STEP) {
        fill(bytes, sector);
        well = succeeds("writing", services_virtio_blk_write(&disk, sector, bytes, STEP));
    }
    well = well && succeeds("flushing", services_virtio_blk_flush(&disk));
    for (uint64_t sector = first; well && sector + STEP <= disk.sector_count; sector += STEP) {
        well = succeeds("reading", services_virtio_blk_read(&disk, sector, bytes, STEP));
        same &= is_filled(bytes, sector);
    }
    return report("what was written reads back", well && same);
}

/* --- The kernel --- */

/* How many there were depends on the machine; it is no part of the transcript. */
static void log_interrupts(void)
{
    struct keel_irq_handler_info info = {0};
    struct line line = {.length = 0};
    (void)keel_irq_handler_info(disk.channel.handler, &info); /* none: the disk is polled */
    line_add(&line, "interrupts of the disk: ");
    line_add_decimal(&line, info.interrupts);
    (void)keel_log(KEEL_LOG_INFO, line.bytes, line.length);
}

static bool use_disk(void)
{
    uint32_t index = 0;
    keel_status_t status = services_virtio_find(SERVICES_VIRTIO_BLOCK, 0, &index);
    if (status == KEEL_OK) {
        status = services_virtio_blk_open(&disk, index);
    }
    if (!succeeds("opening the disk", status)) {
        return false;
    }
    struct line line = {.length = 0};
    line_add(&line, "sectors: ");
    line_add_decimal(&line, disk.sector_count);
    line_print(&line, "kernel");
    bool well = read_archive();
    well = write_and_read_back() && well;
    log_interrupts();
    services_virtio_blk_close(&disk);
    return well;
}

static uint64_t frames_free(void)
{
    struct keel_boot_info info = {0};
    (void)keel_boot_info(&info);
    return info.frames_free;
}

/* Whatever the remapping hardware needed once for the device, and keeps, the first time has shown. */
static bool close_leaves_nothing(void)
{
    uint32_t index = 0;
    uint64_t before = frames_free();
    bool well = services_virtio_find(SERVICES_VIRTIO_BLOCK, 0, &index) == KEEL_OK &&
                services_virtio_blk_open(&disk, index) == KEEL_OK;
    services_virtio_blk_close(&disk);
    for (uint32_t i = 0; frames_free() != before && i < SETTLE_TURNS; i++) {
        (void)keel_task_yield();
    }
    return report("a closed disk leaves nothing behind", well && frames_free() == before);
}

int32_t keel_main(void)
{
    uint32_t violations = 1;
    bool well = services_inject_defaults() == KEEL_OK;
    well &= use_disk();
    well &= close_leaves_nothing();
    well &= report("the audit is clean", keel_audit(&violations) == KEEL_OK && violations == 0);
    return well ? 0 : 1;
}
