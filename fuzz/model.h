/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The model beside which fuzz_model runs Keel: what a client can know of frames, segments, lists, spaces and
 * the heap, in plain arrays. Nothing of Keel's own bookkeeping is looked at to predict an answer; counts are
 * counted anew each time that they are needed.
 *
 * The input is as in model_report.h, its operations are those of model_ops.h.
 */
#ifndef FUZZ_MODEL_H
#define FUZZ_MODEL_H

#include "model_ops.h"
#include "model_report.h"

#define MODEL_RAM      (UINT64_C(480) << 10) /* quick to compare, and it runs out */
#define MODEL_RAM_MUCH (UINT64_C(7) << 20)   /* two or three large pages */
#define MODEL_FRAMES   (MODEL_RAM_MUCH / KEEL_PAGE_SIZE)

enum model_flags {
    MODEL_DEFAULT_POLICIES = 1u << 0, /* those of services/, otherwise none */
    MODEL_TWO_CPUS = 1u << 1,
};
/* Room for large pages, which is slow, so few inputs have it. */
#define MODEL_MUCH_MEMORY(flags) ((flags) >= 0xf0)

#define MODEL_SEGMENTS 32u
#define MODEL_LISTS    16u
#define MODEL_SPACES   4u
#define MODEL_CURSORS  16u
#define MODEL_BLOCKS   24u                   /* of either way to the heap */
#define MODEL_BLOCK    (20u << 10)           /* bytes of a block at most */
#define MODEL_BUFFER   (3u << 12)            /* bytes of one copy at most */
#define MODEL_LARGE    UINT64_C(512)         /* small pages in a large one */
#define MODEL_PAGES    (64u + 1536u + 1023u) /* that may be mapped: model_pages.c */

enum model_form { MODEL_NONE, MODEL_SHARED, MODEL_UNIQUE, MODEL_LISTED };

/* By frame number. A shared frame may have no handle: a segment or a mapping holds it. */
struct model_frame {
    enum model_form form;
    uint64_t handle; /* of its form; 0: never seen */
    uint32_t handles, tag;
    uint64_t words[KEEL_FRAME_WORDS];
};

struct model_segment {
    uint64_t handle, refs, first, count; /* refs 0: none */
};

struct model_list {
    uint64_t handle, refs, length;
    uint16_t order[MODEL_FRAMES]; /* frame numbers */
};

struct model_page {
    uint16_t number; /* of the frame */
    uint8_t rights;  /* 0: nothing is mapped */
    bool accessed, dirty;
    bool large; /* one of 512 that one entry maps */
};

struct model_space {
    uint64_t handle, refs, cursors; /* open cursors */
    bool active;
    bool edited_by_cursors; /* ever: empty tables may be left, so large pages need not form */
    struct model_page pages[MODEL_PAGES];
};

struct model_cursor {
    uint64_t handle; /* 0: none */
    struct model_space *space;
    uint64_t start, end, at;
    uint64_t kept_start, kept_end; /* the tables that it may keep translate this */
};

struct model_block {
    uint64_t name, refs; /* a handle, or an address: then refs is 1 */
    uint64_t size;
    unsigned char *bytes; /* MODEL_BLOCK of them; while it is in use */
};

/* Kinds of names. */
enum model_kind {
    MODEL_FRAME,
    MODEL_UNIQUE_FRAME,
    MODEL_SEGMENT,
    MODEL_LIST,
    MODEL_SPACE,
    MODEL_CURSOR,
    MODEL_MEMORY,
    MODEL_POINTER,
    MODEL_KINDS,
};

struct model {
    uint64_t frame_count;
    struct model_frame frames[MODEL_FRAMES];
    struct model_segment segments[MODEL_SEGMENTS];
    struct model_list lists[MODEL_LISTS];
    struct model_space spaces[MODEL_SPACES];
    struct model_cursor cursors[MODEL_CURSORS];
    struct model_block memories[MODEL_BLOCKS], pointers[MODEL_BLOCKS];
    uint64_t names[MODEL_KINDS][MODEL_SLOTS];
};

extern struct model model;
/* What is in the frames; a frame that is not in use may have anything here. */
extern unsigned char model_bytes[MODEL_FRAMES][KEEL_PAGE_SIZE];

