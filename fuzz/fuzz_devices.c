/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Fuzz target: a virtio device that does whatever the input says, under its driver of services/, the calls
 * that the driver makes, and the drivers of the machine below. The input says of which type it is. At each
 * access to its registers the device takes a byte of the input: it may answer something else, lose what it is
 * told, lie about the next requests, write over the driver's rings or anywhere else, or interrupt. Once the
 * input is used up it is honest. A task beside the driver has it write at other moments as well, so that what
 * is read twice may differ (D7).
 *
 * The machine looks whether the device reaches what is not its own (D1, D2); the audit and a count of frames
 * follow each round.
 *
 * Bytes: flags, seed, number of requests, three for each of them (kind, sector, count), the device's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/audit.h"
#include "core/frame.h"
#include "devices_drivers.h"
#include "hal/machine.h"
#include "hosted/machine.h"
#include "keel/keel.h"

#define HEADER_SIZE  3u
#define REQUESTS_MAX 16u
#define STEP_LIMIT   (UINT64_C(1) << 26)
#define TOLD_MAX     4u /* addresses that the driver has told the device last: of its rings */
#define TOLD_FIRST   (UINT64_C(64) << 20)
#define RING_WORDS   128u

enum {
    FLAG_TWICE = 1,        /* the device is closed and opened again */
    FLAG_CAPABILITIES = 2, /* what its configuration space says comes from the input, too */
    FLAG_SCRIBBLES = 4,    /* it writes at other moments as well, and things come from outside */
    FLAG_AMD = 8,          /* the units that hold it are AMD's */
    DRIVER_SHIFT = 4,      /* the flags from this bit on: which driver */
};

static const uint8_t *input;
static size_t input_size, input_at;
static bool print;

static const struct driver *driver;
static struct hosted_pci_function function; /* the device's, as its configuration space has it */
static uint64_t told[TOLD_MAX];
static unsigned told_count;
static bool finished;

/* 0 where the input has ended. */
static uint8_t next(void)
{
    return input_at < input_size ? input[input_at++] : 0;
}

static uint64_t next_number(unsigned width)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < width; i++) {
        value |= (uint64_t)next() << 8 * i;
    }
    return value;
}

/* --- What the device does --- */

/* Mostly over a word or two of the rings. */
static void scribble(void)
{
    uint8_t bytes[8];
    uint8_t where = next(), length = next();
    uint64_t address = told[where % TOLD_MAX] + 4u * (next() % RING_WORDS);
    if (where >= 0xe0) {
        address = next_number(4) << (where % 8);
    }
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = next();
    }
    (void)hosted_dma((uint16_t)(function.bus << 8 | function.device << 3 | function.function), address, bytes,
                     length % 8 + 1u, true);
}

/* A message of its own making; whatever it raises must be its own (D4). */
static void forge(void)
{
    uint8_t index = next();
    uint64_t address = UINT64_C(0xfee00010) | (uint64_t)(index % 64) << 5;
    if (index >= 0xc0) {
        address = UINT64_C(0xfee00000) | next_number(2) << 3;
    }
    (void)hosted_message((uint16_t)(function.bus << 8 | function.device << 3 | function.function), address,
                         (uint32_t)next_number(1));
}

/* Answers whether it goes on as an honest one would. */
static bool act(void)
{
    const struct hal_pci_address at = {function.bus, function.device, function.function};
    uint8_t byte = next();
    switch (byte >> 4) {
    case 0xc:
        return false;
    case 0xd:
        driver->settings->lie = (enum hosted_virtio_lie)(next() % HOSTED_VIRTIO_LIES);
        return true;
    case 0xe:
        scribble();
        return true;
    case 0xf:
        if (byte % 16 >= 12) {
            forge();
        } else {
            (void)hosted_pci_message(at, byte % 4);
        }
        return true;
    default:
        return true;
    }
}

static const struct hosted_device *honest(void)
{
    return driver->function->device_model;
}

static uint64_t answer(void *context, const struct hosted_pci_function *of, unsigned bar, uint64_t offset,
                       unsigned width)
{
    bool goes_on = act();
    uint64_t value = honest()->read(context, of, bar, offset, width);
    return goes_on ? value : next_number(width);
}

static void take(void *context, const struct hosted_pci_function *of, unsigned bar, uint64_t offset,
                 unsigned width, uint64_t value)
{
    if (value >= TOLD_FIRST) {
        told[told_count++ % TOLD_MAX] = value;
    }
    if (act()) {
        honest()->write(context, of, bar, offset, width, value);
    }
}

