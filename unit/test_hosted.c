/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The hosted machine itself: planted mistakes that it promises to see, how runs end, and how CPUs interleave.
 * A harness that catches nothing proves nothing.
 */
#include "hosted_kernel.h"

#include <string.h>

#include "hal/cpu.h"
#include "hal/machine.h"
#include "hal/user.h"
#include "hal/user_copy.h"
#include "hosted/explore.h"

/* Memory and translations. */

static void reuse_after_flush(void)
{
    hal_paddr_t frame, root = mini_make_space(&frame);
    uint64_t value = 7, back = 0;
    mini_expect(hal_user_copy_out(USER_DATA + 4088, &value, 8) == 8 &&
                hal_user_copy_in(&back, USER_DATA + 4088, 8) == 8);
    mini_expect(back == 7 && hal_user_copy_in(&back, USER_DATA + 4092, 8) == 4);
    mini_unmap(root, USER_DATA);
    hal_tlb_flush_range(USER_DATA, 1);
    hal_frame_use(frame, 1, HAL_FRAME_UNUSED);
    mini_audit();
    mini_expect(mini_audit_lines == 0);
}

static void reuse_without_flush(void)
{
    hal_paddr_t frame, root = mini_make_space(&frame);
    mini_unmap(root, USER_DATA);
    hal_frame_use(frame, 1, HAL_FRAME_UNUSED);
}

static void reuse_with_flush_of_another_page(void)
{
    hal_paddr_t frame, root = mini_make_space(&frame);
    mini_unmap(root, USER_DATA);
    hal_tlb_flush_range(USER_DATA + HAL_PAGE_SIZE, 1);
    hal_frame_use(frame, 1, HAL_FRAME_UNUSED);
}

static void reuse_after_weaker_rights_without_flush(void)
{
    hal_paddr_t frame, root = mini_make_space(&frame);
    uint64_t value = 7;
    mini_map(root, USER_DATA, frame, HAL_PROT_USER);
    mini_expect(hal_user_copy_out(USER_DATA, &value, 8) == 8); /* the old right is still cached */
    hal_tlb_flush_range(USER_DATA, 1);
    mini_expect(hal_user_copy_out(USER_DATA, &value, 8) == 0);
}

static void reuse_while_mapped(void)
{
    hal_paddr_t frame;
    mini_make_space(&frame);
    hal_frame_use(frame, 1, HAL_FRAME_UNUSED);
}

static void reuse_of_a_cached_table(void)
{
    hal_paddr_t frame, root = mini_make_space(&frame);
    struct hal_pte_slot leaf = mini_find_slot(root, USER_DATA);
    mini_unmap(root, USER_DATA);
    hal_tlb_flush_range(USER_DATA, 1);
    struct hal_pte_slot upper = {.root = root, .va = USER_DATA, .level = 1};
    hal_paddr_t table = root;
    for (unsigned level = HAL_PT_LEVELS - 1; level > 1; level--) {
        table = hal_pte_target(hal_table_peek(table, hal_pt_index(USER_DATA, level)));
    }
    upper.table = table;
    hal_pte_exchange(&upper, 0);
    hal_frame_use(leaf.table, 1, HAL_FRAME_UNUSED); /* the paging-structure caches may lead there */
}

#define LARGE_DATA UINT64_C(0x600000)

static struct hosted_config with_large_pages;

/* The entry for LARGE_DATA that can be a page of 2 MiB, and is one now; the leaf of such a page. */
static struct hal_pte_slot map_large(uint64_t *leaf)
{
    hal_paddr_t frame, root = mini_make_space(&frame), run = hal_paddr(UINT64_C(4) << 20);
    struct hal_pte_slot slot = mini_find_slot(root, USER_DATA);
    slot = (struct hal_pte_slot){.root = root, .table = root, .va = LARGE_DATA, .level = HAL_PT_LEVELS - 1};
    for (; slot.level > 1; slot.level--) {
        slot.table = hal_pte_target(hal_pte_load(&slot));
    }
    hal_frame_use(run, HAL_PT_ENTRIES, HAL_FRAME_UNTYPED);
    *leaf = hal_pte_leaf_at(run, 1, HAL_PROT_USER);
    hal_pte_exchange(&slot, *leaf);
    return slot;
}

