#include <algorithm>
#include <array>
#include <cmath>

#include "collector/core/traffic/traffic_design.h"

namespace plimsoll::collector {
namespace {

using Eigen::Index;

constexpr std::array<double, 6> kTaus_s = {600, 1500, 3600, 7200, 14400, 28800};
// A curve is straight once it is this many time constants old.
constexpr double kOld = 6;
constexpr double kMinF = 6;

bool IsYoung(const Eigen::VectorXd& ages_s, double tau_s) {
  return ages_s.size() > 0 && ages_s(0) < kOld * tau_s;
}

void SetCurve(double tau_s, TrafficDesign& design) {
  for (size_t p = 0; p < design.processes.size(); ++p) {
    ProcessRows& rows = design.processes[p];
    const Index n = rows.dt.size();
    rows.own.resize(n, 2);
    rows.own.col(0) = rows.dt;
    rows.own.col(1).setZero();
    if (!IsYoung(design.ages_s[p], tau_s)) continue;
    const Eigen::ArrayXd left =
        (-design.ages_s[p].array().max(0.0) / tau_s).exp();
    rows.own.col(1) = (left.head(n) - left.tail(n)).matrix();
  }
}

void SetStraight(TrafficDesign& design) {
  for (ProcessRows& rows : design.processes) rows.own = rows.dt;
}

double Badness(const TrafficDesign& design, const std::vector<Index>& columns) {
  return MinusTwoLog(design.processes, columns,
                     EstimateNoise(design.processes, columns));
}

}  // namespace

double AddAgeCurve(const std::vector<Index>& columns, TrafficDesign& design) {
  SetStraight(design);
  const double straight = Badness(design, columns);
  double best = straight, best_tau = 0;
  for (const double tau : kTaus_s) {
    const auto young = std::count_if(
        design.ages_s.begin(), design.ages_s.end(),
        [&](const Eigen::VectorXd& ages) { return IsYoung(ages, tau); });
    if (young == 0) continue;
    SetCurve(tau, design);
    const double price = kMinF * static_cast<double>(young);
    const double at = Badness(design, columns) + price;
    if (at < best) best = at, best_tau = tau;
  }
  SetAgeCurve(best_tau, design);
  return best_tau;
}

void SetAgeCurve(double tau_s, TrafficDesign& design) {
  if (tau_s > 0) {
    SetCurve(tau_s, design);
  } else {
    SetStraight(design);
  }
}

}  // namespace plimsoll::collector
