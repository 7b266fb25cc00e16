# SPDX-License-Identifier: BSD-2-Clause
#
# Boot tests: QEMU under OVMF, judged by the exit status and the transcript. The time-out is a hang detector: a run
# that reaches it fails. A boot takes some 7 s on an idle machine.

set(KEEL_BOOT_TIMEOUT 150)
if(KEEL_COVERAGE STREQUAL guest) # audits take several times as long with counters
    set(KEEL_BOOT_TIMEOUT 600)
endif()
set(KEEL_LOADER ${CMAKE_BINARY_DIR}/boot/loader/BOOTX64.EFI)
set(KEEL_BOOT_TEST_DIR ${CMAKE_BINARY_DIR}/boot/tests)
file(MAKE_DIRECTORY ${KEEL_BOOT_TEST_DIR})

# Where kernels that count what they execute write it, each test for itself (coverage/guest.py).
set(KEEL_PROFILES ${CMAKE_BINARY_DIR}/profiles)
file(MAKE_DIRECTORY ${KEEL_PROFILES})
function(keel_counters_of name options)
    set(${options})
    if(KEEL_COVERAGE STREQUAL guest)
        set(${options} --counters ${KEEL_PROFILES}/${name}.profraw)
    endif()
    return(PROPAGATE ${options})
endfunction()

# keel_add_boot_test(NAME [KERNEL FILE] [INITRD FILE] [QEMU OPTIONS...] [RUNNER options of run_qemu.py...])
function(keel_add_boot_test name)
    cmake_parse_arguments(PARSE_ARGV 1 test "" "KERNEL;INITRD" "QEMU;RUNNER")
    if(NOT test_KERNEL)
        set(test_KERNEL $<TARGET_FILE:hello>)
    endif()
    if(NOT test_INITRD)
        set(test_INITRD ${CMAKE_BINARY_DIR}/hello.initrd)
    endif()
    keel_counters_of(${name} counters)
    math(EXPR hung "${KEEL_BOOT_TIMEOUT} + 30")
    add_test(
        NAME boot_${name}
        COMMAND
            ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/boot/run_qemu.py --kernel ${test_KERNEL} --loader
            ${KEEL_LOADER} --initrd ${test_INITRD} --timeout ${KEEL_BOOT_TIMEOUT} --transcript
            ${KEEL_BOOT_TEST_DIR}/${name}.transcript ${counters} ${test_RUNNER} -- ${test_QEMU}
    )
    set_tests_properties(boot_${name} PROPERTIES LABELS boot TIMEOUT ${hung})
endfunction()

file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/machines.tbl rows REGEX "^[a-z]")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/machines.tbl)
foreach(row IN LISTS rows)
    if(NOT row MATCHES "^([a-z0-9-]+) *\\|([^|]*)\\| *[^ ]")
        message(FATAL_ERROR "boot/tests/machines.tbl: a row is \"name | options | reason\", this one is not: ${row}")
    endif()
    separate_arguments(options UNIX_COMMAND "${CMAKE_MATCH_2}")
    keel_add_boot_test(
        ${CMAKE_MATCH_1} QEMU ${options} RUNNER --expect ${KEEL_TRANSCRIPTS}/hello.transcript
    )
endforeach()

# The harness must see a failure: this run is compared with a transcript that it cannot have.
keel_add_boot_test(canary RUNNER --expect /dev/null)
set_tests_properties(boot_canary PROPERTIES PASS_REGULAR_EXPRESSION "FAILED: The transcript is not the one in /dev/null")

# The other example kernel, with every feature that QEMU has and with few.
foreach(cpu IN ITEMS max qemu64)
    keel_add_boot_test(
        pager-${cpu} KERNEL $<TARGET_FILE:pager> INITRD ${CMAKE_BINARY_DIR}/pager.initrd QEMU -cpu ${cpu}
        RUNNER --expect ${KEEL_TRANSCRIPTS}/pager.transcript
    )
