/* SPDX-License-Identifier: BSD-2-Clause
 *
 * From an operation to a call: the table says which arguments there are, the operation's bytes say which
 * values.
 */
#include <stdio.h>
#include <string.h>

#include "benign.h"
#include "calls_world.h"
#include "hal/phys.h"
#include "world_events.h"

/* A structure that an argument points to. It lies on the caller's stack, so it is valid as long as the call
 * lasts. */
union structure {
    uint64_t align;
    unsigned char bytes[256];
    struct keel_task_options options;
    struct keel_user_regs regs;
    struct keel_frame_allocator allocator;
    struct keel_scheduler scheduler;
    struct keel_slab_allocator slab_allocator;
    struct keel_fault_handler handler;
    struct keel_timer_options timer_options;
    struct keel_irq_handler_options irq_handler_options;
    struct keel_cpu_call_options call_options;
    struct keel_work_options work_options;
    struct keel_dma_list list;
};

/* Room for whatever the calls store. */
_Static_assert(sizeof(struct keel_task_info) <= 256 && sizeof(struct keel_boot_info) <= 256,
               "structures fit");

#define LARGE_LIST  0xfeu
#define LARGE_PIECE (KEEL_DMA_SMALL_PAGES_MAX / KEEL_DMA_PIECES_MAX + 1)

/* Buffers are plain bytes: where very many calls are in flight, two may share one, which is the client's
 * affair. */
#define BUFFERS 16u
static unsigned char buffers[BUFFERS][4096];

void calls_buffers_share(void)
{
    benign_race(buffers, sizeof(buffers));
}

uint64_t calls_handle(enum object_kind kind, uint8_t byte)
{
    uint64_t handle = calls_world.slots[kind][byte % CALLS_SLOTS];
    if (byte < 0xc0) {
        return handle;
    }
    switch (byte >> 4) {
    case 0xc: /* of another kind */
        return calls_world.slots[kind % (OBJECT_KIND_COUNT - 1) + 1][byte % CALLS_SLOTS];
    case 0xd: /* of another life */
        return handle + (byte & 1 ? 1 : UINT64_MAX);
    case 0xe: /* guessed */
        return handle_make(kind, byte & 0xf, 1);
    default:
        return byte & 1 ? 0 : UINT64_MAX - byte;
    }
}

/* What a byte names as native memory. */
static uint64_t pointer_value(uint8_t byte)
{
    uint64_t pointer = calls_world.pointers[byte % CALLS_SLOTS];
    switch (byte >> 4) {
    case 0xc: /* inside, or the slot behind */
        return pointer + (UINT64_C(8) << byte % 8);
    case 0xd: /* a frame's beginning, whatever it is */
        return (uint64_t)hal_phys_object(hal_frame_address(byte % 16 * 7));
    case 0xe: /* something else of the kernel's */
        return (uint64_t)&calls_world;
    case 0xf:
        return byte & 1 ? 0 : UINT64_MAX - byte;
    default:
        return pointer;
    }
}

static void short_task(uint64_t argument)
{
    keel_task_yield();
    if (argument % 2 == 0) {
        keel_task_exit((int32_t)argument);
    }
}

static void fill_options(const struct calls_op *op, struct keel_task_options *options)
{
    *options = (struct keel_task_options){.argument = op->numbers[1],
                                          .priority = op->numbers[1],
                                          .flags = op->numbers[2] < 0xf0 ? 0 : op->numbers[2],
                                          .affinity = op->numbers[2] % 18,
                                          .stack_size =
                                              op->numbers[2] % 8 == 7 ? op->numbers[1] * UINT64_C(2000) : 0};
    memset(options->name, 'a' + op->numbers[1] % 26, sizeof(options->name));
    switch (op->numbers[0] & 7) {
    case 0:
        options->entry = NULL;
        break;
    case 1:
    case 2:
    case 3:
        options->entry = calls_worker;
        break;
    default:
        options->entry = short_task;
        break;
    }
}

/* A few pieces of neighbouring segments, or one too many; or most of a large segment again and again, which
 * together are more than the addresses of small mappings are for. */
