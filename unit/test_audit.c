/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/audit.c: planted damage of every kind that it claims to see is seen, and repaired damage is not.
 */
#include "core/audit.h"

#include "core/cpu.h"
#include "core/cursor.h"
#include "core/frame.h"
#include "core/list.h"
#include "core/pagetable.h"
#include "core/space.h"
#include "plant.h"

static uint64_t frame_in(enum ref_state state)
{
    for (uint64_t number = 1; number < frame_end(); number++) {
        if (ref_word_state(atomic_u64_peek(&frame_at(number)->ref.word)) == state) {
            return number;
        }
    }
    CHECK_NEVER("no frame in that state");
    return 0;
}

/* Sets the word of a frame in state `from`, audits, restores. */
static void plant_word(enum ref_state from, enum ref_state state, uint32_t count, const char *id)
{
    struct frame *frame = frame_at(frame_in(from));
    uint64_t word = atomic_u64_peek(&frame->ref.word);
    CHECK_AUDIT();
    atomic_u64_init(&frame->ref.word, (word & ~UINT64_C(0xffffffff)) | (uint64_t)state << 24 | count);
    CHECK(unit_audit() > 0);
    CHECK(unit_console_contains(id));
    atomic_u64_init(&frame->ref.word, word);
    CHECK_AUDIT();
}

static void M1_audit_sees_a_free_frame_with_references(void)
{
    plant_word(REF_FREE, REF_FREE, 1, "audit: M1");
}

static void M2_audit_sees_an_unknown_state(void)
{
    plant_word(REF_FREE, (enum ref_state)99, 0, "audit: M2");
}

static void M3_audit_sees_a_typed_frame_that_is_shared(void)
{
    plant_word(REF_PRIVATE, REF_LIVE, 1, "audit: M3");
    plant_word(REF_FREE, REF_PRIVATE, 0, "audit: M3");
    plant_word(REF_FREE, REF_UNIQUE, 0, "a unique frame is typed");
}

static void M5_audit_sees_a_reserved_frame_with_references(void)
{
    plant_word(REF_RESERVED, REF_RESERVED, 1, "audit: M5");
}

static void M1_audit_sees_a_free_frame_with_a_type(void)
{
    struct frame *frame = frame_at(frame_in(REF_FREE));
    frame->type = FRAME_OBJECT;
    CHECK_EQUAL(unit_audit(), 1);
    frame->type = FRAME_NONE;
}

static void just_return(uint64_t argument)
{
    (void)argument;
}

static void T9_audit_sees_a_task_that_is_lost(void)
{
    const struct keel_task_options options = {.entry = just_return, .name = "other"};
    keel_task_t other = {0};
    CHECK_OK(keel_task_spawn(&options, &other));
    struct task *task = (struct task *)object_at(OBJECT_TASK, (uint32_t)handle_slot(other.value));
    struct runnable *before = task->runnable.previous, *after = task->runnable.next;
    before->next = after;
    after->previous = before;
    CHECK(unit_audit() > 0);
    CHECK(unit_console_contains("audit: T9"));
    before->next = &task->runnable;
    after->previous = &task->runnable;
    atomic_u32_init(&task->state, TASK_BLOCKED);
    CHECK(unit_audit() > 0);
    CHECK(unit_console_contains("audit: T1"));
    atomic_u32_init(&task->state, TASK_RUNNABLE);
    CHECK_AUDIT();
    CHECK(unit_join(other) == 0);
    unit_settle();
}

static void M6_audit_sees_more_holders_than_references(void)
{
    keel_space_t space = unit_space();
    keel_frame_t handle = unit_frame();
    CHECK_OK(keel_space_map(space, 0x1000, handle, KEEL_READ));
    struct frame *frame = frame_at(handle_slot(handle.value));
    uint64_t word = atomic_u64_peek(&frame->ref.word);
    atomic_u64_init(&frame->ref.word, word - 1);
    CHECK(unit_audit() > 0);
    CHECK(unit_console_contains("audit: M6"));
    atomic_u64_init(&frame->ref.word, word);
    CHECK_OK(keel_frame_release(handle));
    CHECK_OK(keel_space_release(space));
}

