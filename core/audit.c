/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The audit of frames, spaces and objects, see core/audit.h. It runs frozen and uses only plain looks.
 */
#include "core/audit.h"

#include "core/cpu.h"
#include "core/cursor.h"
#include "core/domain.h"
#include "core/io_memory.h"
#include "core/irq.h"
#include "core/list.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/pci.h"
#include "core/pci_message.h"
#include "core/sched.h"
#include "core/segment.h"
#include "core/slab.h"
#include "core/task.h"
#include "hal/machine.h"

/* What the audit notes of a table, in its frame's audit_holds. */
#define TABLE_LINKED    1u /* a live space leads to it */
#define TABLE_OF_CURSOR 2u /* an open cursor keeps it */

static uint32_t violations;
static bool cursors_settled; /* nobody is in the middle of a call about a cursor */

static void audit_report(const char *invariant, const char *what, uint64_t where)
{
    violations++;
    struct text line;
    text_clear(&line);
    text_string(&line, "audit: ");
    text_string(&line, invariant);
    text_string(&line, ": ");
    text_string(&line, what);
    text_string(&line, " at ");
    text_hex(&line, where);
    text_char(&line, '\n');
    hal_console_write(line.bytes, line.size);
}

static void report_machine(const char *line)
{
    audit_report("machine", line, 0);
}

static bool is_listed(const struct frame *frame)
{
    return atomic_u32_peek(&frame->list) != 0;
}

static bool is_live(const struct object *object)
{
    return ref_word_state(atomic_u64_peek(&object->ref.word)) == REF_LIVE;
}

/* Nobody is changing it: it can be walked. */
static bool is_quiet(const struct list *list)
{
    bool locked = atomic_u32_peek(&list->lock.next_ticket) != atomic_u32_peek(&list->lock.serving);
    return is_live(&list->object) && !locked;
}

/* Open, and between its task's calls. */
static bool is_idle(const struct cursor *cursor)
{
    return is_live(&cursor->object) && ref_word_count(atomic_u64_peek(&cursor->object.ref.word)) == 1 &&
           atomic_u64_peek(&cursor->owner) != 0;
}

static bool are_cursors_settled(void)
{
    for (uint32_t i = 0, slots = object_slots(OBJECT_CURSOR); i < slots; i++) {
        const struct cursor *cursor = (const struct cursor *)object_at(OBJECT_CURSOR, i);
        enum ref_state state = ref_word_state(atomic_u64_peek(&cursor->object.ref.word));
        if (state != REF_FREE && state != REF_RETIRED && !is_idle(cursor)) {
            return false;
        }
    }
    return true;
}

/* Who holds the frame, as far as the audit has met them, fits its state. */
static void check_holders(const struct frame *frame, uint64_t word, uint64_t number)
{
    enum ref_state state = ref_word_state(word);
    uint32_t list = atomic_u32_peek(&frame->list);
    uint64_t held = (uint64_t)frame->audit_holds + atomic_u32_peek(&frame->ref.handles);
    if (state == REF_LIVE && ref_word_count(word) < held) {
        audit_report("M6", "a frame has fewer references than holders", number);
    }
    if ((state == REF_FREE || state == REF_UNIQUE) && frame->audit_holds != 0) {
        audit_report("M1", "a free or unique frame is held", number);
    }
    if (list != 0 && state != REF_PRIVATE && state != REF_BUSY) {
        audit_report("M2", "a frame is in a list and in another hand", number);
    }
    if (list > object_slots(OBJECT_LIST)) {
        audit_report("M2", "a frame is in no known list", number);
    } else if (list != 0 && is_quiet((const struct list *)object_at(OBJECT_LIST, list - 1)) &&
               frame->audit_holds != 1) {
        audit_report("M2", "a frame is not once in its list", number);
    }
}