endforeach()
# A driver of QEMU's virtio disk, through the IOMMU, and what the host finds on the disk afterwards.
keel_add_boot_test(
    disk KERNEL $<TARGET_FILE:disk> INITRD ${CMAKE_BINARY_DIR}/disk.initrd QEMU -cpu qemu64 -m 4G
    RUNNER --expect ${KEEL_TRANSCRIPTS}/disk.transcript --fresh-disk ${CMAKE_BINARY_DIR}/disk.img
           --expect-disk ${CMAKE_BINARY_DIR}/disk.expected --says "interrupts of the disk: [1-9]"
)
# Threads and processes; with few CPU features, too: other vector registers to keep.
foreach(run IN ITEMS "1 qemu64" "2 max" "4 max")
    separate_arguments(run)
    list(POP_FRONT run cpus cpu)
    keel_add_boot_test(
        threads-${cpus}-cpus KERNEL $<TARGET_FILE:threads> INITRD ${CMAKE_BINARY_DIR}/threads.initrd
        QEMU -smp ${cpus} -cpu ${cpu}
        RUNNER --expect ${KEEL_TRANSCRIPTS}/threads.transcript --says "threads lost the CPU in user code: [1-9]"
    )
endforeach()
# ELF files that the kernel must refuse, each with its reason: the same on the hosted machine.
keel_add_boot_test(
    broken INITRD ${CMAKE_BINARY_DIR}/hello-broken.initrd
    RUNNER --expect ${KEEL_TRANSCRIPTS}/hello-broken.transcript
)
# Attempts that only a CPU can judge (hal/hosted/README.md), with all of its features and with few.
keel_add_boot_test(
    real INITRD ${CMAKE_BINARY_DIR}/hello-real.initrd RUNNER --expect ${KEEL_TRANSCRIPTS}/hello-real.transcript
)
keel_add_boot_test(
    real-plain-cpu INITRD ${CMAKE_BINARY_DIR}/hello-real.initrd QEMU -cpu qemu64
    RUNNER --expect ${KEEL_TRANSCRIPTS}/hello-real.transcript
)

# The test kernels, and what the boot log must say: the protections that are on (U5), with every feature that QEMU has
# and with few, and the stack overflow with the function and the task that made it (T3).
set(U5_PROTECTIONS_OF_MAX "^keel: cpu 0: WP NX SMEP SMAP UMIP XSAVE$")
set(U5_PROTECTIONS_OF_QEMU64 "^keel: cpu 0: WP NX$")
function(keel_add_kernel_test name kernel)
    keel_add_boot_test(kernel-${name} KERNEL $<TARGET_FILE:${kernel}> ${ARGN})
endfunction()
foreach(kernel IN ITEMS context vector mapping usercopy)
    set(expect --expect ${KEEL_TRANSCRIPTS}/kernels/${kernel}.transcript)
    keel_add_kernel_test(${kernel} ${kernel} QEMU -m 128M RUNNER ${expect} --says ${U5_PROTECTIONS_OF_MAX})
    keel_add_kernel_test(
        ${kernel}-plain-cpu ${kernel} QEMU -m 128M -cpu qemu64
        RUNNER ${expect} --says ${U5_PROTECTIONS_OF_QEMU64}
    )
endforeach()
# All CPUs at once. Where they are more than the host's, they wait for each other mostly: fewer rounds.
foreach(run IN ITEMS "1 200" "2 200" "4 40" "8 4")
    separate_arguments(run)
    list(POP_FRONT run cpus rounds)
    math(EXPR last "${cpus} - 1")
    keel_add_kernel_test(
        cpus-${cpus} cpus QEMU -m 256M -smp ${cpus}
        RUNNER --command-line rounds=${rounds} --expect ${KEEL_TRANSCRIPTS}/kernels/cpus.transcript
               --says "^keel: cpu ${last}: WP NX SMEP SMAP UMIP XSAVE$"
    )
