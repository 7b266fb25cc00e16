/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A device that reaches for memory: QEMU's `edu`, which does DMA wherever it is told. Every attempt must be
 * blocked (D3); the boot log says who tried what. So must messages by which it would raise another's
 * interrupt (D4). On a machine without an IOMMU ("open" on the command line) the same attacks succeed, which
 * shows that they are some.
 *
 * For the real machine only: it drives the device by configuration ports and edits page tables by hand, as no
 * client should.
 */
#include "by_hand.h"
#include "check.h"

#define MS        UINT64_C(1000000)
#define PAGE_SIZE UINT64_C(4096)
/* Present, writable, not executable, uncached. */
#define ENTRY_REGISTERS (ENTRY_NX | 0x1b)

/* --- Configuration space (PCI Local Bus specification 3.0, 3.2.2.3) --- */

enum {
    CONFIG_ADDRESS = 0xcf8,
    CONFIG_DATA = 0xcfc,
    CONFIG_COMMAND = 0x04,
    CONFIG_BAR = 0x10,
    CONFIG_CAPABILITIES = 0x34,
    COMMAND_MEMORY = 1 << 1,
    COMMAND_MASTER = 1 << 2,
};

#define EDU_ID UINT32_C(0x11e81234)

/* Of a device on bus 0. */
static uint32_t config_read(uint32_t device, uint32_t offset)
{
    port_write32(CONFIG_ADDRESS, UINT32_C(0x80000000) | device << 11 | offset);
    return port_read32(CONFIG_DATA);
}

static void config_write(uint32_t device, uint32_t offset, uint32_t value)
{
    port_write32(CONFIG_ADDRESS, UINT32_C(0x80000000) | device << 11 | offset);
    port_write32(CONFIG_DATA, value);
}

static uint32_t edu, edu_command;
static uint64_t edu_registers;

static void find_edu(void)
{
    edu = 0;
    while (edu < 32 && config_read(edu, 0) != EDU_ID) {
        edu++;
    }
    CHECK(edu < 32);
    edu_registers = config_read(edu, CONFIG_BAR) & ~UINT64_C(0xf);
    edu_command = config_read(edu, CONFIG_COMMAND) & 0xffff;
    config_write(edu, CONFIG_COMMAND, edu_command | COMMAND_MEMORY | COMMAND_MASTER);
    CHECK_VALUE(edu_registers != 0, edu_registers);
}

static void leave_edu(void)
{
    config_write(edu, CONFIG_COMMAND, edu_command);
}

/* --- Page tables --- */

static uint64_t physical_of(const volatile void *where)
{
    uint64_t va = (uint64_t)(uintptr_t)where;
    uint64_t entry = *leaf_of(va);
    CHECK_VALUE((entry & ENTRY_PRESENT) != 0 && (entry & ENTRY_LARGE) == 0, entry);
    return (entry & ENTRY_ADDRESS) + va % PAGE_SIZE;
}

/* --- The device's registers (QEMU, docs/specs/edu.txt), in the place of a page of data --- */

enum {
    EDU_SOURCE = 0x80,
    EDU_DESTINATION = 0x88,
    EDU_COUNT = 0x90,
    EDU_COMMAND = 0x98,
    EDU_RAISE = 0x60, /* so that it sends its message */
    EDU_LOWER = 0x64,
    EDU_BUFFER = 0x40000, /* the device's own memory, as it sees it */
    EDU_START = 1,
    EDU_TO_MEMORY = 2,
    BYTES = 64,
};

_Alignas(4096) static volatile union {
    uint64_t wide[512];
    uint32_t narrow[1024];
} window;

/* Registers below EDU_SOURCE have 32 bits. Interrupts off: the task stays on this CPU, whose TLB it knows. */
static uint64_t edu_access(uint32_t offset, bool write, uint64_t value)
{
    volatile uint64_t *entry = leaf_of((uint64_t)(uintptr_t)&window);
    uint64_t flags, kept;
    __asm__ volatile("pushfq; popq %0; cli" : "=r"(flags) : : "memory");
    kept = *entry;
    *entry = edu_registers | ENTRY_REGISTERS;
    __asm__ volatile("invlpg %0" : : "m"(window) : "memory");
    if (!write) {
        value = window.wide[offset / 8];
    } else if (offset < EDU_SOURCE) {
        window.narrow[offset / 4] = (uint32_t)value;
    } else {
        window.wide[offset / 8] = value;
    }
    *entry = kept;
    __asm__ volatile("invlpg %0" : : "m"(window) : "memory");
    __asm__ volatile("pushq %0; popfq" : : "r"(flags) : "memory");
    return value;
}

/* Copies between the device's memory, which is all zeroes, and `physical`. Longer than a look at the fault
 * records takes to come round: QEMU's unit records one attempt of a device until then. */
