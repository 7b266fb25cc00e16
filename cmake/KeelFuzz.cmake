# SPDX-License-Identifier: BSD-2-Clause
#
# keel_add_fuzz_target(NAME SOURCES...) builds fuzz_NAME from a source with LLVMFuzzerTestOneInput, for libFuzzer
# or AFL++ as the build tree says, and adds a smoke test: its seeds (seeds/NAME), then a fixed number
# of mutations from a fixed seed, so that the test is the same on every machine, however fast.
# fuzz/make_NAME_seeds.py writes the seeds while building.

# libFuzzer's and AFL++'s compilers both take this as "link the driver that has main()"; OSS-Fuzz has its own.
set(KEEL_FUZZ_ENGINE -fsanitize=fuzzer CACHE STRING "what links the fuzzer's driver ($LIB_FUZZING_ENGINE in OSS-Fuzz)")
set(KEEL_FUZZ_SMOKE_RUNS 20000 CACHE STRING "executions that a smoke test makes")

function(keel_add_fuzz_target name)
    set(target fuzz_${name})
    if(name STREQUAL canary)
        set(corpus ${PROJECT_SOURCE_DIR}/cmake/tests/canary_corpus)
    else()
        set(corpus ${CMAKE_BINARY_DIR}/seeds/${name})
        set(script ${PROJECT_SOURCE_DIR}/fuzz/make_${name}_seeds.py)
        file(GLOB readable CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/fuzz/seeds/${name}/*)
        add_custom_command(
            OUTPUT ${corpus}.stamp
            COMMAND ${CMAKE_COMMAND} -E rm -rf ${corpus}
            COMMAND Python3::Interpreter ${script} ${corpus}
            COMMAND ${CMAKE_COMMAND} -E touch ${corpus}.stamp
            DEPENDS ${script} ${readable} ${PROJECT_SOURCE_DIR}/api/calls.tbl
            COMMENT "Writing the seeds of ${target}"
            VERBATIM
        )
        add_custom_target(${target}_seeds DEPENDS ${corpus}.stamp)
    endif()
    add_executable(${target} ${ARGN})
    if(TARGET ${target}_seeds)
        add_dependencies(${target} ${target}_seeds)
    endif()
    target_include_directories(
        ${target} PRIVATE ${PROJECT_SOURCE_DIR}/core/include ${PROJECT_SOURCE_DIR}/services/include
                          ${PROJECT_SOURCE_DIR}/hal/hosted/include ${PROJECT_SOURCE_DIR}/fuzz
    )
    target_link_libraries(${target} PRIVATE keel_strict keel_public keel_hal_contract keel_system)
    target_link_options(${target} PRIVATE ${KEEL_FUZZ_ENGINE})

    # AFL++ recognises a sanitizer's report by the abort.
    string(REPLACE abort_on_error=0 abort_on_error=1:symbolize=0 environment "${KEEL_TEST_ENVIRONMENT}")
    add_test(
        NAME ${target}_smoke
        COMMAND ${CMAKE_COMMAND} -DINPUT=${corpus} -DOUTPUT=${CMAKE_BINARY_DIR}/smoke/${name}
                -DRUNS=${KEEL_FUZZ_SMOKE_RUNS} -DPROGRAM=$<TARGET_FILE:${target}> -P
                ${PROJECT_SOURCE_DIR}/cmake/${KEEL_FUZZ}_smoke.cmake
    )
    set_tests_properties(
        ${target}_smoke PROPERTIES LABELS fuzz TIMEOUT 300 ENVIRONMENT "${environment}"
    )
endfunction()

# The harness must see a planted fault: this smoke test is expected to report one.
function(keel_add_fuzz_canary)
    keel_add_fuzz_target(canary ${PROJECT_SOURCE_DIR}/cmake/tests/fuzz_canary.c)
    set_tests_properties(fuzz_canary_smoke PROPERTIES PASS_REGULAR_EXPRESSION "\\./keel replay [^ \n]*/(crash-|id:)")
endfunction()
