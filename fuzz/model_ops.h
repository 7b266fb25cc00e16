/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The operations of fuzz_model, by the names of the calls that they make; heap_touch writes through a pointer
 * as a client does, handle_offer hands one handle to every call there is. make_model_seeds.py reads them from
 * here.
 */
#ifndef FUZZ_MODEL_OPS_H
#define FUZZ_MODEL_OPS_H

/* clang-format off */
#define MODEL_OPERATIONS(X)                                                                                  \
    X(frame_alloc) X(frame_ref) X(frame_release) X(frame_read) X(frame_write) X(frame_info)                  \
    X(frame_word_load) X(frame_word_store) X(frame_word_exchange)                                            \
    X(unique_alloc) X(unique_from_frame) X(unique_to_frame) X(unique_release) X(unique_read)                 \
    X(unique_write) X(unique_info) X(unique_set)                                                             \
    X(segment_alloc) X(segment_ref) X(segment_release) X(segment_read) X(segment_write) X(segment_info)      \
    X(segment_frame) X(segment_slice) X(segment_split)                                                       \
    X(list_create) X(list_ref) X(list_release) X(list_push_front) X(list_push_back) X(list_insert)           \
    X(list_pop_front) X(list_pop_back) X(list_remove) X(list_contains) X(list_next) X(list_previous)         \
    X(list_length)                                                                                           \
    X(space_create) X(space_ref) X(space_release) X(space_map) X(space_map_segment) X(space_unmap)           \
    X(space_protect) X(space_age) X(space_promote) X(space_query) X(space_find_next) X(space_activate)       \
    X(user_read) X(user_write) X(user_read_string) X(user_load) X(user_store) X(user_cas)                    \
    X(cursor_open) X(cursor_close) X(cursor_jump) X(cursor_map) X(cursor_map_segment) X(cursor_unmap)        \
    X(cursor_protect) X(cursor_query) X(cursor_find_next)                                                    \
    X(memory_alloc) X(memory_ref) X(memory_release) X(memory_read) X(memory_write) X(memory_info)            \
    X(heap_alloc) X(heap_free) X(heap_touch) X(handle_offer)
/* clang-format on */

#endif