/* A table whose one leaf is the first part of the large page. */
static uint64_t small_table(const struct hal_pte_slot *large, uint64_t leaf)
{
    struct hal_pte_slot slot = *large;
    slot.table = mini_take_frame(HAL_FRAME_TABLE);
    slot.level = 0;
    hal_pte_exchange(&slot, hal_pte_part(leaf, 1, 0));
    return hal_pte_table(slot.table, HAL_PROT_USER);
}

static void split_in_place(void)
{
    uint64_t leaf;
    struct hal_pte_slot slot = map_large(&leaf);
    hal_pte_exchange(&slot, small_table(&slot, leaf));
}

static void split_without_flush(void)
{
    uint64_t leaf;
    struct hal_pte_slot slot = map_large(&leaf);
    hal_pte_exchange(&slot, hal_pte_changing(leaf));
    hal_pte_exchange(&slot, small_table(&slot, leaf));
}

static void split_and_join(bool flush)
{
    uint64_t leaf;
    struct hal_pte_slot slot = map_large(&leaf);
    hal_pte_exchange(&slot, hal_pte_changing(leaf));
    hal_tlb_flush_range(LARGE_DATA, HAL_PT_ENTRIES);
    uint64_t link = small_table(&slot, leaf);
    hal_pte_exchange(&slot, link);
    hal_pte_exchange(&slot, hal_pte_changing(link));
    if (flush) {
        hal_tlb_flush_range(LARGE_DATA, HAL_PT_ENTRIES);
    }
    hal_pte_exchange(&slot, leaf);
}

static void joined_without_flush(void)
{
    split_and_join(false);
}

static void split_and_joined_after_flushes(void)
{
    split_and_join(true);
}

static void moved_in_place(void)
{
    hal_paddr_t frame, root = mini_make_space(&frame);
    mini_map(root, USER_DATA, mini_take_frame(HAL_FRAME_UNTYPED), HAL_PROT_USER);
}

static void reuse_of_the_loaded_root(void)
{
    hal_paddr_t root = mini_make_root();
    hal_root_load(root, 0, false);
    hal_frame_use(root, 1, HAL_FRAME_UNUSED);
}

static void reuse_of_a_root_that_was_left(void)
{
    hal_paddr_t root = mini_make_root();
    hal_root_load(root, 1, false);
    hal_root_load(hal_kernel_root(), 0, true);
    hal_frame_use(root, 1, HAL_FRAME_UNUSED); /* what is cached of it is there again when the tag is */
}

static void reuse_of_a_page_that_a_left_root_mapped(void)
{
    hal_paddr_t frame, root = mini_make_space(&frame); /* under tag 0 */
    hal_root_load(hal_kernel_root(), 1, false);
    mini_unmap(root, USER_DATA);
    hal_tlb_flush_range(USER_DATA, 1); /* under the wrong tag */
    hal_frame_use(frame, 1, HAL_FRAME_UNUSED);
}

static void reuse_after_the_tag_was_flushed(void)
{
    hal_paddr_t frame, root = mini_make_space(&frame);
    hal_root_load(hal_kernel_root(), 1, false);
    mini_unmap(root, USER_DATA);
    hal_tlb_flush_tag(0);
    hal_frame_use(frame, 1, HAL_FRAME_UNUSED);
    mini_audit();
    mini_expect(mini_audit_lines == 0);
}

static void old_translation_under_a_kept_tag(void)
{
    hal_paddr_t frame, root = mini_make_space(&frame);
    uint64_t value = 7;
    hal_root_load(hal_kernel_root(), 1, false);
    mini_unmap(root, USER_DATA);
    hal_root_load(root, 0, true);
    mini_expect(hal_user_copy_in(&value, USER_DATA, 8) == 8);  /* it has it still */
    mini_expect(hal_user_copy_out(USER_DATA, &value, 8) == 0); /* and nowhere to note the first write */
    hal_root_load(root, 0, false);
    mini_expect(hal_user_copy_in(&value, USER_DATA, 8) == 0);
}

static void translations_of_another_root_kept(void)
{
    hal_paddr_t frame;
    mini_make_space(&frame);
    hal_root_load(mini_make_root(), 0, true);
}

static void root_under_no_tag(void)
{
    hal_root_load(hal_kernel_root(), hal_tlb_tag_count(), false);
}

static void loaded_tag_flushed_as_another(void)
{
    hal_tlb_flush_tag(0);
}

