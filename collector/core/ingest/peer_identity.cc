#include "collector/core/ingest/peer_identity.h"

#include <algorithm>
#include <set>

namespace plimsoll::collector {
namespace {

constexpr size_t kMaxNodeBytes = 253;
constexpr std::string_view kNodeId = "node:";
constexpr std::string_view kScheme = "spiffe://";
constexpr std::string_view kBeforeName = "/node/";

// "eu-*" -> "eu-"; as it is when there is no star.
std::string_view WithoutStar(std::string_view pattern) {
  if (pattern.ends_with('*')) pattern.remove_suffix(1);
  return pattern;
}

bool IsNameOrPattern(std::string_view text) {
  const std::string_view name = WithoutStar(text);
  if (name.size() == text.size()) return IsNodeName(name);
  // What stands before a star may end in a dash or dot.
  return name.empty() || IsNodeName(std::string(name) + "0");
}

// The node of spiffe://DOMAIN/.../node/NAME; "" for another URI.
std::string NodeOfUri(std::string_view uri) {
  if (!uri.starts_with(kScheme)) return "";
  const size_t at = uri.rfind(kBeforeName);
  if (at == std::string_view::npos || at <= kScheme.size()) return "";
  const std::string_view name = uri.substr(at + kBeforeName.size());
  return IsNameOrPattern(name) ? std::string(name) : "";
}

std::string Listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "" : ", ") + name.substr(0, kMaxNodeBytes);
    if (text.size() > 2 * kMaxNodeBytes) return text + ", ...";
  }
  return text.empty() ? "none" : text;
}

}  // namespace

bool IsNodeName(std::string_view name) {
  const auto is_end = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && name.size() <= kMaxNodeBytes &&
         is_end(name.front()) && is_end(name.back()) &&
         std::all_of(name.begin(), name.end(), [&](char c) {
           return is_end(c) || c == '-' || c == '.' || c == '_';
         });
}

bool IsIdOfOtherNode(std::string_view agent_id, std::string_view node) {
  if (!agent_id.starts_with(kNodeId)) return false;
  const size_t slash = agent_id.rfind('/');
  return slash == std::string_view::npos || agent_id.substr(slash + 1) != node;
}

bool MaySpeakFor(const PeerIdentity& identity, std::string_view node) {
  if (node.empty() || identity.node.empty()) return false;
  const std::string_view name = WithoutStar(identity.node);
  if (name.size() == identity.node.size()) return node == name;
  return node.starts_with(name);
}

absl::StatusOr<PeerIdentity> IdentityOfCertificate(
    const PeerEvidence& evidence) {
  std::set<std::string> nodes;
  for (const std::string& uri : evidence.uris) {
    if (std::string node = NodeOfUri(uri); !node.empty()) nodes.insert(node);
  }
  if (nodes.empty() && evidence.dns_names.size() == 1 &&
      IsNodeName(evidence.dns_names[0])) {
    nodes.insert(evidence.dns_names[0]);
  }
  if (nodes.size() == 1) return PeerIdentity{*nodes.begin(), "certificate"};
  return absl::UnauthenticatedError(
      std::string(nodes.empty() ? "the certificate names no node"
                                : "the certificate names several nodes") +
      ": it needs one URI spiffe://DOMAIN/.../node/NAME, or one DNS name; its "
      "URIs: " +
      Listed(evidence.uris) + "; its DNS names: " + Listed(evidence.dns_names));
}

}  // namespace plimsoll::collector
