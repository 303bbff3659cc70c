// What ingest costs: decode, journal, commit, rollover into chunks, by one
// thread on a real file. Prints samples per CPU second and bytes per stored
// sample.
//   ingest_bench [--processes N] [--ticks N] [--types N] [--dump FILE]
// --dump writes the samples (process, metric, label, unix_ms, value; tabs) for
// tests/bench/victoria_metrics.py.
//
// The made-up fleet: a snapshot each 30 s with a jitter of up to 5 ms; resident
// memory walks by pages; of the types a tenth grows, three tenths come and go,
// six tenths stand still; memory, pool headers, census and requests in each.
#include <SQLiteCpp/SQLiteCpp.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <random>

#include "collector/rpc/batch_decoder.h"
#include "collector/store/store.h"
#include "tests/support/golden_batch.h"
#include "tests/support/temp_dir.h"

namespace plimsoll::collector {
namespace {

using plimsoll::testing::AddGoldenMemory;
using plimsoll::testing::AddGoldenRequests;
using plimsoll::testing::AddSnapshot;
using plimsoll::testing::BatchStrings;
using plimsoll::testing::EmptyBatch;
using plimsoll::testing::Encode;
using plimsoll::testing::kGoldenBoottimeNs;
using plimsoll::testing::kGoldenUnixNs;
using plimsoll::testing::kGoldenWallOffsetNs;
using plimsoll::testing::kSecond;
using plimsoll::testing::TempDir;

struct Options {
  int processes = 200, ticks = 120, types = 40;
  std::string dump;
};

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) +
           static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// One tick of one process, as its agent would send it.
class Fleet {
 public:
  explicit Fleet(const Options& options) : options_(options) {
    rss_.assign(static_cast<size_t>(options.processes), 150'000'000 / 4096);
  }
  v1::Batch Next(int process, int tick) {
    v1::Batch batch =
        EmptyBatch(static_cast<uint64_t>(tick) + 1,
                   kGoldenBoottimeNs + tick * 30 * kSecond +
                       static_cast<int64_t>(random_() % 5'000'000));
    BatchStrings strings(&batch);
    v1::Snapshot* snapshot = AddSnapshot(&batch, 100 + process);
    int64_t& pages = rss_[static_cast<size_t>(process)];
    pages += static_cast<int64_t>(random_() % 200) - 90;
    AddGoldenMemory(snapshot, pages * 4096);
    snapshot->mutable_memory()->set_anon_bytes(pages * 4096 - 20'000'000);
    snapshot->mutable_memory()->mutable_cgroup()->set_current_bytes(
        pages * 4096 + 5'000'000);
    for (int size = 16; size <= 512; size += 16) {
      v1::SizeClass* row = snapshot->mutable_pymalloc()->add_size_classes();
      row->set_block_bytes(size);
      row->set_blocks_live(size * 100 + static_cast<int64_t>(random_() % 300));
    }
    snapshot->mutable_pymalloc()->set_arena_bytes(64 << 20);
    for (int type = 0; type < options_.types; ++type) {
      v1::TypeCount* row = snapshot->mutable_census()->add_types();
      row->set_type_str(strings("package.module.Type" + std::to_string(type)));
      int64_t objects = 1'000 * (type + 1);
      if (type % 10 == 0) objects += tick * 70;
      if (type % 10 >= 7) objects += static_cast<int64_t>(random_() % 500);
      row->set_objects(objects);
      row->set_bytes(objects * 64);
    }
    AddGoldenRequests(snapshot, strings);
    snapshot->mutable_requests()->mutable_counts(0)->set_value(
        tick * 200.0 + static_cast<double>(random_() % 50));
    return batch;
  }

