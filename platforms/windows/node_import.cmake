# What links the addon with the program that loads it. Import libraries name a file, "node.exe", which Windows would
# look for beside or before the program that is running; so the import is delayed until the first call, and
# host_program.cpp answers then that it is the running program, whatever its name.

execute_process(
  COMMAND node -p "require('node-api-headers').def_paths.node_api_def"
  WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
  OUTPUT_VARIABLE NODE_API_DEF OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)

# cmake-js expects it by this name.
set(NODE_IMPORT_LIBRARY ${CMAKE_BINARY_DIR}/node.lib)
if(MSVC)
  set(make_import_library ${CMAKE_AR} /nologo /machine:${MSVC_CXX_ARCHITECTURE_ID} /def:${NODE_API_DEF}
                          /out:${NODE_IMPORT_LIBRARY})
  set(NODE_IMPORT_OPTIONS /DELAYLOAD:node.exe)
  set(NODE_IMPORT_LIBRARIES ${NODE_IMPORT_LIBRARY} delayimp)
else()
  set(make_import_library ${CMAKE_DLLTOOL} --machine i386:x86-64 --dllname node.exe --input-def ${NODE_API_DEF}
                          --output-delaylib node.lib)
  set(NODE_IMPORT_LIBRARIES ${NODE_IMPORT_LIBRARY})
endif()
execute_process(COMMAND ${make_import_library} WORKING_DIRECTORY ${CMAKE_BINARY_DIR} COMMAND_ERROR_IS_FATAL ANY)
