/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Mutexes that are shared: who comes in, in which order, upgrade and downgrade (core/mutex.c). The rest of
 * mutexes is in test_sync.c.
 */
#include "core/mutex.h"

#include <string.h>

#include "support.h"

#define MS UINT64_C(1000000)

static keel_mutex_t mutex;

/* What the waiters did, in order: 'a' + index when one came in. */
static char story[16];
static atomic_u32_t told;

static void tell(char what)
{
    story[atomic_u32_fetch_add(&told, 1)] = what;
}

static void begin(void)
{
    atomic_u32_init(&told, 0);
    memset(story, 0, sizeof story);
    CHECK_OK(keel_mutex_create(&mutex));
}

static void end(void)
{
    CHECK_OK(keel_mutex_lock(mutex, 0)); /* nobody holds it */
    CHECK_OK(keel_mutex_unlock(mutex));
    CHECK_OK(keel_mutex_release(mutex));
}

/* A waiter: bit 8 of the argument: shared; bit 9: gives up after 10 ms. */
#define SHARED  0x100u
#define GIVE_UP 0x200u

static void come_in(uint64_t argument)
{
    uint64_t timeout = (argument & GIVE_UP) != 0 ? 10 * MS : KEEL_FOREVER;
    keel_status_t status =
        (argument & SHARED) != 0 ? keel_mutex_lock_shared(mutex, timeout) : keel_mutex_lock(mutex, timeout);
    if (status != KEEL_OK) {
        CHECK_STATUS(status, KEEL_E_TIMEOUT);
        tell('-');
        return;
    }
    tell((char)('a' + (argument & 0xff)));
    CHECK_OK(keel_task_yield()); /* others that may be in, too, come in */
    CHECK_OK(keel_mutex_unlock(mutex));
}

static void check_story(const char *expected)
{
    CHECK(strcmp(story, expected) == 0);
    if (strcmp(story, expected) != 0) {
        print_message("story: %s, expected %s\n", story, expected);
    }
}

static void T9_sharers_come_in_together_and_nobody_overtakes(void)
{
    static const uint64_t waiters[] = {0 | SHARED, 1 | SHARED, 2, 3 | SHARED, 4 | SHARED};
    keel_task_t tasks[5];
    begin();
    CHECK_OK(keel_mutex_lock(mutex, 0));
    for (unsigned i = 0; i < 5; i++) {
        tasks[i] = unit_spawn_until_blocked(come_in, waiters[i]);
    }
    CHECK_OK(keel_mutex_unlock(mutex));
    for (unsigned i = 0; i < 5; i++) {
        CHECK(unit_join(tasks[i]) == 0);
    }
    check_story("abcde");
    end();
}

/* A sharer is in, one who wants it alone waits: a new sharer has to wait behind it. */
static void T9_writer_is_not_starved_by_readers(void)
{
    begin();
    CHECK_OK(keel_mutex_lock_shared(mutex, 0));
    keel_task_t writer = unit_spawn_until_blocked(come_in, 0);
    keel_task_t reader = unit_spawn_until_blocked(come_in, 1 | SHARED);
    check_story("");
    CHECK_OK(keel_mutex_unlock(mutex));
    CHECK(unit_join(writer) == 0);
    CHECK(unit_join(reader) == 0);
    check_story("ab");
    end();
}

static keel_event_t enough;

static void share_until_told(uint64_t argument)
{
    uint64_t sequence;
    (void)argument;
    CHECK_OK(keel_event_create(&enough));
    CHECK_OK(keel_event_sequence(enough, &sequence));
    CHECK_OK(keel_mutex_lock_shared(mutex, 0));
    CHECK_OK(keel_event_wait(enough, sequence, KEEL_FOREVER));
    CHECK_OK(keel_mutex_unlock(mutex));
}

/* The one whom a sharer waits behind gives up: the sharer comes in, though nobody unlocks. */
static void T9_who_gives_up_lets_others_in(void)
{
    begin();
    CHECK_OK(keel_mutex_lock_shared(mutex, 0));
    keel_task_t writer = unit_spawn_until_blocked(come_in, 0 | GIVE_UP);
    keel_task_t reader = unit_spawn_until_blocked(come_in, 1 | SHARED);
    CHECK(unit_join(writer) == 0);
    CHECK(unit_join(reader) == 0);
    CHECK(strchr(story, 'b') != NULL && strchr(story, '-') != NULL);
    CHECK_OK(keel_mutex_unlock(mutex));
    end();
}

/* The one whom a sharer would wait behind has given up, and has had no chance to leave: the sharer does not
 * wait. */
static void T9_nobody_waits_behind_who_has_given_up(void)
{
    begin();
    keel_task_t sharer = unit_spawn_until_blocked(share_until_told, 0);
    keel_task_t writer = unit_spawn_until_blocked(come_in, 0 | GIVE_UP);
    CHECK_STATUS(keel_mutex_lock_shared(mutex, 0), KEEL_E_TIMEOUT);
    unit_let_time_pass();
    CHECK(story[0] == '\0');
    CHECK_OK(keel_mutex_lock_shared(mutex, 0));
    CHECK_OK(keel_mutex_unlock(mutex));
    uint32_t woken;
    CHECK_OK(keel_event_signal(enough, 1, &woken));
    CHECK(unit_join(writer) == 0);
    CHECK(unit_join(sharer) == 0);
    CHECK_OK(keel_event_release(enough));
    check_story("-");
    end();
}

