# SPDX-License-Identifier: BSD-2-Clause
#
# The hosted machine runs the programs of the boot tests: several interleavings, the same transcript.

file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/boot/tests)

# keel_add_run_test(NAME [KERNEL NAME] [INITRD FILE] RUNNER options of run_hosted.py...)
function(keel_add_run_test name)
    cmake_parse_arguments(PARSE_ARGV 1 test "" "KERNEL;INITRD" "RUNNER")
    if(NOT test_KERNEL)
        set(test_KERNEL hello)
    endif()
    if(NOT test_INITRD)
        set(test_INITRD ${CMAKE_BINARY_DIR}/hello.initrd)
    endif()
    add_test(
        NAME run_${name}
        COMMAND
            ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/boot/run_hosted.py --kernel $<TARGET_FILE:${test_KERNEL}>
            --initrd ${test_INITRD} --timeout 200 --transcript ${CMAKE_BINARY_DIR}/boot/tests/${name}.transcript
            ${test_RUNNER}
    )
    set_tests_properties(
        run_${name} PROPERTIES LABELS boot TIMEOUT 230 ENVIRONMENT "${KEEL_TEST_ENVIRONMENT}"
    )
    # One test of `cpus` takes locks in the wrong order on purpose; that the others do not, it sees itself.
    if(NOT test_KERNEL STREQUAL "cpus")
        set_tests_properties(run_${name} PROPERTIES FAIL_REGULAR_EXPRESSION "warning] lock order: ")
    endif()
endfunction()

keel_add_run_test(default RUNNER --expect ${KEEL_TRANSCRIPTS}/hello.transcript)
keel_add_run_test(one-cpu RUNNER --cpus 1 --seed 2 --expect ${KEEL_TRANSCRIPTS}/hello.transcript)
keel_add_run_test(four-cpus RUNNER --cpus 4 --seed 3 --expect ${KEEL_TRANSCRIPTS}/hello.transcript)
keel_add_run_test(eight-cpus RUNNER --cpus 8 --seed 4 --expect ${KEEL_TRANSCRIPTS}/hello.transcript)
keel_add_run_test(
    broken INITRD ${CMAKE_BINARY_DIR}/hello-broken.initrd RUNNER --expect ${KEEL_TRANSCRIPTS}/hello-broken.transcript
)
# Demand paging, copy on write, shared memory and eviction: several interleavings.
foreach(cpus IN ITEMS 1 2 4)
    math(EXPR seed "20 + ${cpus}")
    keel_add_run_test(
        pager-${cpus}-cpus KERNEL pager INITRD ${CMAKE_BINARY_DIR}/pager.initrd
        RUNNER --cpus ${cpus} --seed ${seed} --expect ${KEEL_TRANSCRIPTS}/pager.transcript
    )
endforeach()
# Threads, futexes, processes and pipes, and the same programs on the host's own Linux. With this seed, as with about half
# of the others, a futex word that is read before the queue is locked costs a wake-up on 2 and 4 CPUs.
foreach(cpus IN ITEMS 1 2 4 8)
    keel_add_run_test(
        threads-${cpus}-cpus KERNEL threads INITRD ${CMAKE_BINARY_DIR}/threads.initrd
        RUNNER --cpus ${cpus} --seed 6 --expect ${KEEL_TRANSCRIPTS}/threads.transcript
               --says "threads lost the CPU in user code: [1-9][0-9]"
    )
endforeach()
# A driver of a virtio disk, what it reads there, and what the host finds there afterwards.
foreach(cpus IN ITEMS 1 2 4)
    math(EXPR seed "30 + ${cpus}")
    keel_add_run_test(
        disk-${cpus}-cpus KERNEL disk INITRD ${CMAKE_BINARY_DIR}/disk.initrd
        RUNNER --cpus ${cpus} --seed ${seed} --expect ${KEEL_TRANSCRIPTS}/disk.transcript
               --fresh-disk ${CMAKE_BINARY_DIR}/disk.img --expect-disk ${CMAKE_BINARY_DIR}/disk.expected
               --says "interrupts of the disk: [1-9]"
    )
