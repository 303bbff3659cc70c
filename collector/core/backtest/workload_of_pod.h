// The workload of a pod whose labels do not name it: the pod's name without
// what Kubernetes appends. Pure; any thread.
#ifndef PLIMSOLL_COLLECTOR_CORE_BACKTEST_WORKLOAD_OF_POD_H_
#define PLIMSOLL_COLLECTOR_CORE_BACKTEST_WORKLOAD_OF_POD_H_

#include <string>
#include <string_view>

namespace plimsoll::collector {

// "orders-7c9f8d6b5-x2b9k" -> "orders" (Deployment), "agent-x2b9k" -> "agent"
// (DaemonSet, Job), "db-0" -> "db" (StatefulSet), "report-28392040-x2b9k" ->
// "report" (CronJob). A name that ends otherwise stays whole.
std::string WorkloadOfPod(std::string_view pod);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_BACKTEST_WORKLOAD_OF_POD_H_
