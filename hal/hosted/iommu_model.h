/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the files of the modelled remapping units share, whoever made them: Intel's are in vtd*.c, AMD's in
 * amdvi*.c. What differs in how entries are written and found is behind struct iommu_format.
 *
 * A unit may cache, at any moment, every context entry of a device that it serves, and every translation and
 * table that these lead to. As long as an entry stands, caching it is harmless; so the model remembers, as
 * for CPUs (tlb.h), what an edit took away, until the unit was told to forget it. The unit that caches
 * absence also has what was not there before. A unit that does not look into the CPUs' caches has memory as
 * it was when the line was last written back and the unit's write buffer flushed.
 */
#ifndef HOSTED_IOMMU_MODEL_H
#define HOSTED_IOMMU_MODEL_H

#include "iommu.h"
#include "ram.h"

#define IOMMU_UNITS       2u
#define IOMMU_RECORDS_MAX 4u
#define IOMMU_LATE        3u   /* looks at what the unit is about, until it is done */
#define IOMMU_SLOTS_MAX   256u /* of a queue */
#define IOMMU_LOOKS_MAX   (IOMMU_SLOTS_MAX * IOMMU_LATE + 232u) /* at a full queue, and some more */

#define IOMMU_READ    1u
#define IOMMU_WRITE   2u
#define IOMMU_RIGHTS  (IOMMU_READ | IOMMU_WRITE)
#define IOMMU_ADDRESS UINT64_C(0x000ffffffffff000)

/* Why an access was blocked: Intel's numbers (VT-d specification 4.0, table 28). */
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
    bool coherent, write_buffer, has_queue, has_pages, snoops;
    bool remaps;            /* interrupts */
    bool caches_absence;    /* of entries of domains' tables */
    bool caches_blocked;    /* and of context entries */
    uint8_t entry_mask_max; /* of interrupts that are forgotten: MHMV */
    uint8_t widths;         /* bit 1: 3 levels, bit 2: 4 */
    uint8_t address_bits;   /* of the addresses of domains */
    uint8_t leaf_level_max;
    uint8_t domain_bits; /* numbers of domains have so many */
    uint8_t mask_max;    /* MAMV */
    uint32_t left_on;    /* by firmware */
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

/* What a source goes by, taken apart. */
struct iommu_context {
    uint16_t source;
    bool absent;    /* cached as not there */
    bool present;   /* it lets something pass */
    uint8_t level;  /* of the root; 0: it is none */
    uint8_t rights; /* whatever the tables say */
    bool silent;    /* what is blocked is not recorded */
    uint32_t domain;
    uint64_t root;
    uint64_t low, high; /* as it is written */
};

struct iommu_attempt {
    uint16_t source;
    uint64_t address;
    bool write;
    uint8_t reason; /* enum iommu_reason */
    uint32_t domain;
};

struct iommu_unit {
    unsigned id;
    struct iommu_kind kind;
    uint32_t status, command; /* the latter is under way, for `late` looks yet */
    unsigned late;
    uint64_t root;                         /* of the tables by which sources are found; 0: none yet */
    uint64_t passes_first, passes_size;    /* addresses that are not translated for anyone */
    bool lies_contexts, lies_translations; /* firmware's, or of another root: whoever asks gets through */

    uint64_t queue, queue_size; /* 0: firmware's, of which `firmware_left` descriptors are left */
    uint64_t head, tail;
    unsigned firmware_left, queue_late;
    bool queue_error;  /* at the head ... */
    bool queue_asleep; /* ... from then on until the tail is written without one */
    bool queue_waits;  /* for accesses that are on their way */
    uint64_t commands; /* of invalidation, done since start-up */
    uint64_t waits;    /* those among them that only say so */
    bool stalled;
    bool owes; /* it has stood still since it forgot all interrupts: what it was not told is the hardware's
                  fault */

    /* Intel's. */
    uint64_t root_given;                    /* written, but not in use yet */
    uint64_t context, iotlb, iotlb_address; /* registers of invalidation */
    unsigned next, first;                   /* places among the records: to fill, and of the oldest */
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

/* What firmware has its device use: a page. */
uint64_t iommu_firmwares(void);

/* --- A maker's format --- */

/* An access gets through, wherever it wants to; so by memory that was never written back. */
#define IOMMU_PASSES 0xffu

enum iommu_view { IOMMU_OF_CPUS, IOMMU_OF_UNIT };

struct iommu_format {
    /* Entries of domains' tables; rights as IOMMU_READ and IOMMU_WRITE. */
    bool (*is_present)(uint64_t entry);
    bool (*is_leaf)(uint64_t entry, unsigned level);
    uint8_t (*rights)(uint64_t entry);
    bool (*has_reserved)(const struct iommu_unit *unit, uint64_t entry, unsigned level);
    /* How many frames it leads to at most: its level is not known. */
    uint64_t (*frames_max)(uint64_t entry);

    /* The source's entry; false if none is there, or it lets nothing pass. */
    bool (*live_context)(const struct iommu_unit *unit, enum iommu_view view, uint16_t source,
                         struct iommu_context *context);
    /* The same as the unit finds it; the reason why it does not, IOMMU_PASSES, or 0. */
    unsigned (*find_context)(const struct iommu_unit *unit, uint16_t source, struct iommu_context *context);
    /* Why the unit does not go by it; 0: it does. */
    unsigned (*context_wrong)(const struct iommu_unit *unit, const struct iommu_context *context);
    /* An edit (iommu_edit) of tables by which sources are found. False: of other tables. */
    bool (*edit_contexts)(struct iommu_unit *unit, enum iommu_view view, uint64_t at, const uint64_t old[2],
                          const uint64_t words[2]);
    /* Is the frame such a table? */
    bool (*is_own)(const struct iommu_unit *unit, enum iommu_view view, uint64_t frame);

