/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Processes and pipes: messages go round a ring of processes; writers share a pipe; ends of the stream;
 * memory that processes share and memory that they do not.
 */
#include "thread.h"

#define STATIONS     4u
#define MESSAGES     16u
#define WRITERS      3u
#define RECORDS      24u
#define RECORD_SIZE  700u /* no divisor of what a pipe holds */
#define LARGE_SIZE   20000u
#define TURNS        40u
#define MESSAGE_MAX  4096u
#define CONTENTS_MAX (MESSAGE_MAX - 8)

struct message {
    uint32_t size, number;
    uint8_t bytes[CONTENTS_MAX];
};

static struct message message;
static struct ends links[STATIONS + 1]; /* links[i] leads to station i, the last one back to the parent */

/* --- The ring --- */

static bool receive(uint32_t fd)
{
    return read_all(fd, &message, 8) == 8 && message.size <= CONTENTS_MAX &&
           read_all(fd, message.bytes, message.size) == message.size;
}

static bool send(uint32_t fd)
{
    return write_all(fd, &message, 8 + message.size) == 8 + (int64_t)message.size;
}

static _Noreturn void be_station(uint32_t station)
{
    uint32_t passed = 0;
    for (uint32_t i = 0; i <= STATIONS; i++) {
        (void)close_fd(i == station ? links[i].write : links[i].read);
        if (i != station && i != station + 1) {
            (void)close_fd(links[i].write);
        }
    }
    while (receive(links[station].read)) {
        for (uint32_t i = 0; i < message.size; i++) {
            message.bytes[i] = (uint8_t)(message.bytes[i] + (station + 1) * (i + 1));
        }
        passed += send(links[station + 1].write) ? 1 : 0;
    }
    exit_group((int32_t)passed);
}

static uint8_t content(uint32_t number, uint32_t i)
{
    return (uint8_t)(number * 31 + i * 7);
}

/* Each station adds its number, times the byte's, to each byte. */
static bool came_back_right(uint32_t number)
{
    uint32_t added = STATIONS * (STATIONS + 1) / 2;
    bool right = message.number == number;
    for (uint32_t i = 0; i < message.size; i++) {
        right = right && message.bytes[i] == (uint8_t)(content(number, i) + added * (i + 1));
    }
    return right;
}

static bool send_round(uint32_t *checksum)
{
    uint32_t right = 0;
    for (uint32_t number = 0; number < MESSAGES; number++) {
        message.size = number * 271 + 1 < CONTENTS_MAX ? number * 271 + 1 : CONTENTS_MAX;
        message.number = number;
        for (uint32_t i = 0; i < message.size; i++) {
            message.bytes[i] = content(number, i);
        }
        right += send(links[0].write) && receive(links[STATIONS].read) && came_back_right(number) ? 1 : 0;
        for (uint32_t i = 0; i < message.size; i++) {
            *checksum = (*checksum ^ message.bytes[i]) * 16777619u; /* FNV-1a */
        }
    }
    return right == MESSAGES;
}

static void ring(void)
{
    int64_t pids[STATIONS];
    uint32_t checksum = 2166136261u;
    bool right = true;
    for (uint32_t i = 0; i <= STATIONS; i++) {
        right = right && pipe_open(&links[i]) == 0;
    }
    for (uint32_t i = 0; i < STATIONS; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            be_station(i);
        }
    }
    for (uint32_t i = 0; i <= STATIONS; i++) {
        (void)close_fd(i == STATIONS ? links[i].write : links[i].read);
        if (i != 0 && i != STATIONS) {
            (void)close_fd(links[i].write);
        }
    }
    right = right && send_round(&checksum);
    (void)close_fd(links[0].write); /* the end of the stream runs through the ring */
    right = right && read_all(links[STATIONS].read, &message, 1) == 0;
    for (uint32_t i = 0; i < STATIONS; i++) {
        right = right && wait_for(pids[i]) == (int32_t)MESSAGES << 8;
    }
    (void)close_fd(links[STATIONS].read);
    say("messages went round the ring", right);
    print("their checksum: ");
    print_hex(checksum);
    print("\n");
}

/* --- Writers that share a pipe --- */

static uint8_t record[RECORD_SIZE], large[LARGE_SIZE];

static _Noreturn void write_records(uint32_t fd, uint8_t tag)
{
    int64_t written = 0;
    for (uint32_t i = 0; i < RECORD_SIZE; i++) {
        record[i] = tag;
    }
    for (uint32_t i = 0; i < RECORDS; i++) {
        written += system_call(CALL_WRITE, fd, (uint64_t)record, RECORD_SIZE, 0);
    }
    exit_group(written == (int64_t)RECORDS * RECORD_SIZE ? 0 : 1);
}

static bool record_is_whole(uint32_t counts[WRITERS])
{
    bool whole = record[0] < WRITERS;
    for (uint32_t i = 1; i < RECORD_SIZE; i++) {
        whole = whole && record[i] == record[0];
    }
    counts[whole ? record[0] : 0]++;
    return whole;
}

static bool records_stay_whole(void)
{
    struct ends ends;
    int64_t pids[WRITERS];
    uint32_t counts[WRITERS] = {0};
    bool right = pipe_open(&ends) == 0;
    for (uint32_t i = 0; i < WRITERS; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            write_records(ends.write, (uint8_t)i);
        }
    }
    (void)close_fd(ends.write);
    while (read_all(ends.read, record, RECORD_SIZE) == RECORD_SIZE) {
        right = record_is_whole(counts) && right;
    }
    for (uint32_t i = 0; i < WRITERS; i++) {
        right = wait_for(pids[i]) == 0 && counts[i] == RECORDS && right;
    }
    return close_fd(ends.read) == 0 && right;
}

