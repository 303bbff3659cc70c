// A certificate authority of a test, in a directory of the test's: certificates
// are made by the openssl program.
#ifndef PLIMSOLL_TESTS_SUPPORT_CERTIFICATES_H_
#define PLIMSOLL_TESTS_SUPPORT_CERTIFICATES_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/run_command.h"

namespace plimsoll::testing {

class CertificateAuthority {
 public:
  // `name` tells several authorities of one directory apart.
  CertificateAuthority(std::filesystem::path directory, const std::string& name)
      : path_((directory / name).string()) {
    Request({"-subj", "/CN=" + name, "-keyout", key(), "-out", cert(),
             "-addext", "basicConstraints=critical,CA:TRUE"});
  }
  std::string cert() const { return path_ + ".crt"; }

  // Writes PREFIX.crt and PREFIX.key over what is there. `names` is a
  // subjectAltName: "URI:spiffe://d/node/n1,DNS:localhost,IP:127.0.0.1".
  void Issue(const std::string& prefix, const std::string& names) {
    Request({"-subj", "/CN=test", "-addext", "subjectAltName=" + names,
             "-addext", "basicConstraints=critical,CA:FALSE", "-CA", cert(),
             "-CAkey", key(), "-keyout", prefix + ".new.key", "-out",
             prefix + ".new.crt"});
    std::filesystem::rename(prefix + ".new.key", prefix + ".key");
    std::filesystem::rename(prefix + ".new.crt", prefix + ".crt");
  }

 private:
  std::string key() const { return path_ + ".key"; }
  static void Request(const std::vector<std::string>& more) {
    std::vector<std::string> words = {"/usr/bin/openssl",
                                      "req",
                                      "-x509",
                                      "-newkey",
                                      "ec",
                                      "-pkeyopt",
                                      "ec_paramgen_curve:P-256",
                                      "-nodes",
                                      "-days",
                                      "2"};
    words.insert(words.end(), more.begin(), more.end());
    const CommandResult result = RunCommand(words);
    ASSERT_EQ(result.exit_code, 0) << result.err;
  }

  const std::string path_;
};

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_SUPPORT_CERTIFICATES_H_
