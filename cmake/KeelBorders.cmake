# SPDX-License-Identifier: BSD-2-Clause
#
# The borders between the layers, as include paths and compiler flags. Each layer is an INTERFACE target that a
# library links to see it; what a library does not link, it cannot include. The rules that the libraries
# themselves must obey are applied here, in one place, so that no folder can forget one.

# All code of a kernel compiles with these, a client's too.
add_library(keel_sound INTERFACE)
target_compile_options(keel_sound INTERFACE -fno-common -fno-omit-frame-pointer)

# A frame larger than a guard area is probed page by page, so that it cannot step over the guard into another stack (T3).
# clang's driver knows the option for some systems only; its compiler proper knows it for the bare machine too.
if(KEEL_BACKEND STREQUAL x86_64)
    target_compile_options(keel_sound INTERFACE "$<$<COMPILE_LANGUAGE:C>:SHELL:-Xclang -fstack-clash-protection>")
else()
    target_compile_options(keel_sound INTERFACE $<$<COMPILE_LANGUAGE:C>:-fstack-clash-protection>)
endif()

# Every file of ours compiles with these, without a warning. Others have rules of their own.
add_library(keel_strict INTERFACE)
target_compile_options(
    keel_strict INTERFACE -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Werror
)
target_link_libraries(keel_strict INTERFACE keel_sound)

# Types and constants without calls: for every layer.
add_library(keel_vocabulary INTERFACE)
target_include_directories(keel_vocabulary INTERFACE ${PROJECT_SOURCE_DIR}/api/vocabulary)
target_link_libraries(keel_vocabulary INTERFACE keel_sound)

# The public API: all that services, examples and other clients may see.
add_library(keel_public INTERFACE)
target_include_directories(keel_public INTERFACE ${PROJECT_SOURCE_DIR}/api/include)
target_link_libraries(keel_public INTERFACE keel_vocabulary)

# What core may ask of the machine, with the headers that the chosen machine supplies to it.
add_library(keel_hal_contract INTERFACE)
target_include_directories(
    keel_hal_contract INTERFACE ${PROJECT_SOURCE_DIR}/hal/include ${PROJECT_SOURCE_DIR}/hal/x86_common/include
                                ${PROJECT_SOURCE_DIR}/hal/${KEEL_BACKEND}/include
)
target_link_libraries(keel_hal_contract INTERFACE keel_vocabulary)

# Code that is the same for every machine: ISO C17 and nothing else.
add_library(keel_portable INTERFACE)
target_compile_options(keel_portable INTERFACE -pedantic)

# hal/atomic.h comes before everything else and poisons the raw atomics.
add_library(keel_checked_atomics INTERFACE)
target_compile_options(keel_checked_atomics INTERFACE "$<$<COMPILE_LANGUAGE:C>:SHELL:-include hal/atomic.h>")
target_link_libraries(keel_checked_atomics INTERFACE keel_hal_contract)

# Everything that a kernel consists of, apart from its own code. Core and the machine call each other, so the
# linker looks through the libraries again until nothing is missing.
add_library(keel_system INTERFACE)

function(keel_apply_rules)
    foreach(library IN ITEMS keel_core keel_api)
        if(TARGET ${library})
            target_link_libraries(${library} PRIVATE keel_portable keel_checked_atomics)
        endif()
    endforeach()
    if(TARGET keel_services)
        target_link_libraries(keel_services PRIVATE keel_portable keel_public)
    endif()
    set(present)
    foreach(library IN ITEMS keel_services keel_api keel_core keel_hal)
        if(TARGET ${library})
            target_link_libraries(${library} PRIVATE keel_strict)
            list(APPEND present ${library})
        endif()
    endforeach()
    list(JOIN present "," group)
    if(present)
        target_link_libraries(keel_system INTERFACE "$<LINK_GROUP:RESCAN,${group}>")
    endif()
endfunction()
