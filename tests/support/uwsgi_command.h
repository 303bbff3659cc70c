// kUwsgi stands for an interpreter's path where a PythonTarget is to be a
// prefork worker of uWSGI, whose Python is in the shared libpython3.11.so that
// a plugin is linked to. It is never left out: what asks for it fails where it
// is not installed.
#ifndef PLIMSOLL_TESTS_SUPPORT_UWSGI_COMMAND_H_
#define PLIMSOLL_TESTS_SUPPORT_UWSGI_COMMAND_H_

#include <unistd.h>

#include <string>
#include <vector>

namespace plimsoll::testing {

inline constexpr char kUwsgi[] = "/usr/bin/uwsgi-core";

// A master and two workers. The first worker says its PID, runs the script in
// PLIMSOLL_SCRIPT with our pipes as a module __main__, and ends them all with
// it.
inline std::vector<std::string> UwsgiCommand(
    const std::vector<std::string>& arguments) {
  static int serial = 0;
  std::string words;
  for (const std::string& argument : arguments) words += argument + " ";
  std::vector<std::string> command = {
      "/bin/sh",
      "-c",
      "exec 7>&2 8>&1 9<&0 >/dev/null 2>&1; exec \"$0\" \"$@\"",
      kUwsgi,
      "--plugin",
      "python3",
      "--master",
      "--no-orphans",
      "--enable-threads",
      "--need-app",
      "--processes",
      "2",
      "--socket",
      "@plimsoll-test-" + std::to_string(::getpid()) + "-" +
          std::to_string(++serial),
      "--eval",
      R"(
import os, sys, uwsgi
def run():
    if uwsgi.worker_id() != 1: return
    for theirs, ours in (7, 2), (8, 1), (9, 0): os.dup2(theirs, ours)
    # Not closed with the objects: a script may put others in their places.
    sys.stdin = open(0, closefd=False)
    sys.stdout = open(1, 'w', closefd=False)
    sys.stderr = open(2, 'w', closefd=False)
    print(os.getpid(), flush=True)
    main = sys.modules['__main__'] = type(sys)('__main__')
    code = compile(os.environ['PLIMSOLL_SCRIPT'], '<string>', 'exec')
    try: exec(code, main.__dict__)
    finally: os.kill(os.getppid(), 9)
uwsgi.post_fork_hook = run
def application(environ, start): return []
)"};
  if (!words.empty()) {
    command.push_back("--pyargv");
    command.push_back(words);
  }
  return command;
}

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_SUPPORT_UWSGI_COMMAND_H_
