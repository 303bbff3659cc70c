# shellcheck shell=bash
# The cluster's certificates and who they are for. Sourced by start.sh.

# certificate NAME SUBJECT [ALTERNATIVE_NAMES]: $PKI/NAME.{key,crt}
certificate() {
  local name=$1 subject=$2 names=${3:-}
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
    -keyout "$PKI/$name.key" -subj "$subject" -out "$PKI/$name.csr" 2>/dev/null
  printf '%s\n' 'extendedKeyUsage = serverAuth, clientAuth' \
    ${names:+"subjectAltName = ${names//[[:space:]]/}"} >"$PKI/$name.ext"
  openssl x509 -req -in "$PKI/$name.csr" -CA "$PKI/ca.crt" -CAkey "$PKI/ca.key" \
    -CAcreateserial -days 30 -extfile "$PKI/$name.ext" -out "$PKI/$name.crt" \
    2>/dev/null
}

# kubeconfig NAME: $KUBE_DIR/NAME.conf, with the certificate of that name.
kubeconfig() {
  cat >"$KUBE_DIR/$1.conf" <<YAML
apiVersion: v1
kind: Config
current-context: here
clusters:
  - name: here
    cluster: {server: "https://127.0.0.1:6443", certificate-authority: $PKI/ca.crt}
users:
  - name: me
    user: {client-certificate: $PKI/$1.crt, client-key: $PKI/$1.key}
contexts:
  - name: here
    context: {cluster: here, user: me}
YAML
}

make_pki() {
  mkdir -p "$PKI"
  chmod 700 "$PKI"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
    -days 30 -subj /CN=plimsoll-test -keyout "$PKI/ca.key" -out "$PKI/ca.crt" \
    2>/dev/null
  certificate apiserver /CN=kube-apiserver "IP:127.0.0.1, IP:$NODE_IP,
    IP:$SERVICE_NET.1, DNS:kubernetes, DNS:kubernetes.default,
    DNS:kubernetes.default.svc, DNS:kubernetes.default.svc.cluster.local" \
    || return 1
  certificate admin /O=system:masters/CN=admin
  certificate controller-manager /CN=system:kube-controller-manager
  certificate scheduler /CN=system:kube-scheduler
  certificate proxy /CN=system:kube-proxy
  certificate kubelet "/O=system:nodes/CN=system:node:$NODE" "IP:$NODE_IP"
  openssl genrsa -out "$PKI/sa.key" 2048 2>/dev/null
  openssl rsa -in "$PKI/sa.key" -pubout -out "$PKI/sa.pub" 2>/dev/null
  local name
  for name in admin controller-manager scheduler proxy kubelet; do
    kubeconfig "$name"
  done
}
