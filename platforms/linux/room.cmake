# What the Linux room adds to the addon: epoll below the shared readiness emulation.
set(PORTSIDE_ROOM_SOURCES
  ${CMAKE_CURRENT_LIST_DIR}/backends.cpp
  ${CMAKE_CURRENT_LIST_DIR}/epoll_poller.cpp
  ${CMAKE_CURRENT_LIST_DIR}/linux_sockets.cpp
)
set(PORTSIDE_ROOM_USES_POSIX ON)