static void check_frame(const struct frame *frame, uint64_t number)
{
    uint64_t word = atomic_u64_peek(&frame->ref.word);
    uint32_t count = ref_word_count(word);
    switch (ref_word_state(word)) {
    case REF_FREE:
    case REF_RETIRED:
        if (count != 0 || frame->type != FRAME_NONE) {
            audit_report("M1", "a free frame has references or a type", number);
        }
        break;
    case REF_LIVE:
        if (count == 0 || frame->type != FRAME_UNTYPED) {
            audit_report("M3", "a shared frame is typed or unreferenced", number);
        }
        break;
    case REF_UNIQUE:
        if (count > 1 || frame->type != FRAME_UNTYPED) {
            audit_report("M3", "a unique frame is typed or shared", number);
        }
        break;
    case REF_PRIVATE:
        if (count != 0 || frame->type == FRAME_NONE || (frame->type == FRAME_UNTYPED) != is_listed(frame)) {
            audit_report("M3", "a private frame is counted, or untyped and in no list", number);
        }
        break;
    case REF_HEAP:
    case REF_HEAP_LENT:
        if (frame->type != FRAME_HEAP) {
            audit_report("M7", "a block of the heap is typed otherwise", number);
        }
        break;
    case REF_BUSY: /* belongs to a CPU that is in the middle of something */
        break;
    case REF_RESERVED:
        if (count != 0) {
            audit_report("M5", "a reserved frame is referenced", number);
        }
        break;
    default:
        audit_report("M2", "a frame is in no known state", number);
    }
}

static void audit_frames(void)
{
    struct frame *frame = frame_at(0); /* one look-up for all: this runs after every step of a fuzzer */
    for (uint64_t number = 0, end = frame_end(); number < end; number++, frame++) {
        uint64_t word = atomic_u64_peek(&frame->ref.word);
        enum ref_state state = ref_word_state(word);
        bool at_rest = state == REF_FREE || state == REF_RESERVED;
        if (at_rest &&
            (ref_word_count(word) | frame->type | frame->audit_holds | atomic_u32_peek(&frame->list)) == 0) {
            continue; /* most frames, most of the time */
        }
        check_frame(frame, number);
        check_holders(frame, word, number);
        if (frame->type == FRAME_HEAP && ref_word_state(word) != REF_BUSY) {
            slab_audit_frame(frame, audit_report);
        }
        if (frame->type == FRAME_TABLE && atomic_u32_peek(&frame->table.lock) == TABLE_KEPT &&
            cursors_settled && (frame->audit_holds & TABLE_OF_CURSOR) == 0) {
            audit_report("A3", "a table is kept for no cursor", number);
        }
        frame->audit_holds = 0;
    }
}

/* A leaf of a user's table: a hold on each of its untyped frames, cached as RAM is, user rights, never
 * writable and executable. */
static void check_leaf(uint64_t entry, unsigned level, hal_paddr_t table)
{
    uint64_t first = hal_frame_number(hal_pte_target(entry));
    unsigned prot = hal_pte_prot(entry);
    for (uint64_t number = first; number < first + (hal_pt_span(level) >> HAL_PAGE_SHIFT); number++) {
        if (number >= frame_end() || frame_at(number)->type != FRAME_UNTYPED) {
            audit_report("A1", "a user mapping leads to a frame that is not untyped, table", table.value);
            return;
        }
        frame_at(number)->audit_holds++;
    }
    if (hal_pte_cache(entry) != HAL_CACHE_WRITE_BACK) {
        audit_report("A1", "RAM is not cached write-back, table", table.value);
    }
    if ((prot & HAL_PROT_USER) == 0) {
        audit_report("A4", "a leaf in the user half is not a user's, table", table.value);
    }
    if ((prot & HAL_PROT_WRITE) != 0 && (prot & HAL_PROT_EXEC) != 0) {
        audit_report("A4", "a mapping is writable and executable, table", table.value);
    }
}

/* A leaf that leads to I/O memory: a page that lies wholly inside a range which somebody has, and never code.
 */
