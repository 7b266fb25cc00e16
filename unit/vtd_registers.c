/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The registers, see vtd_registers.h.
 */
#include "vtd_registers.h"

#include <string.h>

struct registers units[VTD_TEST_UNITS];
char done[64];
unsigned accesses, gone_from;
char lines[8192];
unsigned line_count;
struct store stores[STORES_MAX];
unsigned store_count;
uint64_t written_back, written_back_end;

static uint64_t memory[TEST_PAGES][512];
static unsigned page_count;

static void note(char what)
{
    size_t length = strlen(done);
    if (length < sizeof done - 1) {
        done[length] = what;
        done[length + 1] = '\0';
    }
}

/* --- Memory --- */

static uint64_t *word_at(uint64_t address)
{
    assert_true(address % 8 == 0 && address >= ROOT && address < ROOT + sizeof memory);
    return &memory[(address - ROOT) / HAL_PAGE_SIZE][address % HAL_PAGE_SIZE / 8];
}

uint64_t test_word(uint64_t address)
{
    return *word_at(address);
}

uint64_t remap_load(hal_paddr_t at)
{
    return *word_at(at.value);
}

void remap_store(hal_paddr_t at, uint64_t value)
{
    *word_at(at.value) = value;
    if (store_count < STORES_MAX) {
        stores[store_count++] = (struct store){at.value, value};
    }
}

void remap_write_back(hal_paddr_t at, size_t size)
{
    (void)word_at(at.value);
    written_back += size;
    written_back_end = at.value + size;
    note('W');
}

hal_paddr_t remap_page(void)
{
    assert_true(page_count < TEST_PAGES);
    return hal_paddr(ROOT + page_count++ * HAL_PAGE_SIZE);
}

uint64_t reserved_first, reserved_last;

bool remap_is_reserved(uint64_t first, uint64_t last)
{
    return first >= reserved_first && last <= reserved_last;
}

/* --- Configuration space --- */

uint32_t config_size;
struct function functions[256];

uint32_t hal_pci_config_size(void)
{
    return config_size;
}

uint32_t hal_pci_read(struct hal_pci_address at, uint32_t offset, unsigned width)
{
    const struct function *function = &functions[at.device * 8 + at.function];
    assert_true(at.bus == 0 && ((offset == 0 && width == 2) || (offset == 0x0e && width == 1)));
    if (!function->exists) {
        return UINT32_MAX >> (32 - 8 * width);
    }
    return offset == 0 ? 0x8086 : function->header;
}

/* --- The queue --- */

static void write_status_word(uint64_t address, uint32_t value)
{
    uint64_t *word = word_at(address & ~UINT64_C(7));
    unsigned shift = (address & 4) != 0 ? 32 : 0;
    *word = (*word & ~(UINT64_C(0xffffffff) << shift)) | (uint64_t)value << shift;
}

/* False: the unit makes nothing of it. */
static bool obey(struct registers *u, uint64_t low, uint64_t high)
{
    struct queue *q = &u->queue;
    uint64_t draining = u->capability >> 54 & 3;
    if ((q->refuses >> (low & 15) & 1) != 0) {
        return false;
    }
    switch (low & 15) {
    case 1:
        q->contexts++;
        q->between = true;
        note('c');
        return (low & UINT64_C(0xfffc00000000ffc0)) == 0 && high == 0 && (low >> 4 & 3) != 0;
    case 2:
        q->iotlbs++;
        q->low = low;
        q->high = high;
        q->unfenced = q->unfenced || q->between;
        note('i');
        return (low & UINT64_C(0xffffffff0000ff00)) == 0 && (high & 0xf80) == 0 && (low >> 4 & 3) != 0 &&
               (low >> 6 & 3 & ~draining) == 0 && (high & 0x3f) <= (u->capability >> 48 & 0x3f);
    case 4:
        q->interrupt = low;
        note('e');
        return (low & UINT64_C(0xffff000007ffffe0)) == 0 && high == 0;
    case 5:
        q->waits++;
        q->between = q->between && (low & 1 << 6) == 0;
        write_status_word(high, (uint32_t)(low >> 32));
        note('w');
        return (low & UINT64_C(0xffffff80)) == 0 && (low & 1 << 5) != 0 && (high & 3) == 0;
    default:
        return false;
    }
}

static bool queue_error(const struct registers *u)
{
    return (u->fault_status & 0x70) != 0;
}

