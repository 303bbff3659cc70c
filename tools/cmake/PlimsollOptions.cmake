# Language level, warnings and sanitizers, the same for every target.
option(PLIMSOLL_BUILD_TESTS "Build the tests" ON)
option(PLIMSOLL_BUILD_FUZZERS "Build the libFuzzer targets (needs clang)" OFF)
set(PLIMSOLL_SANITIZER "" CACHE STRING "Passed to -fsanitize=")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
# Every program in one place, whatever directory declares it.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

if(NOT CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  message(FATAL_ERROR
    "plimsoll reads x86-64 registers and instructions; "
    "${CMAKE_SYSTEM_PROCESSOR} is not supported yet")
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_C_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
endif()

# Our own code is compiled with these; generated and third-party code is not.
add_library(plimsoll_warnings INTERFACE)
target_compile_options(plimsoll_warnings INTERFACE -Wall -Wextra -Werror)

if(PLIMSOLL_SANITIZER)
  add_compile_options(-fsanitize=${PLIMSOLL_SANITIZER} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${PLIMSOLL_SANITIZER})
  if(PLIMSOLL_SANITIZER MATCHES "undefined")
    # A fifth of the compiler's time, for what a crash shows as well.
    add_compile_options(-fno-sanitize=null,vptr,object-size)
  endif()
endif()
if(PLIMSOLL_BUILD_FUZZERS)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