endforeach()
# APIC ids with a gap: 0, 1, 2, 4, 5, 6.
keel_add_kernel_test(
    cpus-sparse cpus QEMU -m 256M -smp 6,sockets=2,cores=3
    RUNNER --command-line rounds=4 --expect ${KEEL_TRANSCRIPTS}/kernels/cpus.transcript --says "cpu 5: APIC id 6$"
)
# Time by each clock, with a date that goes over a border while the machine comes up. The 8254 wraps 18 times a second:
# by instruction counts, the TSC tells exactly whether anything is lost.
set(expect --expect ${KEEL_TRANSCRIPTS}/kernels/clock.transcript)
keel_add_kernel_test(
    clock-without-hpet clock QEMU -m 128M -machine hpet=off -rtc base=2031-02-28T23:59:58
    RUNNER ${expect} --command-line "keel.clock=sundial wall=1930089598" --says "^keel: clock: tsc, [0-9]+ MHz by acpi"
           --says "^keel: clock: keel.clock= names no clock"
)
keel_add_kernel_test(
    clock-hpet clock QEMU -m 128M -rtc base=2038-01-19T03:14:06
    RUNNER ${expect} --command-line "keel.clock=hpet wall=2147483646" --says "^keel: clock: hpet, as the command line asks$"
)
keel_add_kernel_test(
    clock-pit clock QEMU -m 128M -smp 1 -icount shift=4,sleep=off -rtc base=2027-12-31T23:59:58
    RUNNER ${expect} --command-line "keel.clock=pit by-tsc wall=1830297598"
           --says "^keel: clock: pit, as the command line asks$"
)
# Interrupt lines of real devices, which go to each CPU in turn (T9); one that is stuck is cut off (D8).
foreach(cpus IN ITEMS 1 4)
    keel_add_kernel_test(
        lines-${cpus} lines QEMU -m 128M -smp ${cpus}
        RUNNER --expect ${KEEL_TRANSCRIPTS}/kernels/lines.transcript --says "irq: source 2 storms on and on, and is cut off$"
    )
endforeach()
# Levels that AMD's unit makes edges of, in QEMU at least, end all the same.
keel_add_kernel_test(
    lines-amd lines QEMU -m 128M
    RUNNER --amd-iommu --expect ${KEEL_TRANSCRIPTS}/kernels/lines.transcript
)
# A driver of the second serial port: ports, its line, both bottom halves.
foreach(cpus IN ITEMS 1 2)
    keel_add_kernel_test(
        serial-${cpus} serial QEMU -m 128M -smp ${cpus} -serial null
        RUNNER --expect ${KEEL_TRANSCRIPTS}/kernels/serial.transcript
    )
endforeach()
# A device that reaches for a frame, for code and for page tables is blocked and reported (D3, D8), and so is one that sends
# another's interrupt (D4); without an IOMMU the boot log warns, and the same attacks succeed.
set(edu -device edu,addr=5,dma_mask=0xffffffffffffffff)
keel_add_kernel_test(
    dma dma QEMU -m 128M ${edu}
    RUNNER --expect ${KEEL_TRANSCRIPTS}/kernels/dma.transcript --says "^keel: iommu: 1 unit, all DMA blocked$"
           --says "^keel: iommu: blocked: 00:05.0 reads at 0x100000 \\(unit 0, reason 2\\)$"
           --says "^keel: iommu: blocked: 00:05.0 writes to 0x2345678000 \\(unit 0, reason 2\\)$"
)
# Devices with domains of their own reach what is mapped for them, and nothing else (D1, D2). 1 GiB in a row is above 4 GiB.
keel_add_kernel_test(
    domains domains QEMU -m 3G ${edu} -device edu,addr=6,dma_mask=0xffffffffffffffff
    RUNNER --expect ${KEEL_TRANSCRIPTS}/kernels/domains.transcript
           --says "^keel: iommu: blocked: 00:05.0 reads at 0x3456789000 "
)
# The same by leaves that say that devices are snooped (M9): to a unit without snoop control the bit is a reserved one.
keel_add_kernel_test(
    domains-snooped domains
    QEMU -m 3G -device intel-iommu,intremap=on,caching-mode=on,snoop-control=on ${edu}
         -device edu,addr=6,dma_mask=0xffffffffffffffff
    RUNNER --no-iommu --expect ${KEEL_TRANSCRIPTS}/kernels/domains.transcript
           --says "^keel: iommu: blocked: 00:05.0 reads at 0x3456789000 "
)
# The same behind AMD's hardware, whose model in QEMU 7.2 logs no attempt.
keel_add_kernel_test(
    dma-amd dma QEMU -m 128M ${edu}
    RUNNER --amd-iommu --command-line amd --expect ${KEEL_TRANSCRIPTS}/kernels/dma.transcript
           --says "^keel: iommu: 1 unit, all DMA blocked$"
)
keel_add_kernel_test(
    domains-amd domains QEMU -m 3G ${edu} -device edu,addr=6,dma_mask=0xffffffffffffffff
    RUNNER --amd-iommu --command-line untold --expect ${KEEL_TRANSCRIPTS}/kernels/domains.transcript
           --says "^keel: iommu: 1 unit, all DMA blocked$"
)
keel_add_kernel_test(
    dma-without-iommu dma QEMU -m 128M ${edu}
    RUNNER --no-iommu --command-line open --expect ${KEEL_TRANSCRIPTS}/kernels/dma-open.transcript
           --says "^keel: iommu: WARNING: firmware names no remapping unit: DMA is NOT blocked$"
)
# PCI: devices on the first bus and behind bridges, one of which can be reset, in more memory than fits below the hole.
set(devices -device edu -device pcie-root-port,id=port1,chassis=1 -device e1000e,bus=port1
            -device pcie-root-port,id=port2,chassis=2 -device virtio-rng-pci,bus=port2)