/* More than the pipe holds, in one call. */
static bool large_write_arrives(void)
{
    struct ends ends;
    bool right = pipe_open(&ends) == 0;
    int64_t pid = fork();
    if (pid == 0) {
        for (uint32_t i = 0; i < LARGE_SIZE; i++) {
            large[i] = content(3, i);
        }
        exit_group(write_all(ends.write, large, LARGE_SIZE) == LARGE_SIZE ? 0 : 1);
    }
    (void)close_fd(ends.write);
    right = read_all(ends.read, large, LARGE_SIZE) == LARGE_SIZE && right;
    for (uint32_t i = 0; i < LARGE_SIZE; i++) {
        right = right && large[i] == content(3, i);
    }
    right = system_call(CALL_READ, ends.read, (uint64_t)large, 1, 0) == 0 && right;
    return close_fd(ends.read) == 0 && wait_for(pid) == 0 && right;
}

/* --- A pipe without a reader --- */

static bool lonely_writer_ends(bool ignore)
{
    static const uint64_t action[4] = {1 /* ignore the signal */, 0, 0, 0};
    int64_t pid = fork();
    if (pid == 0) {
        struct ends ends;
        if (ignore) {
            (void)system_call(CALL_RT_SIGACTION, SIGPIPE, (uint64_t)action, 0, 8);
        }
        (void)pipe_open(&ends);
        (void)close_fd(ends.read);
        exit_group(system_call(CALL_WRITE, ends.write, (uint64_t)action, 1, 0) == -EPIPE ? 7 : 1);
    }
    return wait_for(pid) == (ignore ? 7 << 8 : SIGPIPE);
}

/* The reader leaves while the writer waits for room. */
static bool waiting_writer_ends(void)
{
    struct ends ends;
    bool right = pipe_open(&ends) == 0;
    int64_t pid = fork();
    if (pid == 0) {
        (void)close_fd(ends.read);
        for (;;) {
            (void)write_all(ends.write, large, LARGE_SIZE);
        }
    }
    (void)close_fd(ends.write);
    right = read_all(ends.read, large, LARGE_SIZE) == LARGE_SIZE && right;
    (void)close_fd(ends.read);
    return wait_for(pid) == SIGPIPE && right;
}

/* --- Memory and registers --- */

static uint32_t global = 1;

static void take_turns(uint32_t *words, uint32_t me)
{
    for (uint32_t turn = me; turn < TURNS; turn += 2) {
        uint32_t now = __atomic_load_n(&words[0], __ATOMIC_ACQUIRE);
        while (now != turn) {
            (void)system_call(CALL_FUTEX, (uint64_t)words, FUTEX_WAIT, now, 0);
            now = __atomic_load_n(&words[0], __ATOMIC_ACQUIRE);
        }
        words[1] = words[1] * 3 + me;
        global += 2;
        __atomic_store_n(&words[0], turn + 1, __ATOMIC_RELEASE);
        (void)system_call(CALL_FUTEX, (uint64_t)words, FUTEX_WAKE, 1, 0);
    }
}

static bool memory_is_shared_as_asked(void)
{
    uint32_t expected = 0;
    int64_t address =
        system_call(CALL_MMAP, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS);
    if (address < 0) {
        return false;
    }
    uint32_t *words = (uint32_t *)address;
    int64_t pid = fork();
    if (pid == 0) {
        take_turns(words, 1);
        exit_group(global == 1 + TURNS ? 4 : 1);
    }
    take_turns(words, 0);
    bool right = wait_for(pid) == 4 << 8 && global == 1 + TURNS;
    for (uint32_t turn = 0; turn < TURNS; turn++) {
        expected = expected * 3 + turn % 2;
    }
    right = right && words[1] == expected;
    return system_call(CALL_MUNMAP, (uint64_t)address, PAGE_SIZE, 0, 0) == 0 && right;
}

/* Forks with a value in a vector register; `after` gets what is there when the call returns. */
static int64_t fork_with_vector(uint64_t before, uint64_t *after)
{
    int64_t result = CALL_FORK;
    __asm__ volatile("movq %2, %%xmm7\n\tsyscall\n\tmovq %%xmm7, %1"
                     : "+a"(result), "=r"(*after)
                     : "r"(before)
                     : "rcx", "r11", "xmm7", "memory");
    return result;
}

static bool registers_are_copied(void)
{
    const uint64_t before = UINT64_C(0x0123456789abcdef);
    uint64_t after = 0;
    int64_t pid = fork_with_vector(before, &after);
    if (pid == 0) {
        exit_group(after == before ? 6 : 1);
    }
    return wait_for(pid) == 6 << 8 && after == before;
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    ring();
    say("records of several writers stay whole", records_stay_whole());
    say("a large write arrives", large_write_arrives());
    say("a writer without readers is killed", lonely_writer_ends(false));
    say("or gets an error, if it ignores the signal", lonely_writer_ends(true));
    say("a writer that waits notices that the reader leaves", waiting_writer_ends());
    say("processes share the memory that they ask to share, and no other", memory_is_shared_as_asked());
    say("a child has its parent's registers", registers_are_copied());
    say("no child is left", system_call(CALL_WAIT4, UINT64_MAX, 0, 0, 0) == -ECHILD);
    return 0;
}
