# SPDX-License-Identifier: BSD-2-Clause
#
# Tests of the source tree itself: borders, style, and the developer tools.

file(GLOB_RECURSE hidden CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/core/include/*.h
     ${PROJECT_SOURCE_DIR}/core/lock_order/on/include/*.h ${PROJECT_SOURCE_DIR}/hal/include/*.h
     ${PROJECT_SOURCE_DIR}/hal/x86_common/include/*.h ${PROJECT_SOURCE_DIR}/hal/${KEEL_BACKEND}/include/*.h
)
# The paths that the compiler is really given for each kind of client.
foreach(client IN ITEMS keel_services hello_client)
    if(TARGET ${client})
        string(REPLACE "keel_" "" name ${client})
        add_test(
            NAME border_negative_${name}
            COMMAND
                ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/cmake/check_border.py --compiler ${CMAKE_C_COMPILER}
                --include "$<TARGET_PROPERTY:${client},INCLUDE_DIRECTORIES>" ${hidden}
        )
        set_tests_properties(border_negative_${name} PROPERTIES LABELS lint TIMEOUT 120)
    endif()
endforeach()

# The C library as the compiler finds it, and the user engine, against every archive of ours that ends up in a hosted process.
execute_process(
    COMMAND ${CMAKE_C_COMPILER} -print-file-name=libc.so.6 OUTPUT_VARIABLE libc OUTPUT_STRIP_TRAILING_WHITESPACE
)
function(add_symbols_test name library)
    add_test(
        NAME ${name}
        COMMAND
            ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/cmake/check_symbols.py ${CMAKE_NM} ${library}
            $<TARGET_FILE:keel_api> $<TARGET_FILE:keel_core> $<TARGET_FILE:keel_hal> $<TARGET_FILE:keel_services>
    )
    set_tests_properties(${name} PROPERTIES LABELS lint TIMEOUT 60)
endfunction()
add_symbols_test(lint_symbols ${libc})
add_symbols_test(lint_symbols_unicorn ${KEEL_UNICORN})

add_test(NAME lint_soundness COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/docs/check_soundness.py)
set_tests_properties(lint_soundness PROPERTIES LABELS lint TIMEOUT 60)

# Minutes before the mutants themselves are tried: code that moved leaves them behind.
add_test(NAME lint_mutants COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/unit/mutants.py --check)
set_tests_properties(lint_mutants PROPERTIES LABELS lint TIMEOUT 60)

add_test(NAME lint_style COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/cmake/check_style.py)
set_tests_properties(lint_style PROPERTIES LABELS lint TIMEOUT 120)

foreach(suite IN ITEMS boot/tests/test_runner.py coverage/test_report.py bench/test_bench_report.py cmake/tests/test_checks.py
                      fuzz/test_fuzz_tools.py unit/test_mutant_tools.py)
    cmake_path(GET suite STEM name)
    add_test(NAME tools_${name} COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/${suite})
    set_tests_properties(tools_${name} PROPERTIES LABELS lint TIMEOUT 60)
endforeach()
add_test(NAME tools_test_keel COMMAND ${PROJECT_SOURCE_DIR}/cmake/tests/test_keel.sh)
set_tests_properties(tools_test_keel PROPERTIES LABELS lint TIMEOUT 60)