foreach(memory IN ITEMS 128M 4G)
    keel_add_kernel_test(
        pci-${memory} pci
        QEMU -m ${memory} ${devices}
        RUNNER --expect ${KEEL_TRANSCRIPTS}/kernels/pci.transcript --says "pci: [1-9][0-9]* functions$"
    )
endforeach()
# Their messages, MSI and MSI-X, on each CPU in turn; also as AMD's unit remaps them.
set(senders -device edu -device pcie-root-port,id=port1,chassis=1 -device e1000e,bus=port1)
set(expect --expect ${KEEL_TRANSCRIPTS}/kernels/messages.transcript)
keel_add_kernel_test(messages messages QEMU -m 128M ${senders} RUNNER ${expect})
keel_add_kernel_test(messages-amd messages QEMU -m 128M ${senders} RUNNER --amd-iommu ${expect})
# Drivers of QEMU's entropy source, network and console, through either IOMMU.
set(virtio --virtio-input ${KEEL_TRANSCRIPTS}/kernels/virtio.input --expect-virtio
           ${KEEL_TRANSCRIPTS}/kernels/virtio.output --expect ${KEEL_TRANSCRIPTS}/kernels/virtio.transcript
)
keel_add_kernel_test(virtio virtio QEMU -m 128M RUNNER ${virtio})
keel_add_kernel_test(virtio-amd virtio QEMU -m 128M RUNNER --amd-iommu ${virtio})
# AMD's unit is a function of PCI itself. Here its firmware does not know the I/O APIC, so interrupts pass as they were sent.
keel_add_kernel_test(
    pci-amd pci QEMU -m 128M -device amd-iommu,intremap=off ${devices}
    RUNNER --no-iommu --expect ${KEEL_TRANSCRIPTS}/kernels/pci.transcript --says "^keel: iommu: 1 unit, all DMA blocked$"
           --says "^keel: iommu: WARNING: interrupts are not remapped: "
)
# Only faults at user addresses go on at a fixup; the kernel's own side of a copy has none.
keel_add_kernel_test(
    usercopy-wild usercopy QEMU -m 128M RUNNER --command-line wild --panic --says " x86_user_copy\\+0x"
)
keel_add_kernel_test(
    misuse misuse QEMU -m 128M
    RUNNER --expect ${KEEL_TRANSCRIPTS}/kernels/misuse.transcript --says "reclaimed frames: [1-9]"
)
# The audit's eyes: writable code and constants, executable data, a user bit, each planted and taken back (A4), configuration
# space that is nobody's to give (D5); an exception between STI and HLT; and a TSC that runs too fast, which the HPET gives
# away (T9).
keel_add_kernel_test(
    planted planted QEMU -m 128M
    RUNNER --expect ${KEEL_TRANSCRIPTS}/kernels/planted.transcript --says "A4: kernel code or constants are writable"
           --says "A4: memory outside the kernel's code is executable" --says "A4: kernel memory is writable and executable"
           --says "A4: a user may reach into the kernel's half"
           --says "D5: a device may be given configuration space of PCI"
           --says "^keel: clock: hpet from now on, since the TSC runs away from it$"
)
keel_add_kernel_test(
    overflow overflow
    RUNNER --panic --says "^keel: panic: kernel stack overflow in task deep$" --says " T3_recurse\\+0x"
)
keel_add_kernel_test(
    overflow-frame overflow
    RUNNER --command-line frame --panic --says "^keel: panic: kernel stack overflow in task wide$"
           --says " task_begin\\+0x"
)
keel_add_kernel_test(
    overflow-large overflow
    RUNNER --command-line large --panic --says "^keel: panic: kernel stack overflow in task deep$"
           --says " T3_recurse\\+0x"
)