static void transfer(uint64_t physical, bool to_memory)
{
    edu_access(EDU_SOURCE, true, to_memory ? EDU_BUFFER : physical);
    edu_access(EDU_DESTINATION, true, to_memory ? physical : EDU_BUFFER);
    edu_access(EDU_COUNT, true, BYTES);
    edu_access(EDU_COMMAND, true, to_memory ? EDU_START | EDU_TO_MEMORY : EDU_START);
    for (uint32_t i = 0; i < 100 && (edu_access(EDU_COMMAND, false, 0) & EDU_START) != 0; i++) {
        CHECK_OK(keel_task_sleep(20 * MS));
    }
    CHECK((edu_access(EDU_COMMAND, false, 0) & EDU_START) == 0);
    CHECK_OK(keel_task_sleep(600 * MS));
}

/* --- The attacks --- */

static uint32_t differing(const volatile uint8_t *now, const uint8_t *before)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < BYTES; i++) {
        count += now[i] != before[i];
    }
    return count;
}

/* The device writes over what stands at `seen` in this address space; answers how many bytes have changed. */
static uint32_t overwrite(const volatile uint8_t *seen, uint64_t physical)
{
    uint8_t before[BYTES], nonzero = 0;
    for (uint32_t i = 0; i < BYTES; i++) {
        before[i] = seen[i];
        nonzero |= before[i];
    }
    CHECK(nonzero != 0); /* otherwise nothing would show */
    find_edu();
    transfer(physical, true);
    leave_edu();
    return differing(seen, before);
}

/* Where a frame lies: the slot of its handle is its number. */
static uint64_t frame_address(keel_frame_t frame)
{
    return (frame.value >> 32 & 0x0fffffff) * PAGE_SIZE;
}

/* A frame full of the same byte; answers where the linear map has it. */
static const volatile uint8_t *take_frame(keel_frame_t *frame)
{
    uint8_t bytes[BYTES];
    for (uint32_t i = 0; i < BYTES; i++) {
        bytes[i] = 0x5a;
    }
    CHECK_OK(keel_frame_alloc(frame));
    CHECK_OK(keel_frame_write(*frame, 0, bytes, sizeof(bytes)));
    const volatile uint8_t *seen = (const volatile uint8_t *)(uintptr_t)(LINEAR_BASE + frame_address(*frame));
    CHECK_VALUE(differing(seen, bytes) == 0, frame_address(*frame));
    return seen;
}

static void D3_frame(void)
{
    keel_frame_t frame;
    const volatile uint8_t *seen = take_frame(&frame);
    uint32_t changed = overwrite(seen, frame_address(frame));
    CHECK_VALUE(changed == (option_given("open") ? BYTES : 0), changed);
    CHECK_OK(keel_frame_release(frame));
}

static void D3_kernel_code(void)
{
    const volatile uint8_t *code = (const volatile uint8_t *)(uintptr_t)overwrite;
    uint32_t changed = overwrite(code, physical_of(code));
    CHECK_VALUE(changed == 0, changed);
}

/* The entries of the kernel's half. */
static void D3_page_table(void)
{
    uint64_t physical = page_root() + PAGE_SIZE / 2;
    uint32_t changed = overwrite((const volatile uint8_t *)(uintptr_t)(LINEAR_BASE + physical), physical);
    CHECK_VALUE(changed == 0, changed);
}

/* Whether the device read anything, only the log tells; and an address that the log can be asked for. */
static void D3_reads_and_far_addresses(void)
{
    find_edu();
    transfer(UINT64_C(0x100000), false);
    transfer(UINT64_C(0x2345678000), true);
    leave_edu();
}

/* --- Messages (PCI Local Bus Specification 3.0, 6.8.1) --- */

enum {
    MESSAGES = 5, /* the capability's number */
    MESSAGES_ON = 1 << 16,
    REMAPPED = 1 << 4, /* the index of an entry that says what to raise, from bit 5 on */
    ENTRIES = 256,
    TYPE = 8, /* fixed, lowest priority, SMI, reserved, NMI, INIT, reserved, ExtINT */
    TYPES = 8,
    CLOCK_LINE = 8,
    VECTOR_FIRST = 0x40, /* of source 0 */
    SPURIOUS_VECTOR = 0xff,
    DESTINATION = 12, /* the APIC's id: on this machine, the CPU's number */
};
#define MESSAGE_BASE UINT32_C(0xfee00000)

static _Atomic uint32_t calls;

static uint32_t count_call(void *context)
{
    (void)context;
    calls++;
    return KEEL_IRQ_HANDLED;
}

static uint32_t find_messages(void)
{
    uint32_t at = config_read(edu, CONFIG_CAPABILITIES) & 0xfc;
    while (at != 0 && (config_read(edu, at) & 0xff) != MESSAGES) {
        at = config_read(edu, at) >> 8 & 0xfc;
    }
    CHECK(at != 0);
    return at;
}