static void reuse_of_a_stack_without_sync(void)
{
    mini_make_stack();
    hal_paddr_t frame = hal_pte_target(
        hal_pte_load(&(struct hal_pte_slot){.root = hal_kernel_root(),
                                            .table = mini_find_slot(hal_kernel_root(), STACK_VA).table,
                                            .va = STACK_VA}));
    mini_unmap(hal_kernel_root(), STACK_VA);
    hal_tlb_flush_window(STACK_VA, 1);
    hal_frame_use(frame, 1, HAL_FRAME_UNUSED);
}

static void writable_and_executable(void)
{
    mini_map(mini_make_root(), USER_DATA, mini_take_frame(HAL_FRAME_UNTYPED),
             HAL_PROT_USER | HAL_PROT_WRITE | HAL_PROT_EXEC);
}

static void table_mapped_for_users(void)
{
    mini_map(mini_make_root(), USER_DATA, mini_take_frame(HAL_FRAME_TABLE), HAL_PROT_USER);
}

static void unused_memory_read(void)
{
    uint64_t value;
    hal_phys_read(&value, mini_take_frame(HAL_FRAME_UNUSED), sizeof value);
}

static void table_written_by_copy(void)
{
    uint64_t value = 0;
    hal_phys_write(mini_take_frame(HAL_FRAME_TABLE), &value, sizeof value);
}

static void fresh_memory_is_junk(void)
{
    uint64_t value = 0;
    hal_paddr_t frame = mini_take_frame(HAL_FRAME_UNUSED);
    hal_frame_use(frame, 1, HAL_FRAME_UNTYPED);
    hal_phys_read(&value, frame, sizeof value);
    mini_expect(value != 0);
}

static void unsanitised_registers(void)
{
    hal_paddr_t frame;
    struct keel_user_event event;
    struct keel_user_regs regs = {.rip = USER_CODE, .rsp = USER_DATA, .rflags = 0x3202};
    mini_make_space(&frame);
    hal_user_run(&regs, &event);
}

static void A2_flushed_frame_is_reused(void **state)
{
    (void)state;
    mini_run_well(reuse_after_flush, NULL);
}

static void A2_missed_flush_is_reported(void **state)
{
    (void)state;
    mini_run_badly(reuse_without_flush, "A2:");
    mini_run_badly(reuse_with_flush_of_another_page, "A2:");
    mini_run_badly(reuse_of_a_cached_table, "A2:");
    mini_run_badly(reuse_of_the_loaded_root, "A2:");
    mini_run_badly(reuse_of_a_stack_without_sync, "A2:");
    mini_run_badly(reuse_of_a_root_that_was_left, "A2:");
    mini_run_badly(reuse_of_a_page_that_a_left_root_mapped, "A2:");
}

static void A2_tag_keeps_what_it_has_until_its_flush(void **state)
{
    (void)state;
    mini_run_well(reuse_after_the_tag_was_flushed, NULL);
    mini_run_well(old_translation_under_a_kept_tag, NULL);
    mini_run_badly(translations_of_another_root_kept, "HAL:");
    mini_run_badly(root_under_no_tag, "HAL:");
    mini_run_badly(loaded_tag_flushed_as_another, "HAL:");
}

static void A2_page_of_two_sizes_is_reported(void **state)
{
    (void)state;
    with_large_pages = mini_small;
    with_large_pages.ram_size = UINT64_C(8) << 20;
    mini_run_showing(&with_large_pages, split_in_place, NULL, "A2:");
    mini_run_showing(&with_large_pages, split_without_flush, NULL, "A2:");
    mini_run_showing(&with_large_pages, joined_without_flush, NULL, "A2:");
    mini_run_showing(&with_large_pages, split_and_joined_after_flushes, NULL, "");
    mini_run_badly(moved_in_place, "A2:");
}

static void A2_withdrawn_right_lives_until_the_flush(void **state)
{
    (void)state;
    mini_run_well(reuse_after_weaker_rights_without_flush, NULL);
}

static void M1_mapped_frame_is_reported(void **state)
{
    (void)state;
    mini_run_badly(reuse_while_mapped, "M1:");
}

static void A4_writable_code_is_reported(void **state)
{
    (void)state;
    mini_run_badly(writable_and_executable, "A4:");
}

