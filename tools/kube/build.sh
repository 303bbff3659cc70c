# shellcheck shell=bash
# The programs of a cluster, by version, into $KUBE_BIN. Sourced by
# tools/kube-cluster.

# The kubelet of 1.34 still speaks to Debian 12's containerd 1.6 and takes
# cgroup v1; from 1.35 on it wants neither.
KUBE_VERSION=1.34.4
ETCD_VERSION=3.6.8
KWOK_VERSION=0.8.0

KUBE_PROGRAMS=(etcd kubectl kube-apiserver kube-controller-manager
  kube-scheduler kube-proxy kubelet kwok)

# kubernetes' own modules are published apart, one minor for each of its own.
kube_lines() {
  local dir staging=v0.${KUBE_VERSION#1.}
  dir=$(module_dir "k8s.io/kubernetes@v$KUBE_VERSION")
  [[ -n $dir ]] || die "the module k8s.io/kubernetes v$KUBE_VERSION cannot be had"
  grep -oE 'k8s.io/[a-z-]+ => \./staging' "$dir/go.mod" | cut -d' ' -f1 |
    sort -u | sed "s#.*#replace & => & $staging#"
}

build_cluster() {
  local x=k8s.io/component-base/version flags lines name
  need_go
  flags="-X $x.gitVersion=v$KUBE_VERSION -X $x.gitMajor=1"
  flags+=" -X $x.gitMinor=${KUBE_VERSION:2:2} -X $x.gitTreeState=clean"
  mapfile -t lines < <(kube_lines)
  [[ ${#lines[@]} -gt 20 ]] || die "kubernetes' list of its own modules was not found"
  go_program "$KUBE_BIN/etcd" tools/kube/etcd.go \
    "go.etcd.io/etcd/server/v3@v$ETCD_VERSION"
  for name in "${KUBE_PROGRAMS[@]}"; do
    [[ $name == kube* ]] || continue
    go_program "$KUBE_BIN/$name" "k8s.io/kubernetes/cmd/$name" \
      "k8s.io/kubernetes@v$KUBE_VERSION" "$flags" "${lines[@]}"
  done
  go_program "$KUBE_BIN/kwok" sigs.k8s.io/kwok/cmd/kwok \
    "sigs.k8s.io/kwok@v$KWOK_VERSION"
  # What it does with a node or pod: without these, nothing.
  if [[ ! -d $KUBE_BIN/kwok-stages ]]; then
    local source part
    source=$(module_dir "sigs.k8s.io/kwok@v$KWOK_VERSION")
    rm -rf "$KUBE_BIN/kwok-stages.new"
    mkdir "$KUBE_BIN/kwok-stages.new"
    for part in node/fast node/heartbeat pod/fast; do
      for name in "$source/kustomize/stage/$part"/*.yaml; do
        [[ $name == */kustomization.yaml ]] || install -m 644 "$name" \
          "$KUBE_BIN/kwok-stages.new/${part//\//-}-${name##*/}"
      done
    done
    mv "$KUBE_BIN/kwok-stages.new" "$KUBE_BIN/kwok-stages"
  fi
}
