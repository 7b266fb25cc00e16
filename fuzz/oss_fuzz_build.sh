#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Builds the fuzz targets as OSS-Fuzz and ClusterFuzz want them (google.github.io/oss-fuzz, "Setting up a new project",
# build.sh): compiler and flags from CC and CFLAGS, the fuzzer's driver from LIB_FUZZING_ENGINE, and into OUT for each target
# the program, fuzz_X_seed_corpus.zip, fuzz_X.options and, where there is one, fuzz_X.dict. Programs find the library that
# runs user code beside them. WORK is where the build goes. FUZZING_ENGINE is libfuzzer (default) or afl.
set -eu
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
: "${CC:=clang}" "${CFLAGS=}" "${LIB_FUZZING_ENGINE:=-fsanitize=fuzzer}" "${FUZZING_ENGINE:=libfuzzer}"
: "${OUT:?OUT says where the targets go}" "${WORK:?WORK says where to build}"
case $FUZZING_ENGINE in
libfuzzer | afl) ;;
*) echo "keel: the engine $FUZZING_ENGINE is not supported; libfuzzer and afl are" >&2 && exit 2 ;;
esac

cmake -S "$root" -B "$WORK/keel" -G Ninja -D CMAKE_C_COMPILER="$CC" -D CMAKE_C_FLAGS="$CFLAGS" \
    -D KEEL_FUZZ="$FUZZING_ENGINE" -D KEEL_FUZZ_ENGINE="$LIB_FUZZING_ENGINE" -D CMAKE_BUILD_RPATH="\$ORIGIN" \
    -D CMAKE_BUILD_RPATH_USE_ORIGIN=ON
cmake --build "$WORK/keel"

mkdir -p "$OUT"
for source in "$root"/fuzz/fuzz_*.c; do
    name=$(basename "$source" .c)
    cp "$WORK/keel/fuzz/$name" "$OUT/$name"
    (cd "$WORK/keel/seeds/${name#fuzz_}" && python3 -m zipfile -c "$OUT/${name}_seed_corpus.zip" ./*)
    # Inputs that are longer say nothing that shorter ones do not.
    printf '[libfuzzer]\nmax_len = 4096\n' >"$OUT/$name.options"
    if [ -e "$WORK/keel/fuzz/${name}_mutator.so" ]; then cp "$WORK/keel/fuzz/${name}_mutator.so" "$OUT/"; fi
    if [ -e "$root/fuzz/${name#fuzz_}.dict" ]; then cp "$root/fuzz/${name#fuzz_}.dict" "$OUT/$name.dict"; fi
done
library=$(ldd "$OUT/fuzz_world" | awk '$1 ~ /^libunicorn/ { print $3 }')
if [ -n "$library" ]; then cp -L "$library" "$OUT/$(basename "$library")"; fi