static void M1_audit_sees_a_unique_frame_that_is_mapped(void)
{
    keel_space_t space = unit_space();
    keel_frame_t handle = unit_frame();
    CHECK_OK(keel_space_map(space, 0x1000, handle, KEEL_READ));
    struct frame *frame = frame_at(handle_slot(handle.value));
    uint64_t word = atomic_u64_peek(&frame->ref.word);
    atomic_u64_init(&frame->ref.word, (word & ~UINT64_C(0xffffffff)) | (uint64_t)REF_UNIQUE << 24);
    CHECK(unit_audit() > 0);
    CHECK(unit_console_contains("a free or unique frame is held"));
    atomic_u64_init(&frame->ref.word, (word & ~UINT64_C(0xffffffff)) | (uint64_t)REF_UNIQUE << 24 | 2);
    CHECK(unit_audit() > 0);
    CHECK(unit_console_contains("a unique frame is typed or shared"));
    atomic_u64_init(&frame->ref.word, word);
    CHECK_OK(keel_frame_release(handle));
    CHECK_OK(keel_space_release(space));
}

static keel_list_t list_of(uint64_t *numbers, unsigned count)
{
    keel_list_t list = unit_list();
    for (unsigned i = 0; i < count; i++) {
        keel_unique_t unique = unit_unique();
        numbers[i] = handle_slot(unique.value);
        CHECK_OK(keel_list_push_back(list, unique));
    }
    return list;
}

/* Damages a word of a list, audits, restores. */
static void plant_link(uint32_t *word, uint32_t value, const char *said)
{
    uint32_t before = *word;
    CHECK_AUDIT();
    *word = value;
    CHECK(unit_audit() > 0);
    CHECK(unit_console_contains(said));
    *word = before;
    CHECK_AUDIT();
}

static void M2_audit_sees_broken_lists(void)
{
    uint64_t numbers[3];
    keel_list_t handle = list_of(numbers, 3);
    struct list *list = (struct list *)object_slot_of(OBJECT_LIST, handle.value);
    plant_link(&list->first, (uint32_t)numbers[1], "a list is broken");
    plant_link(&list->first, UINT32_MAX - 1, "a list is broken");
    plant_link(&list->last, (uint32_t)numbers[1], "a list's length or end is wrong");
    plant_link(&frame_at(numbers[2])->client.next, (uint32_t)numbers[0], "a list is broken"); /* a loop */
    plant_link(&frame_at(numbers[1])->client.next, FRAME_NUMBER_NONE, "a list's length or end is wrong");
    plant_link(&frame_at(numbers[1])->client.next, FRAME_NUMBER_NONE, "a frame is not once in its list");
    plant_link(&frame_at(numbers[1])->client.previous, (uint32_t)numbers[2], "a list is broken");
    PLANT(list->lock.next_ticket, uint32_t, 77, NULL); /* somebody is changing it */
    list->length = 2;
    CHECK(unit_audit() > 0);
    list->length = 4;
    CHECK(unit_audit() > 0);
    list->length = 3;
    CHECK_OK(keel_list_release(handle));
}

static void M2_audit_sees_frames_in_two_hands(void)
{
    uint64_t number;
    keel_list_t list = list_of(&number, 1);
    struct frame *listed = frame_at(number);
    uint32_t id = atomic_u32_peek(&listed->list);
    atomic_u32_init(&listed->list, 0);
    CHECK(unit_audit() > 0);
    CHECK(unit_console_contains("untyped and in no list"));
    atomic_u32_init(&listed->list, object_slots(OBJECT_LIST) + 1);
    CHECK(unit_audit() > 0);
    CHECK(unit_console_contains("a frame is in no known list"));
    atomic_u32_init(&listed->list, id);
    keel_unique_t unique = unit_unique();
    struct frame *other = frame_at(handle_slot(unique.value));
    atomic_u32_init(&other->list, id);
    CHECK(unit_audit() > 0);
    CHECK(unit_console_contains("a frame is in a list and in another hand"));
    atomic_u32_init(&other->list, 0);
    struct frame *unused = frame_at(frame_in(REF_FREE));
    atomic_u32_init(&unused->list, id);
    CHECK(unit_audit() > 0);
    atomic_u32_init(&unused->list, 0);
    CHECK_OK(keel_unique_release(unique));
    CHECK_OK(keel_list_release(list));
}

