# shellcheck shell=bash
# Starts the cluster of $KUBE_DIR. Sourced by tools/kube-cluster.

# shellcheck source=tools/kube/pki.sh
. tools/kube/pki.sh
# shellcheck source=tools/kube/config.sh
. tools/kube/config.sh

NODE=node1
NODE_IP=10.77.0.1
SERVICE_NET=10.0.0
POD_NET=10.99.0.0/24
# What the kubelet writes at its start; it finds copies, bound over these.
KERNEL_SETTINGS=(vm/overcommit_memory vm/panic_on_oom kernel/panic
  kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes)

# inside COMMAND...: in the cluster's namespaces.
inside() {
  nsenter --target "$(cat "$KUBE_DIR/keeper.pid")" --net --mount -- "$@"
}

# daemon NAME COMMAND...: its output in log/NAME, its process in pids/NAME.
daemon() {
  local name=$1
  shift
  inside setsid --fork sh -c 'echo $$ >"$1"; shift; exec "$@"' daemon \
    "$KUBE_DIR/pids/$name" "$@" >"$KUBE_DIR/log/$name" 2>&1 </dev/null
}

# wait_for WHAT SECONDS COMMAND...
wait_for() {
  local what=$1 deadline=$((SECONDS + $2)) pid
  shift 2
  until "$@" >/dev/null 2>&1; do
    for pid in "$KUBE_DIR"/pids/*; do
      [[ -e /proc/$(cat "$pid") ]] || {
        tail -n 5 "$KUBE_DIR/log/${pid##*/}" >&2
        say "${pid##*/} ended: see $KUBE_DIR/log/${pid##*/}"
        return 1
      }
    done
    if ((SECONDS >= deadline)); then
      say "no $what: see $KUBE_DIR/log"
      return 1
    fi
    sleep 0.2
  done
}

# Debian's, unpacked: installed, containerd would start as a service.
find_runtime() {
  CONTAINERD=$(tools/unpack containerd)/usr/bin
  RUNC=$(tools/unpack runc)/usr/sbin
  CNI=$(tools/unpack containernetworking-plugins)/usr/lib/cni
}

# A process that keeps the namespaces. Mounts made in them stay in them, and go
# with them; what the programs write in fixed places goes below $KUBE_DIR.
start_keeper() {
  local name
  mkdir -p "$KUBE_DIR"/{pids,log,cni,etcd,kubelet,containerd,settings,plugins} \
    "$KUBE_DIR"/var/{cni,log}
  unshare --net --mount --propagation private setsid --fork sh -c \
    'echo $$ >"$1"; exec sleep infinity' keeper "$KUBE_DIR/keeper.pid" \
    </dev/null >/dev/null 2>&1
  until [[ -s $KUBE_DIR/keeper.pid ]]; do sleep 0.05; done
  inside mount --make-rshared /
  inside mount -t tmpfs tmpfs /run
  mkdir -p /var/lib/cni /var/log
  inside mount --bind "$KUBE_DIR/var/cni" /var/lib/cni
  inside mount --bind "$KUBE_DIR/var/log" /var/log
  for name in "${KERNEL_SETTINGS[@]}"; do
    [[ -e /proc/sys/$name ]] || continue
    cat "/proc/sys/$name" >"$KUBE_DIR/settings/${name//\//.}"
    inside mount --bind "$KUBE_DIR/settings/${name//\//.}" "/proc/sys/$name"
  done
  # One address that is no loopback: the kubelet takes no other. The other end
  # of the pair is in the namespace as well.
  inside ip link set lo up
  inside ip link add node type veth peer name nowhere
  inside ip link set nowhere up
  inside ip addr add "$NODE_IP/24" dev node
  inside ip link set node up
  inside sysctl -qw net.ipv4.ip_forward=1
}

start_etcd() {
  local etcd=http://127.0.0.1:2379 peer=http://127.0.0.1:2380
  daemon etcd "$KUBE_BIN/etcd" --data-dir "$KUBE_DIR/etcd" --name here \
    --listen-client-urls "$etcd" --advertise-client-urls "$etcd" \
    --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" \
    --initial-cluster "here=$peer" --unsafe-no-fsync
}

