# plimsoll_bpf_object(gc SOURCES gc.bpf.c DEPENDS common.bpf.h)
# clang -> strip debug (BTF stays) -> bpftool skeleton.
# Makes an interface library plimsoll_bpf_gc whose users may include
# "bpf/gc.skel.h" (only agent/bpf does).
function(plimsoll_bpf_object NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  set(out "${CMAKE_BINARY_DIR}/gen/bpf")
  file(MAKE_DIRECTORY "${out}")
  list(TRANSFORM ARG_DEPENDS PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/")
  set(source "${CMAKE_CURRENT_SOURCE_DIR}/${ARG_SOURCES}")
  add_custom_command(
    OUTPUT "${out}/${NAME}.skel.h" "${out}/${NAME}.bpf.o"
    COMMAND ${CLANG_PROGRAM} -O2 -g -target bpf -mcpu=v3 -D__TARGET_ARCH_x86
      -Wall -Wextra -Werror -Wno-unused-parameter
      -I "${PROJECT_SOURCE_DIR}" -I "${PROJECT_SOURCE_DIR}/include"
      -I /usr/include/x86_64-linux-gnu
      -c "${source}" -o "${out}/${NAME}.bpf.o"
    COMMAND ${LLVM_STRIP_PROGRAM} -g "${out}/${NAME}.bpf.o"
    COMMAND ${BPFTOOL_PROGRAM} gen skeleton "${out}/${NAME}.bpf.o"
      name plimsoll_${NAME} > "${out}/${NAME}.skel.h"
    DEPENDS "${source}" ${ARG_DEPENDS}
      "${PROJECT_SOURCE_DIR}/include/plimsoll/bpf_events.h"
      "${PROJECT_SOURCE_DIR}/include/plimsoll/bpf_frames.h"
      "${PROJECT_SOURCE_DIR}/include/plimsoll/bpf_malloc.h"
      "${PROJECT_SOURCE_DIR}/include/plimsoll/bpf_native.h"
      "${PROJECT_SOURCE_DIR}/include/plimsoll/bpf_watch.h"
      "${PROJECT_SOURCE_DIR}/include/plimsoll/drop_reasons.h"
    COMMENT "BPF object and skeleton ${NAME}"
    VERBATIM)
  add_custom_target(plimsoll_bpf_${NAME}_skeleton
    DEPENDS "${out}/${NAME}.skel.h")
  add_library(plimsoll_bpf_${NAME} INTERFACE)
  add_dependencies(plimsoll_bpf_${NAME} plimsoll_bpf_${NAME}_skeleton)
  target_include_directories(plimsoll_bpf_${NAME} SYSTEM INTERFACE
    "${CMAKE_BINARY_DIR}/gen")
  target_link_libraries(plimsoll_bpf_${NAME} INTERFACE PkgConfig::LIBBPF)
endfunction()
