/* SPDX-License-Identifier: BSD-2-Clause
 *
 * fuzz_calls: sequences of API calls from several tasks on two simulated CPUs, with hostile policies and a
 * hostile user program, all driven by the input (calls_input.h). After every call the whole machine is
 * audited. When all tasks are gone and every handle is released, no frame may be missing (M8).
 *
 * KEEL_PRINT=1 in the environment prints the calls and the console.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calls_world.h"
#include "core/audit.h"
#include "core/frame.h"
#include "core/slab.h"
#include "core/task.h"
#include "hal/machine.h"
#include "hosted/machine.h"

#define RAM_SIZE      (UINT64_C(480) << 10) /* small: quick to audit, and it runs out */
#define RAM_SIZE_MUCH (UINT64_C(6) << 20)   /* a large page or two */
#define STEP_LIMIT    UINT64_C(4000000)
#define WAIT_TURNS    8u
#define WAIT_TURN_NS  UINT64_C(6000000)
#define RELEASE_LIMIT 1000u

/* RAM with a stretch in the middle that boot data share in part. */
static const struct hal_region regions[] = {{0, RAM_SIZE, HAL_REGION_USABLE},
                                            {0x40800, 0x7000, HAL_REGION_RECLAIMABLE}};
static const struct hal_region regions_much[] = {{0, RAM_SIZE_MUCH, HAL_REGION_USABLE},
                                                 {0x40800, 0x7000, HAL_REGION_RECLAIMABLE}};

struct calls_world calls_world;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void audit(void)
{
    if (audit_run() != 0) {
        hal_panic("the audit found violations; run with KEEL_PRINT=1 to see them");
    }
}

void calls_worker(uint64_t argument)
{
    while (calls_world.next_op < calls_world.input.op_count) {
        struct calls_op op = calls_input_op(&calls_world.input, calls_world.next_op++);
        if (calls_world.print) {
            fprintf(stderr, "worker %llu: ", (unsigned long long)argument);
            calls_print(&op);
        }
        calls_execute(&op);
        if ((calls_world.input.flags & CALLS_DEVICES) != 0) {
            calls_devices();
        }
        audit();
    }
}

static void inject(void)
{
    if ((calls_world.input.flags & CALLS_INJECT_ALLOCATOR) != 0) {
        struct keel_frame_allocator allocator = calls_allocator();
        keel_frame_allocator_inject(&allocator);
    }
    if ((calls_world.input.flags & CALLS_INJECT_SLAB_ALLOCATOR) != 0) {
        struct keel_slab_allocator allocator = calls_slab_allocator();
        keel_slab_allocator_inject(&allocator);
    }
    if ((calls_world.input.flags & CALLS_INJECT_SCHEDULER) != 0) {
        struct keel_scheduler scheduler = calls_scheduler();
        keel_scheduler_inject(&scheduler);
    }
    if ((calls_world.input.flags & CALLS_INJECT_FAULT_HANDLER) != 0) {
        struct keel_fault_handler handler = calls_fault_handler();
        keel_fault_handler_inject(&handler);
    }
}

static void start_workers(void)
{
    for (uint64_t i = 0; i < 1u + calls_world.input.workers % 3; i++) {
        struct keel_task_options options = {.entry = calls_worker, .argument = i, .name = "worker"};
        keel_task_t task;
        if (keel_task_spawn(&options, &task) == KEEL_OK) {
            keel_task_release(task);
        }
    }
}

/* Tasks besides the calling one whose slot is in use; with `running_only` those that may still do something.
 */
static unsigned other_tasks(bool running_only)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < object_slots(OBJECT_TASK); i++) {
        const struct task *task = (const struct task *)object_at(OBJECT_TASK, i);
        bool in_use = ref_word_state(atomic_u64_peek(&task->object.ref.word)) != REF_FREE;
        count += in_use && !(running_only && atomic_u32_peek(&task->state) == TASK_DEAD);
    }
    return count - 1;
}

static keel_status_t release(enum object_kind kind, uint64_t handle)
{
    switch (kind) {
    case OBJECT_FRAME:
        return keel_frame_release((keel_frame_t){handle});
    case OBJECT_SEGMENT:
        return keel_segment_release((keel_segment_t){handle});
    case OBJECT_SPACE:
        return keel_space_release((keel_space_t){handle});
    case OBJECT_CURSOR:
        return keel_cursor_close((keel_cursor_t){handle});
    case OBJECT_UNIQUE:
        return keel_unique_release((keel_unique_t){handle});
    case OBJECT_LIST:
        return keel_list_release((keel_list_t){handle});
    case OBJECT_MEMORY:
        return keel_memory_release((keel_memory_t){handle});
    case OBJECT_IO_MEMORY:
        return keel_io_memory_release((keel_io_memory_t){handle});
    case OBJECT_EVENT:
        return keel_event_release((keel_event_t){handle});
    case OBJECT_SEMAPHORE:
        return keel_semaphore_release((keel_semaphore_t){handle});
    case OBJECT_MUTEX:
        return keel_mutex_release((keel_mutex_t){handle});
    case OBJECT_IO_PORT:
        return keel_io_port_release((keel_io_port_t){handle});
    case OBJECT_IRQ_HANDLER:
        return keel_irq_handler_release((keel_irq_handler_t){handle});
    case OBJECT_TIMER:
        return keel_timer_release((keel_timer_t){handle});
    case OBJECT_WORK:
        return keel_work_release((keel_work_t){handle});
    case OBJECT_PCI_DEVICE:
        return keel_pci_device_release((keel_pci_device_t){handle});
    case OBJECT_DMA:
        return keel_dma_release((keel_dma_t){handle});
    case OBJECT_CPU_LOCAL:
        return keel_cpu_local_release((keel_cpu_local_t){handle});
    case OBJECT_SPINLOCK:
        return keel_spinlock_release((keel_spinlock_t){handle});
    default:
        return keel_task_release((keel_task_t){handle});
    }
}