static void check_io_leaf(uint64_t entry, unsigned level, hal_paddr_t table)
{
    struct io_memory *io = io_memory_peek(hal_pte_target(entry));
    unsigned prot = hal_pte_prot(entry);
    if (level != 0 || io == NULL) {
        audit_report("A5", "a user mapping leads to I/O memory that nobody has, table", table.value);
        return;
    }
    io->audit_holds++;
    if (hal_pte_cache(entry) != io->cache) {
        audit_report("A5", "a mapping caches I/O memory in another way than its range, table", table.value);
    }
    if ((prot & HAL_PROT_USER) == 0 || (prot & HAL_PROT_EXEC) != 0) {
        audit_report("A4", "a mapping of I/O memory is executable or not a user's, table", table.value);
    }
}

static void check_table(hal_paddr_t table, unsigned level)
{
    uint64_t number = hal_frame_number(table);
    if (number >= frame_end() || frame_at(number)->type != FRAME_TABLE) {
        audit_report("A1", "a table entry leads to a frame that is not a table", table.value);
        return;
    }
    struct frame *frame = frame_at(number);
    if ((frame->audit_holds & TABLE_LINKED) != 0) {
        audit_report("A1", "two entries lead to one table", table.value);
        return;
    }
    frame->audit_holds |= TABLE_LINKED;
    bool is_root = level == HAL_PT_TOP_LEVEL;
    unsigned end = is_root ? HAL_PT_ENTRIES / 2 : HAL_PT_ENTRIES;
    unsigned entries = 0;
    /* Who has locked a table may be in the middle of anything, but for a cursor between calls. */
    uint32_t lock = atomic_u32_peek(&frame->table.lock);
    bool settled = lock == TABLE_FREE || (lock == TABLE_KEPT && cursors_settled);
    for (unsigned i = hal_table_next(table, 0, end); i < end; i = hal_table_next(table, i + 1, end)) {
        uint64_t entry = hal_table_peek(table, i);
        entries++;
        if (!hal_pte_present(entry)) {
            if (settled) {
                audit_report("A1", "an entry is neither empty nor present, table", table.value);
            }
        } else if (hal_pte_is_leaf(entry, level)) {
            (hal_pte_is_io(entry) ? check_io_leaf : check_leaf)(entry, level, table);
        } else {
            check_table(hal_pte_target(entry), level - 1);
        }
    }
    if (settled && frame->table.entries != entries) {
        audit_report("A1", "a table's count of entries is wrong", table.value);
    }
}

static void audit_spaces(void)
{
    for (uint32_t i = 0, slots = object_slots(OBJECT_SPACE); i < slots; i++) {
        const struct space *space = (const struct space *)object_at(OBJECT_SPACE, i);
        if (is_live(&space->object)) {
            check_table(space->root, HAL_PT_TOP_LEVEL);
        }
    }
}

/* A table that serves a part of an open cursor's range, and those below it. */
static void check_kept(const struct range *range, hal_paddr_t table, unsigned level, uint64_t base)
{
    uint64_t number = hal_frame_number(table);
    if (number >= frame_end() || (frame_at(number)->audit_holds & TABLE_LINKED) == 0) {
        audit_report("A3", "a cursor keeps what is no space's table", table.value);
        return;
    }
    struct frame *frame = frame_at(number);
    if (atomic_u32_peek(&frame->table.lock) != TABLE_KEPT) {
        audit_report("A3", "an open cursor does not keep its table", table.value);
    }
    if ((frame->audit_holds & TABLE_OF_CURSOR) != 0) {
        audit_report("A3", "two cursors keep one table", table.value);
    }
    frame->audit_holds |= TABLE_OF_CURSOR;
    if (level == 0) {
        return;
    }
    uint64_t span = hal_pt_span(level);
    for (unsigned i = hal_table_next(table, 0, HAL_PT_ENTRIES); i < HAL_PT_ENTRIES;
         i = hal_table_next(table, i + 1, HAL_PT_ENTRIES)) {
        uint64_t entry = hal_table_peek(table, i);
        bool serves = base + i * span < range->end && base + (i + 1) * span > range->start;
        if (serves && hal_pte_present(entry) && !hal_pte_is_leaf(entry, level)) {
            check_kept(range, hal_pte_target(entry), level - 1, base + i * span);
        }
    }
}

