// How exact and how fast the census is, on a live interpreter.
//
// usage: census_bench [--count N] [--repeat N] [--dicts] [PYTHON]
//
// Starts PYTHON (/usr/bin/python3.11) with N (200,000) live instances of each
// of five types, takes censuses while it is idle and while a thread makes and
// drops objects of the same types, and prints a table: the worst error of each
// count, the share of sys.getallocatedblocks(), and bytes of heap per second
// of CPU, for several sizes of a read. Run it from the repository's top.
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "agent/heap/census.h"
#include "agent/inspector/blocking_inspector.h"
#include "agent/inspector/resident_pages.h"
#include "agent/inspector/target_memory.h"
#include "agent/python/identify_process.h"
#include "agent/python/process_files.h"
#include "tests/support/heap_target.h"

namespace plimsoll {
namespace {

double CpuSeconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) +
         static_cast<double>(now.tv_nsec) / 1e9;
}

struct Sample {
  core::HeapCensus census;
  double cpu_seconds = 0;
};

// As the inspector takes it, in this process.
absl::StatusOr<Sample> Take(const core::PythonProcess& python,
                            core::CensusOptions options) {
  options.max_types = 0;
  const double began = CpuSeconds();
  const auto mappings =
      python::ProcProcessFiles("/proc", python.pid).ReadMappings();
  if (!mappings.ok()) return mappings.status();
  const auto resident = inspector::ReadResidentRanges(
      "/proc", python.pid, heap::PoolRanges(*mappings),
      python.objects.pool_bytes);
  auto census = heap::TakeCensus(inspector::TargetMemory(python.pid), *mappings,
                                 resident.ranges, python, options);
  if (!census.ok()) return census.status();
  return Sample{*std::move(census), CpuSeconds() - began};
}

int64_t Objects(const core::HeapCensus& census, const std::string& type) {
  for (const core::TypeCount& row : census.types) {
    if (row.type == type) return row.objects;
  }
  return 0;
}

// One line for each type: the counts that differed most, over `repeat` goes.
bool PrintRows(const char* state, const core::PythonProcess& python,
               const std::vector<std::pair<std::string, int64_t>>& truth,
               int64_t allocated_blocks, int repeat) {
  std::vector<int64_t> low(truth.size(), INT64_MAX), high(truth.size(), 0);
  double best = 1e9, bytes = 0, share = 1, blocks = 0;
  for (int i = 0; i < repeat; ++i) {
    const auto sample = Take(python, {});
    if (!sample.ok()) {
      std::fprintf(stderr, "%s\n", sample.status().ToString().c_str());
      return false;
    }
    for (size_t t = 0; t < truth.size(); ++t) {
      const int64_t seen = Objects(sample->census, truth[t].first);
      low[t] = std::min(low[t], seen);
      high[t] = std::max(high[t], seen);
    }
    best = std::min(best, sample->cpu_seconds);
    bytes = static_cast<double>(sample->census.scanned_bytes);
    share = std::min(share, sample->census.coverage.share());
    blocks = static_cast<double>(sample->census.coverage.total);
  }
  for (size_t t = 0; t < truth.size(); ++t) {
    const auto is = static_cast<double>(truth[t].second);
    const double worst = std::max(std::abs(static_cast<double>(low[t]) - is),
                                  std::abs(static_cast<double>(high[t]) - is));
    std::printf("%-10s %-34s %9ld %9ld %9ld  %.4f %%\n", state,
                truth[t].first.c_str(), truth[t].second, low[t], high[t],
                100 * worst / is);
  }
  std::printf("%-10s coverage %.5f; %.0f MB in %.3f s of CPU: %.2f GB/s", state,
              share, bytes / 1e6, best, bytes / best / 1e9);
  if (allocated_blocks > 0) {
    std::printf("; %.0f of sys.getallocatedblocks() %ld: %.4f %%", blocks,
                allocated_blocks,
                100 * blocks / static_cast<double>(allocated_blocks));
  }
  std::printf("\n");
  return true;
}

// A sample of a part of the heap, `repeat` times: how far the counts are off,
// and whether their intervals say so.
void PrintSamples(const core::PythonProcess& python,
                  const std::vector<std::pair<std::string, int64_t>>& truth,
                  int part, int repeat) {
  const auto full = Take(python, {});
  if (!full.ok()) return;
  const int64_t most = full->census.scanned_bytes / part;
  std::vector<double> squares(truth.size(), 0), errors(truth.size(), 0);
  std::vector<int> covered(truth.size(), 0);
  double best = 1e9, read = 0;
  for (int i = 1; i <= repeat; ++i) {
    const auto sample = Take(
        python, {.max_scan_bytes = most, .seed = static_cast<uint64_t>(i)});
    if (!sample.ok() || !sample->census.coverage.sampled) return;
    best = std::min(best, sample->cpu_seconds);
    read = static_cast<double>(sample->census.scanned_bytes);
    for (const core::TypeCount& row : sample->census.types) {
      for (size_t t = 0; t < truth.size(); ++t) {
        if (row.type != truth[t].first) continue;
        const double off = static_cast<double>(row.objects - truth[t].second);
        squares[t] += off * off / repeat;
        errors[t] += row.standard_error / repeat;
        covered[t] += std::abs(off) <= 1.96 * row.standard_error;
      }
    }
  }
  for (size_t t = 0; t < truth.size(); ++t) {
    const double percent = 100 / static_cast<double>(truth[t].second);
    std::printf(
        "sample 1/%-2d %-33s off by %.2f %% (root of mean square), "
        "standard error %.2f %%, %d of %d intervals hold the truth\n",
        part, truth[t].first.c_str(), percent * std::sqrt(squares[t]),
        percent * errors[t], covered[t], repeat);
  }
  std::printf(
      "sample 1/%-2d %.0f of %.0f MB read, %.4f s of CPU: %.2f GB of "
      "heap/s\n",
      part, read / 1e6, static_cast<double>(full->census.resident_bytes) / 1e6,
      best, static_cast<double>(full->census.resident_bytes) / best / 1e9);
}

