/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Copies out of user memory, and memcpy from as much ordinary memory.
 */
#include "keel/keel.h"

#include <stdlib.h>
#include <string.h>

#include "kernel.h"
#include "measure.h"

#define BASE UINT64_C(0x40000000)
#define SIZE (UINT64_C(1) << 20)

static char *to, *from;

static void prepare_buffers(void)
{
    to = malloc(SIZE);
    from = malloc(SIZE);
    require(to != NULL && from != NULL, "no memory");
    memset(to, 1, SIZE);
    memset(from, 1, SIZE);
}

/* Each page with a frame of its own, so that the caches see on both sides as much. */
static void prepare_user(void)
{
    prepare_buffers();
    struct bench_space space = bench_space_make(BASE, 0);
    for (uint64_t va = BASE; va < BASE + SIZE; va += KEEL_PAGE_SIZE) {
        keel_frame_t frame;
        must(keel_frame_alloc(&frame), "frame_alloc");
        must(keel_space_map((keel_space_t){space.handle}, va, frame, KEEL_READ | KEEL_WRITE), "space_map");
    }
}

static void copy_user(uint64_t n, size_t size)
{
    for (uint64_t i = 0; i < n; i++) {
        must(keel_user_read(BASE, to, size), "user_read");
    }
}

static void copy_plain(uint64_t n, size_t size)
{
    for (uint64_t i = 0; i < n; i++) {
        memcpy(to, from, size);
        use_memory(to);
    }
}

/* clang-format off */
#define COPY(name, size)                                                                                     \
    static void run_user_##name(uint64_t n) { copy_user(n, size); }                                          \
    static void run_memcpy_##name(uint64_t n) { copy_plain(n, size); }
COPY(64, 64)
COPY(4096, 4096)
COPY(1m, SIZE)
/* clang-format on */

const struct measure copy_measures[] = {
    {.name = "user_read_64", .things = 1, .operations = 20000, .prepare = prepare_user, .run = run_user_64},
    {.name = "user_read_4096",
     .things = 1,
     .operations = 10000,
     .prepare = prepare_user,
     .run = run_user_4096},
    {.name = "user_read_1m", .things = 1, .operations = 20, .prepare = prepare_user, .run = run_user_1m},
    {.name = "memcpy_64",
     .things = 1,
     .operations = 100000,
     .prepare = prepare_buffers,
     .run = run_memcpy_64},
    {.name = "memcpy_4096",
     .things = 1,
     .operations = 10000,
     .prepare = prepare_buffers,
     .run = run_memcpy_4096},
    {.name = "memcpy_1m", .things = 1, .operations = 20, .prepare = prepare_buffers, .run = run_memcpy_1m},
    {.name = NULL},
};
