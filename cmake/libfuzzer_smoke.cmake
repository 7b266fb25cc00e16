# SPDX-License-Identifier: BSD-2-Clause
#
# Runs a libFuzzer target over its corpus and then for a fixed number of mutations from a fixed seed.
# Variables: INPUT (corpus), OUTPUT (folder for new and failing inputs, emptied first), RUNS, PROGRAM.

# libFuzzer learns from what is compared, and pointers are: only where memory is at fixed addresses do two runs
# mutate alike. Not every container allows that.
set(fixed setarch --addr-no-randomize)
execute_process(COMMAND ${fixed} true RESULT_VARIABLE result OUTPUT_QUIET ERROR_QUIET)
if(NOT result EQUAL 0)
    set(fixed)
    message("Memory is not at fixed addresses here (setarch may not): another run may mutate otherwise.")
endif()

file(REMOVE_RECURSE ${OUTPUT})
file(MAKE_DIRECTORY ${OUTPUT}/corpus ${OUTPUT}/findings)
# New inputs go to the first folder: never into the corpus of the source tree.
execute_process(
    COMMAND ${fixed} ${PROGRAM} -seed=1 -runs=${RUNS} -print_final_stats=1 -artifact_prefix=${OUTPUT}/findings/
            ${OUTPUT}/corpus ${INPUT}
    RESULT_VARIABLE result
)
file(GLOB found ${OUTPUT}/findings/*)
if(found)
    list(JOIN found "\n  ./keel replay " files)
    message(FATAL_ERROR "The fuzz target failed (${result}). Look at the input with\n  ./keel replay ${files}")
elseif(NOT result EQUAL 0)
    message(FATAL_ERROR "The fuzz target did not run (${result}); its message is above.")
endif()
