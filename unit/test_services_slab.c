/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The default slab allocator: its own books by direct calls beside a model, then injected under load on
 * several CPUs, where Keel must never have to refuse an answer.
 */
#include "services/slab.h"

#include <string.h>

#include "core/slab.h"
#include "support.h"

#define MODEL_SLABS 600u
#define CLASS       3u
#define SLOTS       5u
#define CPUS        3u

static struct services_slab books;
static struct keel_slab_allocator policy;
static enum { UNKNOWN, FREE, USED } model[MODEL_SLABS][SLOTS];
static uint64_t random_state;

static uint64_t any(uint64_t limit)
{
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (random_state >> 33) % limit;
}

static uint64_t token_at(unsigned slab, unsigned slot)
{
    return (uint64_t)slab * KEEL_SLAB_SLOTS_MAX + slot;
}

static void reset(void)
{
    memset(&books, 0, sizeof books);
    memset(model, 0, sizeof model);
    policy = services_slab_policy(&books);
    random_state = 1;
}

/* Takes a slot as Keel does: asks, and adds a slab if there is none. Answers the token. */
static uint64_t take(uint32_t cpu)
{
    uint64_t token = policy.alloc(policy.context, cpu, CLASS);
    if (token != KEEL_SLAB_NONE) {
        unsigned slab = (unsigned)(token / KEEL_SLAB_SLOTS_MAX),
                 slot = (unsigned)(token % KEEL_SLAB_SLOTS_MAX);
        CHECK(slab < MODEL_SLABS && slot < SLOTS && model[slab][slot] == FREE);
        model[slab][slot] = USED;
        return token;
    }
    for (unsigned slab = 0; slab < MODEL_SLABS; slab++) {
        if (model[slab][0] == UNKNOWN) {
            CHECK(policy.add(policy.context, cpu, CLASS, token_at(slab, 0), SLOTS) == 1);
            for (unsigned slot = 0; slot < SLOTS; slot++) {
                model[slab][slot] = slot == 0 ? USED : FREE;
            }
            return token_at(slab, 0);
        }
    }
    CHECK_NEVER("more slabs than the test has");
    return 0;
}

static void give(uint32_t cpu, uint64_t token)
{
    model[token / KEEL_SLAB_SLOTS_MAX][token % KEEL_SLAB_SLOTS_MAX] = FREE;
    uint64_t given = policy.free(policy.context, cpu, CLASS, token);
    if (given == KEEL_SLAB_NONE) {
        return;
    }
    for (unsigned slot = 0; slot < SLOTS; slot++) { /* only what is wholly free, and its own */
        CHECK(model[given / KEEL_SLAB_SLOTS_MAX][slot] == FREE);
        model[given / KEEL_SLAB_SLOTS_MAX][slot] = UNKNOWN;
    }
}

static unsigned known_slabs(void)
{
    unsigned count = 0;
    for (unsigned slab = 0; slab < MODEL_SLABS; slab++) {
        count += model[slab][0] != UNKNOWN;
    }
    return count;
}

static void P1_books_agree_with_a_model(void)
{
    static uint64_t taken[2000];
    unsigned count = 0;
    reset();
    for (unsigned step = 0; step < 60000; step++) {
        unsigned wish = (step / 5000) % 2 == 0 ? 1500 : 10; /* grows and shrinks */
        uint32_t cpu = (uint32_t)any(CPUS);
        if (count < wish ? any(4) != 0 || count == 0 : count < 2000 && any(4) == 0) {
            taken[count++] = take(cpu);
        } else {
            unsigned index = (unsigned)any(count);
            give(cpu, taken[index]);
            taken[index] = taken[--count];
        }
    }
}

/* What nobody uses goes back, but for the magazines and a spare slab. */
static void M8_free_slabs_are_given_up(void)
{
    static uint64_t taken[1000];
    reset();
    for (unsigned i = 0; i < 1000; i++) {
        taken[i] = take(0);
    }
    CHECK_EQUAL(known_slabs(), 200);
    for (unsigned i = 0; i < 1000; i++) {
        give(0, taken[i]);
    }
    CHECK(known_slabs() <= SERVICES_SLAB_MAGAZINE + SERVICES_SLAB_SPARE);
    for (unsigned round = 0; round < 1000; round++) { /* and while it goes up and down, it does not thrash */
        give(0, take(0));
    }
}

