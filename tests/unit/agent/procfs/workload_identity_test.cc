#include "agent/procfs/workload_identity.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace plimsoll::procfs {
namespace {

core::ProcessDescription Describe(const IdentitySource& source) {
  core::ProcessDescription description;
  description.region = "node-region";
  Identify(source, description);
  return description;
}

TEST(WorkloadIdentityTest, OpenTelemetryWins) {
  IdentitySource source;
  source.environment = {
      {"OTEL_SERVICE_NAME", "routing-api"},
      {"OTEL_RESOURCE_ATTRIBUTES",
       "service.name=other, service.namespace=maps%2Fprod,service.version=2018"
       ".09.01-3,cloud.region=ap-southeast-1,cloud.availability_zone=1a,bad"},
      {"DD_SERVICE", "no"}};
  source.cgroup.unit = "routing.service";
  source.arguments = {"python3", "app.py", "--password=hunter2"};
  auto description = Describe(source);
  EXPECT_EQ(description.workload.name, "routing-api");
  EXPECT_EQ(description.workload.ns, "maps/prod");
  EXPECT_EQ(description.workload.kind, "service");
  EXPECT_EQ(description.workload.source, "otel-env");
  EXPECT_EQ(description.region, "ap-southeast-1");
  EXPECT_EQ(description.zone, "1a");
  EXPECT_EQ(description.version, "2018.09.01-3");
  EXPECT_EQ(description.command, "python3 app.py");
}

TEST(WorkloadIdentityTest, DatadogNext) {
  IdentitySource source;
  source.environment = {
      {"DD_SERVICE", "orders"}, {"DD_ENV", "prod"}, {"DD_VERSION", "7"}};
  auto description = Describe(source);
  EXPECT_EQ(description.workload.name, "orders");
  EXPECT_EQ(description.workload.ns, "prod");
  EXPECT_EQ(description.version, "7");
  EXPECT_EQ(description.region, "node-region");
}

TEST(WorkloadIdentityTest, PodThenUnit) {
  IdentitySource source;
  source.cgroup.pod_uid = "8712f785-1a3e-41ec-a00b-e2dcc77431cb";
  source.cgroup.unit = "containerd.service";
  auto description = Describe(source);
  EXPECT_EQ(description.workload.name, source.cgroup.pod_uid);
  EXPECT_EQ(description.workload.kind, "Pod");

  source.kubernetes_namespace = "maps\n";
  for (auto [pod, name, kind] :
       std::vector<std::tuple<const char*, const char*, const char*>>{
           {"routing-api-7d9f8c6b5d-x2x4q", "routing-api", "Deployment"},
           {"db-0", "db", "StatefulSet"},
           {"node-agent-x2x4q", "node-agent", "DaemonSet"},
           {"one-off", "one-off", "Pod"}}) {
    source.environment["HOSTNAME"] = pod;
    description = Describe(source);
    EXPECT_EQ(description.workload.name, name);
    EXPECT_EQ(description.workload.kind, kind);
    EXPECT_EQ(description.workload.ns, "maps");
    EXPECT_EQ(description.pod, pod);
  }

  source = {};
  source.cgroup.unit = "orders@2.service";
  description = Describe(source);
  EXPECT_EQ(description.workload.name, "orders");
  EXPECT_EQ(description.workload.kind, "systemd");
}

TEST(WorkloadIdentityTest, AComposeServiceBeforeTheUnitOfItsDaemon) {
  IdentitySource source;
  source.cgroup.container_id = std::string(64, 'a');
  source.cgroup.unit = "docker.service";
  source.docker = DockerContainer{.kind = "compose",
                                  .ns = "shop",
                                  .name = "orders",
                                  .version = "1.4.2",
                                  .image_digest = "sha256:1f",
                                  .owner = "payments"};
  auto description = Describe(source);
  EXPECT_EQ(description.workload.ns + "/" + description.workload.kind + "/" +
                description.workload.name,
            "shop/compose/orders");
  EXPECT_EQ(description.workload.source, "docker");
  EXPECT_EQ(description.version, "1.4.2");
  EXPECT_EQ(description.owner, "payments");
  source.environment = {{"OTEL_SERVICE_NAME", "orders-api"},
                        {"DD_VERSION", "2"}};
  description = Describe(source);
  EXPECT_EQ(description.workload.name, "orders-api");
  EXPECT_EQ(description.version, "2") << "what the service says of itself";
}

struct ArgvCase {
  std::vector<std::string> arguments;
  std::string cwd;
  std::string name;
  std::string command;
};

TEST(WorkloadIdentityTest, ArgumentsLast) {
  const ArgvCase cases[] = {
      {{"/usr/bin/python3.11", "/srv/orders/sync.py", "--token", "x"},
       "/",
       "sync",
       "python3.11 /srv/orders/sync.py"},
      {{"python3", "manage.py", "runserver"},
       "/srv/shop",
       "shop-runserver",
       "python3 manage.py runserver"},
      {{"python3", "manage.py", "--settings=secret"},
       "/srv/shop",
       "shop-manage",
       "python3 manage.py"},
      {{"python3", "/srv/shop/manage.py", "Not-A-Command"},
       "/",
       "shop-manage",
       "python3 /srv/shop/manage.py"},
      {{"python3", "/srv/shop/app.py"},
       "/",
       "shop-app",
       "python3 /srv/shop/app.py"},
      {{"python3", "-u", "-X", "dev", "-m", "http.server", "8000"},
       "/",
       "http.server",
       "python3 -m http.server"},
      {{"python3", "-c", "secret = 1"}, "/", "python3 -c", "python3 -c"},
      {{"python3"}, "/", "python3", "python3"},
      {{"/usr/bin/python3", "/usr/bin/gunicorn", "-b", "localhost:8000",
        "routing.api:app"},
       "/",
       "routing.api",
       "gunicorn routing.api:app"},
      {{"/usr/bin/python3", "/usr/bin/gunicorn", "app:app"},
       "/srv/routing",
       "routing-app",
       "gunicorn app:app"},
      {{"python3", "-m", "gunicorn", "app:create()"},
       "/",
       "app",
       "gunicorn app:create()"},
      {{"gunicorn: worker [routing]"}, "/", "routing", "gunicorn routing"},
      {{"uwsgi", "--http", ":80", "--module", "shop.wsgi"},
       "/",
       "shop",
       "uwsgi shop.wsgi"},
      {{"uwsgi", "--wsgi-file=/srv/flask/leaky.py"},
       "/",
       "leaky",
       "uwsgi /srv/flask/leaky.py"},
      {{"celery", "-A", "proj", "worker"}, "/", "proj", "celery proj"},
      {{}, "/", "comm", "comm"},
      {{""}, "/", "comm", "comm"},
  };
  for (const ArgvCase& c : cases) {
    IdentitySource source;
    source.arguments = c.arguments;
    source.cwd = c.cwd;
    source.comm = "comm";
    auto description = Describe(source);
    EXPECT_EQ(description.workload.name, c.name);
    EXPECT_EQ(description.workload.source, "argv");
    EXPECT_EQ(description.command, c.command);
  }
}

TEST(WorkloadIdentityTest, NamesAreBoundedAndPrintable) {
  IdentitySource source;
  source.environment = {{"OTEL_SERVICE_NAME", std::string(5000, 'x') + "\n"}};
  EXPECT_EQ(Describe(source).workload.name.size(), 256u);
  source.environment = {{"OTEL_SERVICE_NAME", "a\x01\x1b[31mb"}};
  EXPECT_EQ(Describe(source).workload.name, "a__[31mb");
}

}  // namespace
}  // namespace plimsoll::procfs
