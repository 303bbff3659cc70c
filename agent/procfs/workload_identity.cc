#include "agent/procfs/workload_identity.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include "agent/procfs/text.h"

namespace plimsoll::procfs {
namespace {

constexpr size_t kMaxNameBytes = 256;

// Names that say nothing of the service: its directory is put before them.
constexpr std::string_view kGenericNames[] = {
    "app",    "application", "main", "manage", "wsgi",     "asgi", "run",
    "server", "api",         "web",  "worker", "__main__", "start"};

// Options of Python itself that take the next argument as their value.
constexpr std::string_view kPythonValueOptions[] = {"-W", "-X",
                                                    "--check-hash-based-pycs"};

std::string_view BaseName(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string_view Stem(std::string_view path) {
  std::string_view name = BaseName(path);
  size_t dot = name.rfind('.');
  return dot == std::string_view::npos || dot == 0 ? name : name.substr(0, dot);
}

bool IsGeneric(std::string_view name) {
  return std::find(std::begin(kGenericNames), std::end(kGenericNames), name) !=
         std::end(kGenericNames);
}

bool IsPython(std::string_view program) {
  if (!program.starts_with("python")) return false;
  program.remove_prefix(6);
  return std::all_of(program.begin(), program.end(), [](char c) {
    return std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '.';
  });
}

// "package.module:attribute", as WSGI servers take it; not "localhost:8000".
bool IsApplication(std::string_view text) {
  size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  std::string_view attribute = text.substr(colon + 1);
  auto is_start = [](char c) {
    return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_';
  };
  auto is_name = [&](char c) {
    return is_start(c) || c == '.' ||
           std::isdigit(static_cast<unsigned char>(c)) != 0;
  };
  std::string_view module = text.substr(0, colon);
  attribute = attribute.substr(0, attribute.find('('));
  return !attribute.empty() && is_start(text[0]) && is_start(attribute[0]) &&
         std::all_of(module.begin(), module.end(), is_name) &&
         std::all_of(attribute.begin(), attribute.end(), is_name);
}

// %41 -> A, as OTEL_RESOURCE_ATTRIBUTES asks for.
std::string PercentDecode(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      if (auto code = ParseInt<uint8_t>(text.substr(i + 1, 2), 16)) {
        plain.push_back(static_cast<char>(*code));
        i += 2;
        continue;
      }
    }
    plain.push_back(text[i]);
  }
  return plain;
}

// What is to leave the node as a name: printable and bounded.
std::string Clean(std::string_view text) {
  std::string clean(StripBlanks(text).substr(0, kMaxNameBytes));
  for (char& c : clean) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '_';
  }
  return clean;
}

class Attributes {
 public:
  explicit Attributes(const std::map<std::string, std::string>& environment)
      : environment_(environment) {
    std::string_view rest = Variable("OTEL_RESOURCE_ATTRIBUTES");
    while (!rest.empty()) {
      std::string_view value = NextUntil(rest, ',');
      std::string_view key = StripBlanks(NextUntil(value, '='));
      resource_.try_emplace(std::string(key), Clean(PercentDecode(value)));
    }
  }
  std::string_view Variable(const char* name) const {
    auto it = environment_.find(name);
    return it == environment_.end() ? std::string_view() : it->second;
  }
  // The first of the names that has a value: resource attributes are written
  // with dots, variables without.
  std::string First(std::initializer_list<const char*> names) const {
    for (const char* name : names) {
      bool attribute =
          std::string_view(name).find('.') != std::string_view::npos;
      if (attribute) {
        auto it = resource_.find(name);
        if (it != resource_.end() && !it->second.empty()) return it->second;
      } else if (std::string value = Clean(Variable(name)); !value.empty()) {
        return value;
      }
    }
    return "";
  }

 private:
  const std::map<std::string, std::string>& environment_;
  std::map<std::string, std::string> resource_;
};

struct Invocation {
  std::string program;  // "python3", "gunicorn", "uwsgi"
  std::string target;   // script, module or application; "" when none
  bool module = false;  // -m
  std::string command;  // of Django's manage.py: "migrate"
};

std::string FindOption(const std::vector<std::string>& arguments,
                       std::initializer_list<std::string_view> names) {
  for (size_t i = 1; i < arguments.size(); ++i) {
    for (std::string_view name : names) {
      if (arguments[i] == name && i + 1 < arguments.size()) {
        return arguments[i + 1];
      }
      if (arguments[i].starts_with(name) && name.starts_with("--") &&
          arguments[i].size() > name.size() &&
          arguments[i][name.size()] == '=') {
        return arguments[i].substr(name.size() + 1);
      }
    }
  }
  return "";
}

