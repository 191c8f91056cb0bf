# What the BSD room adds to the addon: kqueue below the shared readiness emulation.
set(PORTSIDE_ROOM_SOURCES
  ${CMAKE_CURRENT_LIST_DIR}/backends.cpp
  ${CMAKE_CURRENT_LIST_DIR}/bsd_sockets.cpp
  ${CMAKE_CURRENT_LIST_DIR}/kqueue_poller.cpp
)
set(PORTSIDE_ROOM_USES_POSIX ON)

# Where the system has no kqueue of its own, a library's: its <sys/event.h> lies below include/ or include/kqueue/.
if(PORTSIDE_KQUEUE_ROOT)
  # Another root than last time is looked at anew.
  unset(PORTSIDE_KQUEUE_INCLUDE CACHE)
  unset(PORTSIDE_KQUEUE_LIBRARY CACHE)
  cmake_path(ABSOLUTE_PATH PORTSIDE_KQUEUE_ROOT BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} OUTPUT_VARIABLE kqueue_root)
  set(kqueue_suffixes lib lib/${CMAKE_LIBRARY_ARCHITECTURE} lib64)
  find_path(PORTSIDE_KQUEUE_INCLUDE sys/event.h
    PATHS ${kqueue_root} PATH_SUFFIXES include/kqueue include NO_DEFAULT_PATH)
  find_library(PORTSIDE_KQUEUE_LIBRARY kqueue
    PATHS ${kqueue_root} PATH_SUFFIXES ${kqueue_suffixes} NO_DEFAULT_PATH)
  if(NOT PORTSIDE_KQUEUE_INCLUDE OR NOT PORTSIDE_KQUEUE_LIBRARY)
    message(FATAL_ERROR "PORTSIDE_KQUEUE_ROOT=${PORTSIDE_KQUEUE_ROOT} holds no kqueue: "
      "include/kqueue/sys/event.h (or include/sys/event.h) and lib/libkqueue.a (or .so) are needed.")
  endif()
  find_package(Threads REQUIRED)
  set(PORTSIDE_ROOM_INCLUDES ${kqueue_root}/include ${PORTSIDE_KQUEUE_INCLUDE})
  set(PORTSIDE_ROOM_LIBRARIES ${PORTSIDE_KQUEUE_LIBRARY} Threads::Threads)
  # Some libraries drop what finds no room in one call; where 64 will do, as over a kernel, tests say so.
  set(PORTSIDE_KQUEUE_EVENTS 2048 CACHE STRING "Over a library's kqueue: events that one wait takes")
  set(PORTSIDE_ROOM_DEFINITIONS PORTSIDE_KQUEUE_EVENTS=${PORTSIDE_KQUEUE_EVENTS})
endif()

option(PORTSIDE_PLAIN_SOCKETS "Do without accept4() and SOCK_NONBLOCK, as macOS has to" OFF)
if(PORTSIDE_PLAIN_SOCKETS)
  list(APPEND PORTSIDE_ROOM_DEFINITIONS PORTSIDE_PLAIN_SOCKETS)
endif()