#define MODEL_DECLARE(name) void model_##name(const struct model_op *op);
MODEL_OPERATIONS(MODEL_DECLARE)
#undef MODEL_DECLARE

/* --- fuzz_model.c: what every operation needs --- */

/* model_answer for a call that takes up to `need` frames: E_NO_MEMORY will do in place of KEEL_OK if there
 * are fewer, and then nothing has changed. */
bool model_answer_memory(keel_status_t status, keel_status_t expected, uint64_t need);
#define MODEL_CONTIGUOUS UINT64_MAX /* need: free frames may not be neighbours */

/* The handle that a byte names; a new one for a slot. */
uint64_t model_name(enum model_kind kind, uint8_t byte);
void model_rename(enum model_kind kind, const struct model_op *op, uint64_t handle);
/* A byte as an offset, a size of a copy, a count. */
uint64_t model_offset(uint8_t byte);
size_t model_size(uint8_t byte);
uint64_t model_count(uint8_t byte);
bool model_fits(uint64_t offset, uint64_t size, uint64_t room);
/* A buffer of bytes that differ by place and by `byte`. */
const unsigned char *model_pattern(uint8_t byte, size_t size);
extern unsigned char model_buffer[MODEL_BUFFER];

/* --- model_frames.c --- */

/* The frame that a handle names now, or NULL. */
struct model_frame *model_shared(uint64_t handle);
struct model_frame *model_unique(uint64_t handle);
uint64_t model_number(const struct model_frame *frame);
/* A new frame at this physical address; its bytes must be zeroes. */
struct model_frame *model_born(uint64_t address, enum model_form form, uint64_t handle);
/* Segments and mappings that hold a frame. */
uint64_t model_holders(uint64_t number);
/* Shared frames that nobody holds any more are free. After whatever drops a hold. */
void model_settle(void);
void model_compare_frames(void);
struct model_segment *model_segment_named(uint64_t handle);
bool model_segment_has(const struct model_segment *segment, uint64_t index, uint64_t count);
void model_compare_segments(void);
void model_compare_lists(void);

/* --- model_pages.c: the array of pages --- */

struct model_page *model_page_at(struct model_space *space, uint64_t va);
/* The first page of the model at or after `*va`, which follows, before `end`; NULL: none. */
struct model_page *model_page_next(struct model_space *space, uint64_t *va, uint64_t end);
/* The same of those that are mapped. */
struct model_page *model_mapped_next(struct model_space *space, uint64_t *va, uint64_t end);
/* Does the model know all of the range? */
bool model_covers(uint64_t va, uint64_t page_count);
uint64_t model_va(uint8_t byte);
keel_status_t model_range_status(uint64_t va, uint64_t page_count);
keel_status_t model_rights_status(uint32_t rights);

void model_pages_map(struct model_space *space, uint64_t va, uint64_t first, uint64_t page_count,
                     uint32_t rights);
/* All pages of the large page at `va`, or its one page, become large or small. */
void model_pages_resize(struct model_space *space, uint64_t va, bool large);
/* Large pages that lie in the range in part. */
uint64_t model_pages_splits(struct model_space *space, uint64_t va, uint64_t end);
uint64_t model_pages_unmap(struct model_space *space, uint64_t va, uint64_t end);
uint64_t model_pages_protect(struct model_space *space, uint64_t va, uint64_t end, uint32_t rights);
uint64_t model_pages_age(struct model_space *space, uint64_t va, uint64_t end, uint32_t marks);
uint64_t model_pages_promote(struct model_space *space, uint64_t va, uint64_t end);
/* The bytes at `va`, with the marks that the access leaves; NULL: it faults. */
unsigned char *model_pages_access(struct model_space *space, uint64_t va, bool write);

/* --- model_spaces.c, model_cursors.c --- */

struct model_space *model_space_named(uint64_t handle);
struct model_space *model_space_active(void);
void model_space_settle(struct model_space *space);
void model_compare_mapping(struct model_space *space, uint64_t va, const struct keel_mapping *mapping);
void model_compare_spaces(void);
/* Handles the answer E_BUSY, or its absence, to an edit of [va, end). True: it was the right one. */
bool model_busy(struct model_space *space, uint64_t va, uint64_t end, keel_status_t status);
void model_compare_cursors(void);

/* --- model_heap.c --- */

void model_compare_heap(void);

/* --- model_end.c --- */

void model_release_all(void);

#endif