// What a server program (gunicorn, uwsgi, celery ...) was told to serve.
std::string ServedBy(std::string_view server,
                     const std::vector<std::string>& arguments) {
  if (server.starts_with("uwsgi")) {
    return FindOption(arguments, {"--module", "-w", "--wsgi", "--wsgi-file",
                                  "--file", "--ini", "--yaml", "--mount"});
  }
  if (server == "celery" || server == "flask") {
    return FindOption(arguments, {"--app", "-A"});
  }
  for (size_t i = 1; i < arguments.size(); ++i) {
    if (IsApplication(arguments[i])) return arguments[i];
  }
  return "";
}

bool IsServer(std::string_view name) {
  for (std::string_view known :
       {"gunicorn", "uvicorn", "hypercorn", "daphne", "waitress-serve",
        "celery", "flask", "granian"}) {
    if (name == known) return true;
  }
  return name.starts_with("uwsgi");
}

// The command of Django's manage.py, which is a program of its own. Anything
// that does not look like one is an argument's value and not looked at.
std::string CommandOfManage(std::string_view script,
                            const std::vector<std::string>& arguments,
                            size_t after) {
  if (BaseName(script) != "manage.py" || after >= arguments.size()) return "";
  const std::string& word = arguments[after];
  constexpr char kLetters[] = "abcdefghijklmnopqrstuvwxyz_0123456789";
  const bool other = word.find_first_not_of(kLetters) != std::string::npos;
  return other || word.size() > kMaxNameBytes ? "" : word;
}

Invocation Understand(const IdentitySource& source) {
  const std::vector<std::string>& arguments = source.arguments;
  Invocation invocation;
  if (arguments.empty() || arguments[0].empty()) {
    invocation.program = source.comm;
    return invocation;
  }
  // setproctitle: "gunicorn: worker [routing]".
  std::string_view title = arguments[0];
  if (size_t colon = title.find(": ");
      colon != std::string_view::npos && IsServer(title.substr(0, colon))) {
    invocation.program = std::string(title.substr(0, colon));
    size_t open = title.find('[');
    size_t close = title.rfind(']');
    if (open != std::string_view::npos && close != std::string_view::npos &&
        close > open) {
      invocation.target = std::string(title.substr(open + 1, close - open - 1));
    }
    return invocation;
  }
  invocation.program = std::string(BaseName(arguments[0]));
  size_t at = 1;
  if (IsPython(invocation.program)) {
    for (; at < arguments.size() && arguments[at].starts_with('-'); ++at) {
      if (arguments[at] == "-m" && at + 1 < arguments.size()) {
        invocation.module = true;
        ++at;
        break;
      }
      if (arguments[at] == "-c" || arguments[at] == "-") {
        invocation.target = arguments[at];
        return invocation;
      }
      if (std::find(std::begin(kPythonValueOptions),
                    std::end(kPythonValueOptions),
                    arguments[at]) != std::end(kPythonValueOptions)) {
        ++at;
      }
    }
    if (at >= arguments.size()) return invocation;
    std::string_view script = arguments[at];
    std::string_view name = invocation.module ? script : BaseName(script);
    if (!IsServer(name)) {
      invocation.target = std::string(script);
      invocation.command = CommandOfManage(script, arguments, at + 1);
      return invocation;
    }
    invocation.program = std::string(name);
    invocation.module = false;
  }
  if (IsServer(invocation.program)) {
    invocation.target = ServedBy(invocation.program, arguments);
  }
  return invocation;
}

std::string NameFromInvocation(const Invocation& invocation,
                               const IdentitySource& source) {
  if (invocation.target.empty()) return Clean(invocation.program);
  if (invocation.target == "-c" || invocation.target == "-") {
    return Clean(invocation.program + " " + invocation.target);
  }
  if (invocation.module) return Clean(invocation.target);
  std::string_view target = invocation.target;
  std::string_view directory = source.cwd;
  std::string_view name;
  if (IsApplication(target)) {
    name = target.substr(0, target.find(':'));
  } else {
    name = Stem(target);
    size_t slash = target.rfind('/');
    if (slash != std::string_view::npos && slash > 0) {
      directory = target.substr(0, slash);
    }
    if (!invocation.command.empty()) name = invocation.command;
  }
  std::string_view parent = BaseName(directory);
  if ((IsGeneric(name) || !invocation.command.empty()) && !parent.empty() &&
      parent != "/" && parent != "." && parent != name) {
    return Clean(std::string(parent) + "-" + std::string(name));
  }
  return Clean(name);
}

