// Reads a secret, such as a bearer token, from a file of one line. The file may
// be replaced at any time (tokens rotate), so read it for each use. Any thread.
#ifndef PLIMSOLL_BASE_SECRET_FILE_H_
#define PLIMSOLL_BASE_SECRET_FILE_H_

#include <algorithm>
#include <fstream>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace plimsoll {

// Without the blanks at its end. kPermissionDenied when the file cannot be read
// or holds no secret: nothing, over 64 KiB, or what is no visible ASCII (it is
// to go into a header). The secret is never in the error.
inline absl::StatusOr<std::string> ReadSecretFile(const std::string& path) {
  constexpr size_t kMaxBytes = 64 << 10;
  std::ifstream file(path, std::ios::binary);
  std::string secret(kMaxBytes + 1, '\0');
  if (file)
    file.read(secret.data(), static_cast<std::streamsize>(secret.size()));
  if (!file && !file.eof()) {
    return absl::PermissionDeniedError("the token " + path + " cannot be read");
  }
  secret.resize(static_cast<size_t>(file.gcount()));
  if (secret.size() > kMaxBytes) {
    return absl::PermissionDeniedError("no token is in " + path +
                                       ": it is over 64 KiB");
  }
  while (!secret.empty() && static_cast<unsigned char>(secret.back()) <= ' ') {
    secret.pop_back();
  }
  const bool visible = std::all_of(secret.begin(), secret.end(),
                                   [](char c) { return c > ' ' && c < 0x7f; });
  if (secret.empty() || !visible) {
    return absl::PermissionDeniedError("no token is in " + path);
  }
  return secret;
}

// Takes as long for a wrong guess as for a right one.
inline bool IsSameSecret(std::string_view guess, std::string_view secret) {
  unsigned difference = guess.size() == secret.size() ? 0 : 1;
  for (size_t i = 0; i < guess.size(); ++i) {
    const char other = secret.empty() ? '\0' : secret[i % secret.size()];
    difference |= static_cast<unsigned char>(guess[i] ^ other);
  }
  return difference == 0;
}

}  // namespace plimsoll

#endif  // PLIMSOLL_BASE_SECRET_FILE_H_
