# SPDX-License-Identifier: BSD-2-Clause
#
# What every build tree with Keel in it has: one of Keel's own (CMakeLists.txt), or one of somebody else's kernel
# (KeelConfig.cmake). Included in the topmost folder, so that sanitizers reach all code in the tree.

cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH source)
set(KEEL_SOURCE ${source} CACHE INTERNAL "Keel's source tree")

set(KEEL_BACKEND hosted CACHE STRING "the machine to build for: hosted, native or x86_64")
set_property(CACHE KEEL_BACKEND PROPERTY STRINGS hosted native x86_64)
set(KEEL_SANITIZE "" CACHE STRING "sanitizers to build with, as -fsanitize= takes them")
set(KEEL_FUZZ off CACHE STRING "which fuzzer drives the fuzz targets: off, libfuzzer or afl")
set_property(CACHE KEEL_FUZZ PROPERTY STRINGS off libfuzzer afl)
set(KEEL_COVERAGE off CACHE STRING "count what is executed: off, gcov (lines and branches), mcdc (conditions, with clang) or \
guest (lines of hal/x86_64 in QEMU, with clang)"
)
set_property(CACHE KEEL_COVERAGE PROPERTY STRINGS off gcov mcdc guest)
option(KEEL_LOCK_ORDER "look at the order in which clients take locks, and report circles" ON)
option(KEEL_UNCHECKED "leave the entry points' checks out, to measure what they cost (native machine only)" OFF)
option(KEEL_LINT "also test the borders, the style and the developer tools (Keel's own tree only)" OFF)

if(NOT KEEL_BACKEND MATCHES "^(hosted|native|x86_64)$")
    message(FATAL_ERROR "KEEL_BACKEND is \"${KEEL_BACKEND}\"; it must be hosted, native or x86_64")
endif()
if(KEEL_UNCHECKED AND NOT KEEL_BACKEND STREQUAL native)
    message(FATAL_ERROR "KEEL_UNCHECKED is for measuring on the native machine; it makes no system that may be used")
endif()
if(KEEL_UNCHECKED)
    add_compile_definitions(KEEL_UNCHECKED)
endif()
if(CMAKE_SOURCE_DIR STREQUAL CMAKE_BINARY_DIR)
    message(FATAL_ERROR "Build outside the source tree: cmake --preset hosted")
endif()

set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
enable_testing()

include(${CMAKE_CURRENT_LIST_DIR}/KeelInstrument.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/KeelKernel.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/KeelPrograms.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/KeelTest.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/KeelFuzz.cmake)
