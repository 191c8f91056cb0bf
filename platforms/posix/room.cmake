# What the POSIX rooms share.
list(APPEND PORTSIDE_ROOM_SOURCES
  ${CMAKE_CURRENT_LIST_DIR}/loop_waker.cpp
  ${CMAKE_CURRENT_LIST_DIR}/posix_address.cpp
  ${CMAKE_CURRENT_LIST_DIR}/posix_errors.cpp
  ${CMAKE_CURRENT_LIST_DIR}/posix_sockets.cpp
)
