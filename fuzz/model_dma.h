/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The model beside which fuzz_model_dma runs Keel: which device reaches which frame at which address, and
 * what is in the frames, in plain arrays. What a device tries to reach it must reach, or not, as they say.
 */
#ifndef FUZZ_MODEL_DMA_H
#define FUZZ_MODEL_DMA_H

#include "model_dma_ops.h"
#include "model_report.h"

#define DMA_RAM      (UINT64_C(2) << 20)
#define DMA_RAM_MUCH (UINT64_C(8) << 20) /* large pages */
#define DMA_FRAMES   (DMA_RAM_MUCH / KEEL_PAGE_SIZE)
#define DMA_LARGE    UINT64_C(512) /* small pages in a large one */

enum dma_flags {
    DMA_AMD = 1u << 0,       /* remapping units are AMD's */
    DMA_REGISTERS = 1u << 1, /* and as the machine's configuration calls it */
    DMA_NARROW = 1u << 2,
    DMA_PLAIN = 1u << 3,
    DMA_DEFAULT_POLICIES = 1u << 4,
};
/* Few inputs have no units at all, devices that are trusted, or room for large pages, which is slow. */
#define DMA_NO_UNITS(flags)    ((flags) >= 0xf0 && (flags) < 0xf8)
#define DMA_TRUST(flags)       ((flags) >= 0xf4 && (flags) < 0xf8)
#define DMA_MUCH_MEMORY(flags) ((flags) >= 0xe0 && (flags) < 0xf0)

#define DMA_DEVICES  4u  /* the last one is a bridge */
#define DMA_SEGMENTS 16u /* at a time */
#define DMA_MAPPINGS 160u
#define DMA_BUFFER   (2u * KEEL_PAGE_SIZE) /* bytes of one copy at most */
#define DMA_GONE     8u                    /* addresses that once led somewhere */

enum dma_kind { DMA_DEVICE, DMA_SEGMENT, DMA_MAPPING, DMA_EVENT, DMA_KINDS };

struct dma_segment {
    uint64_t handle, refs, mappings; /* that hold it; none and no refs: it is not there */
    uint64_t first, count;           /* frames */
};

struct dma_mapping {
    bool used;
    uint64_t handle, refs; /* 0: captive */
    struct dma_device *device;
    uint64_t life; /* of the device's DMA, in which its addresses mean something */
    uint64_t address, page_count;
    uint32_t direction;
    bool later; /* the last release decides */
    uint32_t piece_count;
    struct dma_model_piece {
        struct dma_segment *segment;
        uint64_t index, page_count;
    } pieces[KEEL_DMA_PIECES_MAX];
};

enum dma_life { DMA_OFF, DMA_ON, DMA_CUT_OFF };

struct dma_device {
    uint32_t index; /* among all functions */
    uint16_t source;
    bool bridge;
    uint64_t handle, refs, mappings; /* that hold it */
    enum dma_life state;
    uint64_t life, page_limit;
    bool flushed; /* since it was cut off */
    bool watched;
    /* Attempts: what was told last, how many it can be by now, and those since the records were looked at. */
    uint64_t faults, faults_max, fresh;
    uint64_t last_address;
    bool unsure; /* some of `faults_max` may have been lost */
};

struct model_dma {
    bool held, trusted; /* by units; without any */
    struct dma_device devices[DMA_DEVICES];
    struct dma_segment segments[DMA_SEGMENTS];
    struct dma_mapping mappings[DMA_MAPPINGS];
    struct dma_segment *owners[DMA_FRAMES];
    uint64_t names[DMA_KINDS][MODEL_SLOTS];
    struct {
        struct dma_device *device;
        uint64_t address;
    } gone[DMA_GONE];
    unsigned gone_next;
    uint64_t event, signals; /* of the one event there is */
};

extern struct model_dma dma_model;
/* What is in the frames of segments, one after the other. */
extern unsigned char dma_bytes[DMA_FRAMES * KEEL_PAGE_SIZE];
extern unsigned char dma_buffer[DMA_BUFFER];

#define DMA_DECLARE(name) void dma_model_##name(const struct model_op *op);
DMA_OPERATIONS(DMA_DECLARE)
#undef DMA_DECLARE

/* --- fuzz_model_dma.c --- */

uint64_t dma_name(enum dma_kind kind, uint8_t byte);
/* A new object: no other had its handle (H3), which the slot names now. */
void dma_made(enum dma_kind kind, const struct model_op *op, uint64_t handle);
/* What a call answers that needs nothing but what its handle names; NULL: nothing. */
keel_status_t dma_known(const void *named);
/* And one that copies from or to what has so many bytes. */
keel_status_t dma_copy_status(const void *named, uint64_t room, uint64_t offset, uint64_t size);
/* A byte as an offset, and as bytes of a copy. */
uint64_t dma_offset(uint8_t byte);
size_t dma_size(uint8_t byte);
/* Bytes that differ by place and by `byte`, in dma_buffer. */
void dma_fill(uint8_t byte, size_t size);
/* Is E_NO_MEMORY a good answer of a call that takes so many frames? Then nothing has changed. */
bool dma_lacks_memory(keel_status_t status, keel_status_t expected, uint64_t need);

/* --- model_dma_segments.c --- */

struct dma_segment *dma_segment_named(uint64_t handle);
void dma_segment_settle(struct dma_segment *segment);
void dma_compare_segments(void);
bool dma_segment_has(const struct dma_segment *segment, uint64_t index, uint64_t count);

/* --- model_dma_devices.c --- */

struct dma_device *dma_device_named(uint64_t handle);
/* After whatever drops a hold: without any, its DMA is disabled. */
void dma_device_settle(struct dma_device *device);
/* Records are looked at now. */
void dma_look(void);
void dma_compare_devices(void);

/* --- model_dma_mappings.c --- */

struct dma_mapping *dma_mapping_named(uint64_t handle);
uint64_t dma_pages(const struct dma_device *device);
/* The captive mappings of the device are let go. */
void dma_flushes(struct dma_device *device);
/* Is it captive? */
bool dma_is_captive(const struct dma_mapping *mapping);
/* The bytes of the mapping's page. */
unsigned char *dma_page(const struct dma_mapping *mapping, uint64_t page);
void dma_compare_mappings(void);

/* --- model_dma_access.c --- */

/* One access, chosen by the operation's bytes, after each of them. */
void dma_probe(const struct model_op *op);

#endif
