/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The part of fuzz_parsers about devices: whatever the registers of clocks and of PCI devices show.
 */
#include "core/pci_parse.h"
#include "hal/clock.h"
#include "hal/rtc.h"
#include "parsers.h"

/* --- Clocks: whatever the registers show --- */

/* A counter's atomics are scheduling points, so the whole machine is linked in. It never runs. */
int32_t keel_main(void)
{
    return 0;
}

static struct input *registers; /* each read takes a byte or eight; zeroes past the end */

static uint8_t read_rtc(uint8_t index)
{
    CHECK(++registers->reads < READS_MAX);
    CHECK(index < 0x80); /* the bit above would hold NMIs back */
    return (uint8_t)take(registers, 1);
}

static void fuzz_rtc(struct input *input)
{
    uint64_t seconds = UINT64_MAX;
    uint8_t century = (uint8_t)take(input, 1);
    registers = input;
    if (rtc_read(read_rtc, century, &seconds)) {
        CHECK(seconds < UINT64_MAX / CLOCK_NS_PER_S);
    } else {
        CHECK(seconds == UINT64_MAX);
    }
    PRINT("real-time clock: %lld\n", (long long)seconds);
}

static uint64_t read_counter(void)
{
    return take(registers, 8);
}

static void fuzz_counter(struct input *input)
{
    struct clock_counter counter = {.read = read_counter};
    struct hpet hpet = {0};
    registers = input;
    if (!hpet_decode(take(input, 8), &hpet)) {
        PRINT("no HPET\n");
        return;
    }
    CHECK(hpet.timer_count >= 1 && hpet.timer_count <= 32);
    CHECK(clock_ns(1000, hpet.factor) <= 100000); /* 100 ns a tick at most */
    counter.mask = hpet.mask;
    counter.factor = hpet.factor;
    uint64_t before = take(input, 8);
    clock_counter_begin(&counter, before);
    while (input->size != 0) {
        uint64_t now = clock_counter_ns(&counter);
        PRINT("counter: %llu ns\n", (unsigned long long)now);
        CHECK(now >= before);
        before = now;
    }
}

static void fuzz_rates(struct input *input)
{
    struct clock_round rounds[CLOCK_ROUNDS];
    struct clock_watch watch = {0, 0};
    for (unsigned i = 0; i < CLOCK_ROUNDS; i++) {
        rounds[i] = (struct clock_round){take(input, 8), take(input, 8), take(input, 8)};
    }
    struct clock_rates rates = clock_rates(rounds);
    CHECK(!rates.tsc_agrees || (rates.tsc_hz != 0 && clock_factor(rates.tsc_hz) != 0));
    PRINT("TSC: %llu Hz\n", (unsigned long long)rates.tsc_hz);
    while (input->size != 0) {
        uint64_t before = take(input, 8), reference = take(input, 8), took = take(input, 4);
        (void)clock_watch(&watch, before, reference, before + took, take(input, 8));
    }
}

static void fuzz_wish(struct input *input)
{
    const char *line = (const char *)input->data;
    enum clock_kind kind = CLOCK_KIND_COUNT;
    enum clock_wish wish = clock_wish(line, input->size, &kind);
    size_t at = parsers_last_word(line, input->size, "keel.clock");
    CHECK((wish == CLOCK_FORCED) == (kind < CLOCK_KIND_COUNT) || wish == CLOCK_UNKNOWN);
    /* Control characters end a word here, and only white space in the reckoning above. */
    CHECK(wish != CLOCK_ANY || at == input->size || at + 10 == input->size || line[at + 10] != '=');
}

void fuzz_clock(struct input *input)
{
    static void (*const parts[])(struct input *) = {fuzz_rtc, fuzz_counter, fuzz_rates, fuzz_wish};
    parts[take(input, 1) % 4](input);
}

/* --- PCI: whatever the registers show --- */

static uint16_t read_pci(void *context, uint32_t offset)
{
    struct input *input = context;
    CHECK(++input->reads <= PCI_CAPABILITIES_MAX);
    CHECK(offset >= 0x40 && offset < 0x100 && offset % 4 == 0);
    return (uint16_t)take(input, 2);
}

static void fuzz_capabilities(struct input *input)
{
    static struct pci_capabilities found;
    uint8_t first = (uint8_t)take(input, 1);
    bool whole = pci_capabilities_read(read_pci, input, first, &found);
    CHECK(found.count <= PCI_CAPABILITIES_MAX && found.count == input->reads);
    for (uint32_t i = 0; i < found.count; i++) {
        CHECK(found.list[i].offset >= 0x40 && found.list[i].offset % 4 == 0);
        for (uint32_t j = 0; j < i; j++) {
            CHECK(found.list[i].offset != found.list[j].offset);
        }
    }
    PRINT("PCI: %u capabilities, %s\n", (unsigned)found.count, whole ? "then the end" : "then nonsense");
}

static void fuzz_bar(struct input *input)
{
    uint64_t value = take(input, 8), mask = take(input, 8);
    bool wide = pci_bar_is_wide((uint32_t)value);
    struct pci_bar bar =
        wide ? pci_bar_decode(value, mask, true) : pci_bar_decode((uint32_t)value, (uint32_t)mask, false);
    PRINT("PCI: BAR of kind %u at 0x%llx + 0x%llx\n", (unsigned)bar.kind, (unsigned long long)bar.address,
          (unsigned long long)bar.size);
    if (bar.kind == PCI_BAR_IO || bar.kind == PCI_BAR_MEMORY) {
        CHECK(bar.address != 0 && bar.size >= (bar.kind == PCI_BAR_IO ? 4 : 16));
        CHECK((bar.size & (bar.size - 1)) == 0 && (bar.address & (bar.size - 1)) == 0);
        CHECK(wide || bar.address + (bar.size - 1) <= UINT32_MAX);
        CHECK(bar.kind == PCI_BAR_MEMORY || !wide);
    }
}

static void fuzz_msix(struct input *input)
{
    struct pci_stretch at[2];
    uint16_t control = (uint16_t)take(input, 2);
    uint32_t table = (uint32_t)take(input, 4), pending = (uint32_t)take(input, 4);
    if (pci_msix_decode(control, table, pending, at)) {
        for (unsigned i = 0; i < 2; i++) {
            CHECK(at[i].bar < PCI_BARS_MAX && at[i].offset % 8 == 0 && at[i].offset <= UINT32_MAX);
        }
        CHECK(at[0].size % 16 == 0 && at[0].size >= 16 && at[0].size <= 2048 * 16);
        CHECK(at[1].size * 8 >= at[0].size / 16 && at[1].size <= 256); /* a bit for each entry */
        PRINT("PCI: MSI-X, %u entries in BAR %u\n", (unsigned)(at[0].size / 16), (unsigned)at[0].bar);
    }
}

void fuzz_pci(struct input *input)
{
    static void (*const parts[])(struct input *) = {fuzz_capabilities, fuzz_bar, fuzz_msix};
    parts[take(input, 1) % 3](input);
}