 private:
  Options options_;
  std::vector<int64_t> rss_;
  std::mt19937 random_{42};
};

std::string AgentOf(int process) { return "agent-" + std::to_string(process); }

void Dump(const IncomingBatch& incoming, int process, std::ofstream* out) {
  for (const NodeSnapshot& snapshot : incoming.batch.snapshots) {
    for (const NodeValue& value : snapshot.values) {
      *out << process << '\t' << value.metric << '\t' << value.label << '\t'
           << (snapshot.boottime_ns + kGoldenWallOffsetNs) / 1'000'000 << '\t'
           << std::to_string(value.value) << '\n';
    }
  }
}

// Of the file, all tables and indices, but for the free pages that the journal
// left behind and that the next hour's takes again.
double PagesInUseBytes(const std::string& path) {
  SQLite::Database database(path, SQLite::OPEN_READONLY);
  auto number = [&](const char* pragma) {
    return static_cast<double>(database.execAndGet(pragma).getInt64());
  };
  return (number("PRAGMA page_count") - number("PRAGMA freelist_count")) *
         number("PRAGMA page_size");
}

int Run(const Options& options) {
  TempDir directory;
  std::string path = (directory.path() / "fleet.db").string();
  LossCounter losses;
  int64_t now_ns = kGoldenUnixNs + 7'200 * kSecond;
  auto store = store::Store::Open(
      {.path = path}, {rpc::DecodeBatch, [&] { return now_ns; }, &losses, {}});
  if (!store.ok()) return 1;
  std::ofstream dump;
  if (!options.dump.empty()) dump.open(options.dump);
  Fleet fleet(options);
  double cpu = 0;
  int64_t raw_bytes = 0;
  for (int tick = 0; tick < options.ticks; ++tick) {
    std::vector<std::string> raw;
    for (int process = 0; process < options.processes; ++process) {
      raw.push_back(Encode(fleet.Next(process, tick)));
      raw_bytes += static_cast<int64_t>(raw.back().size());
    }
    double begin = CpuSeconds();
    std::vector<IncomingBatch> group(raw.size());
    for (size_t i = 0; i < raw.size(); ++i) {
      auto batch = rpc::DecodeBatch(raw[i]);
      if (!batch.ok()) return 1;
      group[i] = {AgentOf(static_cast<int>(i)), "spool", std::move(raw[i]),
                  *std::move(batch)};
    }
    if (!(*store)->Apply(group).ok()) return 1;
    cpu += CpuSeconds() - begin;
    for (size_t i = 0; dump.is_open() && i < group.size(); ++i) {
      Dump(group[i], static_cast<int>(i), &dump);
    }
  }
  double begin = CpuSeconds();
  if (!(*store)->Rollover().ok()) return 1;
  double rollover = CpuSeconds() - begin;
  StoreFigures figures = (*store)->Figures();
  double samples = static_cast<double>(figures.samples_total);
  store->reset();
  double in_use = PagesInUseBytes(path);
  std::printf(
      "| store | samples | samples per CPU second | bytes per stored "
      "sample |\n|---|---|---|---|\n");
  std::printf("| plimsoll, chunks alone | %.0f | %.0f | %.2f |\n", samples,
              samples / (cpu + rollover),
              static_cast<double>(figures.chunk_bytes) / samples);
  std::printf("| plimsoll, all pages in use | | | %.2f |\n", in_use / samples);
  std::printf(
      "decode and commit %.2f s CPU, rollover %.2f s CPU, %d processes "
      "x %d ticks, %.1f B of protobuf a sample\n",
      cpu, rollover, options.processes, options.ticks,
      static_cast<double>(raw_bytes) / samples);
  return 0;
}

}  // namespace
}  // namespace plimsoll::collector

int main(int argc, char** argv) {
  plimsoll::collector::Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--processes") == 0) {
      options.processes = std::atoi(argv[i + 1]);
    } else if (std::strcmp(argv[i], "--ticks") == 0) {
      options.ticks = std::atoi(argv[i + 1]);
    } else if (std::strcmp(argv[i], "--types") == 0) {
      options.types = std::atoi(argv[i + 1]);
    } else if (std::strcmp(argv[i], "--dump") == 0) {
      options.dump = argv[i + 1];
    } else {
      std::fprintf(stderr, "unknown option %s\n", argv[i]);
      return 2;
    }
  }
  return plimsoll::collector::Run(options);
}
