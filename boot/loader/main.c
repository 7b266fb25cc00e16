/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The UEFI loader: brings the kernel of \keel on the start volume into memory and enters it (boot/handoff.h).
 */
#include "loader.h"

#define KERNEL_SIZE_MAX       (UINT64_C(256) << 20)
#define INITRD_SIZE_MAX       (UINT64_C(4) << 30)
#define COMMAND_LINE_SIZE_MAX UINT64_C(4096)
#define STACK_PAGES           8u

/* What stands ready before boot services end. */
struct prepared {
    struct handoff *handoff;
    struct handoff_region *regions;
    UINTN region_capacity;
    struct memory_map map;
    struct kernel_plan plan;
    uint64_t root, stack_top;
};

/* Reads one file and says what is wrong with it. Where it may be absent, absence is success. */
static EFI_STATUS read_file(const struct loader *loader, CHAR16 *path, const char *name, uint64_t limit,
                            bool may_be_absent, struct handoff_range *range)
{
    char code[LOADER_HEX_SIZE];
    const EFI_STATUS status = loader_read_file(loader, path, limit, range);

    if (!EFI_ERROR(status) || (status == EFI_NOT_FOUND && may_be_absent)) {
        return EFI_SUCCESS;
    }
    if (status == EFI_NOT_FOUND) {
        loader_say(loader, "there is no file ", name, " on the volume that this loader was started from",
                   NULL);
    } else if (status == EFI_BAD_BUFFER_SIZE) {
        loader_say(loader, name, " is too large", NULL);
    } else if (status == EFI_OUT_OF_RESOURCES) {
        loader_say(loader, "not enough memory for ", name, NULL);
    } else {
        loader_say(loader, name, " cannot be read (EFI status ", loader_hex(code, status), ")", NULL);
    }
    return status;
}

static void trim_end(struct handoff_range *text)
{
    const unsigned char *bytes = (const unsigned char *)text->base;

    while (text->size > 0 && bytes[text->size - 1] <= ' ') {
        text->size--;
    }
}

static EFI_STATUS read_files(const struct loader *loader, struct handoff *handoff)
{
    EFI_STATUS status;

    status = read_file(loader, L"\\keel\\kernel.elf", "\\keel\\kernel.elf", KERNEL_SIZE_MAX, false,
                       &handoff->kernel_file);
    if (EFI_ERROR(status)) {
        return status;
    }
    status = read_file(loader, L"\\keel\\initrd.cpio", "\\keel\\initrd.cpio", INITRD_SIZE_MAX, true,
                       &handoff->initrd);
    if (EFI_ERROR(status)) {
        return status;
    }
    status = read_file(loader, L"\\keel\\cmdline.txt", "\\keel\\cmdline.txt", COMMAND_LINE_SIZE_MAX, true,
                       &handoff->command_line);
    if (!EFI_ERROR(status)) {
        trim_end(&handoff->command_line);
    }
    return status;
}

static EFI_STATUS load_kernel(const struct loader *loader, struct handoff *handoff, struct kernel_plan *plan)
{
    const unsigned char *file = (const unsigned char *)handoff->kernel_file.base;
    const char *reason = loader_check_kernel(file, handoff->kernel_file.size, plan);
    unsigned char *memory;

    if (reason != NULL) {
        loader_say(loader, "\\keel\\kernel.elf cannot be started: ", reason, NULL);
        return EFI_LOAD_ERROR;
    }
    memory = loader_pages(loader, loader_pages_for(plan->size));
    if (memory == NULL) {
        loader_say(loader, "not enough contiguous memory for the kernel", NULL);
        return EFI_OUT_OF_RESOURCES;
    }
    loader_place_kernel(file, plan, memory);
    handoff->kernel_image = (struct handoff_range){(uint64_t)memory, plan->size};
    handoff->kernel_virtual = plan->virtual_base;
    return EFI_SUCCESS;
}

/* Stack, memory map, tables: the last allocations. */
static EFI_STATUS prepare_entry(const struct loader *loader, struct prepared *prepared)
{
    unsigned char *stack = loader_pages(loader, STACK_PAGES);
    EFI_STATUS status = loader_map_open(loader, &prepared->map);

    if (EFI_ERROR(status)) {
        return status;
    }
    prepared->region_capacity = loader_map_capacity(&prepared->map);
    prepared->regions =
        loader_pages(loader, loader_pages_for(prepared->region_capacity * sizeof(struct handoff_region)));
    prepared->root =
        loader_build_tables(loader, &prepared->map, &prepared->plan, prepared->handoff->kernel_image.base);
    if (stack == NULL || prepared->regions == NULL || prepared->root == 0) {
        return EFI_OUT_OF_RESOURCES;
    }
    prepared->stack_top = (uint64_t)stack + STACK_PAGES * LOADER_PAGE_SIZE;
    return EFI_SUCCESS;
}

static EFI_STATUS prepare(const struct loader *loader, struct prepared *prepared)
{
    const char *lack = loader_check_cpu();
    EFI_STATUS status;

    if (lack != NULL) {
        loader_say(loader, lack, NULL);
        return EFI_UNSUPPORTED;
    }
    prepared->handoff = loader_pages(loader, 1);
    if (prepared->handoff == NULL) {
        loader_say(loader, "not enough memory", NULL);
        return EFI_OUT_OF_RESOURCES;
    }
    status = read_files(loader, prepared->handoff);
    if (EFI_ERROR(status)) {
        return status;
    }
    status = load_kernel(loader, prepared->handoff, &prepared->plan);
    if (EFI_ERROR(status)) {
        return status;
    }
    prepared->handoff->magic = HANDOFF_MAGIC;
    prepared->handoff->version = HANDOFF_VERSION;
    prepared->handoff->rsdp = loader_find_rsdp(loader);
    loader_find_framebuffer(loader, &prepared->handoff->framebuffer);
    status = prepare_entry(loader, prepared);
    if (EFI_ERROR(status)) {
        loader_say(loader, "not enough memory for the page tables and the memory map", NULL);
    }
    return status;
}

EFI_STATUS EFIAPI efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system);

EFI_STATUS EFIAPI efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
    struct loader loader;
    struct prepared prepared;
    EFI_STATUS status = loader_open(&loader, image, system);

    if (EFI_ERROR(status)) {
        return status;
    }
    status = prepare(&loader, &prepared);
    if (EFI_ERROR(status)) {
        return status;
    }
    status = loader_map_exit(&loader, &prepared.map);
    if (EFI_ERROR(status)) {
        return status;
    }
    prepared.handoff->regions = (uint64_t)prepared.regions;
    prepared.handoff->region_count =
        loader_map_convert(&prepared.map, prepared.regions, prepared.region_capacity);
    loader_enter(prepared.root, prepared.stack_top, prepared.handoff, prepared.plan.entry);
}
