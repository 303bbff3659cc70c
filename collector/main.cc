// plimsoll-collector: settings, signals, the server.
#include <pthread.h>
#include <signal.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "collector/config.h"
#include "collector/server.h"

namespace {

std::optional<std::string> FromEnvironment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return value;
}

int Fail(const absl::Status& status, int code) {
  std::fprintf(stderr, "plimsoll-collector: %s\n",
               std::string(status.message()).c_str());
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Plimsoll's collector: agents connect here, people look here.");
  std::string path;
  app.add_option("--config", path, "YAML file; without it, the defaults");
  app.set_version_flag("--version", "plimsoll-collector 0.1.0");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  // Before any thread starts, so that all of them leave the signals to us.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);  // a write past a limit fails, as a full disk's

  auto config = plimsoll::collector::LoadConfig(path, FromEnvironment);
  if (!config.ok()) return Fail(config.status(), 2);
  // As the agent's: a fleet's logs are read together.
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v");
  spdlog::flush_on(spdlog::level::info);
  auto server = plimsoll::collector::Server::Start(*config);
  if (!server.ok()) return Fail(server.status(), 1);

  int signal_number = 0;
  sigwait(&signals, &signal_number);
  spdlog::info("stopping signal={}", signal_number);
  (*server)->Stop();
  spdlog::info("stopped");
  return 0;
}