static void A1_audit_sees_a_wrong_count_of_entries(void)
{
    keel_space_t space = unit_space();
    keel_frame_t handle = unit_frame();
    CHECK_OK(keel_space_map(space, 0x1000, handle, KEEL_READ));
    for (uint64_t number = 0; number < frame_end(); number++) {
        struct frame *frame = frame_at(number);
        if (frame->type == FRAME_TABLE && frame->table.entries == 1) {
            frame->table.entries = 100;
            CHECK(unit_audit() <= 1); /* the window's tables are not walked */
            frame->table.entries = 1;
        }
    }
    CHECK(unit_console_contains("a table's count of entries is wrong"));
    CHECK_OK(keel_frame_release(handle));
    CHECK_OK(keel_space_release(space));
}

static struct cursor *open_cursor(keel_space_t space, uint64_t start, uint64_t end, keel_cursor_t *handle)
{
    CHECK_OK(keel_cursor_open(space, start, end, handle));
    return (struct cursor *)object_slot_of(OBJECT_CURSOR, handle->value);
}

static void A3_audit_sees_tables_and_cursors_that_do_not_fit(void)
{
    keel_space_t space = unit_space();
    keel_cursor_t handle = {0};
    struct cursor *cursor = open_cursor(space, KEEL_PAGE_SIZE, 3 * KEEL_PAGE_SIZE, &handle);
    struct frame *table = frame_at(hal_frame_number(cursor->range.cover));
    CHECK_AUDIT();
    atomic_u32_init(&table->table.lock, TABLE_FREE);
    CHECK_EQUAL(unit_audit(), 1);
    CHECK(unit_console_contains("an open cursor does not keep its table"));
    atomic_u32_init(&table->table.lock, TABLE_KEPT);

    cursor->range.cover.value += KEEL_PAGE_SIZE << 3;
    CHECK(unit_audit() >= 2);
    CHECK(unit_console_contains("a cursor keeps what is no space's table"));
    CHECK(unit_console_contains("a table is kept for no cursor"));
    cursor->range.cover.value -= KEEL_PAGE_SIZE << 3;

    table->table.entries++; /* a kept table is checked as others are */
    CHECK_EQUAL(unit_audit(), 1);
    table->table.entries--;

    const uint64_t outside[] = {cursor->range.end + KEEL_PAGE_SIZE, 0, cursor->range.start + 1};
    for (unsigned i = 0; i < 3; i++) {
        cursor->at = outside[i];
        CHECK_EQUAL(unit_audit(), 1);
        CHECK_EQUAL(unit_console_count("a cursor stands outside its range"), i + 1);
    }
    cursor->at = cursor->range.start;

    struct object *object = &cursor->range.space->object;
    uint64_t word = atomic_u64_peek(&object->ref.word);
    atomic_u64_init(&object->ref.word, 0);
    CHECK(unit_audit() > 0);
    CHECK(unit_console_contains("an open cursor's space is gone"));
    atomic_u64_init(&object->ref.word, word);
    CHECK_AUDIT();
    CHECK_OK(keel_cursor_close(handle));
    CHECK_OK(keel_space_release(space));
}

/* Where the space's tables map the page. */
static struct hal_pte_slot leaf_of(keel_space_t space, uint64_t va)
{
    const struct space *object = (const struct space *)object_slot_of(OBJECT_SPACE, space.value);
    struct hal_pte_slot slot = {
        .root = object->root, .table = object->root, .level = HAL_PT_TOP_LEVEL, .va = va};
    while (slot.level > 0) {
        slot.table = hal_pte_target(hal_pte_load(&slot));
        slot.level--;
    }
    return slot;
}

/* Replaces the entry, audits, restores. */
static void plant_entry(const struct hal_pte_slot *slot, uint64_t entry, const char *said)
{
    CHECK_AUDIT();
    uint32_t count = unit_console_count(said);
    uint64_t before = hal_pte_exchange(slot, entry);
    CHECK(unit_audit() > 0);
    CHECK(unit_console_count(said) > count);
    hal_pte_exchange(slot, before);
    CHECK_AUDIT();
}

