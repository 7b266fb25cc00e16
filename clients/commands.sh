# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The commands install and new of ./keel, which reads this file: it has the functions that are used here.

clients_usage() {
    case $1 in
    install) cat <<'END' ;;
usage: ./keel install PREFIX

Installs Keel for kernels outside this tree: PREFIX/share/keel, as source, where CMake's find_package(Keel) finds it, and
PREFIX/bin/keel. An older Keel there is replaced. (cmake --install BUILD --prefix PREFIX does the same.)
END
    new) cat <<'END' ;;
usage: ./keel new NAME [FOLDER]

Writes a small kernel of your own into a new folder (default: NAME, here): it boots in QEMU and runs on the hosted machine, and
has a unit test, a race to explore and a fuzz target. Its README.md says how to go on; docs/clients.md says more.

  NAME  letters, digits and _, the first a letter; also the name of its build targets
END
    esac
}

command_install() {
    local prefix=''
    while [ $# -gt 0 ]; do
        case $1 in
        --help | -h) usage install && exit 0 ;;
        -*) unknown_option install "$1" ;;
        *)
            [ -z "$prefix" ] || unknown_option install "$1"
            prefix=$(absolute "$1") && shift
            ;;
        esac
    done
    [ -n "$prefix" ] || fail "install needs the folder to install into: ./keel install PREFIX"
    [ -e "$root/unit/CMakeLists.txt" ] || fail "This Keel is installed already, in $root."
    if [ -e "$prefix" ] && [ ! -d "$prefix" ]; then fail "$prefix is not a folder."; fi
    install_for install
    cmake -DCMAKE_INSTALL_PREFIX="$prefix" -P "$root/cmake/KeelInstall.cmake" </dev/null || exit 1
    say "Keel is in $prefix/share/keel. Begin a kernel with: $prefix/bin/keel new NAME"
}

# Names that the build itself uses for targets.
new_name_taken() {
    case $1 in all | clean | edit_cache | explored | explore_mailbox | help | install | keel* | package* | rebuild_cache | test | test_*) return 0 ;; esac
    return 1
}

# Copies the template to folder $2, and puts in the name $1 and where Keel is.
write_project() {
    local name=$1 folder=$2 file
    cp -R "$root/clients/template" "$folder" && mv "$folder/gitignore" "$folder/.gitignore" || return 1
    for file in CMakeLists.txt CMakePresets.json README.md keel; do
        sed -i "s|@NAME@|$name|g; s|@KEEL@|$root|g" "$folder/$file" || return 1
    done
}

command_new() {
    local name='' folder=''
    while [ $# -gt 0 ]; do
        case $1 in
        --help | -h) usage new && exit 0 ;;
        -*) unknown_option new "$1" ;;
        *)
            [ -z "$folder" ] || unknown_option new "$1"
            if [ -z "$name" ]; then name=$1; else folder=$(absolute "$1"); fi
            shift
            ;;
        esac
    done
    [ -n "$name" ] || fail "new needs a name for the kernel: ./keel new NAME"
    [[ $name =~ ^[A-Za-z][A-Za-z0-9_]{0,39}$ ]] ||
        fail "\"$name\" is no name for a kernel: up to 40 letters, digits and _, the first a letter."
    ! new_name_taken "$name" || fail "\"$name\" is a name that the build uses itself; choose another."
    folder=${folder:-$caller/$name}
    [ ! -e "$folder" ] && [ ! -L "$folder" ] || fail "$folder exists; nothing was written."
    [ -d "$(dirname "$folder")" ] || fail "The folder $(dirname "$folder") does not exist."
    [[ $root =~ ^[A-Za-z0-9_./+-]+$ ]] || fail "The path $root has characters that a project cannot name; move Keel."
    write_project "$name" "$folder" || fail "$folder could not be written."
    say "The kernel $name is in $folder. Next: cd there, and ./keel boot or ./keel run; its README.md says the rest."
}

# Stops where a command has nothing to work on: an installed Keel has no tests and no kernels of its own, and a kernel
# outside this tree no benchmarks.
check_place() {
    case " ${*:2} " in *" --help "* | *" -h "*) return 0 ;; esac
    case $1 in
    mutants | coverage | bench | install | new) [ "$project" = "$root" ] || fail "$1 is a command of Keel itself, not of a kernel: $root/keel $1" ;;
    esac
    case $1 in
    boot | run | test | fuzz | replay | minimize | explore | mutants | coverage | bench)
        [ "$project" != "$root" ] || [ -e "$root/unit/CMakeLists.txt" ] ||
            fail "This Keel is installed for other kernels. Make one with: keel new NAME; then use its own ./keel $1."
        ;;
    esac
}
