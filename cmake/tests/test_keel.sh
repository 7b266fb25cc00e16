#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The developer command answers every mistake with one sentence that says what to do, and status 2, before it
# builds anything; and it works from any folder without standard input.

set -u
keel=$(cd "$(dirname "$0")/../.." && pwd)/keel
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
mkdir folder bin
touch program
tests=0 failures=0

report() {
    tests=$((tests + 1))
    [ "$1" = ok ] || { failures=$((failures + 1)) && printf 'FAILED: %s\n' "$2"; }
}

# refuses TEXT ARGUMENT...: one line with TEXT on stderr, nothing on stdout, status 2.
refuses() {
    local text=$1 status
    shift
    "$keel" "$@" >out 2>err <&-
    status=$?
    if [ $status = 2 ] && [ ! -s out ] && [ "$(wc -l <err)" = 1 ] && grep -qF -- "$text" err; then
        report ok
    else
        report failed "keel $* (status $status): wanted \"$text\", got: $(head -c 300 err)"
    fi
}

# prints TEXT ARGUMENT...: TEXT on stdout, status 0.
prints() {
    local text=$1
    shift
    if "$keel" "$@" >out 2>err <&- && grep -qF -- "$text" out && [ ! -s err ]; then
        report ok
    else
        report failed "keel $*: did not print \"$text\""
    fi
}

prints 'usage: ./keel COMMAND'
prints 'usage: ./keel COMMAND' help
prints 'usage: ./keel COMMAND' --help
for command in boot run test setup fuzz replay minimize explore mutants coverage bench install new; do
    prints "usage: ./keel $command" "$command" --help
    prints "usage: ./keel $command" help "$command"
    refuses "$command has no option --wrong; see ./keel $command --help." "$command" --wrong
done
for option in fuzz mcdc qemu; do
    prints "  --$option  " coverage --help
    refuses 'coverage does not take the argument "more"' coverage "--$option" more
done
for command in boot run setup coverage; do
    refuses "$command does not take the argument \"more\"" "$command" more
done
refuses 'There is no command "bot"; see ./keel help.' bot
refuses 'There is no command "bot"' help bot

for command in boot run; do
    for option in --kernel --program --disk --transcript --timeout; do
        refuses "$option needs a value" "$command" "$option"
    done
    refuses 'There is no example kernel "none"; there are:' "$command" --kernel none
    refuses 'There is no example kernel "../examples/hello"' "$command" --kernel ../examples/hello
    refuses "The program $work/none does not exist." "$command" --program none
    refuses "The program $work/folder is not a readable file." "$command" --program folder
    refuses "The disk $work/none does not exist." "$command" --disk none
    refuses "The disk $work/folder is not a file" "$command" --disk folder
    refuses "The folder $work/none for the transcript does not exist." "$command" --transcript none/file
    refuses "The transcript $work/folder is a folder" "$command" --transcript folder
    refuses '--timeout needs a whole number, not "1s".' "$command" --timeout 1s
done
refuses 'There is no machine "box"; there are: qemu bochs.' boot --machine box
refuses '--machine needs a value' boot --machine
refuses '--cpu is for --machine bochs' boot --cpu max
refuses '--cpus needs a whole number, not "two".' boot --machine bochs --cpus two
for cpus in 0 9 00; do
    refuses '--cpus needs a number from 1 to 8 in Bochs' boot --machine bochs --cpus "$cpus"
