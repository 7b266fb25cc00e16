# SPDX-License-Identifier: BSD-2-Clause
#
# keel_add_kernel(NAME SOURCES...) builds a whole kernel from client code, which sees include/keel and the services
# only. Hosted and native: an executable with the machine inside, kernels/NAME. x86_64: an ELF file for the loader,
# kernels/NAME.elf. `./keel boot` and `./keel run` start it with the default initrd, NAME.initrd.

set(KEEL_KERNEL_DIR ${CMAKE_BINARY_DIR}/kernels)

# keel_check_names(NAME): stops the build of a program if its client, NAME_client, defines what Keel defines.
function(keel_check_names name)
    add_custom_command(
        TARGET ${name}
        POST_BUILD
        COMMAND Python3::Interpreter ${KEEL_SOURCE}/cmake/check_names.py ${CMAKE_NM} $<TARGET_OBJECTS:${name}_client> --
                $<TARGET_FILE:keel_api> $<TARGET_FILE:keel_core> $<TARGET_FILE:keel_hal>
        VERBATIM COMMAND_EXPAND_LISTS
    )
endfunction()

function(keel_add_kernel name)
    if(NOT KEEL_FUZZ STREQUAL off)
        return() # a fuzzer's tree has fuzz targets only
    endif()
    # The client's objects apart from the executable, so that the libraries' own include paths do not reach them.
    add_library(${name}_client OBJECT ${ARGN})
    target_link_libraries(${name}_client PRIVATE ${KEEL_OWN_RULES} keel_public keel_services)

    add_executable(${name} $<TARGET_OBJECTS:${name}_client>)
    set_target_properties(${name} PROPERTIES LINKER_LANGUAGE C RUNTIME_OUTPUT_DIRECTORY ${KEEL_KERNEL_DIR})
    if(KEEL_BACKEND STREQUAL x86_64)
        set(script ${KEEL_SOURCE}/boot/kernel.ld)
        set_target_properties(${name} PROPERTIES SUFFIX .elf LINK_DEPENDS ${script})
        # The toolchain file calls the linker itself: these are its own options.
        target_link_options(${name} PRIVATE -T ${script})
        target_link_libraries(${name} PRIVATE keel_system)
        if(TARGET keel_loader)
            add_dependencies(${name} keel_loader keel_firmware)
        endif()
    else()
        target_link_libraries(${name} PRIVATE keel_${KEEL_BACKEND}_main keel_system)
    endif()
    keel_check_names(${name})
endfunction()
