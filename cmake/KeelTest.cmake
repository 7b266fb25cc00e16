# SPDX-License-Identifier: BSD-2-Clause
#
# keel_add_unit_test(NAME SOURCES... [LABEL unit|interleaving] [TIMEOUT SECONDS])
#
# A CMocka test program that contains the whole system on the hosted machine and may look at every layer. The
# time-out only detects hangs: no test's result depends on it.
#
# keel_add_explored_test(NAME SOURCES... [CLIENT SOURCES...] [TIMEOUT SECONDS])
#
# The same of tests in the frame of unit/support.h and race.h, labelled interleaving and known to ./keel explore. Files
# of a client see the public API alone, and their atomics become scheduling points (unit/client_points.h).

set(KEEL_TEST_ENVIRONMENT
    "ASAN_OPTIONS=abort_on_error=0:detect_leaks=1:strict_string_checks=1"
    "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1"
    # Symbolising a report on a kernel stack would need more stack than there is.
    "TSAN_OPTIONS=halt_on_error=1:symbolize=0"
)

function(keel_add_unit_test name)
    cmake_parse_arguments(PARSE_ARGV 1 test "" "LABEL;TIMEOUT" "")
    if(NOT test_LABEL)
        set(test_LABEL unit)
    endif()
    if(NOT test_TIMEOUT)
        set(test_TIMEOUT 120)
    endif()
    find_library(KEEL_CMOCKA cmocka REQUIRED)
    add_executable(${name} ${test_UNPARSED_ARGUMENTS})
    target_include_directories(
        ${name} PRIVATE ${KEEL_SOURCE}/core/include ${KEEL_SOURCE}/services/include
                        ${KEEL_SOURCE}/hal/hosted/include ${KEEL_SOURCE}/unit
                        ${KEEL_SOURCE}/unit/client/include/keel_test
    )
    target_link_libraries(
        ${name} PRIVATE keel_strict keel_public keel_hal_contract keel_system ${KEEL_CMOCKA}
    )
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(
        ${name} PROPERTIES LABELS ${test_LABEL} TIMEOUT ${test_TIMEOUT} ENVIRONMENT "${KEEL_TEST_ENVIRONMENT}"
    )
endfunction()

# keel_explored(NAME CLIENT_SOURCES...): NAME is a program for ./keel explore, which finds those in explored.txt and builds
# the target explored.
function(keel_explored name)
    if(ARGN)
        add_library(${name}_client OBJECT ${ARGN})
        target_link_libraries(${name}_client PRIVATE keel_strict keel_public)
        target_include_directories(${name}_client PRIVATE ${KEEL_SOURCE}/services/include)
        target_compile_options(${name}_client PRIVATE -include ${KEEL_SOURCE}/unit/client_points.h)
        target_sources(${name} PRIVATE $<TARGET_OBJECTS:${name}_client>)
    endif()
    if(NOT TARGET explored)
        add_custom_target(explored)
        file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/explored.txt
             CONTENT "$<JOIN:$<TARGET_PROPERTY:explored,KEEL_PROGRAMS>,\n>\n"
        )
    endif()
    add_dependencies(explored ${name})
    set_property(TARGET explored APPEND PROPERTY KEEL_PROGRAMS ${CMAKE_CURRENT_BINARY_DIR}/${name})
endfunction()

function(keel_add_explored_test name)
    cmake_parse_arguments(PARSE_ARGV 1 test "" "TIMEOUT" "CLIENT")
    keel_add_unit_test(
        ${name} ${test_UNPARSED_ARGUMENTS} ${KEEL_SOURCE}/unit/race.c $<TARGET_OBJECTS:unit_support>
        LABEL interleaving TIMEOUT "${test_TIMEOUT}"
    )
    target_link_libraries(${name} PRIVATE keel_calls)
    keel_explored(${name} ${test_CLIENT})
endfunction()

# keel_add_compiler_test(): what Keel asks of the compiler beyond C17, with the flags of this build tree.
function(keel_add_compiler_test)
    add_executable(test_compiler ${KEEL_SOURCE}/cmake/tests/compiler.c)
    target_link_libraries(test_compiler PRIVATE keel_strict)
    target_include_directories(test_compiler PRIVATE ${KEEL_SOURCE}/api/vocabulary)
    add_test(NAME test_compiler COMMAND test_compiler)
    set_tests_properties(test_compiler PROPERTIES LABELS unit TIMEOUT 60 ENVIRONMENT "${KEEL_TEST_ENVIRONMENT}")
endfunction()

# keel_add_canaries(): planted faults that this build tree must report, each in its sanitizer's words.
function(keel_add_canaries)
    find_library(KEEL_CMOCKA cmocka REQUIRED)
    find_package(Threads REQUIRED)
    add_executable(canary ${KEEL_SOURCE}/cmake/tests/canary.c)
    target_link_libraries(canary PRIVATE keel_strict Threads::Threads ${KEEL_CMOCKA})
    set(assert_report "1 FAILED TEST")
    set(address_report "AddressSanitizer: heap-buffer-overflow")
    set(undefined_report "runtime error: signed integer overflow")
    set(thread_report "ThreadSanitizer: data race")
    string(REPLACE "," ";" sanitizers "${KEEL_SANITIZE}")
    foreach(fault IN ITEMS assert ${sanitizers})
        add_test(NAME canary_${fault} COMMAND canary ${fault})
        set_tests_properties(
            canary_${fault} PROPERTIES LABELS unit TIMEOUT 60 ENVIRONMENT "${KEEL_TEST_ENVIRONMENT}"
                                       PASS_REGULAR_EXPRESSION "${${fault}_report}"
        )
    endforeach()
endfunction()