// The kernel's copying alone, by size of one read.
void PrintPieces(const core::PythonProcess& python) {
  const auto mappings =
      python::ProcProcessFiles("/proc", python.pid).ReadMappings();
  if (!mappings.ok()) return;
  const auto ranges = inspector::ReadResidentRanges("/proc", python.pid,
                                                    heap::PoolRanges(*mappings),
                                                    python.objects.pool_bytes)
                          .ranges;
  const inspector::TargetMemory memory(python.pid);
  for (size_t piece = 16 << 10; piece <= 4 << 20; piece *= 4) {
    std::vector<std::byte> buffer(piece);
    double best = 1e9, bytes = 0;
    for (int i = 0; i < 5; ++i) {
      const double began = CpuSeconds();
      bytes = 0;
      for (const auto& range : ranges) {
        for (uint64_t at = range.start; at < range.end; at += piece) {
          bytes += static_cast<double>(
              memory.Read(at, std::span(buffer).first(
                                  std::min<uint64_t>(piece, range.end - at))));
        }
      }
      best = std::min(best, CpuSeconds() - began);
    }
    std::printf("read only, pieces of %4zu KiB: %.2f GB/s\n", piece >> 10,
                bytes / best / 1e9);
  }
}

// The same through the sandboxed child: what it costs in memory.
bool PrintInspector(int32_t pid) {
  auto inspector = inspector::BlockingInspector::Make();
  if (!inspector.ok()) {
    std::fprintf(stderr, "%s\n", inspector.status().ToString().c_str());
    return false;
  }
  const auto python = (*inspector)->Identify(pid);
  const auto census =
      python.ok() ? (*inspector)->TakeCensus(*python, {}) : python.status();
  if (!census.ok()) {
    std::fprintf(stderr, "%s\n", census.status().ToString().c_str());
    return false;
  }
  std::printf("through the inspector: %.3f s, %zu types",
              static_cast<double>(census->duration_ns) / 1e9,
              census->types.size());
  std::ifstream status(
      "/proc/" + std::to_string((*inspector)->stats().child_pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM") || line.starts_with("VmRSS") ||
        line.starts_with("RssAnon")) {
      std::printf("; %s", line.c_str());
    }
  }
  std::printf("\n");
  return true;
}

void PrintHeaders(const core::PythonProcess& python) {
  double best = 1e9, bytes = 0;
  for (int i = 0; i < 10; ++i) {
    const auto headers = Take(python, {.headers_only = true});
    if (!headers.ok()) return;
    best = std::min(best, headers->cpu_seconds);
    bytes = static_cast<double>(headers->census.arena_bytes);
  }
  std::printf("headers only: %.0f MB of arenas in %.4f s of CPU: %.1f GB/s\n",
              bytes / 1e6, best, bytes / best / 1e9);
}

int Run(const std::string& program, std::vector<std::string> arguments,
        int repeat) {
  testing::HeapTarget target(program, std::move(arguments),
                             "tests/bench/heap_truth_bench.py");
  if (!target.running() || !target.Next()) {
    std::fprintf(stderr, "%s did not start the target\n", program.c_str());
    return 1;
  }
  python::BuildCache cache;
  const auto python = python::IdentifyProcess(
      target.pid(), "/proc", inspector::TargetMemory(target.pid()), cache);
  if (!python.ok()) {
    std::fprintf(stderr, "%s\n", python.status().ToString().c_str());
    return 1;
  }
  std::vector<std::pair<std::string, int64_t>> truth;
  for (const auto& [key, value] : target.facts()) {
    if (key.starts_with("type:")) {
      truth.emplace_back(key.substr(5), std::stoll(value));
    }
  }
  std::printf("%s, %d censuses each\n", program.c_str(), repeat);
  std::printf("%-10s %-34s %9s %9s %9s  %s\n", "state", "type", "truth",
              "least", "most", "worst");
  const int64_t blocks = target.Number("allocated_blocks");
  if (!PrintRows("idle", *python, truth, blocks, repeat)) return 1;
  PrintHeaders(*python);
  for (const int part : {4, 20}) {
    PrintSamples(*python, truth, part, std::max(repeat, 100));
  }
  if (!PrintInspector(target.pid())) return 1;
  PrintPieces(*python);
  if (!target.WriteLine("load") || !target.Next()) return 1;
  return PrintRows("load", *python, truth, 0, repeat) ? 0 : 1;
}

}  // namespace
}  // namespace plimsoll

int main(int argc, char** argv) {
  std::string python = "/usr/bin/python3.11", count = "200000";
  bool dicts = false;
  int repeat = 20;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--count" && i + 1 < argc) {
      count = argv[++i];
    } else if (word == "--repeat" && i + 1 < argc) {
      repeat = std::max(1, std::atoi(argv[++i]));
    } else if (word == "--dicts") {
      dicts = true;
    } else if (word.starts_with("-")) {
      std::fprintf(stderr,
                   "usage: census_bench [--count N] [--repeat N] [--dicts] "
                   "[PYTHON]\n");
      return 2;
    } else {
      python = word;
    }
  }
  std::vector<std::string> arguments = {count};
  if (dicts) arguments.emplace_back("dicts");
  return plimsoll::Run(python, std::move(arguments), repeat);
}
