/* SPDX-License-Identifier: BSD-2-Clause
 *
 * ACPI: switching off, restarting, the PM timer and the real-time clock, from the FADT (ACPI 6.4, 5.2.9) and
 * the DSDT. See hal/acpi.h.
 */
#include "acpi_bytes.h"

#include <string.h>

/* Offsets in the FADT (table 5.9). Everything up to and with FLAGS is there since ACPI 1.0. */
enum {
    FADT_DSDT = 40,
    FADT_PM1A_CONTROL = 64,
    FADT_PM1B_CONTROL = 68,
    FADT_PM_TIMER = 76,
    FADT_PM_TIMER_LENGTH = 91,
    FADT_CENTURY = 108,
    FADT_BOOT_FLAGS = 109,
    FADT_FLAGS = 112,
    FADT_RESET = 116,
    FADT_RESET_VALUE = 128,
    FADT_X_DSDT = 140,
    FADT_SIZE_1_0 = 116,
};

#define FADT_FLAG_TIMER_32_BIT (UINT32_C(1) << 8)
#define FADT_FLAG_RESET        (UINT32_C(1) << 10)
#define FADT_BOOT_NO_RTC       (1u << 5) /* table 5.11 */

/* Generic address structure (table 5.1). */
enum {
    GAS_SPACE = 0,
    GAS_ADDRESS = 4,
    GAS_SIZE = 12,
};

/* A port number, or 0 where the field holds none. */
static uint16_t port_from(const uint8_t *field)
{
    const uint32_t value = acpi_le32(field);

    return value <= UINT16_MAX ? (uint16_t)value : 0;
}

static void parse_reset(const struct acpi_memory *memory, const struct acpi_table *fadt, uint32_t flags,
                        struct acpi_power *power)
{
    uint8_t gas[GAS_SIZE];
    uint8_t value;

    if ((flags & FADT_FLAG_RESET) == 0) {
        return;
    }
    if (!acpi_read(memory, fadt, FADT_RESET, gas, sizeof(gas)) ||
        !acpi_read(memory, fadt, FADT_RESET_VALUE, &value, sizeof(value))) {
        return;
    }
    if (gas[GAS_SPACE] > ACPI_SPACE_PCI || acpi_le64(gas + GAS_ADDRESS) == 0) {
        return;
    }
    power->has_reset = true;
    power->reset_space = (enum acpi_space)gas[GAS_SPACE];
    power->reset_address = acpi_le64(gas + GAS_ADDRESS);
    power->reset_value = value;
}

bool acpi_parse_fadt(const struct acpi_memory *memory, const struct acpi_table *fadt,
                     struct acpi_power *power)
{
    uint8_t fields[FADT_SIZE_1_0];
    uint8_t x_dsdt[8];
    uint32_t flags;

    memset(power, 0, sizeof(*power));
    if (!acpi_read(memory, fadt, 0, fields, sizeof(fields))) {
        return false;
    }
    flags = acpi_le32(fields + FADT_FLAGS);
    power->dsdt = acpi_le32(fields + FADT_DSDT);
    if (acpi_read(memory, fadt, FADT_X_DSDT, x_dsdt, sizeof(x_dsdt)) && acpi_le64(x_dsdt) != 0) {
        power->dsdt = acpi_le64(x_dsdt);
    }
    power->pm1a_control = port_from(fields + FADT_PM1A_CONTROL);
    power->pm1b_control = port_from(fields + FADT_PM1B_CONTROL);
    if (fields[FADT_PM_TIMER_LENGTH] == 4) {
        power->pm_timer = port_from(fields + FADT_PM_TIMER);
    }
    power->pm_timer_is_32_bit = (flags & FADT_FLAG_TIMER_32_BIT) != 0;
    power->rtc_century = fields[FADT_CENTURY];
    power->has_no_rtc = (acpi_le16(fields + FADT_BOOT_FLAGS) & FADT_BOOT_NO_RTC) != 0;
    parse_reset(memory, fadt, flags, power);
    return true;
}

/* AML byte code (20.2): Name(_S5_, Package(n){typ_a, typ_b, ...}). */
enum {
    AML_ZERO = 0x00,
    AML_ONE = 0x01,
    AML_NAME = 0x08,
    AML_BYTE = 0x0a,
    AML_PACKAGE = 0x12,
    AML_ROOT = '\\',
};

/* Moves past one small integer object at *offset. */
static bool take_integer(struct acpi_bytes *bytes, uint32_t *offset, uint8_t *value)
{
    uint8_t code;

    if (!acpi_bytes_get(bytes, (*offset)++, &code)) {
        return false;
    }
    if (code == AML_BYTE) {
        return acpi_bytes_get(bytes, (*offset)++, value);
    }
    *value = code;
    return code == AML_ZERO || code == AML_ONE;
}

/* The package behind the name: opcode, length in 1 to 4 bytes (20.2.4), element count, elements. */
static bool take_package(struct acpi_bytes *bytes, uint32_t offset, uint8_t slp_typ[2])
{
    uint8_t code, length, count;

    if (!acpi_bytes_get(bytes, offset++, &code) || code != AML_PACKAGE) {
        return false;
    }
    if (!acpi_bytes_get(bytes, offset, &length)) {
        return false;
    }
    offset += 1u + (length >> 6);
    if (!acpi_bytes_get(bytes, offset++, &count) || count < 2) {
        return false;
    }
    return take_integer(bytes, &offset, &slp_typ[0]) && take_integer(bytes, &offset, &slp_typ[1]);
}

static bool name_at(struct acpi_bytes *bytes, uint32_t offset)
{
    static const uint8_t name[4] = {'_', 'S', '5', '_'};
    uint8_t before, before_that;

    for (uint32_t i = 0; i < sizeof(name); i++) {
        uint8_t byte;
        if (!acpi_bytes_get(bytes, offset + i, &byte) || byte != name[i]) {
            return false;
        }
    }
    if (!acpi_bytes_get(bytes, offset - 1, &before) || !acpi_bytes_get(bytes, offset - 2, &before_that)) {
        return false;
    }
    return before == AML_NAME || (before == AML_ROOT && before_that == AML_NAME);
}

bool acpi_find_s5(const struct acpi_memory *memory, const struct acpi_table *dsdt, uint8_t slp_typ[2])
{
    struct acpi_bytes bytes;

    /* Offsets stay far below 2^32: acpi_check_table bounds the length. */
    acpi_bytes_init(&bytes, memory, dsdt->address, dsdt->length);
    for (uint32_t offset = ACPI_HEADER_SIZE; offset < dsdt->length; offset++) {
        uint8_t found[2];

        if (!name_at(&bytes, offset) || !take_package(&bytes, offset + 4, found)) {
            continue;
        }
        /* SLP_TYPx is a field of three bits (4.8.3.2.1). */
        slp_typ[0] = found[0] & 7;
        slp_typ[1] = found[1] & 7;
        return true;
    }
    return false;
}