endforeach()
# The harness must see a disk that is not as it is to be: this one cannot be.
keel_add_run_test(
    disk-canary KERNEL disk INITRD ${CMAKE_BINARY_DIR}/disk.initrd
    RUNNER --fresh-disk ${CMAKE_BINARY_DIR}/disk.img --expect-disk ${CMAKE_BINARY_DIR}/disk.img
)
set_tests_properties(run_disk-canary PROPERTIES PASS_REGULAR_EXPRESSION "FAILED: Sector 128 of the disk is not as in ")
set(programs abuser ring stress workers)
list(TRANSFORM programs PREPEND ${KEEL_PROGRAM_DIR}/)
add_test(
    NAME linux_threads
    COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/boot/run_linux.py --expect
            ${KEEL_TRANSCRIPTS}/threads.transcript ${programs}
)
set_tests_properties(linux_threads PROPERTIES LABELS boot TIMEOUT 270 SKIP_RETURN_CODE 77)
# The harness must see a failure: this run is compared with a transcript that it cannot have.
keel_add_run_test(canary RUNNER --expect /dev/null)
set_tests_properties(run_canary PROPERTIES PASS_REGULAR_EXPRESSION "FAILED: The transcript is not the one in /dev/null")

# The test kernels: on each number of CPUs another interleaving.
foreach(kernel IN ITEMS context vector misuse mapping usercopy cpus serial)
    foreach(cpus IN ITEMS 1 2 4)
        math(EXPR seed "10 + ${cpus}")
        keel_add_run_test(
            kernel-${kernel}-${cpus}-cpus KERNEL ${kernel}
            RUNNER --cpus ${cpus} --seed ${seed} --expect ${KEEL_TRANSCRIPTS}/kernels/${kernel}.transcript
        )
    endforeach()
endforeach()
foreach(cpus IN ITEMS 1 2 4)
    keel_add_run_test(
        kernel-clock-${cpus}-cpus KERNEL clock
        RUNNER --cpus ${cpus} --seed ${cpus} --command-line wall=1767225600
               --expect ${KEEL_TRANSCRIPTS}/kernels/clock.transcript
    )
endforeach()
# Drivers of an entropy source, a network and a console, and what the last one prints.
set(virtio --virtio-input ${KEEL_TRANSCRIPTS}/kernels/virtio.input --expect-virtio)
foreach(cpus IN ITEMS 1 2 4)
    keel_add_run_test(
        kernel-virtio-${cpus}-cpus KERNEL virtio
        RUNNER --cpus ${cpus} --seed ${cpus} ${virtio} ${KEEL_TRANSCRIPTS}/kernels/virtio.output
               --expect ${KEEL_TRANSCRIPTS}/kernels/virtio.transcript
    )
endforeach()
# The harness must see what a console should not print: this one prints what is typed, and more.
keel_add_run_test(
    kernel-virtio-canary KERNEL virtio RUNNER ${virtio} ${KEEL_TRANSCRIPTS}/kernels/virtio.input
)
set_tests_properties(run_kernel-virtio-canary PROPERTIES PASS_REGULAR_EXPRESSION "FAILED: The virtio console printed ")
# What each mapping for a device tells the remapping unit (docs/benchmarks.md).
keel_add_run_test(
    bench-iommu KERNEL iommu RUNNER --plain-iommu --expect ${KEEL_TRANSCRIPTS}/kernels/iommu.transcript
)
keel_add_run_test(
    kernel-overflow KERNEL overflow RUNNER --panic --says "kernel stack overflow in task deep$"
)
keel_add_run_test(
    kernel-overflow-frame KERNEL overflow
    RUNNER --command-line frame --panic --says "kernel stack overflow in task wide$"
)
keel_add_run_test(
    kernel-overflow-large KERNEL overflow
    RUNNER --command-line large --panic --says "kernel stack overflow in task deep$"
)
keel_add_run_test(
    kernel-cpus-8-cpus KERNEL cpus RUNNER --cpus 8 --seed 18 --expect ${KEEL_TRANSCRIPTS}/kernels/cpus.transcript
)
# The other scheduler that ships.
keel_add_run_test(
    kernel-cpus-fair KERNEL cpus
    RUNNER --cpus 2 --seed 15 --command-line "rounds=50 fair" --expect ${KEEL_TRANSCRIPTS}/kernels/cpus.transcript
)