static void A4_audit_sees_leaves_that_must_not_be(void)
{
    keel_space_t space = unit_space();
    keel_frame_t frame = unit_frame();
    CHECK_OK(keel_space_map(space, KEEL_PAGE_SIZE, frame, KEEL_READ));
    const struct hal_pte_slot slot = leaf_of(space, KEEL_PAGE_SIZE);
    const uint64_t leaf = hal_pte_load(&slot);
    plant_entry(&slot, leaf & ~HAL_PTE_USER, "a leaf in the user half is not a user's");
    plant_entry(&slot, (leaf | HAL_PTE_WRITE) & ~HAL_PTE_NX, "a mapping is writable and executable");
    plant_entry(&slot, hal_pte_leaf(hal_frame_address(frame_end()), HAL_PROT_USER),
                "a user mapping leads to a frame that is not untyped");
    plant_entry(&slot, hal_pte_withheld(leaf), "an entry is neither empty nor present");
    plant_entry(&slot, leaf | (uint64_t)HAL_CACHE_UNCACHED << 3, "RAM is not cached write-back");
    plant_entry(&slot, leaf | hal_pte_io_bits(HAL_CACHE_UNCACHED),
                "a user mapping leads to I/O memory that nobody has");
    CHECK_OK(keel_frame_release(frame));
    CHECK_OK(keel_space_release(space));
}

static void A1_audit_sees_a_link_to_what_is_no_table(void)
{
    keel_space_t space = unit_space();
    keel_frame_t frame = unit_frame();
    keel_cursor_t handle = {0};
    const hal_paddr_t page = hal_frame_address(handle_slot(frame.value));
    struct cursor *cursor = open_cursor(space, KEEL_PAGE_SIZE, 3 * KEEL_PAGE_SIZE, &handle);
    const struct hal_pte_slot slot = {
        .root = cursor->range.space->root, .table = cursor->range.space->root, .level = HAL_PT_TOP_LEVEL};
    uint64_t before = hal_pte_exchange(&slot, hal_pte_table(page, HAL_PROT_USER));
    CHECK(unit_audit() > 0);
    CHECK_EQUAL(unit_console_count("a table entry leads to a frame that is not a table"), 1);
    hal_pte_exchange(&slot, hal_pte_table(hal_frame_address(frame_end()), HAL_PROT_USER));
    CHECK(unit_audit() > 0);
    CHECK_EQUAL(unit_console_count("a table entry leads to a frame that is not a table"), 2);
    hal_pte_exchange(&slot, before);
    CHECK_AUDIT();
    CHECK_OK(keel_cursor_close(handle));
    CHECK_OK(keel_frame_release(frame));
    CHECK_OK(keel_space_release(space));
}

static void A3_audit_sees_two_cursors_on_one_table(void)
{
    keel_space_t space = unit_space();
    keel_cursor_t one = {0}, other = {0};
    struct cursor *first = open_cursor(space, KEEL_PAGE_SIZE, 3 * KEEL_PAGE_SIZE, &one);
    struct cursor *second =
        open_cursor(space, UINT64_C(1) << 30, (UINT64_C(1) << 30) + KEEL_PAGE_SIZE, &other);
    CHECK_AUDIT();
    struct range range = second->range;
    second->range = first->range;
    second->at = first->at;
    CHECK(unit_audit() > 0);
    CHECK(unit_console_contains("two cursors keep one table"));
    second->range = range;
    second->at = range.start;
    CHECK_OK(keel_cursor_close(one));
    CHECK_OK(keel_cursor_close(other));
    CHECK_OK(keel_space_release(space));
}

static void A3_audit_sees_a_cursor_without_its_task(void)
{
    keel_space_t space = unit_space();
    keel_cursor_t handle = {0};
    struct cursor *cursor = open_cursor(space, KEEL_PAGE_SIZE, 3 * KEEL_PAGE_SIZE, &handle);
    uint64_t owner = atomic_u64_peek(&cursor->owner);
    uint64_t word = atomic_u64_peek(&cursor->object.ref.word);
    PLANT(cursor->owner, uint64_t, 0, NULL); /* about to be closed */
    PLANT(cursor->owner, uint64_t, owner + (UINT64_C(1) << 32),
          "an open cursor's task is gone");                   /* another */
    PLANT(cursor->object.ref.word, uint64_t, word + 1, NULL); /* in the middle of a call */
    PLANT(task_current()->state, uint32_t, TASK_DEAD | TASK_ON, "an open cursor's task is gone");
    PLANT(task_current()->cursor_count, uint32_t, 0, "a task's count of open cursors is wrong");
    atomic_u64_init(&cursor->owner, owner + 1);
    CHECK_EQUAL(unit_audit(), 2); /* and the task has one less than it counts */
    CHECK(unit_console_contains("an open cursor's task is gone"));
    CHECK(unit_console_contains("a task's count of open cursors is wrong"));
    atomic_u64_init(&cursor->owner, owner);
    CHECK_OK(keel_cursor_close(handle));
    CHECK_OK(keel_space_release(space));
}