static void release_wholly(enum object_kind kind, uint64_t handle)
{
    for (unsigned turn = 0; turn < RELEASE_LIMIT && release(kind, handle) == KEEL_OK; turn++) {
    }
}

/* All native memory, by trying every address where a slot may begin. */
static void free_native(const struct frame *frame)
{
    char *page = hal_phys_object(frame_address(frame));
    for (uint64_t offset = 0; offset < HAL_PAGE_SIZE && frame->type == FRAME_HEAP; offset += SLAB_GRANULE) {
        keel_heap_free(page + offset);
    }
}

/* Every handle there is, whoever got or guessed it. */
static void release_all(void)
{
    for (enum object_kind kind = OBJECT_SEGMENT; kind < OBJECT_KIND_COUNT; kind++) {
        for (uint32_t i = 0; i < object_slots(kind); i++) {
            release_wholly(kind, object_handle(kind, object_at(kind, i)));
        }
    }
    for (uint64_t number = 0; number < frame_end(); number++) {
        if (frame_at(number)->type == FRAME_UNTYPED) {
            release_wholly(OBJECT_FRAME, frame_handle(frame_at(number)));
            release_wholly(OBJECT_UNIQUE, frame_unique_handle(frame_at(number)));
        }
        free_native(frame_at(number));
    }
}

int32_t keel_main(void)
{
    uint64_t taken_before = frame_total() - frame_free_count();
    inject();
    start_workers();
    bool done = false;
    for (unsigned turn = 0; turn < WAIT_TURNS && !done; turn++) {
        keel_task_sleep(WAIT_TURN_NS);
        done = calls_world.next_op >= calls_world.input.op_count && other_tasks(true) == 0;
    }
    release_all();
    /* The last task may still be on its way off its CPU. */
    for (unsigned turn = 0; turn < WAIT_TURNS && done && other_tasks(false) != 0; turn++) {
        keel_task_sleep(WAIT_TURN_NS);
    }
    audit();
    /* An allocator may keep slabs that are empty. */
    uint64_t taken = frame_total() - frame_free_count() - slab_counts().slab_frames;
    if (done && (other_tasks(false) != 0 || taken != taken_before || slab_used_count() != 0)) {
        hal_panic("tasks, frames or memory are left although everything was released (M8)");
    }
    return 0;
}

static void print_console(void *context, const char *bytes, size_t size)
{
    (void)context;
    if (calls_world.print) {
        fwrite(bytes, 1, size, stderr);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memset(&calls_world, 0, sizeof(calls_world));
    if (!calls_input_parse(data, size, &calls_world.input)) {
        return 0;
    }
    calls_world.random = calls_world.input.seed;
    calls_world.print = getenv("KEEL_PRINT") != NULL;
    calls_policies_reset();
    bool from_input = (calls_world.input.flags & CALLS_CHOICES_FROM_INPUT) != 0;
    bool much = CALLS_MUCH_MEMORY(calls_world.input.workers);
    struct hosted_config config = {
        .ram_size = much ? RAM_SIZE_MUCH : RAM_SIZE,
        .cpu_count = 2,
        .regions = much ? regions_much : regions,
        .region_count = sizeof(regions) / sizeof(regions[0]),
        .strategy = from_input ? HOSTED_BYTES : HOSTED_RANDOM,
        .seed = calls_world.input.seed,
        .switch_period = 1u + calls_world.input.switch_period % 64,
        .choices = calls_world.input.ops,
        .choice_count = calls_world.input.ops_size,
        .pci = (calls_world.input.flags & CALLS_LIARS) != 0 ? hosted_pci_liars : hosted_pci_bus,
        .pci_count = (calls_world.input.flags & CALLS_LIARS) != 0 ? HOSTED_PCI_LIARS : HOSTED_PCI_COUNT,
        .iommu = (calls_world.input.flags & CALLS_AMD) != 0 ? HOSTED_IOMMU_AMD : 0,
        .user_engine = HOSTED_USER_SCRIPT,
        .user_script = calls_user_script,
        .console = print_console,
        .step_limit = STEP_LIMIT,
        .lazy_window = true,
    };
    struct hosted_result result = hosted_run(&config);
    if (result.end != HOSTED_POWER_OFF && result.end != HOSTED_RESTART) {
        fprintf(stderr, "fuzz_calls: %s: %s\n", hosted_end_text(result.end), result.message);
        abort();
    }
    return 0;
}
