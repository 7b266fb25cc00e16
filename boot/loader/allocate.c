/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Memory for what the loader leaves behind, and the four functions that a freestanding compiler expects to
 * find.
 */
#include "loader.h"

void *loader_pages(const struct loader *loader, uint64_t page_count)
{
    EFI_PHYSICAL_ADDRESS address = 0;

    if (page_count == 0 || page_count > SIZE_MAX / LOADER_PAGE_SIZE) {
        return NULL;
    }
    if (EFI_ERROR(loader->boot->AllocatePages(AllocateAnyPages, EfiLoaderData, page_count, &address))) {
        return NULL;
    }
    loader->boot->SetMem((void *)address, page_count * LOADER_PAGE_SIZE, 0);
    return (void *)address;
}

/* The string instructions keep the compiler from turning these loops into calls of themselves. */
void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    void *const start = to;

    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
    return start;
}

void *memset(void *to, int value, size_t size)
{
    void *const start = to;

    __asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(value) : "memory");
    return start;
}

int memcmp(const void *left, const void *right, size_t size)
{
    const unsigned char *a = left, *b = right;

    for (size_t i = 0; i < size; i++) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}
