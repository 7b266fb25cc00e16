/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The allocators that Keel is held against, loaded beside each other.
 */
#include <stddef.h>
#include <string.h>

#include "measure.h"

struct allocator {
    void *(*alloc)(size_t size);
    void (*release)(void *pointer);
};

static struct allocator jemalloc, mimalloc, tcmalloc;

static void load(struct allocator *allocator, const char *file, const char *alloc, const char *release)
{
    void *library = bench_load(file);
    bench_find(library, alloc, &allocator->alloc);
    bench_find(library, release, &allocator->release);
}

static void load_jemalloc(void)
{
    load(&jemalloc, "libjemalloc.so.2", "malloc", "free");
}

static void load_mimalloc(void)
{
    load(&mimalloc, "libmimalloc.so.2.0", "mi_malloc", "mi_free");
}

static void load_tcmalloc(void)
{
    load(&tcmalloc, "libtcmalloc_minimal.so.4", "tc_malloc", "tc_free");
}

static void pairs(const struct allocator *allocator, uint64_t n, size_t size)
{
    for (uint64_t i = 0; i < n; i++) {
        void *pointer = allocator->alloc(size);
        use_memory(pointer);
        allocator->release(pointer);
    }
}

/* Keel hands out frames that are zeroed. */
static void zeroed_pairs(const struct allocator *allocator, uint64_t n, size_t size)
{
    for (uint64_t i = 0; i < n; i++) {
        void *pointer = allocator->alloc(size);
        memset(pointer, 0, size);
        use_memory(pointer);
        allocator->release(pointer);
    }
}

/* clang-format off */
#define PAGE 4096u
#define PEER(name)                                                                                           \
    static void run_##name##_64(uint64_t n) { pairs(&name, n, 64); }                                         \
    static void run_##name##_page(uint64_t n) { pairs(&name, n, PAGE); }                                     \
    static void run_##name##_zeroed(uint64_t n) { zeroed_pairs(&name, n, PAGE); }
PEER(jemalloc)
PEER(mimalloc)
PEER(tcmalloc)

#define ROWS(peer)                                                                                           \
    {.name = #peer "_64", .things = 1, .operations = 50000, .prepare = load_##peer, .run = run_##peer##_64}, \
    {.name = #peer "_page", .things = 1, .operations = 20000, .prepare = load_##peer, .run = run_##peer##_page}, \
    {.name = #peer "_zeroed", .things = 1, .operations = 5000, .prepare = load_##peer, .run = run_##peer##_zeroed}
/* clang-format on */

const struct measure peer_measures[] = {
    ROWS(jemalloc),
    ROWS(mimalloc),
    ROWS(tcmalloc),
    {.name = NULL},
};