static void fill_list(const struct calls_op *op, struct keel_dma_list *list)
{
    *list = (struct keel_dma_list){.count = op->numbers[1] % (KEEL_DMA_PIECES_MAX + 2),
                                   .reserved = op->numbers[2] == 0xff};
    for (uint32_t i = 0; i < KEEL_DMA_PIECES_MAX; i++) {
        if (op->numbers[2] == LARGE_LIST) {
            list->pieces[i] = (struct keel_dma_piece){
                .segment = {calls_handle(OBJECT_SEGMENT, op->handles[1])}, .page_count = LARGE_PIECE};
            continue;
        }
        uint8_t byte = (uint8_t)(op->handles[1] + i % (1 + op->numbers[2] % 4));
        list->pieces[i] =
            (struct keel_dma_piece){.segment = {calls_handle(OBJECT_SEGMENT, byte)},
                                    .index = op->numbers[2] / 4 % 4,
                                    .page_count = 1 + (op->numbers[2] / 16 + i) % (op->numbers[2] / 64 + 1)};
    }
}

/* Fills a structure that is passed in. */
static void fill_struct(const struct calls_op *op, const struct call_argument *argument,
                        union structure *structure)
{
    if (strcmp(argument->name, "options") == 0) {
        fill_options(op, &structure->options);
    } else if (strcmp(argument->name, "regs") == 0) {
        calls_user_regs(op->numbers[0], &structure->regs);
    } else if (strcmp(argument->name, "allocator") == 0) {
        structure->allocator = calls_allocator();
        structure->allocator.free = op->numbers[0] == 0 ? NULL : structure->allocator.free;
    } else if (strcmp(argument->name, "slab_allocator") == 0) {
        structure->slab_allocator = calls_slab_allocator();
        structure->slab_allocator.free = op->numbers[0] == 0 ? NULL : structure->slab_allocator.free;
    } else if (strcmp(argument->name, "scheduler") == 0) {
        structure->scheduler = calls_scheduler();
        structure->scheduler.pick = op->numbers[0] == 0 ? NULL : structure->scheduler.pick;
    } else if (strcmp(argument->name, "timer_options") == 0) {
        structure->timer_options = calls_timer_options();
        structure->timer_options.handler = op->numbers[0] == 0 ? NULL : structure->timer_options.handler;
    } else if (strcmp(argument->name, "handler_options") == 0) {
        structure->irq_handler_options = calls_irq_handler_options(op->numbers[1], op->numbers[2]);
        structure->irq_handler_options.handler =
            op->numbers[0] == 0 ? NULL : structure->irq_handler_options.handler;
    } else if (strcmp(argument->name, "call_options") == 0) {
        structure->call_options = calls_cpu_call_options();
        structure->call_options.handler = op->numbers[0] == 0xff ? NULL : structure->call_options.handler;
    } else if (strcmp(argument->name, "work_options") == 0) {
        structure->work_options = calls_work_options();
        structure->work_options.handler = op->numbers[0] == 0 ? NULL : structure->work_options.handler;
    } else if (strcmp(argument->name, "list") == 0) {
        fill_list(op, &structure->list);
    } else if (strcmp(argument->name, "handler") == 0) {
        structure->handler = calls_fault_handler();
        structure->handler.handle = op->numbers[0] == 0 ? NULL : structure->handler.handle;
    }
}

/* Which byte of the operation the next argument of a kind takes. */
struct cursor {
    unsigned handles, numbers;
};

