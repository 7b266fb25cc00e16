# SPDX-License-Identifier: BSD-2-Clause
#
# User programs of the example kernels, and the initial ramdisks that carry them. The programs are built by one compiler
# whatever the preset, so that all build trees have the same binaries.

set(KEEL_PROGRAM_DIR ${CMAKE_BINARY_DIR}/programs)
set(KEEL_PROGRAM_COMMON ${KEEL_SOURCE}/examples/common/programs)
if(KEEL_FUZZ STREQUAL off) # those trees have no kernels to run them
    find_program(KEEL_PROGRAM_CLANG clang-19 REQUIRED)
endif()
set(KEEL_PROGRAM_FLAGS
    --target=x86_64-unknown-linux-gnu -std=gnu17 -O2 -ffreestanding -fno-builtin -fno-stack-protector -fno-pic
    -fno-asynchronous-unwind-tables -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Werror
    -static -nostdlib -fuse-ld=lld -Wl,-z,max-page-size=4096,--build-id=none
)

# keel_add_program(NAME [OPTIONS linker options] SOURCES...): builds programs/NAME from files in the folder programs/ of
# the example and what all programs share (examples/common/programs).
function(keel_add_program name)
    cmake_parse_arguments(PARSE_ARGV 1 program "" "" "OPTIONS;SOURCES")
    set(folder ${CMAKE_CURRENT_SOURCE_DIR}/programs)
    list(TRANSFORM program_SOURCES PREPEND ${folder}/)
    file(GLOB headers CONFIGURE_DEPENDS ${folder}/*.h ${folder}/*.ld ${KEEL_PROGRAM_COMMON}/*.h)
    add_custom_command(
        OUTPUT ${KEEL_PROGRAM_DIR}/${name}
        COMMAND ${CMAKE_COMMAND} -E make_directory ${KEEL_PROGRAM_DIR}
        COMMAND ${KEEL_PROGRAM_CLANG} ${KEEL_PROGRAM_FLAGS} -I${KEEL_PROGRAM_COMMON} ${program_OPTIONS}
                -o ${KEEL_PROGRAM_DIR}/${name} ${program_SOURCES} ${KEEL_PROGRAM_COMMON}/start.c
        DEPENDS ${program_SOURCES} ${KEEL_PROGRAM_COMMON}/start.c ${headers}
        COMMENT "Building the user program ${name}"
        VERBATIM
    )
endfunction()

# keel_add_initrd(NAME FILES...): packs files into NAME.initrd, in this order.
function(keel_add_initrd name)
    set(tool ${KEEL_SOURCE}/boot/make_initrd.py)
    add_custom_command(
        OUTPUT ${CMAKE_BINARY_DIR}/${name}.initrd
        COMMAND ${Python3_EXECUTABLE} ${tool} ${CMAKE_BINARY_DIR}/${name}.initrd ${ARGN}
        DEPENDS ${tool} ${ARGN}
        COMMENT "Packing ${name}.initrd"
        VERBATIM
    )
    add_custom_target(${name}_initrd ALL DEPENDS ${CMAKE_BINARY_DIR}/${name}.initrd)
endfunction()
