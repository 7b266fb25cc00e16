# SPDX-License-Identifier: BSD-2-Clause
#
# Runs AFL++ for a fixed number of executions and fails if it could not run or found anything.
# Variables: INPUT (corpus), OUTPUT (folder for the findings, emptied first), RUNS, PROGRAM.

file(REMOVE_RECURSE ${OUTPUT})
file(MAKE_DIRECTORY ${OUTPUT})
# One that knows what inputs are made of, where there is one.
set(mutator)
if(EXISTS ${PROGRAM}_mutator.so)
    set(mutator AFL_CUSTOM_MUTATOR_LIBRARY=${PROGRAM}_mutator.so)
endif()
# The last three keep AFL++ from judging the host: it wants core dumps, a fixed CPU and a fixed clock set up. A run ends by
# its limit of steps; the time-out, in milliseconds, is there for what loops without any, however slow the host is.
execute_process(
    COMMAND ${CMAKE_COMMAND} -E env AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1
            AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 ${mutator} afl-fuzz -s 1 -E ${RUNS} -t 20000 -m none -i ${INPUT} -o ${OUTPUT}
            -- ${PROGRAM}
    RESULT_VARIABLE result
    OUTPUT_VARIABLE text
    ERROR_VARIABLE text
)
file(GLOB found ${OUTPUT}/default/crashes/id* ${OUTPUT}/default/hangs/id*)
if(NOT result EQUAL 0)
    message(FATAL_ERROR "afl-fuzz did not run (${result}):\n${text}")
elseif(found)
    list(JOIN found "\n  ./keel replay " files)
    message(FATAL_ERROR "AFL++ found failing inputs. Look at them with\n  ./keel replay ${files}")
endif()
file(STRINGS ${OUTPUT}/default/fuzzer_stats stats REGEX "^(execs_done|execs_per_sec|stability|corpus_count) ")
list(JOIN stats "\n" stats)
message("${stats}")