static void A1_audit_sees_a_table_that_is_linked_twice(void)
{
    keel_space_t space = unit_space();
    keel_cursor_t handle = {0};
    struct cursor *cursor = open_cursor(space, KEEL_PAGE_SIZE, 3 * KEEL_PAGE_SIZE, &handle);
    const struct hal_pte_slot slot = {
        .root = cursor->range.space->root, .table = cursor->range.space->root, .level = HAL_PT_TOP_LEVEL};
    struct hal_pte_slot twin = slot;
    twin.va = hal_pt_span(HAL_PT_TOP_LEVEL);
    hal_pte_exchange(&twin, hal_pte_load(&slot));
    CHECK(unit_audit() > 0);
    CHECK(unit_console_contains("two entries lead to one table"));
    hal_pte_exchange(&twin, 0);
    CHECK_OK(keel_cursor_close(handle));
    CHECK_OK(keel_space_release(space));
}

static void T1_audit_sees_a_current_task_that_is_not_on(void)
{
    bool interrupts = hal_irq_disable();
    struct task *task = cpu_this()->current;
    uint32_t state = atomic_u32_peek(&task->state);
    atomic_u32_init(&task->state, TASK_RUNNING);
    CHECK_EQUAL(audit_run(), 1);
    atomic_u32_init(&task->state, state);
    CHECK_EQUAL(audit_run(), 0);
    hal_irq_restore(interrupts);
    CHECK(unit_console_contains("audit: T1"));
}

static void T1_audit_sees_who_takes_another_task_for_the_current_one(void)
{
    bool interrupts = hal_irq_disable();
    struct task *task = task_current();
    hal_cpu_pointer_set(NULL);
    CHECK_EQUAL(audit_run(), 1);
    hal_cpu_pointer_set(task);
    CHECK_EQUAL(audit_run(), 0);
    hal_irq_restore(interrupts);
    CHECK(unit_console_contains("takes another task for the current one"));
}

static void T1_audit_sees_a_task_outside_its_mask(void)
{
    bool interrupts = hal_irq_disable();
    struct cpu *cpu = cpu_this();
    atomic_u64_init(&cpu->current->affinity, UINT64_C(1) << 63);
    CHECK_EQUAL(audit_run(), 1);
    atomic_u32_init(&cpu->resched, 1); /* it is on its way off */
    CHECK_EQUAL(audit_run(), 0);
    atomic_u64_init(&cpu->current->affinity, UINT64_MAX);
    atomic_u32_init(&cpu->resched, 0);
    CHECK_EQUAL(audit_run(), 0);
    hal_irq_restore(interrupts);
    CHECK(unit_console_contains("outside its mask"));
}

static void T1_audit_sees_one_task_on_two_cpus(void)
{
    bool interrupts = hal_irq_disable();
    unsigned self = hal_cpu_id();
    struct cpu *other = cpu_at(1 - self);
    struct task *task = other->current;
    other->current = cpu_this()->current;
    CHECK(audit_run() > 0);
    other->current = task;
    hal_irq_restore(interrupts);
    CHECK(unit_console_contains("one task runs on two CPUs"));
}

static void U3_audit_sees_foreign_vector_registers(void)
{
    bool interrupts = hal_irq_disable();
    struct task *stranger = (struct task *)object_at(OBJECT_TASK, object_slots(OBJECT_TASK) - 1);
    cpu_this()->vector_owner = stranger;
    CHECK_EQUAL(audit_run(), 1);
    cpu_this()->vector_owner = NULL;
    hal_irq_restore(interrupts);
    CHECK(unit_console_contains("audit: U3"));
}

static void T4_audit_sees_a_task_without_its_stack(void)
{
    struct task *task = task_current();
    PLANT(task->stack->type, uint8_t, FRAME_OBJECT, "a live task without its stack");
    PLANT(task->vector->type, uint8_t, FRAME_STACK, "a live task without its stack");
}

static void T3_audit_sees_a_task_without_its_guard(void)
{
    struct task *task = task_current();
    const char *said = "a live task without the guard below its stack";
    PLANT(task->area.base, uint64_t, task->area.base + HAL_PAGE_SIZE, said);
    PLANT(task->area.mapped, uint32_t, task->area.mapped - 1, said);
    struct area shallow = task->area;
    task->area.page_count = task->area.mapped = HAL_STACK_PAGES - 1;
    CHECK_EQUAL(unit_audit(), 1);
    task->area = shallow;
}