static void check_cursor(const struct cursor *cursor, uint32_t slot)
{
    const struct range *range = &cursor->range;
    if (!is_live(&range->space->object)) {
        audit_report("A3", "an open cursor's space is gone, slot", slot);
    }
    if (cursor->at < range->start || cursor->at > range->end || cursor->at % HAL_PAGE_SIZE != 0) {
        audit_report("A3", "a cursor stands outside its range, slot", slot);
    }
    check_kept(range, range->cover, range->level, range->start & ~(hal_pt_span(range->level + 1) - 1));
    uint64_t owner = atomic_u64_peek(&cursor->owner);
    struct task *task = (struct task *)object_slot_of(OBJECT_TASK, owner);
    if (task == NULL || !is_live(&task->object) || object_handle(OBJECT_TASK, &task->object) != owner ||
        (atomic_u32_peek(&task->state) & TASK_STATE_MASK) == TASK_DEAD) {
        audit_report("A3", "an open cursor's task is gone, slot", slot);
    } else {
        task->audit_cursors++;
    }
}

/* After audit_spaces, which finds the tables. */
static void audit_cursors(void)
{
    for (uint32_t i = 0, slots = object_slots(OBJECT_CURSOR); i < slots; i++) {
        const struct cursor *cursor = (const struct cursor *)object_at(OBJECT_CURSOR, i);
        if (is_idle(cursor)) {
            check_cursor(cursor, i);
        }
    }
}

/* Who may have something of a space cached is asked to forget it. */
static void check_tags_of_cpus(void)
{
    for (unsigned id = 0; id < hal_cpu_count(); id++) {
        const struct cpu *cpu = cpu_at(id);
        bool tagged = cpu->loaded == NULL;
        for (unsigned tag = 0; tag < hal_tlb_tag_count(); tag++) {
            const struct space *space = cpu->tagged[tag];
            tagged = tagged || space == cpu->loaded;
            if (space != NULL && (atomic_u64_peek(&space->cpus) >> id & 1) == 0) {
                audit_report("A2", "a space does not know who keeps its translations, cpu", id);
            }
        }
        if (!tagged) {
            audit_report("A2", "a space is loaded under no tag, cpu", id);
        }
    }
}

static void check_tasks_on_cpus(void)
{
    if (hal_cpu_pointer() != cpu_this()->current) {
        audit_report("T1", "a CPU takes another task for the current one, cpu", hal_cpu_id());
    }
    for (unsigned id = 0; id < hal_cpu_count(); id++) {
        const struct cpu *cpu = cpu_at(id);
        if (cpu->current == NULL) {
            continue;
        }
        if ((atomic_u32_peek(&cpu->current->state) & TASK_ON) == 0) {
            audit_report("T1", "the current task is not marked as on a CPU, cpu", id);
        }
        bool running = (atomic_u32_peek(&cpu->current->state) & TASK_STATE_MASK) == TASK_RUNNING;
        bool may_run = (atomic_u64_peek(&cpu->current->affinity) >> id & 1) != 0;
        if (running && !may_run && atomic_u32_peek(&cpu->resched) == 0) {
            audit_report("T1", "a task runs on a CPU outside its mask and nothing moves it, cpu", id);
        }
        for (unsigned other = 0; other < id; other++) {
            if (cpu_at(other)->current == cpu->current) {
                audit_report("T1", "one task runs on two CPUs, cpu", id);
            }
        }
        if (cpu->vector_owner != NULL && cpu->vector_owner != cpu->current) {
            audit_report("U3", "vector registers of another task, cpu", id);
        }
    }
}

static void check_task(struct task *task, uint32_t slot)
{
    if (cursors_settled && task->audit_cursors != task->cursor_count) {
        audit_report("A3", "a task's count of open cursors is wrong, slot", slot);
    }
    task->audit_cursors = 0;
    if (task->stack->type != FRAME_STACK || task->vector->type != FRAME_OBJECT) {
        audit_report("T4", "a live task without its stack, slot", slot);
    }
    uint64_t pages = task->area.page_count;
    if (task->area.mapped != pages || pages < HAL_STACK_PAGES ||
        area_guard_owner(task->area.base - 1) != slot + 1) {
        audit_report("T3", "a live task without the guard below its stack, slot", slot);
    }
}

