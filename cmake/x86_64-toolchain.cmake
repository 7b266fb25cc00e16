# SPDX-License-Identifier: BSD-2-Clause
#
# The bare x86-64 machine: clang without a C library, linked by lld directly (clang would hand the link of a
# system that it does not know to the host's gcc).

set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER clang-19)
set(CMAKE_ASM_COMPILER clang-19)
set(CMAKE_C_COMPILER_TARGET x86_64-unknown-none-elf)
set(CMAKE_ASM_COMPILER_TARGET x86_64-unknown-none-elf)
set(CMAKE_AR llvm-ar-19)
set(CMAKE_RANLIB llvm-ranlib-19)
set(CMAKE_LINKER ld.lld-19)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)

# No red zone: an interrupt would write into it. No vector registers: they are the user's (hal/user.h). Optimised as one
# program: a call crosses api, core and hal in steps of a few instructions each.
string(
    CONCAT CMAKE_C_FLAGS_INIT
           "-ffreestanding -nostdlibinc -fno-pic -mcmodel=kernel -mno-red-zone -mgeneral-regs-only "
           "-fno-stack-protector -fno-omit-frame-pointer -ffunction-sections -fdata-sections -O2 -flto -g"
)
set(CMAKE_ASM_FLAGS_INIT "-mcmodel=kernel -g")

# Options as lld itself takes them.
set(CMAKE_C_LINK_GROUP_USING_RESCAN --start-group --end-group)
set(CMAKE_C_LINK_GROUP_USING_RESCAN_SUPPORTED TRUE)

set(CMAKE_C_LINK_EXECUTABLE
    "${CMAKE_LINKER} -static -nostdlib --gc-sections --build-id=none -z max-page-size=4096 -z noexecstack \
<LINK_FLAGS> <OBJECTS> -o <TARGET> <LINK_LIBRARIES>"
)
set(CMAKE_ASM_LINK_EXECUTABLE "${CMAKE_C_LINK_EXECUTABLE}")