static void T5_every_way_to_hold_and_every_error(void)
{
    begin();
    CHECK_STATUS(keel_mutex_unlock(mutex), KEEL_E_DENIED);
    CHECK_STATUS(keel_mutex_upgrade(mutex, 0), KEEL_E_DENIED);
    CHECK_STATUS(keel_mutex_downgrade(mutex), KEEL_E_DENIED);

    CHECK_OK(keel_mutex_lock_shared(mutex, 0));
    CHECK_STATUS(keel_mutex_lock(mutex, 0), KEEL_E_BUSY);
    CHECK_STATUS(keel_mutex_lock_shared(mutex, 0), KEEL_E_BUSY);
    CHECK_STATUS(keel_mutex_downgrade(mutex), KEEL_E_DENIED);
    CHECK_OK(keel_mutex_upgrade(mutex, 0));
    CHECK_STATUS(keel_mutex_upgrade(mutex, 0), KEEL_E_DENIED);
    CHECK_STATUS(keel_mutex_lock_shared(mutex, 0), KEEL_E_BUSY);
    CHECK_OK(keel_mutex_downgrade(mutex));
    CHECK_STATUS(keel_mutex_downgrade(mutex), KEEL_E_DENIED);
    CHECK_OK(keel_mutex_unlock(mutex));
    CHECK_STATUS(keel_mutex_unlock(mutex), KEEL_E_DENIED);
    end();
}

