/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The order of the clients' locks, see core/lock_order.h.
 *
 * The edges stand in one table, each in a chain of those that lead to locks of the same hash. A search goes
 * back from the lock that is held, over each edge at most once. What is known already is not searched for.
 */
#include "core/lock_order.h"

#include "core/cpu.h"
#include "core/log.h"

#define EDGES_MAX   1024u
#define BUCKETS     256u /* a power of 2 */
#define NO_EDGE     UINT16_MAX
#define PRINTED_MAX 16u /* edges of one circle */

_Static_assert(EDGES_MAX <= NO_EDGE, "an edge's index fits");

enum maker { MAKER_TASK, MAKER_WORK, MAKER_HANDLER };

struct edge {
    uint64_t from, to; /* handles */
    /* Who made it. */
    enum maker maker;
    uint32_t cpu;
    char task[TASK_NAME_SIZE]; /* empty unless it was a task */
    const char *call;
    /* Where it stands. */
    uint16_t next;   /* in the bucket of `to` */
    uint16_t after;  /* in the way that the last search found: begins where this one leads to */
    uint64_t search; /* the last one that came here */
};

/* All below is under the lock, but for the count that others may read. */
static struct spinlock lock;
static struct edge edges[EDGES_MAX];
static uint32_t edge_count;
static uint16_t buckets[BUCKETS];
static uint16_t reached[EDGES_MAX]; /* by the search that goes on, in its order */
static uint64_t searches;
static bool said_full;
static atomic_u64_t reports;

static void empty_buckets(void)
{
    for (uint32_t i = 0; i < BUCKETS; i++) {
        buckets[i] = NO_EDGE;
    }
}

void lock_order_init(void)
{
    spinlock_init(&lock);
    edge_count = 0;
    empty_buckets();
    searches = 0;
    said_full = false;
    atomic_u64_init(&reports, 0);
}

bool lock_order_count(uint64_t *count)
{
    *count = atomic_u64_load_relaxed(&reports);
    return true;
}

/* --- The table --- */

static uint16_t *bucket_of(uint64_t handle)
{
    return &buckets[(handle_slot(handle) ^ handle_generation(handle)) % BUCKETS];
}

/* A slot that has ended, or has begun anew, is another lock's. */
static bool is_alive(uint64_t handle)
{
    const struct object *object = object_slot_of((enum object_kind)handle_kind(handle), handle);
    uint64_t word = atomic_u64_peek(&object->ref.word);
    return ref_word_state(word) == REF_LIVE && ref_word_generation(word) == handle_generation(handle);
}

static bool is_known(uint64_t from, uint64_t to)
{
    uint16_t index = *bucket_of(to);
    while (index != NO_EDGE && (edges[index].from != from || edges[index].to != to)) {
        index = edges[index].next;
    }
    return index != NO_EDGE;
}

static void add(const struct edge *edge)
{
    uint16_t *bucket = bucket_of(edge->to), index = (uint16_t)edge_count++;
    edges[index] = *edge;
    edges[index].search = 0;
    edges[index].next = *bucket;
    *bucket = index;
}

/* Only edges between locks that are alive stay. */
static void sweep(void)
{
    uint32_t count = edge_count;
    edge_count = 0;
    empty_buckets();
    for (uint32_t i = 0; i < count; i++) {
        if (is_alive(edges[i].from) && is_alive(edges[i].to)) {
            const struct edge kept = edges[i];
            add(&kept);
        }
    }
}

/* --- The search --- */

/* Comes to the edges that lead to a lock; answers how many have been reached with them. */
static uint32_t reach(uint64_t to, uint16_t after, uint32_t count)
{
    for (uint16_t index = *bucket_of(to); index != NO_EDGE; index = edges[index].next) {
        struct edge *edge = &edges[index];
        if (edge->to == to && edge->search != searches && is_alive(edge->from)) {
            edge->search = searches;
            edge->after = after;
            reached[count++] = index;
        }
    }
    return count;
}

/* The first edge of a shortest way from one lock to another, which goes on by `after`; NO_EDGE: there is
 * none. */
static uint16_t find_way(uint64_t from, uint64_t to)
{
    searches++;
    uint32_t count = reach(to, NO_EDGE, 0);
    for (uint32_t i = 0; i < count; i++) {
        uint16_t index = reached[i];
        if (edges[index].from == from) {
            return index;
        }
        count = reach(edges[index].from, index, count);
    }
    return NO_EDGE;
}

/* --- The report --- */

static void put_lock(struct text *line, uint64_t handle)
{
    text_string(line, handle_kind(handle) == OBJECT_MUTEX ? " mutex " : " spinlock ");
    text_u64(line, handle_slot(handle));
    text_string(line, " (");
    text_hex(line, handle);
    text_char(line, ')');
}

