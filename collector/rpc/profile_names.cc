#include "collector/rpc/profile_names.h"

namespace plimsoll::collector::rpc {

const char* KindName(v1::StackProfile::Kind kind) {
  switch (kind) {
    case v1::StackProfile::KIND_WINDOW:
      return "window";
    case v1::StackProfile::KIND_BIRTH:
      return "birth";
    case v1::StackProfile::KIND_PAGE:
      return "page";
    case v1::StackProfile::KIND_GC:
      return "gc";
    case v1::StackProfile::KIND_STORE:
      return "store";
    case v1::StackProfile::KIND_NATIVE:
      return "native";
    default:
      return "unknown";
  }
}

const char* ProbeName(int probe) {
  switch (probe) {
    case v1::PROBE_OBJECT_MALLOC:
      return "PyObject_Malloc";
    case v1::PROBE_OBJECT_FREE:
      return "PyObject_Free";
    case v1::PROBE_TYPE_GENERIC_ALLOC:
      return "PyType_GenericAlloc";
    case v1::PROBE_GC_NEW:
      return "_PyObject_GC_New";
    case v1::PROBE_GC_NEW_VAR:
      return "_PyObject_GC_NewVar";
    case v1::PROBE_OBJECT_NEW:
      return "_PyObject_New";
    case v1::PROBE_GC_COLLECT:
      return "gc_collect";
    case v1::PROBE_OBJECT_REALLOC:
      return "PyObject_Realloc";
    case v1::PROBE_OBJECT_CALLOC:
      return "PyObject_Calloc";
    default:
      return "";
  }
}

}  // namespace plimsoll::collector::rpc
