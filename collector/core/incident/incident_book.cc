#include "collector/core/incident/incident_book.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "collector/core/incident/incident_json.h"

namespace plimsoll::collector {
namespace {

// FNV-1a, 64 bit: an id must not change with the library's hash.
std::string IdOf(const WorkloadName& workload, Verdict cause,
                 int64_t opened_ns) {
  const std::string key = workload.ToString() + "|" +
                          std::string(ToString(cause)) + "|" +
                          std::to_string(opened_ns);
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : key) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  std::array<char, 20> text{};
  std::snprintf(text.data(), text.size(), "%016llx",
                static_cast<unsigned long long>(hash));
  return text.data();
}

int64_t Nanos(double seconds) { return static_cast<int64_t>(seconds * 1e9); }

}  // namespace

IncidentBook::IncidentBook(IncidentStore* store,
                           const IncidentThresholds& thresholds)
    : store_(store), thresholds_(thresholds) {}

absl::Status IncidentBook::Load(int64_t now_ns) {
  if (store_ == nullptr) return absl::OkStatus();
  auto records = store_->Load(now_ns - Nanos(thresholds_.keep_resolved_s));
  if (!records.ok()) return records.status();
  absl::Status first;
  for (const IncidentRecord& record : *records) {
    auto incident = DecodeIncident(record.json);
    if (!incident.ok()) {
      first.Update(
          absl::DataLossError("incident " + record.id + ": " +
                              std::string(incident.status().message())));
      continue;
    }
    {
      const std::lock_guard lock(mutex_);
      published_[incident->id] = *incident;
    }
    const std::string id = incident->id;
    incidents_[id] = *std::move(incident);
  }
  return first;
}

Incident* IncidentBook::FindOpen(const WorkloadName& workload) {
  for (auto& [id, incident] : incidents_) {
    if (incident.workload == workload &&
        incident.state != IncidentState::kResolved) {
      return &incident;
    }
  }
  return nullptr;
}

Incident& IncidentBook::Open(const WorkloadName& workload, Verdict cause,
                             int64_t now_ns) {
  if (Incident* open = FindOpen(workload)) return *open;
  Incident* latest = nullptr;
  for (auto& [id, incident] : incidents_) {
    if (incident.workload == workload &&
        (latest == nullptr || incident.resolved_ns > latest->resolved_ns)) {
      latest = &incident;
    }
  }
  const double reopen_s = latest != nullptr && IsJudged(*latest)
                              ? thresholds_.judged_reopen_s
                              : thresholds_.reopen_s;
  if (latest != nullptr && latest->cause == cause &&
      now_ns - latest->resolved_ns <= Nanos(reopen_s)) {
    latest->state = IncidentState::kFiring;
    latest->resolved_ns = 0;
    latest->resolve_reason.clear();
    latest->evidence_requested_ns = 0;
    return *latest;
  }
  Incident incident;
  incident.workload = workload;
  incident.cause = cause;
  incident.opened_ns = now_ns;
  incident.id = IdOf(workload, cause, now_ns);
  return incidents_[incident.id] = std::move(incident);
}

absl::Status IncidentBook::Save(const Incident& incident) {
  {
    const std::lock_guard lock(mutex_);
    published_[incident.id] = incident;
  }
  return store_ == nullptr ? absl::OkStatus()
                           : store_->Save(ToRecord(incident));
}

absl::Status IncidentBook::Drop(const std::string& id) {
  incidents_.erase(id);
  {
    const std::lock_guard lock(mutex_);
    published_.erase(id);
  }
  return store_ == nullptr ? absl::OkStatus() : store_->Delete(id);
}

void IncidentBook::ForgetResolved(int64_t now_ns) {
  const int64_t before = now_ns - Nanos(thresholds_.keep_resolved_s);
  const auto old = [&](const auto& item) {
    return item.second.state == IncidentState::kResolved &&
           item.second.resolved_ns < before;
  };
  std::erase_if(incidents_, old);
  const std::lock_guard lock(mutex_);
  std::erase_if(published_, old);
}

std::vector<std::string> IncidentBook::OpenIds() const {
  std::vector<std::string> ids;
  for (const auto& [id, incident] : incidents_) {
    if (incident.state != IncidentState::kResolved) ids.push_back(id);
  }
  return ids;
}

std::set<WorkloadName> IncidentBook::OpenWorkloads() const {
  std::set<WorkloadName> workloads;
  for (const auto& [id, incident] : incidents_) {
    if (incident.state != IncidentState::kResolved) {
      workloads.insert(incident.workload);
    }
  }
  return workloads;
}

Incident* IncidentBook::Find(const std::string& id) {
  const auto at = incidents_.find(id);
  return at == incidents_.end() ? nullptr : &at->second;
}

std::vector<Incident> IncidentBook::Copies() const {
  std::vector<Incident> copies;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, incident] : published_) copies.push_back(incident);
  }
  std::stable_sort(copies.begin(), copies.end(),
                   [](const Incident& a, const Incident& b) {
                     return a.opened_ns > b.opened_ns;
                   });
  return copies;
}

}  // namespace plimsoll::collector
