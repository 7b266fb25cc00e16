/* SPDX-License-Identifier: BSD-2-Clause
 *
 * System calls with numbers and arguments that make no sense. Each answer is printed: an error, or a harmless
 * success.
 */
#include "attempt.h"

struct call {
    const char *name;
    uint64_t number, a, b, c, d;
};

#define PRIVATE (MAP_PRIVATE | MAP_ANONYMOUS)
#define FIXED   (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED)

static const struct call calls[] = {
    {"number 0", 0, 0, 0, 0, 0},
    {"number 1000", 1000, 0, 0, 0, 0},
    {"number 2^32 + 1", UINT64_C(0x100000001), 1, 0, 1, 0},
    {"number 2^63", UINT64_C(1) << 63, 0, 0, 0, 0},
    {"number 2^64 - 1", UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX},
    {"write to no file", CALL_WRITE, 3, 0, 1, 0},
    {"write to file 2^32 + 1", CALL_WRITE, UINT64_C(0x100000001), 0, 1, 0},
    {"write nothing from null", CALL_WRITE, 1, 0, 0, 0},
    {"write from null", CALL_WRITE, 1, 0, 1, 0},
    {"write from the linear map", CALL_WRITE, 1, ADDRESS_LINEAR, 64, 0},
    {"write from the kernel image", CALL_WRITE, 1, ADDRESS_IMAGE, 64, 0},
    {"write from the last address", CALL_WRITE, 1, UINT64_MAX, 1, 0},
    {"write from a non-canonical address", CALL_WRITE, 1, ADDRESS_NON_CANONICAL, 1, 0},
    {"write from past the user limit", CALL_WRITE, 1, ADDRESS_LIMIT, 1, 0},
    {"write of everything", CALL_WRITE, 1, PAGE_SIZE, UINT64_MAX, 0},
    {"mmap of nothing", CALL_MMAP, 0, 0, PROT_READ, PRIVATE},
    {"mmap of 2^64 - 1 bytes", CALL_MMAP, 0, UINT64_MAX, PROT_READ, PRIVATE},
    {"mmap of 2^47 bytes", CALL_MMAP, 0, UINT64_C(1) << 47, PROT_READ, PRIVATE},
    {"mmap, writable and executable", CALL_MMAP, 0, PAGE_SIZE, PROT_WRITE | PROT_EXEC, PRIVATE},
    {"mmap with unknown rights", CALL_MMAP, 0, PAGE_SIZE, UINT64_MAX, PRIVATE},
    {"mmap of a file", CALL_MMAP, 0, PAGE_SIZE, PROT_READ, MAP_PRIVATE},
    {"mmap, shared", CALL_MMAP, 0, PAGE_SIZE, PROT_READ, MAP_ANONYMOUS | 1},
    {"mmap at null", CALL_MMAP, 0, PAGE_SIZE, PROT_READ, FIXED},
    {"mmap at a kernel address", CALL_MMAP, ADDRESS_LINEAR, PAGE_SIZE, PROT_READ, FIXED},
    {"mmap at a non-canonical address", CALL_MMAP, ADDRESS_NON_CANONICAL, PAGE_SIZE, PROT_READ, FIXED},
    {"mmap across the user limit", CALL_MMAP, ADDRESS_LIMIT - PAGE_SIZE, 2 * PAGE_SIZE, PROT_READ, FIXED},
    {"mmap, misaligned", CALL_MMAP, PAGE_SIZE + 1, PAGE_SIZE, PROT_READ, FIXED},
    {"munmap of nothing", CALL_MUNMAP, PAGE_SIZE, 0, 0, 0},
    {"munmap of 2^64 - 1 bytes", CALL_MUNMAP, PAGE_SIZE, UINT64_MAX, 0, 0},
    {"munmap of a kernel address", CALL_MUNMAP, ADDRESS_IMAGE, PAGE_SIZE, 0, 0},
    {"munmap across the user limit", CALL_MUNMAP, ADDRESS_LIMIT - PAGE_SIZE, 2 * PAGE_SIZE, 0, 0},
    {"munmap, misaligned", CALL_MUNMAP, PAGE_SIZE + 1, PAGE_SIZE, 0, 0},
    {"munmap of a hole of 2^40 bytes", CALL_MUNMAP, UINT64_C(1) << 44, UINT64_C(1) << 40, 0, 0},
    {"fault handler that is forgotten", 0x4b01, 0, 0, 0, 0},
    {"private number 0x4b02", 0x4b02, 0, 0, 0, 0},
};

/* A size that reaches far past the end of the mapping: what can be read is written, the rest is not. */
static void write_past_end(void)
{
    uint64_t page = (uint64_t)map_pages(0, PAGE_SIZE, PROT_READ | PROT_WRITE, 0);
    volatile char *text = (volatile char *)(page + PAGE_SIZE - 8);
    for (size_t i = 0; i < 8; i++) {
        text[i] = "written\n"[i];
    }
    int64_t result = system_call(CALL_WRITE, 1, page + PAGE_SIZE - 8, UINT64_MAX, 0);
    print("write of 2^64 - 1 bytes, 8 of which are there: ");
    print_decimal(result);
    print("\n");
    (void)system_call(CALL_MUNMAP, page, PAGE_SIZE, 0, 0);
}

/* Maps until it is told no, touches the last page, gives all back; twice, so that a leak would show. */
static void exhaust_memory(void)
{
    enum { CHUNK = 64, CHUNKS_MAX = 1024 };
    static uint64_t chunks[CHUNKS_MAX];
    for (int turn = 0; turn < 2; turn++) {
        uint32_t count = 0;
        int64_t address = 0;
        while (count < CHUNKS_MAX) {
            address = map_pages(0, CHUNK * PAGE_SIZE, PROT_READ | PROT_WRITE, 0);
            if (address < 0) {
                break;
            }
            *(volatile uint64_t *)address = 1;
            chunks[count] = (uint64_t)address;
            count++;
        }
        print("mmap until refused: ");
        print_decimal(address < 0 ? address : 0);
        print(count != 0 ? ", after some" : ", at once");
        for (uint32_t i = 0; i < count; i++) {
            if (system_call(CALL_MUNMAP, chunks[i], CHUNK * PAGE_SIZE, 0, 0) != 0) {
                print(", munmap FAILED");
            }
        }
        print("\n");
    }
}

uint32_t attempt_calls(void)
{
    print("-- system calls\n");
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        const struct call *call = &calls[i];
        print(call->name);
        print(": ");
        print_decimal(system_call(call->number, call->a, call->b, call->c, call->d));
        print("\n");
    }
    write_past_end();
    exhaust_memory();
    return 0;
}
