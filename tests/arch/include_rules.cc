#include "tests/arch/include_rules.h"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

namespace plimsoll::arch {
namespace {

bool StartsWithAny(std::string_view text,
                   std::span<const std::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view p) { return text.starts_with(p); });
}

// "agent/heap/census.cc" -> "agent/heap/".
std::string_view DirectoryOf(std::string_view path) {
  return path.substr(0, path.rfind('/') + 1);
}

bool IsProto(std::string_view target) {
  return target.ends_with(".pb.h") &&
         !target.starts_with("plimsoll/inspector/");
}

// What the two cores may not touch: the OS, the network, the clock.
constexpr std::array<std::string_view, 12> kImpureHeaders = {
    "unistd.h", "fcntl.h",           "sys/",      "linux/",
    "bpf/",     "grpcpp/",           "poll.h",    "signal.h",
    "dirent.h", "absl/time/clock.h", "pthread.h", "fstream"};
constexpr std::array<std::string_view, 5> kImpureWords = {
    "absl::Now", "getenv(", "_clock::now(", "clock_gettime(",
    "std::this_thread::sleep"};

// An adapter that stands on another one. Each has to say why.
struct Exception {
  std::string_view from;    // directory
  std::string_view target;  // prefix of what it includes
  std::string_view reason;
};
constexpr std::array<Exception, 5> kExceptions = {{
    {"agent/inspector/", "agent/heap/",
     "the sandboxed child is where the heap parser runs"},
    {"agent/inspector/", "agent/python/",
     "the sandboxed child is where ELF files and layouts are parsed"},
    {"agent/inspector/", "agent/native/",
     "the sandboxed child is where unwind tables are parsed"},
    {"collector/notify/", "collector/net/",
     "notifiers and sources speak HTTP by one client"},
    {"collector/requests/", "collector/net/",
     "notifiers and sources speak HTTP by one client"},
}};

bool IsExcepted(std::string_view directory, std::string_view target) {
  return std::any_of(
      kExceptions.begin(), kExceptions.end(), [&](const Exception& e) {
        return directory == e.from && target.starts_with(e.target);
      });
}

bool IsKernelAbi(std::string_view target) {
  return target == "plimsoll/bpf_events.h" ||
         target == "plimsoll/bpf_frames.h" ||
         target == "plimsoll/bpf_malloc.h" ||
         target == "plimsoll/bpf_native.h" || target == "plimsoll/bpf_watch.h";
}

// The folders of collector/core, from the ground up: each may include itself,
// those before it, and the words they all share (its top).
constexpr std::array<std::string_view, 12> kLayers = {
    "text",   "stats",   "ingest",    "history", "incident", "types",
    "growth", "traffic", "diagnosis", "page",    "engine",   "backtest"};

// Of "collector/core/FOLDER/FILE": FOLDER's place, -1 for what is at the top.
// A folder that is not in the list comes after all.
int LayerOf(std::string_view path) {
  constexpr std::string_view kCore = "collector/core/";
  const std::string_view rest = path.substr(kCore.size());
  const size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return -1;
  return static_cast<int>(
      std::find(kLayers.begin(), kLayers.end(), rest.substr(0, slash)) -
      kLayers.begin());
}

std::string WhyNotOfLayers(std::string_view path, std::string_view target) {
  constexpr std::string_view kCore = "collector/core/";
  if (!path.starts_with(kCore) || !target.starts_with(kCore)) return "";
  const int layer = LayerOf(path);
  if (layer == static_cast<int>(kLayers.size())) {
    return "the folder has no place in kLayers (tests/arch)";
  }
  return LayerOf(target) > layer
             ? "collector/core is in layers: lower ones know nothing of higher"
             : "";
}