static void fill_value(const struct calls_op *op, const struct call_argument *argument, struct cursor *cursor,
                       struct call_value *value, union structure *structure)
{
    switch (argument->kind) {
    case CALL_HANDLE:
    case CALL_HANDLE_OPTIONAL:
        value->number = calls_handle(argument->object, op->handles[cursor->handles++ % 2]);
        break;
    case CALL_NUMBER:
        value->number = calls_number(argument->name, op->numbers[cursor->numbers++ % 3]);
        break;
    case CALL_POINTER:
        value->number = pointer_value(op->handles[cursor->handles++ % 2]);
        break;
    case CALL_OUT_NUMBER:
    case CALL_OUT_POINTER:
    case CALL_NEW_HANDLE:
    case CALL_STRUCT_OUT:
        value->memory = op->slot == 0xff ? NULL : structure;
        break;
    case CALL_STRUCT_IN:
    case CALL_STRUCT_INOUT:
        fill_struct(op, argument, structure);
        value->memory = op->slot == 0xfe ? NULL : structure;
        break;
    case CALL_BYTES_IN:
    case CALL_BYTES_OUT:
        value->memory = op->buffer == 0xff ? NULL : buffers[calls_world.next_op % BUFFERS];
        value->size = op->buffer < 0xf0 ? op->buffer : sizeof(buffers[0]);
        memset(buffers[calls_world.next_op % BUFFERS], op->numbers[2], value->size);
        break;
    }
}

/* Calls that end the whole run are made only by a rare operation, or few inputs would get anywhere. */
static bool skipped(enum call_id id, const struct calls_op *op)
{
    bool ends = id == CALL_ID_POWER_OFF || id == CALL_ID_RESTART;
    return (ends && op->numbers[0] != 0) || calls_input_leaves_out(&calls_world.input, id);
}

void calls_execute(const struct calls_op *op)
{
    if (calls_world.input.world && op->call >= CALL_COUNT) {
        world_happen(op);
        return;
    }
    enum call_id id = (enum call_id)(op->call % CALL_COUNT);
    const struct call_descriptor *call = &call_descriptors[id];
    if (skipped(id, op)) {
        return;
    }
    union structure structures[2]; /* two arguments of one call may point to one each */
    struct call_value values[CALL_ARGUMENTS_MAX] = {{0}};
    struct cursor cursor = {0, 0};
    for (unsigned i = 0; i < call->argument_count; i++) {
        fill_value(op, &call->arguments[i], &cursor, &values[i], &structures[i % 2]);
    }
    keel_status_t status = call_invoke(id, values);
    if (calls_world.print) {
        fprintf(stderr, "    -> %s: %s\n", call->name, keel_status_text(status));
    }
    for (unsigned i = 0; i < call->argument_count && status == KEEL_OK; i++) {
        if (call->arguments[i].kind == CALL_NEW_HANDLE) {
            calls_world.slots[call->arguments[i].object][op->slot % CALLS_SLOTS] = values[i].number;
        } else if (call->arguments[i].kind == CALL_OUT_POINTER) {
            calls_world.pointers[op->slot % CALLS_SLOTS] = values[i].number;
        }
    }
}

void calls_print(const struct calls_op *op)
{
    if (calls_world.input.world && op->call >= CALL_COUNT) {
        world_print(op);
        return;
    }
    const struct call_descriptor *call = &call_descriptors[op->call % CALL_COUNT];
    struct cursor cursor = {0, 0};
    fprintf(stderr, "%s(", call->name);
    for (unsigned i = 0; i < call->argument_count; i++) {
        const struct call_argument *argument = &call->arguments[i];
        union structure structure;
        struct call_value value = {0};
        fill_value(op, argument, &cursor, &value, &structure);
        fprintf(stderr, "%s%s=", i > 0 ? ", " : "", argument->name);
        switch (argument->kind) {
        case CALL_HANDLE:
        case CALL_HANDLE_OPTIONAL:
        case CALL_NUMBER:
        case CALL_POINTER:
            fprintf(stderr, "0x%llx", (unsigned long long)value.number);
            break;
        case CALL_NEW_HANDLE:
        case CALL_OUT_POINTER:
            fprintf(stderr, "new #%u", op->slot % CALLS_SLOTS);
            break;
        case CALL_BYTES_IN:
        case CALL_BYTES_OUT:
            fprintf(stderr, "%s[%zu]", value.memory == NULL ? "NULL" : "", value.size);
            break;
        default:
            fprintf(stderr, "%s", value.memory == NULL ? "NULL" : "..");
            break;
        }
    }
    fprintf(stderr, ")\n");
}