static void A1_typed_frame_for_users_is_reported(void **state)
{
    (void)state;
    mini_run_badly(table_mapped_for_users, "A1:");
}

static void M3_stray_copy_is_reported(void **state)
{
    (void)state;
    mini_run_badly(unused_memory_read, "M3:");
    mini_run_badly(table_written_by_copy, "M3:");
}

static void M9_fresh_memory_is_not_zero(void **state)
{
    (void)state;
    mini_run_well(fresh_memory_is_junk, NULL);
}

static void U1_unsanitised_registers_are_reported(void **state)
{
    (void)state;
    mini_run_badly(unsanitised_registers, "U1:");
}

/* CPUs, contexts, ends. */

static struct hal_context idle, other;

static void bounce(void *argument)
{
    (void)argument;
    for (;;) {
        atomic_u32_fetch_add(&mini_word, 1);
        hal_context_switch(&other, &idle);
    }
}

static void switch_contexts(void)
{
    mini_make_stack();
    other = (struct hal_context){0};
    hal_context_adopt(&idle);
    hal_context_init(&other, STACK_VA, HAL_STACK_PAGES, bounce, NULL);
    for (unsigned i = 0; i < 3; i++) {
        hal_context_switch(&idle, &other);
    }
    hal_context_finish(&other);
    mini_expect(atomic_u32_peek(&mini_word) == 3);
    mini_audit();
    mini_expect(mini_audit_lines == 0);
}

static void switch_to_a_finished_context(void)
{
    other = (struct hal_context){0};
    hal_context_adopt(&idle);
    hal_context_switch(&idle, &other);
}

__attribute__((noinline)) static unsigned dig(unsigned depth)
{
    volatile unsigned char hole[256];
    hole[depth % sizeof hole] = 1;
    return depth > 1000000 ? 0 : dig(depth + 1) + hole[depth % sizeof hole];
}

static void dig_in_context(void *argument)
{
    (void)argument;
    atomic_u32_fetch_add(&mini_word, dig(0));
    hal_power_off(0);
}

static void overflow_a_stack(void)
{
    mini_make_stack();
    other = (struct hal_context){0};
    hal_context_adopt(&idle);
    hal_context_init(&other, STACK_VA, HAL_STACK_PAGES, dig_in_context, NULL);
    hal_context_switch(&idle, &other);
}

static void wait_for_timer_and_ipi(void)
{
    hal_timer_arm(hal_time_now() + 1000000);
    while (mini_timer_count == 0) {
        hal_cpu_wait();
    }
    mini_expect(hal_time_now() >= 1000000);
    hal_ipi_send(1);
    while (atomic_u32_load_acquire(&mini_finished) == 0) {
        hal_cpu_relax();
    }
    mini_expect(mini_timer_count == 1 && mini_ipi_count == 1);
}

static void wait_for_nothing(void)
{
    for (;;) {
        hal_cpu_wait();
    }
}

static void spin_for_nothing(void)
{
    while (atomic_u32_load_acquire(&mini_finished) == 0) {
        hal_cpu_relax();
    }
}

static void panic(void)
{
    hal_panic("as planned");
}

static void T1_contexts_switch(void **state)
{
    (void)state;
    mini_run_well(switch_contexts, NULL);
    mini_run_badly(switch_to_a_finished_context, "T1:");
}

static void T3_stack_overflow_hits_the_guard(void **state)
{
    (void)state;
    struct hosted_result result = mini_run_with(&mini_small, overflow_a_stack, NULL);
    assert_int_equal(result.end, HOSTED_FAULT);
    assert_string_equal(result.message, "kernel stack overflow in task digger");
    mini_run_well(switch_contexts, NULL); /* the machine is as good as new */
}

static void T9_timer_and_ipi_arrive(void **state)
{
    (void)state;
    mini_run_well(wait_for_timer_and_ipi, NULL);
}

static void T9_every_end_is_told_apart(void **state)
{
    (void)state;
    assert_int_equal(mini_run_with(&mini_small, wait_for_nothing, NULL).end, HOSTED_DEADLOCK);
    assert_int_equal(mini_run_with(&mini_small, spin_for_nothing, NULL).end, HOSTED_STEP_LIMIT);
    struct hosted_result result = mini_run_with(&mini_small, panic, NULL);
    assert_int_equal(result.end, HOSTED_PANIC);
    assert_string_equal(result.message, "as planned");
}

