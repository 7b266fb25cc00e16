/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the files of the modelled remapping units share (Intel VT-d specification 4.0, legacy mode).
 *
 * A unit may cache, at any moment, every context entry of a device that it serves, and every translation and
 * table that these lead to. As long as an entry stands, caching it is harmless; so the model remembers, as
 * for CPUs (tlb.h), what an edit took away, until the unit was told to forget it. The unit that caches
 * absence also has what was not there before. A unit that does not look into the CPUs' caches has memory as
 * it was when the line was last written back and the unit's write buffer flushed.
 */
#ifndef HOSTED_VTD_MODEL_H
#define HOSTED_VTD_MODEL_H

#include "ram.h"
#include "vtd.h"

#define IOMMU_UNITS       2u
#define IOMMU_RECORDS_MAX 4u
#define IOMMU_LATE        3u /* looks at what the unit is about, until it is done */

/* Commands, and the status of each (11.4.4). */
#define IOMMU_TRANSLATE    (UINT32_C(1) << 31)
#define IOMMU_SET_ROOT     (UINT32_C(1) << 30)
#define IOMMU_FLUSH_BUFFER (UINT32_C(1) << 27)
#define IOMMU_QUEUE        (UINT32_C(1) << 26)
#define IOMMU_INTERRUPTS   (UINT32_C(1) << 25)
#define IOMMU_SET_TABLE    (UINT32_C(1) << 24) /* of interrupts */
#define IOMMU_OLD_FORMAT   (UINT32_C(1) << 23) /* of interrupts */

/* Entries (9.1, 9.3, 9.8). */
#define IOMMU_PRESENT   UINT64_C(1) /* of the lower halves of root and context entries */
#define IOMMU_SILENT    UINT64_C(2) /* of a context entry's: faults are not recorded */
#define IOMMU_READ      1u
#define IOMMU_WRITE     2u
#define IOMMU_RIGHTS    (IOMMU_READ | IOMMU_WRITE)
#define IOMMU_LEAF      (UINT64_C(1) << 7)
#define IOMMU_SNOOP     (UINT64_C(1) << 11)
#define IOMMU_TRANSIENT (UINT64_C(1) << 62)

/* The upper halves of fault records (11.4.14). */
#define IOMMU_RECORD_FAULT (UINT64_C(1) << 63)
#define IOMMU_RECORD_READ  (UINT64_C(1) << 62)
#define IOMMU_ADDRESS      UINT64_C(0x000ffffffffff000)

/* Why an access was blocked (table 28). */
enum iommu_reason {
    IOMMU_NO_ROOT_ENTRY = 1,
    IOMMU_NO_CONTEXT_ENTRY,
    IOMMU_CONTEXT_INVALID,
    IOMMU_ADDRESS_BEYOND,
    IOMMU_NO_WRITE,
    IOMMU_NO_READ,
    IOMMU_TABLE_UNREACHABLE,
    IOMMU_ROOT_UNREACHABLE,
    IOMMU_CONTEXT_UNREACHABLE,
    IOMMU_ROOT_RESERVED,
    IOMMU_CONTEXT_RESERVED,
    IOMMU_TABLE_RESERVED,
    /* And an interrupt. */
    IOMMU_REQUEST_RESERVED = 0x20,
    IOMMU_INDEX_BEYOND,
    IOMMU_NO_ENTRY,
    IOMMU_ENTRIES_UNREACHABLE,
    IOMMU_ENTRY_RESERVED,
    IOMMU_IN_OLD_FORMAT,
    IOMMU_NOT_ITS_SOURCE,
};

struct iommu_kind {
    unsigned record_count;
    bool coherent, write_buffer, caches_absence, has_queue, has_pages, snoops, remaps;
    uint8_t entry_mask_max; /* MHMV */
    uint8_t widths;         /* SAGAW: bit 1: 3 levels, bit 2: 4 */
    uint8_t address_bits;   /* MGAW + 1 */
    uint8_t leaf_level_max; /* by SLLPS */
    uint8_t domain_bits;    /* numbers of domains have so many */
    uint8_t mask_max;       /* MAMV */
    uint32_t left_on;       /* by firmware */
};

/* Something that the unit may have cached of a domain's addresses [address, address + size). */
struct iommu_cached {
    enum iommu_cached_kind { IOMMU_CACHED_LEAF, IOMMU_CACHED_TABLE, IOMMU_CACHED_NOTHING } kind;
    bool as_table;  /* it is forgotten only with tables */
    uint8_t rights; /* of all levels together */
    uint8_t level;  /* of the table */
    uint32_t domain;
    uint64_t address, size;
    uint64_t target; /* of the first byte, or the table */
};

struct iommu_context {
    uint16_t source;
    bool absent; /* cached as not there */
    uint64_t low, high;
};

