# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The command mutants of ./keel, which reads this file: it has the functions that are used here.

mutants_usage() {
    cat <<'END'
usage: ./keel mutants [ID]... [--fuzz [--seconds S]]
       ./keel mutants --systematic [N] [--seed N] [--seconds S] [--fuzz]

Plants deliberate bugs, one at a time, and says of each which test caught it, after how many executions and seconds; at the end
those that survived, the score and the median. The builds are copies of the tree in build/mutants; in no other build is
there any mutant.

  ID              one of the catalogue, by its id (unit/mutants_*.py); default: all
  --systematic N  instead: N (default: 200) of the small changes of operators, constants, conditions and statements that can be
                  made in api/ and core/, each tried with the tests that reach its function
  --seed N        which N of them (default: 1)
  --fuzz          no tests: what the fuzz targets alone find, from their seeds on
  --seconds S     for each systematic mutant, and for fuzzing (default: 60)

Exits 0 if all of the catalogue are caught, also with the systematic ones and with --fuzz, which only measure.
END
}

needs_above_0() {
    needs_number mutants "$1" "$2"
    [ "$2" -gt 0 ] || fail "$1 needs a number above 0."
}

command_mutants() {
    local options=() scratch=catalogue ids=() compiler seed='' seconds='' fuzz=''
    while [ $# -gt 0 ]; do
        case $1 in
        --systematic)
            options+=("$1") scratch=systematic && shift
            if [ $# -gt 0 ] && [[ $1 != -* ]]; then needs_above_0 --systematic "$1" && options+=("$1") && shift; fi
            ;;
        --seed) needs_number mutants "$@" && seed=$2 && options+=("$1" "$2") && shift 2 ;;
        --seconds) needs_value mutants "$@" && needs_above_0 "$1" "$2" && seconds=$2 && options+=("$1" "$2") && shift 2 ;;
        --fuzz) fuzz=1 && options+=("$1") && shift ;;
        --help | -h) usage mutants && exit 0 ;;
        -*) unknown_option mutants "$1" ;;
        *) ids+=("$1") && shift ;;
        esac
    done
    [ $scratch = catalogue ] || [ ${#ids[@]} = 0 ] || fail "mutants takes no id with --systematic."
    [ $scratch = systematic ] || [ -z "$seed" ] || fail "--seed is for --systematic."
    [ $scratch = systematic ] || [ -n "$fuzz" ] || [ -z "$seconds" ] || fail "--seconds is for --systematic and --fuzz."
    install_for mutants
    compiler=$(command -v clang-19)
    exec python3 "$root/unit/mutants.py" "$build/mutants/$scratch" -D "CMAKE_C_COMPILER=$compiler" -D CMAKE_C_FLAGS=-O1 \
        ${options[@]+"${options[@]}"} ${ids[@]+"${ids[@]}"} </dev/null
}
