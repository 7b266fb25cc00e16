# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The commands fuzz, replay and minimize of ./keel, which reads this file: it has the functions that are used here.

fuzz_usage() {
    case $1 in
    fuzz) cat <<'END' ;;
usage: ./keel fuzz [TARGET] [--afl] [--time S]
       ./keel fuzz --all [--time S]

Fuzzes a target with libFuzzer, starting from its seeds. Without a target: lists them.

  --afl     use AFL++ instead of libFuzzer
  --all     every target, as many at a time as there are CPUs; shows how they go on, and makes their corpora small
  --time S  stop after S seconds (default: run until interrupted; --all: 60 for each target)

New inputs are kept in build/corpus/TARGET, failing ones in build/findings/TARGET.
END
    replay) cat <<'END' ;;
usage: ./keel replay FILE [--target TARGET]

Prints a fuzz input as calls and runs it. The target is taken from the folder that FILE is in, unless it is named.
END
    minimize) cat <<'END' ;;
usage: ./keel minimize FILE [--target TARGET]

Makes a failing fuzz input as small as it can be while it fails in the same way: leaves out operations and clears bytes. The
result is FILE.min; ./keel replay prints it. The target is taken as by ./keel replay.
END
    esac
}

fuzz_targets() {
    local file
    for file in "$project"/fuzz/fuzz_*.c; do
        [ -e "$file" ] && file=${file##*/fuzz_} && say "${file%.c}"
    done
}

check_target() {
    fuzz_targets | grep -qxF -- "$1" && return
    fail "There is no fuzz target \"$1\"; there are: $(fuzz_targets | tr '\n' ' ')"
}

fuzz_libfuzzer() {
    local program=$build/fuzz/fuzz/fuzz_$target found=$build/findings/$target own=$build/corpus/$target
    local words=$root/fuzz/$target.dict line
    [ -e "$words" ] && words=-dict=$words || words=
    line=("$program" "-artifact_prefix=$found/" ${words:+"$words"} ${seconds:+"-max_total_time=$seconds"} "$own"
        "$build/fuzz/seeds/$target")
    mkdir -p "$found" "$own"
    build_preset fuzz "fuzz_$target" || exit 1
    printf -- '-- %s\n' "${line[*]}"
    "${line[@]}" </dev/null && return
    say "keel: stopped by a failing input in $found; look at it with: ./keel replay FILE" >&2
    return 1
}

fuzz_afl() {
    local found=$build/findings/$target/afl program=$build/afl/fuzz/fuzz_$target
    local line=(afl-fuzz -m none -i "$build/afl/seeds/$target" -o "$found" ${seconds:+-V "$seconds"} -- "$program")
    local settings=(AFL_SKIP_CPUFREQ=1 AFL_NO_UI=1 AFL_AUTORESUME=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1)
    mkdir -p "$found"
    build_preset afl "fuzz_$target" || exit 1
    [ ! -e "${program}_mutator.so" ] || settings+=("AFL_CUSTOM_MUTATOR_LIBRARY=${program}_mutator.so")
    printf -- '-- %s\n' "${settings[*]} ${line[*]}"
    env "${settings[@]}" "${line[@]}" </dev/null || fail "afl-fuzz ended with an error; its message is above."
    local failing=("$found"/default/crashes/id*)
    [ -e "${failing[0]}" ] || return 0
    say "keel: ${#failing[@]} failing inputs; look at them with: ./keel replay ${failing[0]}" >&2
    return 1
}

fuzz_all() {
    build_preset fuzz || exit 1
    # shellcheck disable=SC2046 # names of targets are words
    exec python3 "$root/fuzz/fuzz_all.py" "$build" --time "${seconds:-60}" $(fuzz_targets) </dev/null
}

command_fuzz() {
    local target='' afl='' all='' seconds=''
    while [ $# -gt 0 ]; do
        case $1 in
        --afl) afl=1 && shift ;;
        --all) all=1 && shift ;;
        --time) needs_number fuzz "$@" && seconds=$2 && shift 2 ;;
        --help | -h) usage fuzz && exit 0 ;;
        -*) unknown_option fuzz "$1" ;;
        *)
            [ -z "$target" ] || unknown_option fuzz "$1"
            target=${1#fuzz_} && shift
            ;;
        esac
    done
    [ -z "$all" ] || [ -z "$target$afl" ] || fail "fuzz --all takes no target and not --afl; see ./keel fuzz --help."
    if [ -z "$target$all" ]; then
        say "Fuzz targets (./keel fuzz TARGET):"
        fuzz_targets | sed 's/^/  /'
        return
    fi
    [ -n "$all" ] || check_target "$target"
    install_for fuzz
    if [ -n "$all" ]; then fuzz_all; elif [ -n "$afl" ]; then fuzz_afl; else fuzz_libfuzzer; fi
}

# The fuzz target that one of the folders in path $1 is named after.
target_of() {
    local name
    for name in $(fuzz_targets); do
        case $1 in */"$name"/* | */fuzz_"$name"/*) printf '%s' "$name" && return ;; esac
    done
    return 1
}

# For command $1: sets `file` and `target` from the arguments that follow, and builds the target.
prepare_input() {
    local command=$1
    shift
    while [ $# -gt 0 ]; do
        case $1 in
        --target) needs_value "$command" "$@" && target=${2#fuzz_} && shift 2 ;;
        --help | -h) usage "$command" && exit 0 ;;
        -*) unknown_option "$command" "$1" ;;
        *)
            [ -z "$file" ] || unknown_option "$command" "$1"
            file=$(absolute "$1") && shift
            ;;
        esac
    done
    [ -n "$file" ] || fail "$command needs the file with the input: ./keel $command FILE"
    { [ -f "$file" ] && [ -r "$file" ]; } || fail "The input $file does not exist or cannot be read."
    [ -n "$target" ] || target=$(target_of "$file") ||
        fail "No folder of $file is named after a fuzz target; say which with --target ($(fuzz_targets | tr '\n' ' '))."
    check_target "$target"
    install_for "$command"
    build_preset fuzz "fuzz_$target" || exit 1
}

command_replay() {
    local file='' target=''
    prepare_input replay "$@"
    say "-- KEEL_PRINT=1 $build/fuzz/fuzz/fuzz_$target $file"
    KEEL_PRINT=1 exec "$build/fuzz/fuzz/fuzz_$target" "$file" </dev/null
}

command_minimize() {
    local file='' target='' operations=()
    prepare_input minimize "$@"
    [ "$project" != "$root" ] || case $target in
    calls) operations=(--header 8 --unit 8) ;;
    world) operations=(--header 16 --unit 8) ;;
    model | model_tasks | model_dma) operations=(--header 2 --unit 8) ;;
    esac
    exec python3 "$root/fuzz/minimize.py" ${operations[@]+"${operations[@]}"} "$file" "$file.min" \
        "$build/fuzz/fuzz/fuzz_$target" </dev/null
}