struct iommu_unit {
    unsigned id;
    struct iommu_kind kind;
    uint32_t status, command; /* the latter is under way, for `late` looks yet */
    unsigned late;
    uint64_t root_given, root;              /* written, and in use */
    bool lies_contexts, lies_translations;  /* firmware's, or of another root: whoever asks gets through */
    uint64_t context, iotlb, iotlb_address; /* registers of invalidation */

    uint64_t queue, queue_size; /* 0: firmware's, of which `firmware_left` descriptors are left */
    uint64_t head, tail;
    unsigned firmware_left, queue_late;
    bool queue_error;  /* at the head ... */
    bool queue_asleep; /* ... from then on until the tail is written without one */
    bool queue_waits;  /* for accesses that are on their way */
    uint64_t commands; /* of invalidation, done since start-up */
    bool stalled;

    unsigned next, first; /* places among the records: to fill, and of the oldest */
    bool overflow;
    struct {
        uint64_t low, high;
    } records[IOMMU_RECORDS_MAX];

    /* Kept from run to run, as far as memory goes. */
    struct iommu_cached *cached, *spare;
    size_t cached_count, cached_capacity, spare_capacity;
    struct iommu_context *contexts; /* stale ones */
    size_t context_count, context_capacity;
    uint16_t *sources; /* whose context entries were ever written */
    size_t source_count, source_capacity;
};

extern struct iommu_unit iommu_units[IOMMU_UNITS];

/* Even buses are the first's. */
static inline unsigned iommu_unit_of(uint16_t source)
{
    return source >> 8 & 1;
}

static inline bool iommu_serves(const struct iommu_unit *unit, uint16_t source)
{
    return iommu_unit_of(source) == unit->id;
}

static inline uint64_t iommu_span(unsigned level)
{
    return HAL_PAGE_SIZE << 9 * level;
}

static inline bool iommu_entry_present(uint64_t entry)
{
    return (entry & IOMMU_RIGHTS) != 0;
}

static inline bool iommu_entry_is_leaf(uint64_t entry, unsigned level)
{
    return level == 0 || (entry & IOMMU_LEAF) != 0;
}

static inline uint32_t iommu_domain(uint64_t context_high)
{
    return (uint32_t)(context_high >> 8 & 0xffff);
}

/* Of the root table of a domain; 0 where the width is not one. */
static inline unsigned iommu_top_level(uint64_t context_high)
{
    unsigned width = (unsigned)(context_high & 7);
    return width >= 1 && width <= 3 ? width + 1 : 0;
}

/* --- vtd_memory.c: memory as CPUs have it, and as units see it --- */

enum iommu_view { IOMMU_OF_CPUS, IOMMU_OF_UNIT };

void iommu_memory_prepare(void);

/* The 8 bytes at `at`, which is RAM. False: what the unit sees there was never written back. */
bool iommu_view_load(const struct iommu_unit *unit, enum iommu_view view, uint64_t at, uint64_t *value);
/* Some of what CPUs wrote is not seen by the unit yet. */
bool iommu_view_differs(const struct iommu_unit *unit);
/* The next entry >= from of the table that is not 0; HAL_PT_ENTRIES: none. */
unsigned iommu_view_next(const struct iommu_unit *unit, enum iommu_view view, uint64_t frame, unsigned from);
/* Is all of the page seen by the unit as it was written at some time? */
bool iommu_view_complete(const struct iommu_unit *unit, uint64_t frame);
/* The frames that an entry, if it is one, leads to are looked at when they change their use. */
void iommu_note_target(uint64_t entry);
/* What was written back is seen: no write buffer has it any more. */
void iommu_view_flush(void);

/* --- vtd_cache.c: what a unit may have cached --- */

#define IOMMU_ANY_DOMAIN UINT32_MAX

void iommu_remember(struct iommu_unit *unit, const struct iommu_cached *cached);
void iommu_remember_context(struct iommu_unit *unit, const struct iommu_context *context);
void iommu_note_source(struct iommu_unit *unit, uint16_t source);

/* The entry of a table of `level`, which translates from `address` on with `rights` by the levels above, with
 * all that it leads to of [first, first + (size - 1)]. */
struct iommu_part {
    uint32_t domain;
    unsigned level, rights;
    uint64_t address;
};
void iommu_remember_tree(struct iommu_unit *unit, enum iommu_view view, const struct iommu_part *part,
                         uint64_t entry, uint64_t first, uint64_t last);
/* A domain's root likewise. */
void iommu_remember_root(struct iommu_unit *unit, const struct iommu_context *context, uint64_t first,
                         uint64_t last);

/* The unit was told to forget what it has cached: translations of [first, last], with tables or without. */
void iommu_forget(struct iommu_unit *unit, uint32_t domain, uint64_t first, uint64_t last, bool tables);
/* Context entries: all; of the domain; of the sources that are `source` outside of `mask`, and the domain. */
enum iommu_scope { IOMMU_SCOPE_ALL = 1, IOMMU_SCOPE_DOMAIN, IOMMU_SCOPE_SOURCE };
void iommu_forget_contexts(struct iommu_unit *unit, enum iommu_scope scope, uint32_t domain, uint16_t source,
                           uint16_t mask);