static const char *const makers[] = {
    [MAKER_TASK] = "lock order: task ",
    [MAKER_WORK] = "lock order: work",
    [MAKER_HANDLER] = "lock order: interrupt handler",
};

static void print_edge(const struct edge *edge, const char *end)
{
    struct text line;
    text_clear(&line);
    text_string(&line, makers[edge->maker]);
    text_string(&line, edge->task);
    text_string(&line, " on cpu");
    text_u64(&line, edge->cpu);
    text_string(&line, ", holding");
    put_lock(&line, edge->from);
    text_string(&line, ", called ");
    text_string(&line, edge->call);
    text_string(&line, " for");
    put_lock(&line, edge->to);
    text_string(&line, end);
    log_text(LOG_WARNING, &line);
}

static void report(const struct edge *closing, uint16_t way)
{
    atomic_u64_fetch_add(&reports, 1);
    print_edge(closing, "; against that:");
    for (uint32_t i = 0; i < PRINTED_MAX && way != NO_EDGE; i++) {
        print_edge(&edges[way], "");
        way = edges[way].after;
    }
    if (way != NO_EDGE) {
        log_string(LOG_WARNING, "lock order: and so on");
    }
}

/* --- What code does --- */

static void set_maker(struct edge *edge, const char *call)
{
    unsigned context = cpu_context();
    edge->maker = context == CONTEXT_INTERRUPT ? MAKER_HANDLER
                  : context == CONTEXT_SOFT    ? MAKER_WORK
                                               : MAKER_TASK;
    edge->cpu = hal_cpu_id();
    edge->call = call;
    for (uint32_t i = 0; i < TASK_NAME_SIZE; i++) {
        edge->task[i] = edge->maker == MAKER_TASK ? cpu_this()->current->name[i] : '\0';
    }
}

static void note_edge(uint64_t from, uint64_t to, const char *call)
{
    if (is_known(from, to)) {
        return;
    }
    if (edge_count == EDGES_MAX) {
        sweep();
    }
    if (edge_count < EDGES_MAX) {
        struct edge edge = {.from = from, .to = to};
        set_maker(&edge, call);
        uint16_t way = find_way(to, from);
        if (way != NO_EDGE) {
            report(&edge, way);
        }
        add(&edge);
    } else if (!said_full) {
        said_full = true;
        log_string(LOG_WARNING, "lock order: more orders than there is room for; new ones go unseen");
    }
}

static enum object_kind kind_of(const struct hold *hold)
{
    switch (hold->kind) {
    case HOLD_SPINLOCK:
    case HOLD_SPINLOCK_SHARED:
        return OBJECT_SPINLOCK;
    case HOLD_MUTEX:
    case HOLD_MUTEX_SHARED:
        return OBJECT_MUTEX;
    case HOLD_GUARD:
    case HOLD_GUARD_RCU:
        break;
    }
    return OBJECT_NONE;
}

static bool has_edge(const struct hold *hold, enum object_kind kind, const struct object *wanted)
{
    return kind_of(hold) == kind && hold->object != wanted;
}

static bool have_edges(const struct holds *holds, enum object_kind kind, const struct object *wanted)
{
    uint32_t index = 0;
    while (index < holds->count && !has_edge(&holds->entries[index], kind, wanted)) {
        index++;
    }
    return index < holds->count;
}

static void note_edges(const struct holds *holds, enum object_kind kind, const struct object *wanted,
                       const char *call)
{
    for (uint32_t i = 0; i < holds->count; i++) {
        const struct hold *hold = &holds->entries[i];
        if (has_edge(hold, kind, wanted)) {
            note_edge(object_handle(kind, hold->object), object_handle(kind, wanted), call);
        }
    }
}

/* What the task or the work holds that waits for this handler to return. (A work is on top of a task that
 * holds no spinlock.) */
static const struct holds *held_below(void)
{
    static const struct holds nothing;
    const struct holds *below = cpu_context() == CONTEXT_INTERRUPT ? cpu_this()->interrupted_holds : NULL;
    return below != NULL ? below : &nothing;
}

void lock_order_note(const struct holds *holds, enum object_kind kind, const struct object *wanted,
                     const char *call)
{
    const struct holds *below = held_below();
    if (!have_edges(holds, kind, wanted) && !have_edges(below, kind, wanted)) {
        return; /* mostly: and no lock is taken for it */
    }
    bool interrupts = spinlock_acquire(&lock);
    note_edges(holds, kind, wanted, call);
    note_edges(below, kind, wanted, call);
    spinlock_release(&lock, interrupts);
}
