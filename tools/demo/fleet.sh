# shellcheck shell=bash
# The demo fleet: services, their regions and limits, their traffic.
# Sourced by tools/run, after supervise.sh and demo/cgroup.sh.
# shellcheck disable=SC2034,SC2154

# name|directory|application|port|region|version|limit MiB|setting|load options
demo_services=(
  "routing-api|floating_vehicles|routing.app:create_app()|8101|ap-southeast-1|2018.09.01-3|320|ROUTING_POOLS=registered|--region ap-southeast-1"
  "routing-api|floating_vehicles|routing.app:create_app()|8102|eu-west-3|2018.09.01-3|320|ROUTING_POOLS=registered|--region eu-west-3"
  "routing-classic|floating_vehicles|routing.app:create_app()|8103|ap-southeast-1|2018.08.14-1|320|ROUTING_POOLS=local|--region ap-southeast-1"
  "quotes-api|quotes|quotes.app:create_app()|8104|eu-west-3|2018.08.30-2|320|QUOTES=1|--region eu-west-3 --service quotes"
)
demo_ports=(8101 8102 8103 8104 9093)
demo_load_seconds=7200

# Enters the cgroup before the program starts, so that all its memory counts.
# shellcheck disable=SC2016
in_cgroup='echo $$ >"$1/cgroup.procs" && shift && exec "$@"'

start_service() {
  local name directory app port region version limit setting load
  IFS='|' read -r name directory app port region version limit setting load <<<"$1"
  local id=$name-$region
  cgroup_make "$id" $((limit * 1048576))
  rm -rf "var/demo/$id"
  mkdir -p "var/demo/$id/prometheus"
  start "$id" env -i PATH=/usr/bin:/bin LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 \
    "OTEL_SERVICE_NAME=$name" \
    "OTEL_RESOURCE_ATTRIBUTES=service.namespace=demo,service.version=$version,cloud.region=$region" \
    "PROMETHEUS_MULTIPROC_DIR=$PLIMSOLL_TOP/var/demo/$id/prometheus" "$setting" \
    bash -c "$in_cgroup" _ "$cgroup_parent/$id" \
    /usr/bin/python3 /usr/bin/gunicorn --chdir "examples/$directory" \
    --bind "127.0.0.1:$port" --worker-class gthread --workers 1 --threads 4 \
    --graceful-timeout 2 --log-level warning "$app"
}

start_load() {
  local name port region load
  IFS='|' read -r name _ _ port region _ _ _ load <<<"$1"
  # shellcheck disable=SC2086
  start "load-$name-$region" /usr/bin/python3 examples/load.py --port "$port" \
    --seconds "$demo_load_seconds" $load
}

start_fleet() {
  local service name port region
  for service in "${demo_services[@]}"; do start_service "$service"; done
  for service in "${demo_services[@]}"; do
    IFS='|' read -r name _ _ port region _ <<<"$service"
    wait_listening "$name-$region" "$port" 30
  done
  for service in "${demo_services[@]}"; do start_load "$service"; done
}

start_alertmanager() {
  tools/unpack prometheus-alertmanager >/dev/null
  start alertmanager tools/alertmanager 9093 var/demo/alertmanager
  wait_listening alertmanager 9093 30
}
