# SPDX-License-Identifier: BSD-2-Clause
#
# find_package(Keel), in the topmost CMakeLists.txt of a kernel outside this tree: Keel becomes part of that build, with
# the build tree's machine, compiler and sanitizers (docs/clients.md). Offers keel_add_kernel and keel_add_initrd, and
# what KeelClient.cmake says.

if(NOT TARGET keel_public)
    if(NOT CMAKE_CURRENT_SOURCE_DIR STREQUAL CMAKE_SOURCE_DIR)
        message(FATAL_ERROR "find_package(Keel) must stand in the topmost CMakeLists.txt: sanitizers are for all code below")
    endif()
    enable_language(ASM)
    include(${CMAKE_CURRENT_LIST_DIR}/KeelTree.cmake)
    include(${CMAKE_CURRENT_LIST_DIR}/KeelClient.cmake)
    add_subdirectory(${KEEL_SOURCE} ${CMAKE_BINARY_DIR}/keel EXCLUDE_FROM_ALL)
endif()
