# shellcheck shell=bash
# Ends the cluster of $KUBE_DIR. Sourced by tools/kube-cluster. Each step is tried
# whatever became of the one before.

# end_daemon NAME
end_daemon() {
  local file=$KUBE_DIR/pids/$1 pid i
  [[ -s $file ]] || return 0
  pid=$(cat "$file")
  rm -f "$file"
  kill -TERM "$pid" 2>/dev/null || return 0
  for ((i = 0; i < 50; i++)); do
    [[ -e /proc/$pid ]] || return 0
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
}

# The processes of all containers of this cluster: those whose mount or network
# is not needed to tell, as their cgroup does. No other kubelet runs here, or
# start would have failed on its cgroups.
kill_containers() {
  local round file pid left
  for ((round = 0; round < 50; round++)); do
    left=
    while read -r file; do
      while read -r pid; do
        [[ $pid != 0 ]] || continue
        left=1
        kill -KILL "$pid" 2>/dev/null || true
      done <"$file"
    done < <(find /sys/fs/cgroup -path '*/kubepods/*' -name cgroup.procs 2>/dev/null)
    [[ -n $left ]] || return 0
    sleep 0.1
  done
  say "processes are left in kubepods"
  return 1
}

remove_cgroups() {
  local top
  for top in /sys/fs/cgroup/kubepods /sys/fs/cgroup/*/kubepods; do
    [[ -d $top ]] || continue
    find "$top" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done
}

# containerd's shims outlive it, by design.
end_shims() {
  local cmdline pid
  for cmdline in /proc/[0-9]*/cmdline; do
    pid=${cmdline#/proc/}
    pid=${pid%/cmdline}
    if tr '\0' ' ' 2>/dev/null <"$cmdline" |
      grep -qF -- "-address $KUBE_DIR/containerd.sock"; then
      kill -KILL "$pid" 2>/dev/null || true
    fi
  done
}

stop_cluster() {
  local name
  trap - EXIT
  [[ -d $KUBE_DIR ]] || return 0
  set +e
  for name in kwok kubelet dns proxy scheduler controller-manager apiserver; do
    end_daemon "$name"
  done
  if [[ -s $KUBE_DIR/pids/containerd ]]; then
    kill_containers
    end_daemon containerd
    end_shims
    remove_cgroups
  fi
  end_daemon etcd
  # The namespaces, and with them every mount and interface.
  [[ ! -s $KUBE_DIR/keeper.pid ]] || kill -KILL "$(cat "$KUBE_DIR/keeper.pid")"
  sleep 0.2
  mkdir -p var/log
  rm -rf var/log/kube-cluster
  cp -r "$KUBE_DIR/log" var/log/kube-cluster 2>/dev/null
  rm -rf --one-file-system "$KUBE_DIR"
  set -e
  [[ ! -e $KUBE_DIR ]] || die "$KUBE_DIR cannot be removed"
}