/* Interleavings. */

static void add_badly(void)
{
    atomic_u32_store_relaxed(&mini_word, atomic_u32_load_relaxed(&mini_word) + 1);
    atomic_u32_fetch_add(&mini_finished, 1);
}

static void add_and_compare(void)
{
    hosted_explore_begin();
    add_badly();
    while (atomic_u32_load_acquire(&mini_finished) != 2) {
        hal_cpu_relax();
    }
    hosted_explore_end();
    mini_expect(atomic_u32_peek(&mini_word) == 2);
}

static void same_seed_same_run(void **state)
{
    (void)state;
    struct hosted_config config = mini_small;
    uint64_t different = 0, first_points = 0;
    for (config.seed = 1; config.seed <= 20; config.seed++) {
        struct hosted_result one = mini_run_with(&config, add_and_compare, add_badly);
        struct hosted_result two = mini_run_with(&config, add_and_compare, add_badly);
        assert_memory_equal(&one, &two, sizeof one);
        first_points = first_points ? first_points : one.points;
        different += one.points != first_points;
    }
    assert_true(different > 0); /* and other seeds, other runs */
}

static void pct_finds_a_lost_update(void **state)
{
    (void)state;
    struct hosted_config config = mini_small;
    unsigned lost = 0;
    config.strategy = HOSTED_PCT;
    config.change_points = 1;
    config.pct_steps = 20;
    for (config.seed = 1; config.seed <= 100; config.seed++) {
        lost += mini_run_with(&config, add_and_compare, add_badly).status != 0;
    }
    assert_true(lost > 0 && lost < 100);
}

static void bytes_are_a_schedule(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x03, 0x00, 0x91, 0xc2, 0x05, 0x00, 0x00, 0x01};
    struct hosted_config config = mini_small;
    config.strategy = HOSTED_BYTES;
    config.choices = bytes;
    config.choice_count = sizeof bytes;
    struct hosted_result one = mini_run_with(&config, add_and_compare, add_badly);
    struct hosted_result two = mini_run_with(&config, add_and_compare, add_badly);
    assert_memory_equal(&one, &two, sizeof one);
    assert_int_equal(one.end, HOSTED_POWER_OFF);
}

static void explorer_finds_and_replays_a_lost_update(void **state)
{
    (void)state;
    static struct hosted_explored found;
    struct hosted_explore explore = {.config = mini_small, .bound = 0};
    mini_boot_body = add_and_compare;
    mini_second_body = add_badly;
    hosted_explore(&explore, &found);
    assert_true(found.complete && !found.failed);

    explore.bound = 2;
    hosted_explore(&explore, &found);
    assert_true(found.failed);
    struct hosted_config replay = mini_small;
    replay.strategy = HOSTED_REPLAY;
    replay.choices = found.choices;
    replay.choice_count = found.choice_count;
    struct hosted_result result = hosted_run(&replay);
    assert_memory_equal(&result, &found.result, sizeof result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A2_flushed_frame_is_reused),
        cmocka_unit_test(A2_missed_flush_is_reported),
        cmocka_unit_test(A2_tag_keeps_what_it_has_until_its_flush),
        cmocka_unit_test(A2_page_of_two_sizes_is_reported),
        cmocka_unit_test(A2_withdrawn_right_lives_until_the_flush),
        cmocka_unit_test(M1_mapped_frame_is_reported),
        cmocka_unit_test(A4_writable_code_is_reported),
        cmocka_unit_test(A1_typed_frame_for_users_is_reported),
        cmocka_unit_test(M3_stray_copy_is_reported),
        cmocka_unit_test(M9_fresh_memory_is_not_zero),
        cmocka_unit_test(U1_unsanitised_registers_are_reported),
        cmocka_unit_test(T1_contexts_switch),
        cmocka_unit_test(T3_stack_overflow_hits_the_guard),
        cmocka_unit_test(T9_timer_and_ipi_arrive),
        cmocka_unit_test(T9_every_end_is_told_apart),
        cmocka_unit_test(same_seed_same_run),
        cmocka_unit_test(pct_finds_a_lost_update),
        cmocka_unit_test(bytes_are_a_schedule),
        cmocka_unit_test(explorer_finds_and_replays_a_lost_update),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