static void M7_audit_sees_a_broken_slab(void)
{
    void *slot = NULL, *large = NULL;
    CHECK_OK(keel_heap_alloc(64, 1, &slot));
    CHECK_OK(keel_heap_alloc(3 * KEEL_PAGE_SIZE, 1, &large));
    uint64_t number = 1;
    while (frame_at(number)->type != FRAME_HEAP || frame_at(number)->slab.frame_count != 3) {
        number++;
    }
    struct frame *first = frame_at(number);
    uint64_t word = atomic_u64_peek(&first->ref.word);
    PLANT(first->slab.size_class, uint8_t, 200, "a slab of no known class");
    PLANT(first->slab.frame_count, uint32_t, 0, "a slab of no known class");
    PLANT(first->slab.frame_count, uint32_t, UINT32_MAX, "a slab of no known class");
    PLANT(first->slab.frame_count, uint32_t, 2, "a frame of the heap belongs to no block");
    PLANT(first->ref.word, uint64_t, word + 100, "a slab's count is not that of its slots in use");
    PLANT(first->ref.word, uint64_t, word - 1, "a slab's count is not that of its slots in use");
    PLANT(first[1].type, uint8_t, FRAME_OBJECT, "a large block has lost a frame");
    PLANT(first[2].ref.word, uint64_t, word, "a large block has lost a frame");
    CHECK_OK(keel_heap_free(slot));
    CHECK_OK(keel_heap_free(large));
}

static void M7_audit_sees_a_broken_list_of_slabs(void)
{
    void *slot = NULL;
    CHECK_OK(keel_heap_alloc(64, 1, &slot));
    uint64_t number = 1;
    while (frame_at(number)->type != FRAME_HEAP || !frame_at(number)->slab.listed) {
        number++;
    }
    struct frame *frame = frame_at(number);
    const char *said = "a frame stands wrongly in a list of slabs";
    PLANT(frame->slab.listed, bool, false, said);
    PLANT(frame->slab.previous, uint32_t, 7, said);
    PLANT(frame->slab.size_class, uint8_t, (uint8_t)(frame->slab.size_class + 1), said);
    CHECK_OK(keel_heap_free(slot));
}

static void M8_audit_needs_an_argument(void)
{
    CHECK_STATUS(keel_audit(NULL), KEEL_E_INVALID);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(M1_audit_sees_a_free_frame_with_references),
        UNIT(M2_audit_sees_an_unknown_state),
        UNIT(M3_audit_sees_a_typed_frame_that_is_shared),
        UNIT(M5_audit_sees_a_reserved_frame_with_references),
        UNIT(M1_audit_sees_a_free_frame_with_a_type),
        UNIT(M6_audit_sees_more_holders_than_references),
        UNIT(T9_audit_sees_a_task_that_is_lost, .config.cpu_count = 1),
        UNIT(M1_audit_sees_a_unique_frame_that_is_mapped),
        UNIT(M2_audit_sees_broken_lists),
        UNIT(M2_audit_sees_frames_in_two_hands),
        UNIT(A1_audit_sees_a_wrong_count_of_entries),
        UNIT(A3_audit_sees_tables_and_cursors_that_do_not_fit),
        UNIT(A4_audit_sees_leaves_that_must_not_be, .violation = "A"),
        UNIT(A1_audit_sees_a_link_to_what_is_no_table, .violation = "M3: linking"),
        UNIT(A3_audit_sees_two_cursors_on_one_table),
        UNIT(A3_audit_sees_a_cursor_without_its_task),
        UNIT(A1_audit_sees_a_table_that_is_linked_twice),
        UNIT(T1_audit_sees_a_current_task_that_is_not_on),
        UNIT(T1_audit_sees_who_takes_another_task_for_the_current_one),
        UNIT(T1_audit_sees_a_task_outside_its_mask),
        UNIT(T1_audit_sees_one_task_on_two_cpus),
        UNIT(U3_audit_sees_foreign_vector_registers),
        UNIT(T4_audit_sees_a_task_without_its_stack),
        UNIT(T3_audit_sees_a_task_without_its_guard),
        UNIT(M7_audit_sees_a_broken_slab),
        UNIT(M7_audit_sees_a_broken_list_of_slabs),
        UNIT(M8_audit_needs_an_argument),
    };
    return unit_main(tests, argc, argv);
}
