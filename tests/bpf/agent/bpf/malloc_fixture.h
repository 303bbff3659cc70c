// What the tests of windows on malloc share: opening and closing one as the
// command does, and sums over its named rows.
#ifndef PLIMSOLL_TESTS_BPF_AGENT_BPF_MALLOC_FIXTURE_H_
#define PLIMSOLL_TESTS_BPF_AGENT_BPF_MALLOC_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "agent/bpf/malloc_window.h"
#include "agent/inspector/blocking_inspector.h"
#include "agent/procfs/proc_root.h"
#include "tests/bpf/agent/bpf/bpf_target.h"
#include "tests/bpf/agent/bpf/malloc_target.h"
#include "tests/support/bpf_requirement.h"
#include "tests/support/native_library.h"

namespace plimsoll::testing {

// Of the rows whose innermost native frame is `function` of the library.
struct MallocSum {
  int64_t allocations = 0;
  int64_t frees = 0;
  int64_t surviving = 0;
  friend bool operator==(const MallocSum&, const MallocSum&) = default;
  friend std::ostream& operator<<(std::ostream& out, const MallocSum& s) {
    return out << "+" << s.allocations << " -" << s.frees << ", " << s.surviving
               << " survived";
  }
};

class MallocTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    PLIMSOLL_NEEDS_BPF();
    kernel_ = bpf::KernelSupport::Detect();
    auto probe = bpf::MallocProbe::Create(kernel_);
    ASSERT_TRUE(probe.ok()) << probe.status();
    probe_ = std::make_unique<bpf::MallocProbe>(*std::move(probe));
    inspector::InspectorOptions options;
    options.program =
        std::string(::getenv("PLIMSOLL_BIN_DIR")) + "/plimsoll-inspector";
    auto inspector = inspector::BlockingInspector::Make(options);
    ASSERT_TRUE(inspector.ok()) << inspector.status();
    inspector_ = *std::move(inspector);
  }

  core::MallocSites SitesOf(const BpfTarget& target) {
    auto sites = inspector_->FindMallocSites(target.process());
    if (!sites.ok()) ADD_FAILURE() << sites.status();
    return sites.value_or(core::MallocSites{});
  }

  absl::StatusOr<bpf::MallocWindow> TryOpen(
      const BpfTarget& target, bpf::MallocWindowOptions options = {}) {
    const auto maps = procfs::ProcRoot("/proc").ReadMaps(target.pid());
    options.mappings = maps.value_or(std::vector<core::Mapping>{});
    return probe_->OpenWindow(target.process(), SitesOf(target),
                              std::move(options));
  }
  bpf::MallocWindow Open(const BpfTarget& target,
                         bpf::MallocWindowOptions options = {}) {
    auto window = TryOpen(target, std::move(options));
    if (!window.ok()) {
      ADD_FAILURE() << window.status();
      std::abort();
    }
    return *std::move(window);
  }

  bpf::MallocWindowResult Close(const BpfTarget& target,
                                bpf::MallocWindow& window) {
    return window.Close([&](const std::vector<core::BlockClaim>& claims) {
      return inspector_->CheckChunks(target.process(), claims);
    });
  }

  // The rows with names, equal ones summed.
  std::vector<core::MallocStack> Name(const BpfTarget& target,
                                      const core::MallocCounts& counts) {
    std::vector<core::Stack> python;
    for (const core::RawStack& stack : counts.stacks) {
      auto frames = inspector_->Symbolize(target.process(), stack.frames);
      python.push_back(
          {frames.value_or(std::vector<core::Frame>{}), stack.truncated});
    }
    auto native = inspector_->UnwindStacks(target.process(), counts.snapshots);
    if (!native.ok()) ADD_FAILURE() << native.status();
    const std::string& path = target.process().build.object_path;
    std::vector<core::MallocStack> named;
    core::AddMallocRows(counts, python,
                        native.value_or(std::vector<core::NativeStack>{}),
                        path.substr(path.rfind('/') + 1), named);
    return named;
  }

  static core::MallocTally TallyOf(const std::vector<core::MallocStack>& rows,
                                   const std::string& function) {
    core::MallocTally sum;
    for (const core::MallocStack& row : rows) {
      if (row.stack.frames.empty() ||
          row.stack.frames[0].function != function) {
        continue;
      }
      sum += row.tally;
    }
    return sum;
  }
  static MallocSum SumOf(const std::vector<core::MallocStack>& rows,
                         const std::string& function) {
    const core::MallocTally sum = TallyOf(rows, function);
    return {sum.allocations, sum.frees, sum.surviving_blocks};
  }

  static std::string Describe(const std::vector<core::MallocStack>& rows) {
    std::string text;
    for (const core::MallocStack& row : rows) {
      text += "\n+" + std::to_string(row.tally.allocations) + " -" +
              std::to_string(row.tally.frees) + " =" +
              std::to_string(row.tally.surviving_blocks);
      for (const core::Frame& f : row.stack.frames) {
        text +=
            " " + f.function + "@" + f.module + ":" + std::to_string(f.line);
      }
    }
    return text;
  }

  NativeLibrary library_{"libmallocs.so", kMallocLibrary, {"-g"}};
  bpf::KernelSupport kernel_;
  std::unique_ptr<bpf::MallocProbe> probe_;
  std::unique_ptr<inspector::BlockingInspector> inspector_;
};

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_BPF_AGENT_BPF_MALLOC_FIXTURE_H_