/* Its register has 64 bits of address. */
static void send_message(uint32_t address, uint32_t data)
{
    uint32_t at = find_messages();
    config_write(edu, at + 4, address);
    config_write(edu, at + 8, 0);
    config_write(edu, at + 12, data);
    config_write(edu, at, config_read(edu, at) | MESSAGES_ON);
    edu_access(EDU_RAISE, true, 1);
    edu_access(EDU_LOWER, true, 1);
    config_write(edu, at, config_read(edu, at) & ~(uint32_t)MESSAGES_ON);
}

/* What reached CPUs and belongs to nobody. */
static uint64_t count_strays(void)
{
    struct keel_irq_counts counts = {0};
    uint64_t strays = 0;
    for (uint32_t cpu = 0; keel_irq_counts(cpu, &counts) == KEEL_OK; cpu++) {
        strays += counts.stray;
    }
    return strays;
}

static uint64_t count_nmis(void)
{
    struct keel_irq_counts counts = {0};
    uint64_t nmis = 0;
    for (uint32_t cpu = 0; keel_irq_counts(cpu, &counts) == KEEL_OK; cpu++) {
        nmis += counts.nmi;
    }
    return nmis;
}

/* Nobody's, and the I/O APIC's. The old format, by which the attack succeeds without an IOMMU, is not tried
 * with VT-d: QEMU lets it pass all the same (the unit says that it is blocked). AMD's unit knows no other,
 * and blocks each type of interrupt by itself; an INIT or an SMI that passed would not go unnoticed. Writes
 * of the device that are not its message are not tried there: QEMU takes them for the I/O APIC's. */
static void send_all(void)
{
    for (uint32_t index = 0; index < ENTRIES; index++) {
        if (option_given("amd")) {
            send_message(MESSAGE_BASE, index);
        } else {
            send_message(MESSAGE_BASE | REMAPPED | index << 5, 0);
        }
    }
    for (uint32_t type = 1; option_given("amd") && type < TYPES; type++) {
        send_message(MESSAGE_BASE, type << TYPE | (VECTOR_FIRST + source_of_line(CLOCK_LINE)));
    }
}

/* An open line, whose wire is quiet. */
static void D4_interrupt_of_another(void)
{
    const uint32_t source = source_of_line(CLOCK_LINE);
    const struct keel_irq_handler_options options = {.handler = count_call, .source = source};
    keel_irq_handler_t handler;
    CHECK_OK(keel_irq_handler_create(&options, &handler));
    CHECK_OK(keel_irq_handler_enable(handler));
    CHECK_OK(keel_task_sleep(50 * MS)); /* it may be called once, lest an edge was missed before */
    uint32_t before = calls;
    uint64_t strays = count_strays(), nmis = count_nmis();
    find_edu();
    if (option_given("open")) {
        send_message(MESSAGE_BASE, VECTOR_FIRST + source);
        CHECK_OK(keel_task_sleep(50 * MS));
        CHECK_VALUE(calls - before == 1, calls - before);
    } else {
        send_all();
        CHECK_OK(keel_task_sleep(50 * MS));
        CHECK_VALUE(calls == before, calls - before);
        CHECK_VALUE(count_nmis() == nmis, count_nmis() - nmis);
        CHECK_VALUE(count_strays() == strays, count_strays() - strays);
    }
    leave_edu();
    CHECK_OK(keel_irq_handler_release(handler));
}

static void count_cpu(void *context)
{
    (void)context;
    calls++;
}

/* What the APIC itself raises for nothing, and is not told the end of then: to each CPU, as a message. All
 * still hear of their timers and of each other. QEMU lets the message pass with VT-d, too. */
static void D8_spurious_vector_silences_nobody(void)
{
    const struct keel_cpu_call_options options = {.handler = count_cpu};
    uint64_t online = 0, strays = count_strays();
    uint32_t cpus = 0, before = calls;
    CHECK_OK(keel_cpu_online(&online));
    find_edu();
    for (; (online >> cpus & 1) != 0; cpus++) {
        send_message(MESSAGE_BASE | cpus << DESTINATION, SPURIOUS_VECTOR);
    }
    leave_edu();
    CHECK_OK(keel_task_sleep(50 * MS));
    CHECK_OK(keel_cpu_call(online, &options));
    CHECK_VALUE(calls - before == cpus, calls - before);
    strays = count_strays() - strays;
    CHECK_VALUE(strays == cpus || !option_given("open"), strays);
}

int32_t keel_main(void)
{
    static const struct test tests[] = {
        TEST(D3_frame),       TEST(D4_interrupt_of_another), TEST(D8_spurious_vector_silences_nobody),
        TEST(D3_kernel_code), TEST(D3_page_table),           TEST(D3_reads_and_far_addresses),
    };
    /* Without an IOMMU the others would end the kernel. */
    return tests_run("dma", tests, option_given("open") ? 3 : COUNT_OF(tests));
}