/* Answers whether it went on. */
static bool queue_step(struct registers *u)
{
    struct queue *q = &u->queue;
    if ((u->status & QUEUE) == 0 || q->head == q->tail || q->stands || q->asleep || queue_error(u)) {
        return false;
    }
    if (!obey(u, *word_at(q->address + q->head), *word_at(q->address + q->head + 8))) {
        u->fault_status |= 0x10;
        q->asleep = true;
        return false;
    }
    q->head = (q->head + 16) % HAL_PAGE_SIZE;
    return true;
}

void run_queue(unsigned unit)
{
    while (queue_step(&units[unit])) {
    }
}

static void write_tail(struct registers *u, unsigned unit, uint64_t value)
{
    struct queue *q = &u->queue;
    uint64_t used = (value - q->tail) % HAL_PAGE_SIZE, left = (q->head - q->tail - 16) % HAL_PAGE_SIZE;
    assert_true(value % 16 == 0 && value < HAL_PAGE_SIZE);
    q->overrun = q->overrun || ((u->status & QUEUE) != 0 && used > left);
    q->tail = value;
    q->asleep = queue_error(u);
    if (!q->lazy) {
        run_queue(unit);
    }
}

/* --- Registers --- */

static uint32_t faults_at(const struct registers *u)
{
    return (uint32_t)(u->capability >> 24 & 0x3ff) * 16;
}

static uint32_t fault_count(const struct registers *u)
{
    return (uint32_t)(u->capability >> 40 & 0xff) + 1;
}

static uint32_t iotlb_at(const struct registers *u)
{
    return (uint32_t)(u->extended >> 8 & 0x3ff) * 16 + 8;
}

/* From some access on, nothing answers any more. */
static bool is_gone(unsigned unit, uint32_t offset, uint32_t size)
{
    assert_true(unit < VTD_TEST_UNITS && offset % size == 0 && offset <= VTD_REGISTERS_SIZE - size);
    return accesses++ >= gone_from;
}

/* Some reads later. */
static bool is_due(struct registers *u)
{
    u->late -= u->late != 0;
    return u->late == 0;
}

static void finish_command(struct registers *u)
{
    u->status = (u->status & ~GIVEN_ONCE) | (u->status & (SET_ROOT | SET_INTERRUPTS));
    switch (u->command) {
    case SET_ROOT:
        u->status |= SET_ROOT;
        note('R');
        break;
    case WRITE_BUFFER:
        note('B');
        break;
    case SET_INTERRUPTS:
        u->status |= SET_INTERRUPTS;
        note('E');
        break;
    case QUEUE:
        u->queue.off_at_work = u->queue.off_at_work || ((u->status & QUEUE) != 0 && u->queue.address != 0 &&
                                                        u->queue.head != u->queue.tail);
        u->queue.head = 0;
        u->status ^= QUEUE;
        note('Q');
        break;
    default:
        u->status ^= u->command;
        note(u->command == TRANSLATE ? 'T' : u->command == OLD_INTERRUPTS ? 'O' : 'N');
        break;
    }
    u->command = 0;
}

static uint32_t read_status(struct registers *u)
{
    bool kept_on = u->command == QUEUE && (u->status & QUEUE) != 0 && u->queue.full_stop &&
                   u->queue.head != u->queue.tail;
    (void)queue_step(u);
    if (u->command != 0 && (u->command & u->stuck) == 0 && !kept_on && is_due(u)) {
        finish_command(u);
    }
    return u->status;
}

static void write_command(struct registers *u, uint32_t value)
{
    uint32_t changed = (value & ~GIVEN_ONCE) ^ (u->status & ~GIVEN_ONCE);
    uint32_t command = changed | (value & GIVEN_ONCE);
    u->too_early = u->too_early || u->command != 0;
    u->several_commands = u->several_commands || (command & (command - 1)) != 0;
    u->command = command;
    u->late = 3;
    u->status &= command == SET_ROOT || command == SET_INTERRUPTS ? ~command : UINT32_MAX;
    u->status |= command == WRITE_BUFFER ? WRITE_BUFFER : 0;
}

uint32_t vtd_read32(unsigned unit, uint32_t offset)
{
    struct registers *u = &units[unit];
    if (is_gone(unit, offset, 4)) {
        return UINT32_MAX;
    }
    switch (offset) {
    case 0x00:
        return u->version;
    case 0x1c:
        return read_status(u);
    case 0x34:
        return u->fault_status;
    case 0x64:
        u->protected_memory &= is_due(u) ? 0 : UINT32_MAX;
        return u->protected_memory;
    default:
        return 0;
    }
}