// "routing-api-7d9f8c6b5d-x2x1q" -> "routing-api"; "db-0" -> "db". The
// alphabet is that of Kubernetes' name suffixes.
std::pair<std::string, const char*> NameFromPod(std::string_view pod) {
  auto is_suffix = [](std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
      return std::string_view("bcdfghjklmnpqrstvwxz2456789").find(c) !=
             std::string_view::npos;
    });
  };
  size_t last = pod.rfind('-');
  if (last == std::string_view::npos) return {std::string(pod), "Pod"};
  std::string_view tail = pod.substr(last + 1);
  std::string_view head = pod.substr(0, last);
  if (ParseInt<uint32_t>(tail) && tail.size() <= 4) {
    return {std::string(head), "StatefulSet"};
  }
  if (tail.size() != 5 || !is_suffix(tail)) return {std::string(pod), "Pod"};
  size_t hash = head.rfind('-');
  if (hash != std::string_view::npos) {
    std::string_view template_hash = head.substr(hash + 1);
    if (template_hash.size() >= 8 && template_hash.size() <= 10 &&
        is_suffix(template_hash)) {
      return {std::string(head.substr(0, hash)), "Deployment"};
    }
  }
  return {std::string(head), "DaemonSet"};
}

// "orders@2.service" -> "orders"; "" for what systemd makes for sessions.
std::string NameFromUnit(std::string_view unit) {
  if (!unit.ends_with(".service")) return "";
  unit.remove_suffix(8);
  if (unit.starts_with("user@")) return "";
  return Clean(unit.substr(0, unit.find('@')));
}

void SetIfKnown(std::string value, std::string& field) {
  if (!value.empty()) field = std::move(value);
}

}  // namespace

const std::vector<std::string_view>& IdentityVariables() {
  static const auto& variables =
      *new std::vector<std::string_view>{"OTEL_SERVICE_NAME",
                                         "OTEL_RESOURCE_ATTRIBUTES",
                                         "DD_SERVICE",
                                         "DD_ENV",
                                         "DD_VERSION",
                                         "PROMETHEUS_MULTIPROC_DIR",
                                         "prometheus_multiproc_dir",
                                         "HOSTNAME"};
  return variables;
}

std::string CommandOf(const IdentitySource& source) {
  Invocation invocation = Understand(source);
  std::string command = invocation.program;
  if (invocation.module) command += " -m";
  if (!invocation.target.empty()) command += " " + invocation.target;
  if (!invocation.command.empty()) command += " " + invocation.command;
  return Clean(command);
}

void Identify(const IdentitySource& source,
              core::ProcessDescription& description) {
  Attributes attributes(source.environment);
  SetIfKnown(attributes.First({"cloud.region"}), description.region);
  SetIfKnown(attributes.First({"cloud.availability_zone"}), description.zone);
  SetIfKnown(attributes.First({"service.version", "DD_VERSION"}),
             description.version);
  description.command = CommandOf(source);
  description.container = source.cgroup.container_id;

  if (source.docker) {
    if (description.version.empty()) {
      description.version = source.docker->version;
    }
    SetIfKnown(source.docker->image_digest, description.image_digest);
    SetIfKnown(source.docker->owner, description.owner);
  }

  bool in_pod = !source.cgroup.pod_uid.empty();
  std::string pod = attributes.First({"k8s.pod.name"});
  // Kubernetes sets HOSTNAME to the pod's name unless the pod says otherwise.
  if (pod.empty() && in_pod) pod = attributes.First({"HOSTNAME"});
  if (pod.empty()) pod = source.cgroup.pod_uid;
  description.pod = pod;

  core::Workload& workload = description.workload;
  workload.ns = attributes.First({"service.namespace", "k8s.namespace.name"});
  if (workload.ns.empty()) workload.ns = Clean(source.kubernetes_namespace);
  if (workload.ns.empty()) {
    workload.ns = attributes.First(
        {"deployment.environment.name", "deployment.environment", "DD_ENV"});
  }
  workload.name = attributes.First({"OTEL_SERVICE_NAME", "service.name"});
  workload.kind = "service";
  workload.source = "otel-env";
  if (!workload.name.empty()) return;
  workload.name = attributes.First({"DD_SERVICE"});
  workload.source = "dd-env";
  if (!workload.name.empty()) return;
  if (in_pod) {
    workload.source = "cgroup";
    auto [name, kind] = NameFromPod(pod);
    workload.name = pod == source.cgroup.pod_uid ? pod : name;
    workload.kind = pod == source.cgroup.pod_uid ? "Pod" : kind;
    return;
  }
  if (source.docker && !source.docker->name.empty()) {
    workload.name = source.docker->name;
    workload.kind = source.docker->kind;
    workload.source = "docker";
    if (workload.ns.empty()) workload.ns = source.docker->ns;
    return;
  }
  workload.name = NameFromUnit(source.cgroup.unit);
  workload.kind = "systemd";
  workload.source = "cgroup";
  if (!workload.name.empty()) return;
  workload.name = NameFromInvocation(Understand(source), source);
  workload.kind = "command";
  workload.source = "argv";
}

}  // namespace plimsoll::procfs