done
refuses 'Bochs takes no QEMU options.' boot --machine bochs -- -m 4G
refuses '--debug and --disk are for QEMU.' boot --machine bochs --debug
refuses '--seed needs a whole number, not "-1".' run --seed -1
refuses '--cpus needs a value' run --cpus
refuses '--memory needs a size like 64M or 1G, not "64".' run --memory 64
refuses 'bench needs what to measure' bench
refuses 'There is no benchmark "none"; there are: memory tasks iommu blk.' bench none
refuses 'bench does not take the argument "more"' bench memory more
refuses '--launches needs a value' bench memory --launches
refuses '--launches needs a whole number, not "few".' bench memory --launches few
refuses '--launches needs a number above 0.' bench memory --launches 0
refuses 'There is no preset "none" with tests' test none
refuses '--time needs a whole number' fuzz --time soon
refuses 'There is no fuzz target "none"' fuzz none
refuses 'fuzz --all takes no target' fuzz --all calls
refuses 'replay needs the file' replay
refuses 'minimize needs the file' minimize
refuses "The input $work/none does not exist" minimize none
refuses "The input $work/none does not exist" replay none
refuses 'No folder of' replay program
refuses 'There is no fuzz target "none"' replay program --target none
refuses '--strategy needs a value' explore x --strategy
refuses 'There is no strategy "all"; there are: exhaustive random pct.' explore x --strategy all
refuses '--bound needs a whole number, not "-1".' explore x --bound -1
refuses 'explore has no preset "native"; there are: hosted ' explore x --preset native
refuses 'explore does not take the argument "y"' explore x y
refuses 'explore needs a test for --replay' explore --replay 0.1
refuses '--systematic needs a whole number, not "all".' mutants --systematic all
refuses '--systematic needs a number above 0.' mutants --systematic 0
refuses '--seconds needs a number above 0.' mutants --fuzz --seconds 0
refuses '--seconds needs a whole number, not "1s".' mutants --fuzz --seconds 1s
refuses '--seconds needs a value' mutants --fuzz --seconds
refuses '--seconds is for --systematic and --fuzz.' mutants --seconds 5
refuses '--seed is for --systematic.' mutants --fuzz --seed 2
refuses 'mutants takes no id with --systematic.' mutants x --systematic 5 --fuzz
refuses 'There is no mutant "none"; they are in unit/mutants_*.py.' mutants none
refuses 'There is no mutant "none"' mutants none --fuzz
refuses 'call-in-atomic-mode cannot be chosen at run time, which --fuzz needs.' mutants call-in-atomic-mode --fuzz
refuses 'install needs the folder to install into' install
refuses 'install does not take the argument "more"' install folder more
refuses "$work/program is not a folder." install program
refuses 'new needs a name for the kernel' new
refuses 'new does not take the argument "more"' new name elsewhere more
for name in 1st a-b 'a b' a/b "$(printf 'x%.0s' {1..41})"; do
    refuses 'a kernel: ' new "$name"
done
for name in keel_core test explored; do
    refuses "\"$name\" is a name that the build uses itself" new "$name"
done
refuses "$work/folder exists; nothing was written." new folder
refuses "$work/program exists; nothing was written." new name program
refuses "The folder $work/none does not exist." new name none/name
export KEEL_PROJECT=$work
for command in coverage bench install new; do
    refuses "$command is a command of Keel itself, not of a kernel" "$command"
done
unset KEEL_PROJECT

# A system without ovmf, without and with root.
cat >bin/dpkg-query <<'END'
#!/bin/sh
for package; do
    case $package in -* | ovmf) ;; *) echo "$package installed" ;; esac
done
END
printf '#!/bin/sh\necho 1000\n' >bin/id
printf '#!/bin/sh\necho "E: no network"\nexit 100\n' >bin/apt-get
chmod +x bin/*
if [ -f "$(dirname "$keel")/examples/hello/CMakeLists.txt" ]; then
    PATH=$work/bin:$PATH refuses 'Install them with: sudo apt-get install -y ovmf' boot
fi
PATH=$work/bin:$PATH refuses 'Install them with: sudo apt-get install -y ovmf' setup
rm bin/id
if PATH=$work/bin:$PATH "$keel" setup >out 2>err <&-; then
    report failed 'a failing apt-get is not noticed'
elif [ "$(id -u)" = 0 ]; then
    if grep -q 'no network' err && grep -q 'The installation failed' err; then
        report ok
    else
        report failed 'a failing apt-get is not explained'
    fi
fi

# A Bochs that knows few CPUs, and a build that is done: the kernel has a disk.
# shellcheck disable=SC2016 # a script
printf '#!/bin/sh\nfor package; do echo "$package installed"; done\n' >bin/dpkg-query
printf '#!/bin/sh\nprintf "Supported CPU models:\\n\\npentium\\n" >&2\n' >bin/bochs
printf '#!/bin/sh\n' >bin/cmake
chmod +x bin/*
mkdir -p build/x86_64/kernels
touch build/x86_64/own.img build/x86_64/kernels/own.elf
export KEEL_PROJECT=$work PATH=$work/bin:$PATH
refuses 'Bochs has no CPU "nonsense"; there are: pentium.' boot --machine bochs --kernel own --cpu nonsense
refuses 'Bochs has no CPU ""; there are: pentium.' boot --machine bochs --kernel own --cpu ''
"$keel" boot --machine bochs --kernel own --cpu pentium >out 2>err <&-
if [ $? = 2 ] && [ "$(cat err)" = 'keel: The kernel own wants a disk, which Bochs does not have; boot it in QEMU.' ]; then
    report ok
else
    report failed "a kernel with a disk in Bochs: $(head -c 300 err)"
fi

printf '%d checks, %d failed\n' "$tests" "$failures"
[ "$failures" = 0 ]