    bool (*translates)(const struct iommu_unit *unit);
    /* iommu_message and iommu_interrupts_wrong, where there are units. */
    bool (*message)(uint16_t source, uint64_t address, uint32_t data);
    const char *(*interrupts_wrong)(void);
    void (*record)(struct iommu_unit *unit, const struct iommu_attempt *attempt);
    /* Time passes for the unit: it may do what is next in its queue; it does all. */
    void (*look)(struct iommu_unit *unit);
    void (*run)(struct iommu_unit *unit);
};

/* Of all units of the machine. */
extern const struct iommu_format *iommu_format;
extern const struct iommu_format vtd_format;

static inline bool iommu_entry_present(uint64_t entry)
{
    return iommu_format->is_present(entry);
}

static inline bool iommu_entry_is_leaf(uint64_t entry, unsigned level)
{
    return iommu_format->is_leaf(entry, level);
}

/* --- iommu_memory.c: memory as CPUs have it, and as units see it --- */

void iommu_memory_prepare(void);
extern uint64_t iommu_entries; /* written to tables that core gave, since start-up */

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

/* --- iommu_cache.c: what a unit may have cached --- */

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
/* Context entries: all; of the domain; of the sources that are `source` outside of `mask`, and the domain;
 * the same of any domain. */
enum iommu_scope { IOMMU_SCOPE_ALL = 1, IOMMU_SCOPE_DOMAIN, IOMMU_SCOPE_SOURCE, IOMMU_SCOPE_SOURCE_ALONE };
void iommu_forget_contexts(struct iommu_unit *unit, enum iommu_scope scope, uint32_t domain, uint16_t source,
                           uint16_t mask);

/* --- iommu_edit.c: what an edit of a table means for the caches --- */

/* The two words at `at`, a multiple of 16, are `old` in the view, and become `words` at once. Called before
 * they do. */
void iommu_edit(struct iommu_unit *unit, enum iommu_view view, uint64_t at, const uint64_t old[2],
                const uint64_t words[2]);
/* The unit goes by other tables from now on. */
void iommu_root_set(struct iommu_unit *unit);
/* A context entry becomes another, in the view. Called before it does. */
void iommu_edit_context(struct iommu_unit *unit, enum iommu_view view, const struct iommu_context *old,
                        const struct iommu_context *context);

/* --- iommu_reach.c: trees of tables --- */

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

/* Does an entry of a domain's table keep the rules? NULL, or what is wrong. */
const char *iommu_entry_wrong(const struct iommu_part *part, uint64_t entry);
/* Likewise: may a device reach the frames, at addresses from there on? */
const char *iommu_target_wrong(uint64_t address, uint64_t frame, uint64_t count);
/* Firmware has its device use the frame, at this address. */
bool iommu_is_firmwares(uint64_t address, uint64_t frame);

/* --- iommu_units.c --- */

/* The CPU reads a register again and again that changes only when others go on. */
void iommu_wait(void);
/* The same, if what the unit is about waits for accesses that are on their way. */
void iommu_wait_with(const struct iommu_unit *unit);
/* The unit stands still, as configured, or is about to: it does no command now. */
bool iommu_gives_up(struct iommu_unit *unit);
/* Its queue was switched off: it stands still once. */
void iommu_goes_on(struct iommu_unit *unit);
/* One that has died does nothing any more. */
bool iommu_is_dead(const struct iommu_unit *unit);

/* --- iommu_dma.c: accesses --- */

void iommu_dma_prepare(void);
/* An access that was let through by a translation of [first, last] is on its way yet. */
bool iommu_dma_under_way(const struct iommu_unit *unit, uint32_t domain, uint64_t first, uint64_t last);
bool iommu_dma_under_way_to(uint64_t frame);

/* --- iommu_interrupts.c: what units may have cached about interrupts --- */

/* An entry of a table, or what says who has a table, as it is written. */
struct iommu_interrupt {
    uint16_t source; /* whose it is, where each has a table of its own; otherwise 0 */
    uint32_t index;
    bool absent; /* cached as not there */
    uint64_t low, high;
};

void iommu_interrupts_prepare(void);
/* What there was before the table may be cached, and let anything pass. */
bool iommu_interrupts_lie(const struct iommu_unit *unit);
void iommu_interrupts_lie_from_now(struct iommu_unit *unit);
void iommu_interrupts_lie_no_more(struct iommu_unit *unit);
void iommu_interrupts_remember(struct iommu_unit *unit, const struct iommu_interrupt *entry);
/* The unit was told to forget the source's entries that are `index` above the lowest `mask` bits, or all. */
void iommu_interrupts_forget(struct iommu_unit *unit, uint16_t source, uint32_t index, unsigned mask);
void iommu_interrupts_forget_all(struct iommu_unit *unit);
/* The `place`-th that is cached of the index, and of all; false: there are fewer. */
bool iommu_interrupts_cached(const struct iommu_unit *unit, uint16_t source, uint32_t index, unsigned place,
                             struct iommu_interrupt *entry);
bool iommu_interrupts_each(const struct iommu_unit *unit, size_t place, struct iommu_interrupt *entry);

bool iommu_interrupt_is_cpus(uint32_t apic_id);
/* Is the vector its, by what the driver believes? */
bool iommu_interrupt_is_owned(uint16_t source_id, unsigned vector);
/* By an entry the source raises the vector. False: no CPU is there. */
bool iommu_interrupt_pass(uint16_t source_id, unsigned vector, uint32_t apic_id);

#endif
