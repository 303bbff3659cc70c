# shellcheck shell=bash
# The cluster's configuration files. Sourced by start.sh.

write_configs() {
  cat >"$KUBE_DIR/inside" <<SH
#!/bin/sh
# Runs a command in the namespaces of the cluster, in the same directory.
exec nsenter --target "\$(cat "$KUBE_DIR/keeper.pid")" --net --mount -- \\
  sh -c 'cd "\$1" 2>/dev/null; shift; exec "\$@"' inside "\$PWD" "\$@"
SH
  cat >"$KUBE_DIR/kubectl" <<SH
#!/bin/sh
exec "$KUBE_DIR/inside" "$KUBE_BIN/kubectl" --kubeconfig "$KUBE_DIR/admin.conf" "\$@"
SH
  chmod +x "$KUBE_DIR/inside" "$KUBE_DIR/kubectl"
  # No CAP_SYS_RESOURCE may be here, hence restrict_oom_score_adj.
  cat >"$KUBE_DIR/containerd.toml" <<TOML
version = 2
root = "$KUBE_DIR/containerd/root"
state = "$KUBE_DIR/containerd/state"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
  address = "$KUBE_DIR/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "plimsoll.test/pause:1"
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$CNI"
    conf_dir = "$KUBE_DIR/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
TOML
  cat >"$KUBE_DIR/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NODE_IP
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $PKI/ca.crt}
authorization: {mode: Webhook}
tlsCertFile: $PKI/kubelet.crt
tlsPrivateKeyFile: $PKI/kubelet.key
cgroupDriver: cgroupfs
cgroupRoot: /
clusterDNS: [$NODE_IP]
clusterDomain: cluster.local
containerRuntimeEndpoint: unix://$KUBE_DIR/containerd.sock
enforceNodeAllocatable: []
evictionHard: {}
failCgroupV1: false
failSwapOn: false
localStorageCapacityIsolation: false
imageGCHighThresholdPercent: 100
volumePluginDir: $KUBE_DIR/plugins
YAML
  cat >"$KUBE_DIR/proxy.yaml" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
hostnameOverride: $NODE
clusterCIDR: $POD_NET
bindAddress: $NODE_IP
conntrack: {maxPerCore: 0, min: 0}
clientConnection: {kubeconfig: $KUBE_DIR/proxy.conf}
YAML
  # The node's bridge: each pod has a pair of its own.
  cat >"$KUBE_DIR/cni/net.conflist" <<JSON
{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "ptp", "ipMasq": true,
   "ipam": {"type": "host-local", "subnet": "$POD_NET",
            "routes": [{"dst": "0.0.0.0/0"}]}}]}
JSON
}