/* Another life of its slot, and another kind of thing. */
static void H1_held_mutex_is_unlocked_by_its_own_handle(void)
{
    begin();
    keel_mutex_t stale = {mutex.value + 1}, forged = {mutex.value ^ UINT64_C(1) << 63};
    CHECK_OK(keel_mutex_lock(mutex, 0));
    CHECK_STATUS(keel_mutex_unlock(stale), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(keel_mutex_unlock(forged), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(keel_spinlock_unlock((keel_spinlock_t){mutex.value}), KEEL_E_BAD_HANDLE);
    CHECK_OK(keel_mutex_unlock(mutex));
    end();
}

static atomic_u32_t now_upgrade;

static void upgrade_when_told(uint64_t index)
{
    CHECK_OK(keel_mutex_lock_shared(mutex, 0));
    while (atomic_u32_load_acquire(&now_upgrade) == 0) {
        CHECK_OK(keel_task_sleep(MS));
    }
    CHECK_OK(keel_mutex_upgrade(mutex, KEEL_FOREVER));
    tell((char)('a' + index));
    CHECK_OK(keel_mutex_unlock(mutex));
}

/* Upgrading goes before all who wait, also those who came first, and waits for the other sharers; a second
 * one is refused. */
static void T9_upgrade_goes_first(void)
{
    begin();
    atomic_u32_init(&now_upgrade, 0);
    CHECK_OK(keel_mutex_lock_shared(mutex, 0));
    keel_task_t first = unit_spawn_until_blocked(upgrade_when_told, 0);
    keel_task_t writer = unit_spawn_until_blocked(come_in, 1);
    atomic_u32_store_release(&now_upgrade, 1);
    CHECK_OK(keel_task_sleep(20 * MS));
    CHECK_STATUS(keel_mutex_upgrade(mutex, KEEL_FOREVER), KEEL_E_BUSY);
    check_story("");
    CHECK_OK(keel_mutex_unlock(mutex));
    CHECK(unit_join(first) == 0);
    CHECK(unit_join(writer) == 0);
    check_story("ab");
    end();
}

static atomic_u32_t together;

static void meet_inside(uint64_t argument)
{
    (void)argument;
    CHECK_OK(keel_mutex_lock_shared(mutex, KEEL_FOREVER));
    atomic_u32_fetch_add(&together, 1);
    while (atomic_u32_load_acquire(&together) < 2) {
        CHECK_OK(keel_task_sleep(MS));
    }
    CHECK_OK(keel_mutex_unlock(mutex));
}

/* One unlock lets both in: each stays until the other is there, too. */
static void T9_sharers_are_in_at_once(void)
{
    begin();
    atomic_u32_init(&together, 0);
    CHECK_OK(keel_mutex_lock(mutex, 0));
    keel_task_t first = unit_spawn_until_blocked(meet_inside, 0),
                second = unit_spawn_until_blocked(meet_inside, 1);
    CHECK_OK(keel_mutex_unlock(mutex));
    CHECK(unit_join(first) == 0);
    CHECK(unit_join(second) == 0);
    end();
}

static void upgrade_and_give_up(uint64_t argument)
{
    (void)argument;
    CHECK_OK(keel_mutex_lock_shared(mutex, 0));
    CHECK_STATUS(keel_mutex_upgrade(mutex, 10 * MS), KEEL_E_TIMEOUT);
    tell('-');
    CHECK_STATUS(keel_mutex_lock_shared(mutex, 0), KEEL_E_BUSY); /* as before */
    CHECK_OK(keel_mutex_unlock(mutex));
}

static void T9_upgrade_that_gives_up_still_shares(void)
{
    begin();
    CHECK_OK(keel_mutex_lock_shared(mutex, 0));
    keel_task_t other = unit_spawn_until_blocked(upgrade_and_give_up, 0);
    keel_task_t reader = unit_spawn_until_blocked(come_in, 1 | SHARED);
    CHECK(unit_join(other) == 0);
    CHECK(unit_join(reader) == 0);
    CHECK(strchr(story, 'b') != NULL);
    CHECK_OK(keel_mutex_upgrade(mutex, 0));
    CHECK_OK(keel_mutex_unlock(mutex));
    end();
}

static void T9_downgrade_lets_sharers_in(void)
{
    begin();
    CHECK_OK(keel_mutex_lock(mutex, 0));
    keel_task_t reader = unit_spawn_until_blocked(come_in, 0 | SHARED);
    keel_task_t writer = unit_spawn_until_blocked(come_in, 1);
    CHECK_OK(keel_mutex_downgrade(mutex));
    CHECK(unit_join(reader) == 0);
    check_story("a");
    CHECK_OK(keel_mutex_unlock(mutex));
    CHECK(unit_join(writer) == 0);
    check_story("ab");
    end();
}

static void exit_sharing(uint64_t argument)
{
    (void)argument;
    CHECK_OK(keel_mutex_lock_shared(mutex, 0));
}

static void T5_exit_unlocks_what_is_shared(void)
{
    begin();
    CHECK(unit_join(unit_spawn(exit_sharing, 0)) == 0);
    end();
}

static void M6_full_list_of_holds_is_a_limit(void)
{
    keel_mutex_t held[KEEL_HOLDS_MAX];
    begin();
    for (unsigned i = 0; i < KEEL_HOLDS_MAX; i++) {
        CHECK_OK(keel_mutex_create(&held[i]));
        CHECK_OK(i % 2 == 0 ? keel_mutex_lock(held[i], 0) : keel_mutex_lock_shared(held[i], 0));
    }
    CHECK_STATUS(keel_mutex_lock(mutex, 0), KEEL_E_LIMIT);
    CHECK_STATUS(keel_mutex_lock_shared(mutex, KEEL_FOREVER), KEEL_E_LIMIT);
    for (unsigned i = 0; i < KEEL_HOLDS_MAX; i++) {
        CHECK_OK(keel_mutex_unlock(held[i]));
        CHECK_OK(keel_mutex_release(held[i]));
    }
    end();
}

/* Plain numbers: the mutex orders them, which ThreadSanitizer checks. */
static uint32_t low, high;

static void count(uint64_t argument)
{
    for (unsigned i = 0; i < 12; i++) {
        bool look = (argument + i) % 3 == 0;
        CHECK_OK(look ? keel_mutex_lock_shared(mutex, KEEL_FOREVER) : keel_mutex_lock(mutex, KEEL_FOREVER));
        CHECK_EQUAL(low, high);
        bool alone = !look || keel_mutex_upgrade(mutex, (argument + i) % 2 * MS) == KEEL_OK;
        if (alone) {
            low++;
            CHECK_OK(keel_task_yield());
            high++;
        }
        if (alone && i % 2 == 0) {
            CHECK_OK(keel_mutex_downgrade(mutex));
            CHECK_EQUAL(low, high);
        }
        CHECK_OK(keel_mutex_unlock(mutex));
    }
}

static void T5_shared_mutex_excludes(void)
{
    keel_task_t tasks[4];
    begin();
    low = 0;
    high = 0;
    for (uint64_t i = 0; i < 4; i++) {
        tasks[i] = unit_spawn(count, i);
    }
    for (unsigned i = 0; i < 4; i++) {
        CHECK(unit_join(tasks[i]) == 0);
    }
    CHECK_EQUAL(low, high);
    CHECK(low >= 32);
    end();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(T9_sharers_come_in_together_and_nobody_overtakes),
        UNIT(T9_sharers_are_in_at_once),
        UNIT(T9_writer_is_not_starved_by_readers),
        UNIT(T9_who_gives_up_lets_others_in, .seeds = 10),
        UNIT(T5_every_way_to_hold_and_every_error),
        UNIT(H1_held_mutex_is_unlocked_by_its_own_handle),
        UNIT(T9_nobody_waits_behind_who_has_given_up, .config.cpu_count = 1),
        UNIT(T9_upgrade_goes_first),
        UNIT(T9_upgrade_that_gives_up_still_shares, .seeds = 10),
        UNIT(T9_downgrade_lets_sharers_in),
        UNIT(T5_exit_unlocks_what_is_shared),
        UNIT(M6_full_list_of_holds_is_a_limit),
        UNIT(T5_shared_mutex_excludes, .seeds = 40, .config.cpu_count = 3),
    };
    return unit_main(tests, argc, argv);
}
