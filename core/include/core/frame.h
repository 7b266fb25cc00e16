/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Physical frames: one `struct frame` for every page of RAM below frame_end(), in one array indexed by frame
 * number.
 *
 * What a frame is for is its type, set while it is BUSY and fixed until it is BUSY again:
 *
 *   UNTYPED  LIVE: clients, users and devices may share it; UNIQUE: one handle names it, nothing maps it;
 *            PRIVATE: it is in a list (core/list.h). Content: bytes, moved by the copy primitives (M4)
 *   TABLE    PRIVATE; a page table, owned by its space or by the kernel window; its lock protects the content
 *   STACK    PRIVATE; a task's kernel stack, mapped in the kernel window
 *   HEAP     PRIVATE while it is set up or torn down, else HEAP or HEAP_LENT; a slab page or a part of a
 *            large block; a client may have the C address of its own part of it. Nothing of Keel's is in it
 *   OBJECT   PRIVATE; core's own objects (metadata, pools, vector images)
 *
 * Only UNTYPED frames are ever LIVE or UNIQUE, so no handle can name a typed one (M3).
 */
#ifndef CORE_FRAME_H
#define CORE_FRAME_H

#include "core/memmap.h"
#include "core/object.h"
#include "hal/phys.h"

enum frame_type {
    FRAME_NONE = 0,
    FRAME_UNTYPED,
    FRAME_TABLE,
    FRAME_STACK,
    FRAME_OBJECT,
    FRAME_HEAP,
};

/* Who may edit a page table; core/range.h says how. */
enum table_lock {
    TABLE_FREE = 0, /* what a new table's metadata holds */
    TABLE_HELD = 1,
    TABLE_KEPT = 2,
};

/* What a page table's frame knows of the table. */
struct frame_table {
    atomic_u32_t lock; /* of users' tables: enum table_lock */
    uint16_t entries;  /* entries that are not zero, under the table's lock */
    uint64_t next;     /* the next one of a list that an operation keeps */
};

#define FRAME_WORDS 2u
/* No frame has this number. */
#define FRAME_NUMBER_NONE UINT32_MAX

/* What clients keep with an UNTYPED frame, and its place in a list. The tag is set while UNIQUE and fixed
 * while LIVE; it says what the words mean. */
struct frame_client {
    atomic_u64_t words[FRAME_WORDS];
    uint32_t tag;
    uint32_t next, previous; /* frame numbers, under the list's lock */
};

/* What a frame of the heap knows of itself (core/slab.h): all state of a slab, for a client can write to the
 * page. */
struct frame_slab {
    atomic_u64_t used[2];    /* a bit a slot: somebody has it. Always set for slots that do not exist */
    uint32_t next, previous; /* frame numbers, 0: none. In the class's list, under its lock */
    uint32_t frame_count;    /* > 1: a large block; the other frames stay PRIVATE */
    uint8_t size_class;
    bool listed; /* under the class's lock */
    uint8_t spare[2];
};

struct frame {
    struct ref ref;
    uint32_t owner;       /* the client that it is charged to; 0: the only one so far */
    uint32_t audit_holds; /* scratch of the audit: references that it could account for; 0 between audits */
    uint8_t type;         /* enum frame_type */
    uint8_t reserved[3];  /* 0 */
    atomic_u32_t list;    /* the list that it is in, by slot + 1; 0: none. Changed under that list's lock */
    union {               /* which one holds follows from the type; all zero when the type is set */
        struct frame_table table;
        struct frame_client client;
        struct frame_slab slab;
        uint64_t words[4];
    };
};

/* Makes the array from the map, stealing room for it and marking everything else: what is not USABLE is
 * RESERVED. Boot CPU, once. False: no room. */
bool frame_init(const struct memmap *map);

/* Frees the frames of RECLAIMABLE regions: what boot left there is over. `count` gets their number. E_EXISTS:
 * that was done before. */
keel_status_t frame_reclaim(const struct memmap *map, uint64_t *count);

/* One past the highest frame number that has a `struct frame`. */
uint64_t frame_end(void);
struct frame *frame_at(uint64_t number);
uint64_t frame_number(const struct frame *frame);
/* The handle that names a frame that the caller holds, as OBJECT_FRAME or as OBJECT_UNIQUE. */
uint64_t frame_handle(const struct frame *frame);
uint64_t frame_unique_handle(const struct frame *frame);
hal_paddr_t frame_address(const struct frame *frame);
/* Frames that are Keel's to hand out, and how many of them are FREE now. */
uint64_t frame_total(void);
uint64_t frame_free_count(void);

/* Allocates `count` contiguous frames of one type, the first a multiple of `alignment` (a power of two),
 * zeroed (M9). UNTYPED: LIVE with one reference each and no handle; others PRIVATE. E_NO_MEMORY. */
keel_status_t frame_alloc(enum frame_type type, uint64_t count, uint64_t alignment, struct frame **first);
/* One UNTYPED frame for a client, with one reference, which the handle is. E_NO_MEMORY. */
keel_status_t frame_create(uint64_t *handle);
/* The same, UNIQUE. E_NO_MEMORY. */
keel_status_t frame_create_unique(uint64_t *handle);
/* A BUSY frame becomes FREE. Nothing may reach it any more (M1). */
void frame_free_busy(struct frame *frame);
/* Gives back PRIVATE frames. Nothing may reach them any more (M1). */
void frame_free_private(struct frame *first, uint64_t count);
/* Drops one reference of an UNTYPED frame; frees it after the last. No spinlock held; range locks may be. */
void frame_put(struct frame *frame);
/* Drops a client's handle and the caller's own reference. E_BAD_HANDLE: no client holds one; nothing changed.
 */
keel_status_t frame_put_handle(struct frame *frame);

#endif
