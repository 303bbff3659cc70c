#include "agent/inspector/malloc_codec.h"

#include "absl/status/status.h"

namespace plimsoll::inspector {
namespace {

constexpr int kMostSites = 16;
constexpr size_t kMostTextBytes = 4096;

absl::Status Refusal(const char* what) {
  return absl::InvalidArgumentError(what);
}

}  // namespace

void EncodeMallocSites(const core::MallocSites& sites, v1::MallocSites& out) {
  out.set_allocator(sites.allocator);
  out.set_module(sites.module);
  out.set_open_path(sites.open_path);
  out.set_malloc_address(sites.malloc_address);
  out.set_chunk_heads(sites.chunk_heads);
  for (const core::MallocSite& site : sites.sites) {
    v1::MallocSites::Site& to = *out.add_sites();
    to.set_function(static_cast<int32_t>(site.function));
    to.set_file_offset(site.file_offset);
    to.set_cost(static_cast<int32_t>(site.cost));
  }
}

absl::StatusOr<core::MallocSites> DecodeMallocSites(const v1::MallocSites& in) {
  if (in.sites_size() == 0 || in.sites_size() > kMostSites ||
      in.allocator().size() > kMostTextBytes ||
      in.module().size() > kMostTextBytes ||
      in.open_path().size() > kMostTextBytes) {
    return Refusal("places of malloc that make no sense");
  }
  core::MallocSites sites = {.allocator = in.allocator(),
                             .module = in.module(),
                             .open_path = in.open_path(),
                             .malloc_address = in.malloc_address(),
                             .chunk_heads = in.chunk_heads(),
                             .sites = {}};
  for (const v1::MallocSites::Site& from : in.sites()) {
    const int32_t function = from.function();
    const int32_t cost = from.cost();
    if (function < static_cast<int32_t>(core::MallocFunction::kMalloc) ||
        function > static_cast<int32_t>(core::MallocFunction::kFree) ||
        (cost != static_cast<int32_t>(core::ProbeCost::kEmulated) &&
         cost != static_cast<int32_t>(core::ProbeCost::kSingleStepped))) {
      return Refusal("a place of malloc that makes no sense");
    }
    sites.sites.push_back({static_cast<core::MallocFunction>(function),
                           from.file_offset(),
                           static_cast<core::ProbeCost>(cost)});
  }
  return sites;
}

void EncodeClaims(const std::vector<core::BlockClaim>& claims,
                  v1::CheckChunks& out) {
  for (const core::BlockClaim& claim : claims) {
    out.add_addresses(claim.address);
    out.add_chunk_bytes(claim.chunk_bytes);
  }
}

absl::StatusOr<std::vector<core::BlockClaim>> DecodeClaims(
    const v1::CheckChunks& in) {
  if (in.addresses_size() != in.chunk_bytes_size() ||
      in.addresses_size() > kMostChunksAtOnce) {
    return Refusal("blocks that make no sense");
  }
  std::vector<core::BlockClaim> claims;
  for (int i = 0; i < in.addresses_size(); ++i) {
    claims.push_back({in.addresses(i), in.chunk_bytes(i)});
  }
  return claims;
}

}  // namespace plimsoll::inspector
