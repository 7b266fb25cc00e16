/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Vector images (hal/x86_common/vector_image.c): whatever bytes a client puts in, the CPU can load them (U1),
 * with FXRSTOR alone and with XRSTOR.
 */
#include <string.h>

#include "hal/vector_image.h"
#include "hosted_kernel.h"

#define SIZE 1024u
#define XCR0 (X86_XCR0_X87 | X86_XCR0_SSE | 4)

static uint8_t image[SIZE];

static uint64_t word_at(size_t at, size_t size)
{
    uint64_t word = 0;
    memcpy(&word, image + at, size);
    return word;
}

static void U1_initial_images_can_be_loaded(void **state)
{
    (void)state;
    const uint64_t masks[] = {0, XCR0};
    for (unsigned i = 0; i < 2; i++) {
        memset(image, 0xff, sizeof image);
        x86_vector_init(image, SIZE, masks[i]);
        assert_int_equal(word_at(0, 2), 0x37f);
        assert_int_equal(word_at(24, 4), 0x1f80);
        assert_int_equal(word_at(512, 8), masks[i] & 3);
        assert_int_equal(word_at(SIZE - 8, 8), 0);
    }
}

static void U1_any_bytes_become_an_image_that_can_be_loaded(void **state)
{
    (void)state;
    const uint64_t masks[] = {0, XCR0};
    for (unsigned i = 0; i < 2; i++) {
        memset(image, 0xff, sizeof image);
        x86_vector_sanitise(image, SIZE, masks[i], 0x2ffff);
        assert_int_equal(word_at(24, 4), 0x2ffff);
        assert_int_equal(word_at(512, 8), masks[i] != 0 ? XCR0 : UINT64_MAX);
        for (size_t at = 520; at < 576; at += 8) {
            assert_int_equal(word_at(at, 8), masks[i] != 0 ? 0 : UINT64_MAX);
        }
        assert_int_equal(word_at(576, 8), UINT64_MAX); /* registers stay */
        memset(image, 0xff, sizeof image);
        x86_vector_sanitise(image, SIZE, masks[i], 0); /* a CPU that does not say */
        assert_int_equal(word_at(24, 4), X86_MXCSR_MASK_DEFAULT);
    }
}

static void U1_short_images_stay_as_they_are(void **state)
{
    (void)state;
    memset(image, 0xff, sizeof image);
    x86_vector_sanitise(image, x86_vector_size_min(0) - 1, 0, 0);
    x86_vector_sanitise(image, x86_vector_size_min(XCR0) - 1, XCR0, 0);
    for (size_t at = 0; at < SIZE; at += 8) {
        assert_int_equal(word_at(at, 8), UINT64_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(U1_initial_images_can_be_loaded),
        cmocka_unit_test(U1_any_bytes_become_an_image_that_can_be_loaded),
        cmocka_unit_test(U1_short_images_stay_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