/* --- vtd_edit.c: what an edit of a table means for the caches --- */

/* The two words at `at`, a multiple of 16, are `old` in the view, and become `words` at once. Called before
 * they do. */
void iommu_edit(struct iommu_unit *unit, enum iommu_view view, uint64_t at, const uint64_t old[2],
                const uint64_t words[2]);
/* The source's entry in the unit's context tables; false if none is there, or present. */
bool iommu_live_context(const struct iommu_unit *unit, enum iommu_view view, uint16_t source,
                        struct iommu_context *context);

/* --- vtd_reach.c: trees of tables --- */

/* A table that the unit may walk, at `part.level`. */
struct iommu_tree {
    struct iommu_part part;
    uint64_t frame;
    bool stale;
};
/* Calls visit for each; until it answers true, which is then the answer. */
typedef bool iommu_visit(const struct iommu_unit *unit, enum iommu_view view, const struct iommu_tree *tree,
                         void *argument);
bool iommu_each_tree(const struct iommu_unit *unit, iommu_visit *visit, void *argument);

/* Where the unit may come by the table in `frame`. */
#define IOMMU_PLACES_MAX 16u
size_t iommu_find_places(const struct iommu_unit *unit, uint64_t frame,
                         struct iommu_part places[IOMMU_PLACES_MAX]);
/* What that answers may have changed. */
void iommu_places_changed(void);
uint64_t iommu_places_epoch(void);

/* Does an entry that leads from a domain's table keep the rules? NULL, or what is wrong. */
const char *iommu_entry_wrong(uint64_t entry, unsigned level);

/* --- vtd_queue.c: invalidation --- */

/* Time passes for the unit: it may do what is next in its queue. */
void iommu_queue_look(struct iommu_unit *unit);
void iommu_queue_run(struct iommu_unit *unit);
uint64_t iommu_queue_read_head(struct iommu_unit *unit);
void iommu_queue_write_tail(struct iommu_unit *unit, uint64_t value);
void iommu_queue_write_address(struct iommu_unit *unit, uint64_t value);
void iommu_queue_switched(struct iommu_unit *unit);

/* The CPU reads a register again and again that changes only when others go on. */
void iommu_wait(void);

/* By registers: answers the granularity of what was done; 0: the command is ignored; UINT32_MAX: it waits. */
unsigned iommu_invalidate_contexts(struct iommu_unit *unit, uint64_t command);
unsigned iommu_invalidate_translations(struct iommu_unit *unit, uint64_t address, uint64_t command);

/* --- vtd_interrupt_cache.c: the table of interrupts (9.9), and what a unit may have cached of it --- */

/* An entry of 16 bytes. */
struct iommu_interrupt {
    uint32_t index;
    bool absent; /* cached as not there */
    uint64_t low, high;
};
#define IOMMU_ENTRY_SILENT UINT64_C(2) /* of the lower half: faults are not recorded */

void iommu_interrupts_prepare(void);
/* The register of the table: what was written, and that this is in use from now on. */
uint64_t iommu_interrupts_given(const struct iommu_unit *unit);
void iommu_interrupts_give(struct iommu_unit *unit, uint64_t value);
void iommu_interrupts_use(struct iommu_unit *unit);
/* As iommu_edit, of all units. */
void iommu_interrupts_edit(enum iommu_view view, uint64_t at, const uint64_t old[2], const uint64_t words[2]);
/* The unit was told to forget the entries that are `index` above the lowest `mask` bits, or all. */
void iommu_interrupts_forget_all(struct iommu_unit *unit);
void iommu_interrupts_forget(struct iommu_unit *unit, uint32_t index, unsigned mask);

/* What there was before the table may be cached, and let anything pass. */
bool iommu_interrupts_lie(const struct iommu_unit *unit);
/* 0: there is no table. */
uint32_t iommu_interrupts_count(const struct iommu_unit *unit);
/* The entry of the table as the unit sees it. */
enum iommu_seen { IOMMU_SEEN, IOMMU_UNREACHABLE, IOMMU_NEVER_WRITTEN };
enum iommu_seen iommu_interrupts_load(const struct iommu_unit *unit, uint32_t index,
                                      struct iommu_interrupt *entry);
/* The `place`-th that is cached of the index; false: there are fewer. */
bool iommu_interrupts_cached(const struct iommu_unit *unit, uint32_t index, unsigned place,
                             struct iommu_interrupt *entry);
/* --- vtd_dma.c: accesses --- */

/* The unit records a fault, if there is room; the words are those of a record. */
void iommu_record(struct iommu_unit *unit, uint64_t low, uint64_t high);

void iommu_dma_prepare(void);
/* An access that was let through by a translation of [first, last] is on its way yet. */
bool iommu_dma_under_way(const struct iommu_unit *unit, uint32_t domain, uint64_t first, uint64_t last);
bool iommu_dma_under_way_to(uint64_t frame);

#endif