/* Every frame of the list is there, once, and points back. */
static void check_list(const struct list *list, uint32_t slot)
{
    uint32_t previous = FRAME_NUMBER_NONE;
    uint64_t length = 0;
    for (uint32_t number = list->first; number != FRAME_NUMBER_NONE; length++) {
        struct frame *frame = number < frame_end() ? frame_at(number) : NULL;
        if (frame == NULL || length == list->length || atomic_u32_peek(&frame->list) != slot + 1 ||
            frame->client.previous != previous) {
            audit_report("M2", "a list is broken, slot", slot);
            return;
        }
        frame->audit_holds++;
        previous = number;
        number = frame->client.next;
    }
    if (length != list->length || list->last != previous) {
        audit_report("M2", "a list's length or end is wrong, slot", slot);
    }
}

static void audit_lists(void)
{
    for (uint32_t i = 0, slots = object_slots(OBJECT_LIST); i < slots; i++) {
        const struct list *list = (const struct list *)object_at(OBJECT_LIST, i);
        if (is_quiet(list)) {
            check_list(list, i);
        }
    }
}

static void audit_io_memory(void)
{
    for (uint32_t i = 0, slots = object_slots(OBJECT_IO_MEMORY); i < slots; i++) {
        struct io_memory *io = (struct io_memory *)object_at(OBJECT_IO_MEMORY, i);
        uint64_t held = (uint64_t)io->audit_holds + atomic_u32_peek(&io->object.ref.handles);
        if (is_live(&io->object) && ref_word_count(atomic_u64_peek(&io->object.ref.word)) < held) {
            audit_report("M6", "a range of I/O memory has fewer references than holders, slot", i);
        }
        io->audit_holds = 0;
    }
}

static void audit_devices(void)
{
    for (uint32_t i = 0; i < pci_count(); i++) {
        const struct pci_function *function = pci_at(i);
        bool held = function->owner != NULL && is_live(&function->owner->object);
        if (held && function->reset.state != PCI_RESET_READY) {
            audit_report("D6", "a device is held that is not what it was before its reset, index", i);
        }
    }
}

static void audit_objects(void)
{
    for (uint32_t i = 0, slots = object_slots(OBJECT_SEGMENT); i < slots; i++) {
        const struct segment *segment = (const struct segment *)object_at(OBJECT_SEGMENT, i);
        for (uint64_t j = 0; is_live(&segment->object) && j < segment->frame_count; j++) {
            (segment->first + j)->audit_holds++;
        }
    }
    for (uint32_t i = 0, slots = object_slots(OBJECT_TASK); i < slots; i++) {
        struct task *task = (struct task *)object_at(OBJECT_TASK, i);
        if (is_live(&task->object)) {
            check_task(task, i);
        }
    }
    for (uint32_t i = 0, slots = object_slots(OBJECT_MEMORY); i < slots; i++) {
        const struct memory *memory = (const struct memory *)object_at(OBJECT_MEMORY, i);
        if (is_live(&memory->object) && frame_at(hal_frame_number(memory->address))->type != FRAME_HEAP) {
            audit_report("M7", "a live memory object without its block, slot", i);
        }
    }
    audit_io_memory();
    audit_devices();
    audit_holds(audit_report);
    sched_audit(audit_report);
    irq_audit(audit_report);
    pci_message_audit(audit_report);
    domain_audit(audit_report);
    check_tags_of_cpus();
    check_tasks_on_cpus();
}

uint32_t audit_run(void)
{
    bool interrupts = hal_irq_disable();
    hal_freeze();
    violations = 0;
    cursors_settled = are_cursors_settled();
    audit_spaces();
    audit_cursors();
    audit_objects();
    audit_lists();
    audit_frames();
    slab_audit_lists(audit_report);
    hal_audit(report_machine);
    uint32_t found = violations;
    hal_thaw();
    hal_irq_restore(interrupts);
    return found;
}