void vtd_write32(unsigned unit, uint32_t offset, uint32_t value)
{
    struct registers *u = &units[unit];
    if (is_gone(unit, offset, 4)) {
        return;
    }
    if (offset == 0x18) {
        write_command(u, value);
    } else if (offset == 0x34) {
        for (uint32_t i = 0; i < fault_count(u); i++) {
            u->overflow_first = u->overflow_first || (u->high[i] & RECORD_FAULT) != 0;
        }
        u->fault_status &= ~value;
    } else if (offset == 0x38) {
        u->fault_control = value;
    } else if (offset == 0x64) {
        u->protected_memory = value | (u->protected_memory & 1);
        u->late = 3;
        note('P');
    }
}

/* An invalidation ends after some reads, and says what was done. */
static uint64_t read_invalidation(struct registers *u, uint64_t *value, char what, uint64_t actual)
{
    if ((*value & INVALIDATE) != 0 && !u->hangs && is_due(u)) {
        *value &= ~INVALIDATE;
        *value |= u->ignores ? 0 : actual;
        note(what);
    }
    return *value;
}

/* NULL: no fault record is there. */
static uint64_t *record_at(struct registers *u, uint32_t offset)
{
    uint32_t place = (offset - faults_at(u)) / 16;
    if (offset < faults_at(u) || place >= fault_count(u)) {
        return NULL;
    }
    return offset % 16 == 0 ? &u->low[place] : &u->high[place];
}

uint64_t vtd_read64(unsigned unit, uint32_t offset)
{
    struct registers *u = &units[unit];
    if (is_gone(unit, offset, 8)) {
        return UINT64_MAX;
    }
    if (record_at(u, offset) != NULL) {
        u->record_reads++;
        return *record_at(u, offset);
    }
    if (offset == iotlb_at(u)) {
        return read_invalidation(u, &u->iotlb, 'I', UINT64_C(1) << 57);
    }
    switch (offset) {
    case 0x08:
        return u->capability;
    case 0x10:
        return u->extended;
    case 0x28:
        return read_invalidation(u, &u->context, 'C', UINT64_C(1) << 59);
    case 0x80:
        if (u->queue.address != 0) {
            (void)queue_step(u);
            return u->queue.head;
        }
        u->queue_left -= u->queue_left != 0;
        return u->queue_left == 0 ? 0x40 : 0x20;
    case 0x88:
        return u->queue.address != 0 ? u->queue.tail : 0x40;
    default:
        return 0;
    }
}

void vtd_write64(unsigned unit, uint32_t offset, uint64_t value)
{
    struct registers *u = &units[unit];
    if (is_gone(unit, offset, 8)) {
        return;
    }
    if (record_at(u, offset) != NULL) {
        assert_int_equal(value, RECORD_FAULT);
        *record_at(u, offset) &= ~value;
        return;
    }
    u->late = 3;
    if (offset == 0x88) {
        write_tail(u, unit, value);
    } else if (offset == 0x90) {
        u->queue.address = value;
    } else if (offset == 0xb8) {
        u->interrupts = value;
    } else if (offset == iotlb_at(u) - 8) {
        u->iotlb_address = value;
    } else if (offset == 0x20) {
        u->root = value;
    } else if (offset == 0x28) {
        u->context = value;
    } else if (offset == iotlb_at(u)) {
        u->iotlb = value;
    }
}

void remap_print(const char *line)
{
    assert_true(strlen(lines) + strlen(line) + 2 < sizeof lines);
    strcat(strcat(lines, line), "\n");
    line_count++;
}

bool long_ids;

bool remap_apics_have_long_ids(void)
{
    return long_ids;
}

struct registers *reset(unsigned unit, uint64_t capability, uint64_t extended)
{
    units[unit] = (struct registers){.version = 0x10, .capability = capability, .extended = extended};
    done[0] = '\0';
    accesses = 0;
    gone_from = UINT32_MAX;
    lines[0] = '\0';
    line_count = 0;
    memset(memory, 0, sizeof memory);
    page_count = store_count = mini_fault_count = 0;
    written_back = reserved_first = reserved_last = 0;
    return &units[unit];
}

struct registers *reset_plain(unsigned unit)
{
    return reset(unit, FAULTS_AT(0x20, 4), COHERENT | IOTLB_AT(0x50));
}

struct registers *reset_capable(unsigned unit)
{
    return reset(unit, CAPABLE, COHERENT | QUEUED | IOTLB_AT(0x50));
}

void record(struct registers *u, unsigned place, uint64_t address, uint16_t source, bool is_read)
{
    u->low[place] = address;
    u->high[place] = RECORD_FAULT | (is_read ? RECORD_READ : 0) | UINT64_C(1) << 32 | source;
    u->fault_status |= 2;
}
