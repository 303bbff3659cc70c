# The three shapes of target. One library per directory, named after its path:
#   agent/heap -> plimsoll_agent_heap

# plimsoll_library(NAME agent_heap SOURCES a.cc b.cc PUBLIC dep... PRIVATE dep...)
function(plimsoll_library)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(plimsoll_${ARG_NAME} STATIC ${ARG_SOURCES})
  target_include_directories(plimsoll_${ARG_NAME} PUBLIC
    "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/include")
  target_link_libraries(plimsoll_${ARG_NAME}
    PUBLIC ${ARG_PUBLIC} PRIVATE plimsoll_warnings ${ARG_PRIVATE})
endfunction()

# plimsoll_program(NAME plimsoll-agent SOURCES main.cc DEPS dep...)
function(plimsoll_program)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;DEPS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SOURCES})
  target_include_directories(${ARG_NAME} PRIVATE
    "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/include")
  target_link_libraries(${ARG_NAME} PRIVATE plimsoll_warnings ${ARG_DEPS})
endfunction()

# plimsoll_test(NAME heap_census LABEL unit SOURCES x_test.cc DEPS dep...
#               [TIMEOUT s] [SERIAL])
# LABEL is the level: arch unit bpf_host procfs replay bpf e2e. SERIAL tests
# share a resource of the machine (BPF, perf events) and never run in parallel.
# A unit program runs as one CTest entry, so that the inner loop stays fast.
function(plimsoll_test)
  cmake_parse_arguments(ARG "SERIAL" "NAME;LABEL;TIMEOUT" "SOURCES;DEPS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  set(target ${ARG_LABEL}_${ARG_NAME}_test)
  add_executable(${target} ${ARG_SOURCES})
  # What a test does itself is little, and optimising it took half of a build.
  target_compile_options(${target} PRIVATE -O0 -g1)
  target_link_libraries(${target} PRIVATE plimsoll_warnings ${ARG_DEPS}
    GTest::gmock GTest::gtest GTest::gtest_main)
  target_include_directories(${target} PRIVATE
    "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/include")
  add_dependencies(tests_${ARG_LABEL} ${target})
  set_target_properties(${target} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
  add_test(NAME ${ARG_LABEL}/${ARG_NAME} COMMAND ${target})
  set(environment "PLIMSOLL_BIN_DIR=${CMAKE_BINARY_DIR}/bin"
    "PLIMSOLL_SOURCE_DIR=${PROJECT_SOURCE_DIR}")
  if(PLIMSOLL_SANITIZER STREQUAL "thread")
    list(APPEND environment
      "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/tsan.supp")
  endif()
  set_tests_properties(${ARG_LABEL}/${ARG_NAME} PROPERTIES
    LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT} ENVIRONMENT "${environment}")
  if(ARG_SERIAL)
    set_tests_properties(${ARG_LABEL}/${ARG_NAME} PROPERTIES
      RUN_SERIAL TRUE RESOURCE_LOCK machine)
  endif()
endfunction()

# plimsoll_fuzzer(NAME proc_maps SOURCES x_fuzz.cc DEPS dep...)
function(plimsoll_fuzzer)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;DEPS" ${ARGN})
  if(NOT PLIMSOLL_BUILD_FUZZERS)
    return()
  endif()
  add_executable(fuzz_${ARG_NAME} ${ARG_SOURCES})
  target_include_directories(fuzz_${ARG_NAME} PRIVATE
    "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/include")
  target_link_libraries(fuzz_${ARG_NAME} PRIVATE plimsoll_warnings ${ARG_DEPS})
  target_link_options(fuzz_${ARG_NAME} PRIVATE -fsanitize=fuzzer)
  add_dependencies(fuzzers fuzz_${ARG_NAME})
endfunction()