# No node, no controllers: nodes are made up by kwok, which says of what is made
# that it runs.
start_api() {
  local stage stages=()
  find_runtime
  start_keeper
  make_pki
  write_configs
  start_etcd
  start_apiserver
  wait_for "API server" 120 "$KUBE_DIR/kubectl" get --raw /readyz
  for stage in "$KUBE_BIN"/kwok-stages/*.yaml; do
    stages+=(--config "$stage")
  done
  daemon kwok "$KUBE_BIN/kwok" --kubeconfig "$KUBE_DIR/admin.conf" \
    --manage-all-nodes=true "${stages[@]}"
}

start_cluster() {
  local loopback=127.0.0.1
  find_runtime
  start_keeper
  make_pki
  write_configs
  start_etcd
  daemon containerd env PATH="$CONTAINERD:$RUNC:$PATH" \
    containerd --config "$KUBE_DIR/containerd.toml"
  start_apiserver
  wait_for "containerd" 30 test -S "$KUBE_DIR/containerd.sock"
  import_image "$KUBE_IMAGES/pause.tar"
  wait_for "API server" 60 "$KUBE_DIR/kubectl" get --raw /readyz
  daemon controller-manager "$KUBE_BIN/kube-controller-manager" \
    --kubeconfig "$KUBE_DIR/controller-manager.conf" --bind-address "$loopback" \
    --use-service-account-credentials --root-ca-file "$PKI/ca.crt" \
    --service-account-private-key-file "$PKI/sa.key" --leader-elect=false
  daemon scheduler "$KUBE_BIN/kube-scheduler" --leader-elect=false \
    --kubeconfig "$KUBE_DIR/scheduler.conf" --bind-address "$loopback"
  daemon proxy "$KUBE_BIN/kube-proxy" --config "$KUBE_DIR/proxy.yaml"
  daemon kubelet "$KUBE_BIN/kubelet" --config "$KUBE_DIR/kubelet.yaml" \
    --kubeconfig "$KUBE_DIR/kubelet.conf" --hostname-override "$NODE" \
    --root-dir "$KUBE_DIR/kubelet" --node-ip "$NODE_IP"
  daemon dns python3 -B "$PLIMSOLL_TOP/tools/kube/dns.py" "$NODE_IP" "$KUBE_DIR/kubectl"
  wait_for "node" 60 "$KUBE_DIR/kubectl" get node "$NODE"
  "$KUBE_DIR/kubectl" label node "$NODE" --overwrite \
    topology.kubernetes.io/region="${KUBE_REGION:-eu-west-3}" \
    topology.kubernetes.io/zone="${KUBE_REGION:-eu-west-3}a" >/dev/null
  wait_for "ready node" 90 "$KUBE_DIR/kubectl" wait --for=condition=Ready \
    "node/$NODE" --timeout=1s
  wait_for "service account" 30 \
    "$KUBE_DIR/kubectl" get serviceaccount default --namespace default
  say "the cluster is up: $KUBE_DIR/kubectl get nodes"
}

# Alone, so that a test can end it and have it again.
start_apiserver() {
  daemon apiserver "$KUBE_BIN/kube-apiserver" --etcd-servers http://127.0.0.1:2379 \
    --bind-address 0.0.0.0 --secure-port 6443 --advertise-address "$NODE_IP" \
    --service-cluster-ip-range "$SERVICE_NET.0/24" \
    --client-ca-file "$PKI/ca.crt" \
    --tls-cert-file "$PKI/apiserver.crt" --tls-private-key-file "$PKI/apiserver.key" \
    --service-account-issuer https://kubernetes.default.svc \
    --service-account-key-file "$PKI/sa.pub" \
    --service-account-signing-key-file "$PKI/sa.key" \
    --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction \
    --kubelet-client-certificate "$PKI/admin.crt" \
    --kubelet-client-key "$PKI/admin.key" \
    --kubelet-preferred-address-types InternalIP --allow-privileged=true
}
