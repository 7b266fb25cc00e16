# SPDX-License-Identifier: BSD-2-Clause
#
# Installs Keel for kernels outside this tree, as source: machine, compiler and sanitizers are the choice of each of their
# build trees, and no library is right for all. PREFIX/share/keel is this tree without its own tests; find_package finds
# cmake/KeelConfig.cmake there. A script, for `cmake --install` and for ./keel install (which needs no build tree):
# cmake -DCMAKE_INSTALL_PREFIX=PREFIX -P KeelInstall.cmake

cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH source)
set(prefix "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}")
set(destination "${prefix}/share/keel")

# Files that are no longer Keel's must not stay; but what was not installed here is not touched.
file(REAL_PATH "${destination}" there)
if(EXISTS "${destination}" AND (NOT EXISTS "${destination}/cmake/KeelConfig.cmake" OR EXISTS "${destination}/.git"
                                OR there STREQUAL source)
)
    message(FATAL_ERROR "${destination} exists and is no installed Keel; nothing was written")
endif()
if(EXISTS "${prefix}/bin/keel" OR IS_SYMLINK "${prefix}/bin/keel")
    set(link)
    if(IS_SYMLINK "${prefix}/bin/keel")
        file(READ_SYMLINK "${prefix}/bin/keel" link)
    endif()
    if(NOT link STREQUAL "../share/keel/keel")
        message(FATAL_ERROR "${prefix}/bin/keel exists and is no installed Keel's; nothing was written")
    endif()
endif()
file(REMOVE_RECURSE "${destination}")

# install_files(FOLDER FILES...)
function(install_files folder)
    list(TRANSFORM ARGN PREPEND "${source}/" OUTPUT_VARIABLE files)
    file(COPY ${files} DESTINATION "${destination}/${folder}" PATTERN tests EXCLUDE PATTERN __pycache__ EXCLUDE)
endfunction()

install_files(. CMakeLists.txt CMakePresets.json LICENSE README.md keel packages.txt)
install_files(. api boot clients cmake core docs examples hal services)
install_files(fuzz fuzz/afl_denylist.txt fuzz/commands.sh fuzz/fuzz_all.py fuzz/minimize.py)
install_files(unit unit/client unit/client_points.h unit/commands.sh unit/explore.py unit/explore_tool.c unit/explore_tool.h
              unit/explore_trace.py unit/race.c unit/support.c unit/support.h
)
file(MAKE_DIRECTORY "${prefix}/bin")
file(CREATE_LINK ../share/keel/keel "${prefix}/bin/keel" SYMBOLIC)
message(STATUS "Installed: ${destination}")
