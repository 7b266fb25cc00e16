# SPDX-License-Identifier: BSD-2-Clause
#
# cmake -DBUILD=FOLDER -P coverage/reset.cmake: forgets what earlier runs of the tests counted.

file(GLOB_RECURSE counters ${BUILD}/*.gcda)
if(counters)
    file(REMOVE ${counters})
endif()
