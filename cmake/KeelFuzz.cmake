# SPDX-License-Identifier: BSD-2-Clause
#
# keel_add_fuzz_target(NAME SOURCES...) builds fuzz_NAME from a source with LLVMFuzzerTestOneInput, for libFuzzer
# or AFL++ as the build tree says, and adds a smoke test: its seeds (seeds/NAME), then a fixed number
# of mutations from a fixed seed, so that the test is the same on every machine, however fast.
# fuzz/make_NAME_seeds.py writes the seeds while building.

# libFuzzer's and AFL++'s compilers both take this as "link the driver that has main()"; OSS-Fuzz has its own.
set(KEEL_FUZZ_ENGINE -fsanitize=fuzzer CACHE STRING "what links the fuzzer's driver ($LIB_FUZZING_ENGINE in OSS-Fuzz)")
set(KEEL_FUZZ_SMOKE_RUNS 10000 CACHE STRING "executions that a smoke test makes")

# keel_finish_fuzz_target(NAME SEEDS): links the fuzzer to fuzz_NAME, and adds its smoke test.
function(keel_finish_fuzz_target name corpus)
    set(target fuzz_${name})
    target_link_options(${target} PRIVATE ${KEEL_FUZZ_ENGINE})

    # AFL++ recognises a sanitizer's report by the abort.
    string(REPLACE abort_on_error=0 abort_on_error=1:symbolize=0 environment "${KEEL_TEST_ENVIRONMENT}")
    add_test(
        NAME ${target}_smoke
        COMMAND ${CMAKE_COMMAND} -DINPUT=${corpus} -DOUTPUT=${CMAKE_BINARY_DIR}/smoke/${name}
                -DRUNS=${KEEL_FUZZ_SMOKE_RUNS} -DPROGRAM=$<TARGET_FILE:${target}> -P
                ${KEEL_SOURCE}/cmake/${KEEL_FUZZ}_smoke.cmake
    )
    set_tests_properties(
        ${target}_smoke PROPERTIES LABELS fuzz TIMEOUT 300 ENVIRONMENT "${environment}"
    )
endfunction()

function(keel_add_fuzz_target name)
    set(target fuzz_${name})
    if(name STREQUAL canary)
        set(corpus ${KEEL_SOURCE}/cmake/tests/canary_corpus)
    else()
        set(corpus ${CMAKE_BINARY_DIR}/seeds/${name})
        set(script ${KEEL_SOURCE}/fuzz/make_${name}_seeds.py)
        file(GLOB readable CONFIGURE_DEPENDS ${KEEL_SOURCE}/fuzz/seeds/${name}/*)
        # What the scripts read, or import, beside their own seeds.
        file(GLOB shared CONFIGURE_DEPENDS ${KEEL_SOURCE}/fuzz/${name}_ops.h)
        list(APPEND shared ${KEEL_SOURCE}/fuzz/make_calls_seeds.py ${KEEL_SOURCE}/api/calls.tbl)
        if(name STREQUAL world)
            file(GLOB sequences CONFIGURE_DEPENDS ${KEEL_SOURCE}/fuzz/seeds/calls/*)
            list(APPEND shared ${sequences})
        elseif(name STREQUAL parsers)
            list(APPEND shared ${KEEL_SOURCE}/boot/make_initrd.py ${KEEL_SOURCE}/examples/hello/programs/make_broken.py)
        endif()
        add_custom_command(
            OUTPUT ${corpus}.stamp
            COMMAND ${CMAKE_COMMAND} -E rm -rf ${corpus}
            COMMAND Python3::Interpreter ${script} ${corpus}
            COMMAND ${CMAKE_COMMAND} -E touch ${corpus}.stamp
            DEPENDS ${script} ${readable} ${shared}
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
        ${target} PRIVATE ${KEEL_SOURCE}/core/include ${KEEL_SOURCE}/services/include
                          ${KEEL_SOURCE}/hal/hosted/include ${KEEL_SOURCE}/fuzz
    )
    target_link_libraries(${target} PRIVATE keel_strict keel_public keel_hal_contract keel_system)
    keel_finish_fuzz_target(${name} ${corpus})
endfunction()

# Inputs of fuzz_NAME are lists of operations behind a header of so many bytes: fuzz/mutator.c changes them. AFL++ loads
# it as a library, which has neither sanitizers nor instrumentation.
function(keel_mutate_operations name header_size)
    set(source ${KEEL_SOURCE}/fuzz/mutator.c)
    if(NOT KEEL_FUZZ STREQUAL afl)
        target_sources(fuzz_${name} PRIVATE ${source})
        target_compile_definitions(fuzz_${name} PRIVATE MUTATOR_HEADER=${header_size}u)
        return()
    endif()
    find_program(KEEL_HOST_CC NAMES gcc-12 gcc cc REQUIRED)
    set(library $<TARGET_FILE_DIR:fuzz_${name}>/fuzz_${name}_mutator.so)
    set(stamp ${CMAKE_CURRENT_BINARY_DIR}/fuzz_${name}_mutator.stamp)
    add_custom_command(
        OUTPUT ${stamp}
        COMMAND ${KEEL_HOST_CC} -std=c17 -Wall -Wextra -Wconversion -Werror -O2 -fPIC -shared -DMUTATOR_AFL
                -DMUTATOR_HEADER=${header_size}u -o ${library} ${source}
        COMMAND ${CMAKE_COMMAND} -E touch ${stamp}
        DEPENDS ${source}
        COMMENT "Building the mutator of fuzz_${name}"
        VERBATIM
    )
    add_custom_target(fuzz_${name}_mutator DEPENDS ${stamp})
    add_dependencies(fuzz_${name} fuzz_${name}_mutator)
endfunction()

# The harness must see a planted fault: this smoke test is expected to report one.
function(keel_add_fuzz_canary)
    keel_add_fuzz_target(canary ${KEEL_SOURCE}/cmake/tests/fuzz_canary.c)
    set_tests_properties(fuzz_canary_smoke PROPERTIES PASS_REGULAR_EXPRESSION "\\./keel replay [^ \n]*/(crash-|id:)")
endfunction()
