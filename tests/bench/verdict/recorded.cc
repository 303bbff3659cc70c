#include "tests/bench/verdict/recorded.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

namespace plimsoll::bench {

std::vector<MadeWorkload> ReadRecordings(const std::string& directory,
                                         double speed) {
  std::vector<MadeWorkload> fleet;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() != ".csv") continue;
    MadeWorkload w;
    w.name = entry.path().stem().string();
    std::replace(w.name.begin(), w.name.end(), '_', '-');
    const bool leaks = w.name.find("leak") != std::string::npos;
    w.leak = leaks ? Leak::kPerTime : Leak::kNone;
    PodLife life;
    life.pod = w.name + "-0";
    life.version = "v1";
    std::ifstream in(entry.path());
    std::string line;
    double most = 0;
    while (std::getline(in, line)) {
      double second = 0, kib = 0, used = 0;
      const int read =
          std::sscanf(line.c_str(), "%lf,%lf,%lf", &second, &kib, &used);
      if (read < 2) continue;
      const double bytes = kib * 1024;
      most = std::max(most, bytes);
      life.ticks.push_back(
          {second * speed, static_cast<float>(bytes),
           leaks ? static_cast<float>(bytes) : 0.0F, 0,
           read == 3 ? static_cast<float>(std::min(used * 1024, bytes))
                     : kNoCensus});
      life.requests.emplace_back();
    }
    if (life.ticks.empty()) continue;
    w.limit_bytes = 2 * most;
    w.leak_percent_per_h =
        360000 *
        (life.ticks.back().bytes - life.ticks[life.ticks.size() / 3].bytes) /
        (life.ticks.back().t_s * 2 / 3) / w.limit_bytes;
    w.lives.push_back(std::move(life));
    fleet.push_back(std::move(w));
  }
  std::sort(fleet.begin(), fleet.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return fleet;
}

}  // namespace plimsoll::bench