static void P1_one_cpu_uses_what_another_freed(void)
{
    static uint64_t taken[500];
    reset();
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < 500; i++) {
            taken[i] = take(0);
        }
        for (unsigned i = 0; i < 500; i++) {
            give(1, taken[i]);
        }
    }
    CHECK(known_slabs() < 150);
}

static void P1_nonsense_does_no_harm(void)
{
    reset();
    uint64_t token = take(0);
    for (uint64_t i = 0; i < 200; i++) { /* slots of unknown slabs, the same again */
        policy.free(policy.context, 0, CLASS, UINT64_C(1) << 40 | i);
        policy.free(policy.context, 99, CLASS, token);
    }
    CHECK(policy.add(policy.context, 0, CLASS, 0, SLOTS) <= 1);
}

static void M8_slabs_beyond_the_capacity_are_left_to_keel(void)
{
    reset();
    for (uint64_t i = 0; i < SERVICES_SLAB_PAGES; i++) {
        CHECK(policy.add(policy.context, 0, 0, i * KEEL_SLAB_SLOTS_MAX, 128) == 1);
    }
    CHECK(policy.add(policy.context, 0, 0, UINT64_C(1) << 40, 128) == 0);
    CHECK(policy.alloc(policy.context, 0, 0) != KEEL_SLAB_NONE);
}

static struct keel_policy_report report(void)
{
    struct keel_policy_report now = {0};
    CHECK_OK(keel_policy_report(&now));
    return now;
}

static atomic_u32_t exchange_size;
static void *exchange[64];

/* Allocates and frees at random; half of what it frees was allocated by the other task. */
static void churn(uint64_t seed)
{
    static const uint64_t sizes[] = {1, 40, 64, 100, 700, 1344, 2048, 2049, 9000};
    void *own[16] = {NULL};
    uint64_t state = seed;
    for (unsigned step = 0; step < 1500; step++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
        void **place = &own[(state >> 40) % 16];
        if (*place != NULL) {
            CHECK(*(unsigned char *)*place == 0x77);
            CHECK_OK(keel_heap_free(*place));
            *place = NULL;
        } else if (keel_heap_alloc(sizes[(state >> 50) % 9], 1, place) == KEEL_OK) {
            CHECK(*(unsigned char *)*place == 0);
            *(unsigned char *)*place = 0x77;
        }
        uint32_t slot = atomic_u32_fetch_add(&exchange_size, 1);
        if (slot < 64 && *place != NULL) {
            exchange[slot] = *place;
            *place = NULL;
        }
    }
    for (unsigned i = 0; i < 16; i++) {
        if (own[i] != NULL) {
            CHECK_OK(keel_heap_free(own[i]));
        }
    }
}

static void P1_no_answer_is_refused_under_load(void)
{
    keel_task_t others[3];
    reset();
    atomic_u32_init(&exchange_size, 0);
    memset(exchange, 0, sizeof exchange);
    CHECK_OK(keel_slab_allocator_inject(&policy));
    for (uint64_t i = 0; i < 3; i++) {
        others[i] = unit_spawn(churn, i + 1);
    }
    for (unsigned i = 0; i < 3; i++) {
        CHECK(unit_join(others[i]) == 0);
    }
    for (unsigned i = 0; i < 64; i++) { /* freed by another task, on another CPU perhaps */
        if (exchange[i] != NULL) {
            CHECK_OK(keel_heap_free(exchange[i]));
        }
    }
    CHECK_EQUAL(report().slab_wrong, 0);
    CHECK_EQUAL(report().slab_fallbacks, 0);
    CHECK_EQUAL(slab_used_count(), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(P1_books_agree_with_a_model),
        UNIT(M8_free_slabs_are_given_up),
        UNIT(P1_one_cpu_uses_what_another_freed),
        UNIT(P1_nonsense_does_no_harm),
        UNIT(M8_slabs_beyond_the_capacity_are_left_to_keel),
        UNIT(P1_no_answer_is_refused_under_load, .lends_slabs = true, .seeds = 4, .config.cpu_count = 3),
    };
    return unit_main(tests, argc, argv);
}