# Another emulator, whose CPUs have what QEMU's lack (boot/run_bochs.py).
function(keel_add_bochs_test name kernel)
    if(KEEL_COVERAGE STREQUAL guest) # counters come out of QEMU alone
        return()
    endif()
    cmake_parse_arguments(PARSE_ARGV 2 test "" "INITRD" "RUNNER")
    add_test(
        NAME boot_bochs-${name}
        COMMAND
            ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/boot/run_bochs.py --kernel $<TARGET_FILE:${kernel}> --loader
            ${KEEL_LOADER} --firmware ${KEEL_FIRMWARE_EFI} --initrd ${CMAKE_BINARY_DIR}/${test_INITRD}.initrd --timeout
            ${KEEL_BOCHS_TIMEOUT} ${test_RUNNER}
    )
    math(EXPR hung "${KEEL_BOCHS_TIMEOUT} + 30")
    set_tests_properties(boot_bochs-${name} PROPERTIES LABELS "boot;bochs" TIMEOUT ${hung})
endfunction()
set(KEEL_BOCHS_TIMEOUT 600)

# Two CPUs with AVX-512, by ACPI tables, a TSC that is invariant and that the HPET watches. CPUID says the rate of real ones.
set(U5_PROTECTIONS_OF_SKYLAKE "^keel: cpu 1: WP NX SMEP SMAP XSAVE PCID$")
keel_add_bochs_test(
    default hello INITRD hello
    RUNNER --expect ${KEEL_TRANSCRIPTS}/hello.transcript --says ${U5_PROTECTIONS_OF_SKYLAKE}
           --says "^keel: clock: tsc, [0-9]+ MHz by hpet, invariant, watched$" --says "^keel: timer: by the TSC$"
           --says "^keel: clock: CPUID says [0-9]+ MHz of the TSC, measured are [0-9]+$"
)
# All IPIs, those that start CPUs among them, by the MSRs of x2APIC mode.
keel_add_bochs_test(
    cpus-x2apic cpus INITRD hello
    RUNNER --x2apic --command-line rounds=4 --expect ${KEEL_TRANSCRIPTS}/kernels/cpus.transcript
           --says "^keel: apic: in x2APIC mode, as firmware left it$" --says ${U5_PROTECTIONS_OF_SKYLAKE}
)
# Attempts that only a CPU can judge: on the registers of AVX-512, and by SGDT, which this one refuses to users (UMIP).
set(U5_PROTECTIONS_OF_TIGERLAKE "^keel: cpu 0: WP NX SMEP SMAP UMIP XSAVE PCID$")
keel_add_bochs_test(
    real-tigerlake hello INITRD hello-real
    RUNNER --cpu tigerlake --cpus 1 --expect ${KEEL_TRANSCRIPTS}/hello-real.transcript --says ${U5_PROTECTIONS_OF_TIGERLAKE}
)

# NMIs at random moments while a kernel enters and leaves user mode all the time (U4).
keel_counters_of(nmi counters)
add_test(
    NAME boot_nmi
    COMMAND
        ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/nmi.py --seed 1 --kernel $<TARGET_FILE:context> --loader
        ${KEEL_LOADER} --initrd ${CMAKE_BINARY_DIR}/hello.initrd --timeout ${KEEL_BOOT_TIMEOUT} --command-line
        rounds=100000 --expect ${KEEL_TRANSCRIPTS}/kernels/context.transcript --says
        "^keel: cpu 0: [0-9][0-9][0-9]+ NMIs" ${counters}
)
set_tests_properties(boot_nmi PROPERTIES LABELS boot TIMEOUT 180)

# Kernel files with a planted fault: the loader names it.
execute_process(
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/test_loader.py --list
    OUTPUT_VARIABLE faults
    OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY
)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/test_loader.py)
string(REPLACE "\n" ";" faults "${faults}")
foreach(fault IN LISTS faults)
    add_test(
        NAME loader_${fault}
        COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/test_loader.py ${fault} --kernel
                $<TARGET_FILE:hello> --loader ${KEEL_LOADER} --initrd ${CMAKE_BINARY_DIR}/hello.initrd --timeout
                ${KEEL_BOOT_TIMEOUT}
    )
    set_tests_properties(loader_${fault} PROPERTIES LABELS boot TIMEOUT 180)
endforeach()
