# SPDX-License-Identifier: BSD-2-Clause
#
# What the author of a kernel outside this tree adds to it besides the kernel itself. The sources see the public API, the
# services and keel_test/, nothing else. In build trees of another kind (another machine, or a fuzzer's) the functions do
# nothing, so that one CMakeLists.txt is good for all of them.
#
# keel_add_test(NAME SOURCES... [TIMEOUT SECONDS])
#     A test program (keel_test/test.h) on the hosted machine.
# keel_add_exploration(NAME SOURCES... [TIMEOUT SECONDS])
#     The same of races (keel_test/race.h): the sources' atomics are scheduling points, and ./keel explore knows the tests.
# keel_add_fuzzer(NAME SOURCES...)
#     A fuzz target (keel_test/fuzz.h). Its seeds are the files in seeds/NAME beside the CMakeLists.txt, if there are any.
# keel_add_boot_test(NAME [KERNEL KERNEL] [INITRD NAME] [RUNNER OPTIONS...])
#     A whole run of a kernel with an initrd (keel_add_initrd), both called NAME unless named: on the hosted machine or in
#     QEMU. The options are those of boot/run_hosted.py and boot/run_qemu.py, like --says REGEX.

# A program of a client's sources, and the frame of tests behind them.
function(keel_client_program name)
    add_library(${name}_client OBJECT ${ARGN})
    target_include_directories(${name}_client PRIVATE ${KEEL_SOURCE}/unit/client/include)
    target_link_libraries(${name}_client PRIVATE keel_public keel_services)
    add_executable(${name} $<TARGET_OBJECTS:${name}_client>)
    set_target_properties(${name} PROPERTIES LINKER_LANGUAGE C)
    target_link_libraries(${name} PRIVATE keel_test_frame keel_system)
    keel_check_names(${name})
endfunction()

function(keel_client_test name label)
    cmake_parse_arguments(PARSE_ARGV 2 test "" "TIMEOUT" "")
    if(NOT test_TIMEOUT)
        set(test_TIMEOUT 120)
    endif()
    keel_client_program(${name} ${test_UNPARSED_ARGUMENTS})
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(
        ${name} PROPERTIES LABELS ${label} TIMEOUT ${test_TIMEOUT} ENVIRONMENT "${KEEL_TEST_ENVIRONMENT}"
    )
endfunction()

function(keel_add_test name)
    if(KEEL_BACKEND STREQUAL hosted AND KEEL_FUZZ STREQUAL off)
        keel_client_test(${name} unit ${ARGN})
    endif()
endfunction()

function(keel_add_exploration name)
    if(KEEL_BACKEND STREQUAL hosted AND KEEL_FUZZ STREQUAL off)
        keel_client_test(${name} interleaving ${ARGN})
        target_compile_options(${name}_client PRIVATE -include ${KEEL_SOURCE}/unit/client_points.h)
        keel_explored(${name})
    endif()
endfunction()

function(keel_add_fuzzer name)
    if(KEEL_FUZZ STREQUAL off)
        return()
    endif()
    set(corpus ${CMAKE_BINARY_DIR}/seeds/${name})
    file(REMOVE_RECURSE ${corpus})
    file(GLOB seeds CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/seeds/${name}/*)
    if(seeds)
        file(COPY ${seeds} DESTINATION ${corpus})
    else()
        file(WRITE ${corpus}/nothing "\n") # AFL++ wants a seed, however small
    endif()
    keel_client_program(fuzz_${name} ${ARGN})
    set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
    keel_finish_fuzz_target(${name} ${corpus})
endfunction()

function(keel_add_boot_test name)
    if(NOT KEEL_FUZZ STREQUAL off OR KEEL_BACKEND STREQUAL native)
        return()
    endif()
    cmake_parse_arguments(PARSE_ARGV 1 test "" "KERNEL;INITRD" "RUNNER")
    if(NOT test_KERNEL)
        set(test_KERNEL ${name})
    endif()
    if(NOT test_INITRD)
        set(test_INITRD ${name})
    endif()
    set(runner ${KEEL_SOURCE}/boot/run_hosted.py)
    if(KEEL_BACKEND STREQUAL x86_64)
        set(runner ${KEEL_SOURCE}/boot/run_qemu.py --loader ${KEEL_LOADER_EFI})
    endif()
    add_test(
        NAME boot_${name}
        COMMAND ${Python3_EXECUTABLE} ${runner} --kernel $<TARGET_FILE:${test_KERNEL}> --initrd
                ${CMAKE_BINARY_DIR}/${test_INITRD}.initrd --timeout 200 ${test_RUNNER}
    )
    set_tests_properties(
        boot_${name} PROPERTIES LABELS boot TIMEOUT 230 ENVIRONMENT "${KEEL_TEST_ENVIRONMENT}"
                                FAIL_REGULAR_EXPRESSION "warning] lock order: "
    )
endfunction()