// The rules of one side: "agent" or "collector".
std::string WhyNotOfSide(std::string_view side, std::string_view path,
                         std::string_view target) {
  const std::string top = std::string(side) + "/";
  const std::string core = top + "core/";
  const std::string_view directory = DirectoryOf(path);
  const std::string_view other = side == "agent" ? "collector/" : "agent/";
  if (target.starts_with(other) || target.starts_with("cli/")) {
    return "agent, collector and cli meet only in proto/";
  }
  if (directory.starts_with(core)) {
    if (IsProto(target)) return "core knows no protobuf";
    if (IsKernelAbi(target)) {
      return "the kernel ABI stops at agent/bpf";
    }
    if (target.starts_with(top) && !target.starts_with(core)) {
      return "core includes nothing above it";
    }
    return "";
  }
  if (directory == top) return "";  // main.cc and the loop wire everything
  if (target.starts_with(top) && !target.starts_with(core) &&
      !target.starts_with(directory) && !IsExcepted(directory, target)) {
    return "adapters never include each other";
  }
  return "";
}

std::string WhyNotOfProto(std::string_view path, std::string_view target) {
  if (!IsProto(target)) return "";
  constexpr std::array<std::string_view, 3> kMay = {"agent/export/",
                                                    "collector/rpc/", "tests/"};
  return StartsWithAny(path, kMay) ? ""
                                   : "only agent/export and collector/rpc see "
                                     "the wire schema";
}

std::string WhyNotOfKernel(std::string_view path, std::string_view target) {
  const bool kernel =
      target.starts_with("bpf/") &&
      (target.ends_with(".skel.h") || target == "bpf/libbpf.h" ||
       target == "bpf/bpf.h" || target == "bpf/btf.h");
  constexpr std::array<std::string_view, 3> kMay = {"agent/bpf/", "bpf/",
                                                    "tests/"};
  if (kernel && !StartsWithAny(path, kMay)) {
    return "agent/bpf alone includes libbpf and the skeletons";
  }
  return "";
}

}  // namespace

std::string WhyNotAllowed(std::string_view path, const Include& include) {
  const std::string_view target = include.target;
  if (path.starts_with("tests/")) return "";
  if (include.quoted && target.starts_with("tests/")) {
    return "nothing but tests includes tests";
  }
  if (include.quoted && target.starts_with(".")) {
    return "includes are named from the top of the tree";
  }
  if (path.starts_with("include/")) {
    if (include.quoted && !target.starts_with("plimsoll/") &&
        !target.starts_with("absl/")) {
      return "include/ stands on nothing of ours";
    }
    return "";
  }
  if (path.starts_with("bpf/")) {
    if (include.quoted && !target.starts_with("bpf/") && !IsKernelAbi(target) &&
        target != "plimsoll/drop_reasons.h") {
      return "bpf/ includes only its own headers and the kernel ABI";
    }
    return "";
  }
  const bool core =
      path.starts_with("agent/core/") || path.starts_with("collector/core/");
  if (core && !include.quoted && StartsWithAny(target, kImpureHeaders)) {
    return "core touches no OS, network or clock";
  }
  if (core && include.quoted && target == "absl/time/clock.h") {
    return "core has no clock";
  }
  for (std::string why :
       {WhyNotOfProto(path, target), WhyNotOfKernel(path, target),
        WhyNotOfLayers(path, target)}) {
    if (!why.empty()) return why;
  }
  if (!include.quoted) return "";
  if (path.starts_with("agent/")) return WhyNotOfSide("agent", path, target);
  if (path.starts_with("collector/")) {
    return WhyNotOfSide("collector", path, target);
  }
  if (path.starts_with("cli/") && target.starts_with("collector/") &&
      !target.starts_with("collector/core/")) {
    return "the command links the collector's core, not its adapters";
  }
  if (path.starts_with("cli/report/") && target.starts_with("cli/") &&
      !target.starts_with("cli/report/") && target != "cli/options.h") {
    return "a report is made of data alone: it knows no terminal and no verb";
  }
  return "";
}

std::string WhyImpure(std::string_view path, std::string_view line) {
  const bool core =
      path.starts_with("agent/core/") || path.starts_with("collector/core/");
  if (!core) return "";
  const std::string_view code = line.substr(0, line.find("//"));
  for (std::string_view word : kImpureWords) {
    if (code.find(word) != std::string_view::npos) {
      return "core may not say " + std::string(word);
    }
  }
  return "";
}

}  // namespace plimsoll::arch
