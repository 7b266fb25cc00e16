# SPDX-License-Identifier: BSD-2-Clause
#
# Sanitizers, fuzzer feedback and coverage counters: compiled into everything of a build tree or into nothing.

if(KEEL_SANITIZE)
    add_compile_options(-fsanitize=${KEEL_SANITIZE} -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${KEEL_SANITIZE})
endif()

# Under a fuzzer tasks come and go all the time and are shallow: each page of a stack costs at every spawn.
if(NOT KEEL_FUZZ STREQUAL off AND KEEL_BACKEND STREQUAL hosted)
    add_compile_definitions(HOSTED_STACK_PAGES=8u)
endif()

# Code around the code under test (the machine model, the audit, a fuzzer's own decoder) gives the fuzzer no feedback: that
# would steer it towards the oracle instead of the kernel, and it costs more than half of the time.
set(KEEL_NO_FEEDBACK)
set(KEEL_NO_COMPARISONS)
# Nor is it itself checked under a fuzzer, but for MemorySanitizer, which has to see every store.
set(KEEL_NO_CHECKS -fno-sanitize=all)
if(KEEL_SANITIZE MATCHES memory)
    set(KEEL_NO_CHECKS -fno-sanitize=undefined)
endif()
if(KEEL_FUZZ STREQUAL libfuzzer)
    add_compile_options(-fsanitize=fuzzer-no-link)
    set(KEEL_NO_FEEDBACK -fno-sanitize=fuzzer-no-link)
    set(KEEL_NO_COMPARISONS -fno-sanitize-coverage=trace-cmp)
elseif(NOT KEEL_FUZZ MATCHES "^(off|afl)$")
    message(FATAL_ERROR "KEEL_FUZZ is \"${KEEL_FUZZ}\"; it must be off, libfuzzer or afl")
endif()

if(KEEL_COVERAGE STREQUAL gcov)
    add_compile_options(--coverage)
    if(CMAKE_C_COMPILER_ID STREQUAL GNU)
        add_compile_options(-fprofile-abs-path)
    endif()
    add_link_options(--coverage)
elseif(KEEL_COVERAGE STREQUAL mcdc)
    add_compile_options(-fprofile-instr-generate -fcoverage-mapping -fcoverage-mcdc)
    add_link_options(-fprofile-instr-generate)
elseif(KEEL_COVERAGE STREQUAL guest)
    if(NOT KEEL_BACKEND STREQUAL x86_64)
        message(FATAL_ERROR "KEEL_COVERAGE=guest counts on the real machine only")
    endif()
    # For the machine's own code (hal/x86_64/CMakeLists.txt). CPUs that count at once may lose counts, never the first one;
    # with atomic counters the audits of some tests take longer than their time-out.
    set(KEEL_GUEST_COUNTERS -fprofile-instr-generate -fcoverage-mapping)
elseif(KEEL_COVERAGE)
    message(FATAL_ERROR "KEEL_COVERAGE is \"${KEEL_COVERAGE}\"; it must be off, gcov, mcdc or guest")
endif()

# keel_add_coverage_gate(TESTS): the tests of this folder count from nothing, and what they have executed when all of them have
# run must reach the gate that coverage/gate.txt sets for TESTS.
function(keel_add_coverage_gate tests)
    get_property(counted DIRECTORY PROPERTY TESTS)
    add_test(NAME coverage_reset COMMAND ${CMAKE_COMMAND} -DBUILD=${CMAKE_BINARY_DIR} -P ${KEEL_SOURCE}/coverage/reset.cmake)
    set_tests_properties(${counted} PROPERTIES DEPENDS coverage_reset)
    add_test(NAME coverage_gate COMMAND Python3::Interpreter ${KEEL_SOURCE}/coverage/report.py ${CMAKE_BINARY_DIR} ${tests})
    set_tests_properties(coverage_gate PROPERTIES DEPENDS "${counted}")
    set_tests_properties(coverage_reset coverage_gate PROPERTIES LABELS coverage TIMEOUT 300)
endfunction()
