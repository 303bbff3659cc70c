// Whatever an API server answers: pages, events and nodes end in values or in
// an error, and names that leave the node are bounded and printable.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/kube/api_text.h"

namespace {

void Check(const std::string& name) {
  if (name.size() > 256) std::abort();
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) std::abort();
  }
}

void Check(const plimsoll::kube::PodRecord& pod) {
  if (pod.uid.empty() || pod.containers.size() > 256) std::abort();
  for (const plimsoll::kube::ContainerRecord& container : pod.containers) {
    const plimsoll::core::PodIdentity in = IdentityIn(pod, &container);
    for (const std::string* name :
         {&in.ns, &in.pod, &in.container, &in.workload_kind, &in.workload_name,
          &in.version, &in.image_digest, &in.owner, &in.scrape.scheme,
          &in.scrape.port, &in.scrape.path, &in.scrape.pod_ip}) {
      Check(*name);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto page = plimsoll::kube::ParsePodPage(text); page.ok()) {
    for (const plimsoll::kube::PodRecord& pod : page->pods) Check(pod);
  }
  if (auto event = plimsoll::kube::ParsePodEvent(text); event.ok()) {
    if (event->kind != plimsoll::kube::PodEvent::Kind::kBookmark) {
      Check(event->pod);
    }
  }
  (void)plimsoll::kube::ParseNode(text);
  return 0;
}
