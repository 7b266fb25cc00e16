/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Remapping units by their registers, see hosted_iommu.h.
 */
#include "hosted_iommu.h"

#include "hosted_amdvi.h"

#define COMMAND       0x18u
#define STATUS        0x1cu
#define ROOT          0x20u
#define FAULT_STATUS  0x34u
#define EXTENDED      0x10u
#define CONTEXT       0x28u
#define TAIL          0x88u
#define QUEUE_ADDRESS 0x90u
#define IOTLB_ADDRESS 0x100u
#define IOTLB         0x108u
#define RECORDS       0x200u
#define INVALIDATE    (UINT64_C(1) << 63)
#define QUEUE_ON      (UINT32_C(1) << 26)
#define FLUSH_BUFFER  (UINT32_C(1) << 27)
#define KEPT          UINT32_C(0x96ffffff)
#define QUEUE_SIZE    4096u
#define LEAF          (UINT64_C(1) << 7)

unsigned iommu_unit, iommu_tried;
hal_paddr_t iommu_tables[4], iommu_frame;
static hal_paddr_t queue, word, contexts;
static uint32_t tail, tickets;

void iommu_command(uint32_t bit, bool on)
{
    uint32_t kept = vtd_read32(iommu_unit, STATUS) & KEPT;
    vtd_write32(iommu_unit, COMMAND, on ? kept | bit : kept & ~bit);
    bool wanted = on && bit != FLUSH_BUFFER;
    while (((vtd_read32(iommu_unit, STATUS) & bit) != 0) != wanted) {
    }
}

static hal_paddr_t at(hal_paddr_t table, uint64_t offset)
{
    return hal_paddr(table.value + offset);
}

void iommu_put_hidden(hal_paddr_t table, unsigned index, uint64_t value)
{
    remap_store(at(table, index * 8), value);
}

void iommu_write_back(hal_paddr_t table)
{
    remap_write_back(table, HAL_PAGE_SIZE);
}

void iommu_flush_buffer(void)
{
    if (iommu_unit == 1 && !iommu_is_amd()) {
        iommu_command(FLUSH_BUFFER, true);
    }
}

void iommu_put(hal_paddr_t table, unsigned index, uint64_t value)
{
    iommu_put_hidden(table, index, value);
    remap_write_back(at(table, index * 8), 8);
    iommu_flush_buffer();
}

uint64_t iommu_link(hal_paddr_t table, unsigned level, uint64_t rights)
{
    return iommu_is_amd() ? amdvi_table_entry(table, level) & ~(~rights << 61) : table.value | rights;
}

uint64_t iommu_leaf(hal_paddr_t frame, unsigned level, uint64_t rights)
{
    return iommu_is_amd() ? amdvi_leaf_entry(frame, level, (rights & READS) != 0, (rights & WRITES) != 0)
                          : frame.value | rights | (level > 0 ? LEAF : 0);
}

static hal_paddr_t make_table(void)
{
    hal_paddr_t table = mini_take_frame(HAL_FRAME_TABLE);
    iommu_write_back(table);
    iommu_flush_buffer();
    return table;
}

/* --- The queue --- */

void iommu_queue_begin(void)
{
    queue = mini_take_frame(HAL_FRAME_TABLE);
    word = mini_take_frame(HAL_FRAME_TABLE);
    tail = tickets = 0;
    if (iommu_is_amd()) {
        amdvi_use_ring(queue);
        return;
    }
    if ((vtd_read32(iommu_unit, STATUS) & QUEUE_ON) != 0) {
        iommu_command(QUEUE_ON, false);
    }
    vtd_write64(iommu_unit, TAIL, 0);
    vtd_write64(iommu_unit, QUEUE_ADDRESS, queue.value);
    iommu_command(QUEUE_ON, true);
}

static void put(uint64_t low, uint64_t high)
{
    remap_store(at(queue, tail), low);
    remap_store(at(queue, tail + 8), high);
    tail = (tail + 16) % QUEUE_SIZE;
}

void iommu_post_amd(uint64_t low, uint64_t high)
{
    put(low, high);
    amdvi_write(iommu_unit, AMD_TAIL, tail);
}

void iommu_post(uint64_t low, uint64_t high)
{
    if (iommu_is_amd()) {
        amdvi_translate(low, high, iommu_post_amd);
        return;
    }
    put(low, high);
    vtd_write64(iommu_unit, TAIL, tail);
}

uint32_t iommu_post_wait(void)
{
    tickets++;
    iommu_post((uint64_t)tickets << 32 | 0x25, word.value);
    return tickets;
}

bool iommu_is_done(uint32_t ticket)
{
    /* Time passes for the unit. */
    (void)(iommu_is_amd() ? amdvi_read(iommu_unit, AMD_HEAD) : vtd_read64(iommu_unit, 0x80));
    return (uint32_t)remap_load(word) >= ticket;
}

static bool has_queue(void)
{
    return iommu_is_amd() || (vtd_read64(iommu_unit, EXTENDED) & 2) != 0;
}

/* Answers what was done; 0: nothing. */
static unsigned do_by_register(uint32_t at, uint64_t command, unsigned actual)
{
    vtd_write64(iommu_unit, at, INVALIDATE | command);
    uint64_t value;
    do {
        value = vtd_read64(iommu_unit, at);
    } while ((value & INVALIDATE) != 0);
    return value >> actual & 3;
}