static struct hosted_device model;

static void make_function(bool from_input)
{
    model = (struct hosted_device){
        .power_on = honest()->power_on, .read = answer, .write = take, .context = honest()->context};
    function = *driver->function; /* which the machine has, too: this one is elsewhere, and before it */
    function.device = 1;
    function.bars[0] = (uint32_t)HOSTED_PCI_BASE + 0xcc000;
    function.bars[1] = (uint32_t)HOSTED_PCI_BASE + 0xde000;
    function.device_model = &model;
    for (size_t i = 0; from_input && i < sizeof(function.words) / sizeof(function.words[0]); i++) {
        uint8_t changes = next();
        if (changes % 4 == 0 && function.words[i].offset != 0) {
            function.words[i].value ^= (uint32_t)next_number(4);
        }
    }
}

/* --- The kernel --- */

static void scribbler(uint64_t argument)
{
    (void)argument;
    while (!finished && input_at < input_size) {
        scribble();
        hosted_virtio_arrived(&function);
        (void)keel_task_yield();
    }
}

static void audit(void)
{
    if (audit_run() != 0) {
        hal_panic("the audit found a violated invariant");
    }
}

static void request(const uint8_t *bytes)
{
    keel_status_t status = driver->request(bytes);
    if (print) {
        fprintf(stderr, "request %u, %u, %u: %d\n", bytes[0], bytes[1], bytes[2], (int)status);
    }
}

static void round_of(const uint8_t *requests, unsigned count)
{
    keel_status_t status = driver->open(0);
    if (print) {
        fprintf(stderr, "open the %s: %d\n", driver->name, (int)status);
    }
    if (status != KEEL_OK) {
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        request(requests + (size_t)i * REQUEST_SIZE);
        audit();
    }
    driver->close();
}

int32_t keel_main(void)
{
    const uint8_t *requests = input + HEADER_SIZE;
    unsigned count = input[2] % REQUESTS_MAX;
    uint64_t taken_before = frame_total() - frame_free_count();
    const struct keel_task_options options = {.entry = scribbler, .name = "scribbler"};
    keel_task_t task = {0};
    int32_t status = 0;
    if ((input[0] & FLAG_SCRIBBLES) != 0 && keel_task_spawn(&options, &task) != KEEL_OK) {
        hal_panic("no memory for a task");
    }
    for (unsigned round = 0; round <= (input[0] & FLAG_TWICE); round++) {
        round_of(requests, count);
        audit();
    }
    finished = true;
    if (task.value != 0) {
        (void)keel_task_join(task, &status);
        (void)keel_task_release(task);
    }
    audit();
    /* The task may still be on its way off its CPU. */
    for (unsigned turn = 0; turn < 100 && frame_total() - frame_free_count() != taken_before; turn++) {
        (void)keel_task_sleep(1000000);
    }
    if (frame_total() - frame_free_count() != taken_before) {
        hal_panic("frames are left although the device is closed (M8, D2)");
    }
    return 0;
}

static void print_console(void *context, const char *bytes, size_t size)
{
    (void)context;
    if (print) {
        fwrite(bytes, 1, size, stderr);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEADER_SIZE || size < HEADER_SIZE + (size_t)REQUEST_SIZE * (data[2] % REQUESTS_MAX)) {
        return 0;
    }
    print = getenv("KEEL_PRINT") != NULL;
    input = data;
    input_size = size;
    input_at = HEADER_SIZE + (size_t)REQUEST_SIZE * (data[2] % REQUESTS_MAX);
    memset(told, 0, sizeof(told));
    told_count = 0;
    finished = false;
    driver = &drivers[(data[0] >> DRIVER_SHIFT) % DRIVERS];
    make_function((data[0] & FLAG_CAPABILITIES) != 0);
    struct hosted_config config = {
        .ram_size = 2 << 20,
        .strategy = HOSTED_RANDOM,
        .seed = data[1],
        .iommu = (data[0] & FLAG_AMD) != 0 ? HOSTED_IOMMU_AMD : 0,
        .pci = &function,
        .pci_count = 1,
        .user_engine = HOSTED_USER_SCRIPT,
        .console = print_console,
        .step_limit = STEP_LIMIT,
        .lazy_window = true,
    };
    drivers_begin(&config);
    struct hosted_result result = hosted_run(&config);
    if (result.end != HOSTED_POWER_OFF) {
        fprintf(stderr, "fuzz_devices: %s: %s\n", hosted_end_text(result.end), result.message);
        abort();
    }
    return 0;
}
