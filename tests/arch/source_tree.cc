#include "tests/arch/source_tree.h"

#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>

namespace plimsoll::arch {
namespace {

namespace fs = std::filesystem;

bool IsSkipped(const fs::path& relative) {
  const std::string name = relative.filename();
  if (relative == "build" || relative == "var") return true;
  if (name == "__pycache__") return true;
  return name.size() > 1 && name[0] == '.' && name != ".ci";
}

std::string ReadAll(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::vector<SourceFile> Walk() {
  std::vector<SourceFile> files;
  const fs::path top = Top();
  for (auto it = fs::recursive_directory_iterator(top);
       it != fs::recursive_directory_iterator(); ++it) {
    const fs::path relative = fs::relative(it->path(), top);
    if (it->is_directory() && IsSkipped(relative)) {
      it.disable_recursion_pending();
      continue;
    }
    // In a worktree .git is a file that names a path of the machine.
    if (!it->is_regular_file() || it->is_symlink() || relative == ".git") {
      continue;
    }
    SourceFile file{.path = relative, .text = ReadAll(it->path())};
    if (file.text.find('\0') != std::string::npos) continue;
    files.push_back(std::move(file));
  }
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return a.path < b.path; });
  return files;
}

}  // namespace

fs::path Top() {
  const char* top = std::getenv("PLIMSOLL_SOURCE_DIR");
  return top != nullptr ? fs::path(top) : fs::current_path();
}

const std::vector<SourceFile>& Files() {
  static const auto& files = *new std::vector<SourceFile>(Walk());
  return files;
}

bool IsCxx(std::string_view path) {
  return path.ends_with(".cc") || path.ends_with(".h") || path.ends_with(".c");
}

std::vector<Include> IncludesOf(const SourceFile& file) {
  std::vector<Include> includes;
  std::istringstream in(file.text);
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    const size_t hash = line.find_first_not_of(" \t");
    if (hash == std::string::npos || line[hash] != '#') continue;
    const size_t word = line.find("include", hash);
    if (word == std::string::npos) continue;
    const size_t open = line.find_first_of("\"<", word);
    if (open == std::string::npos) continue;
    const bool quoted = line[open] == '"';
    const size_t close = line.find(quoted ? '"' : '>', open + 1);
    if (close == std::string::npos) continue;
    includes.push_back({.line = number,
                        .target = line.substr(open + 1, close - open - 1),
                        .quoted = quoted});
  }
  return includes;
}

int LineCount(std::string_view text) {
  return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
}

std::string OutputOf(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(
      popen((command + " 2>&1; echo exit $?").c_str(), "r"), &pclose);
  if (!pipe) return "cannot start: " + command;
  std::string output;
  char buffer[4096];
  while (size_t n = fread(buffer, 1, sizeof buffer, pipe.get())) {
    output.append(buffer, n);
  }
  constexpr std::string_view kDone = "exit 0\n";
  if (output.ends_with(kDone)) output.resize(output.size() - kDone.size());
  return output;
}

}  // namespace plimsoll::arch