/* What the descriptor says. */
static void do_by_registers(uint64_t low, uint64_t high)
{
    uint64_t scope = low >> 4 & 3, domain = low >> 16 & 0xffff;
    if ((low & 0xf) == 1) {
        mini_expect(do_by_register(CONTEXT, scope << 61 | (low >> 32 & 0xffff) << 16 | domain, 59) == scope);
        return;
    }
    vtd_write64(iommu_unit, IOTLB_ADDRESS, high);
    uint64_t command = UINT64_C(3) << 48 | domain << 32;
    unsigned done = do_by_register(IOTLB, scope << 60 | command, 57);
    if (done == 0) { /* it knows no pages */
        done = do_by_register(IOTLB, UINT64_C(2) << 60 | command, 57);
    }
    mini_expect(done != 0 && done <= scope);
}

void iommu_do(uint64_t low, uint64_t high)
{
    if (!has_queue()) {
        do_by_registers(low, high);
        return;
    }
    iommu_post(low, high);
    uint32_t ticket = iommu_post_wait();
    while (!iommu_is_done(ticket)) {
        hal_point(HAL_POINT_RELAX, NULL);
    }
}

/* --- Tables --- */

void iommu_attach_at_once(uint16_t source, uint64_t low, uint64_t high)
{
    unsigned index = (source & 0xff) * 2u;
    iommu_put_hidden(contexts, index + 1, high);
    iommu_put_hidden(contexts, index, low);
    remap_write_back(at(contexts, index * 8), 16);
    iommu_flush_buffer();
}

void iommu_attach_words(uint16_t source, uint64_t low, uint64_t high)
{
    iommu_put(contexts, (source & 0xff) * 2u, 0);
    iommu_put(contexts, (source & 0xff) * 2u + 1, high);
    iommu_put(contexts, (source & 0xff) * 2u, low);
}

void iommu_attach(uint16_t source, hal_paddr_t root, unsigned levels, uint32_t domain)
{
    if (iommu_is_amd()) {
        amdvi_set_device(source, AMD_VALID, 0);
        amdvi_set_device(source, AMD_DEVICE(root, levels), domain);
    } else {
        iommu_attach_words(source, root.value | 1, CONTEXT_HIGH(domain, levels));
    }
}

void iommu_detach(uint16_t source)
{
    if (iommu_is_amd()) {
        amdvi_set_device(source, AMD_VALID, 0);
    } else {
        iommu_attach_words(source, 0, 0);
    }
}

void iommu_begin(unsigned unit)
{
    iommu_unit = unit % 2;
    if (has_queue()) {
        iommu_queue_begin();
    }
    contexts = make_table();
    for (unsigned level = 0; level < 4; level++) {
        iommu_tables[level] = make_table();
        if (level > 0) {
            iommu_put(iommu_tables[level], hal_pt_index(IOVA, level),
                      iommu_link(iommu_tables[level - 1], level, READS | WRITES));
        }
    }
    iommu_frame = mini_take_frame(HAL_FRAME_UNTYPED);
    if (!iommu_is_amd()) {
        iommu_put(hal_paddr(vtd_read64(unit, ROOT)), (unsigned)(DEVICE(unit) >> 8) * 2, contexts.value | 1);
    }
    iommu_attach(DEVICE(unit), iommu_tables[3], 4, DOMAIN(unit));
    iommu_do(FORGET_CONTEXTS, 0);
    iommu_do(FORGET_ALL, 0);
}

void iommu_map(unsigned page, uint64_t rights)
{
    iommu_put(iommu_tables[0], page, iommu_leaf(iommu_frame, 0, rights));
}

void iommu_unmap(unsigned page)
{
    iommu_put(iommu_tables[0], page, 0);
}

void iommu_forget_page(unsigned page)
{
    iommu_do(FORGET_PAGES(DOMAIN(iommu_unit)), (IOVA + page * HAL_PAGE_SIZE) | WITHOUT_TABLES);
}

/* --- The device --- */

unsigned iommu_reason(void)
{
    unsigned reason = 0;
    if (iommu_is_amd()) {
        return amdvi_last_event();
    }
    for (unsigned i = 0; i < (iommu_unit == 0 ? 4u : 2u); i++) {
        uint64_t high = vtd_read64(iommu_unit, RECORDS + 16 * i + 8);
        if (high >> 63 != 0) {
            reason = high >> 32 & 0xff;
            vtd_write64(iommu_unit, RECORDS + 16 * i + 8, UINT64_C(1) << 63);
        }
    }
    vtd_write32(iommu_unit, FAULT_STATUS, 1); /* there may have been more */
    return reason;
}

bool iommu_was(unsigned reason)
{
    return iommu_reason() == (iommu_is_amd() ? amdvi_code(reason) : reason);
}

bool iommu_dma(uint64_t address, uint64_t *value, bool write)
{
    return hosted_dma(DEVICE(iommu_unit), address, value, sizeof *value, write);
}

bool iommu_is_amd(void)
{
    return iommu_tried >= AMD_FIRST;
}

void iommu_run_tried(const struct hosted_config *config, void (*body)(void), const char *violation)
{
    struct hosted_config with = *config;
    with.iommu |= iommu_is_amd() ? HOSTED_IOMMU_AMD : 0;
    mini_run_showing(&with, body, NULL, violation);
}

void iommu_run_intel(void (*body)(void), const char *violation)
{
    for (iommu_tried = 0; iommu_tried < AMD_FIRST; iommu_tried++) {
        iommu_run_tried(&mini_small, body, violation);
    }
}

void iommu_run(void (*body)(void), const char *violation)
{
    for (iommu_tried = 0; iommu_tried < UNITS_TRIED; iommu_tried++) {
        iommu_run_tried(&mini_small, body, violation);
    }
}
