# shellcheck shell=bash
# The images that a test cluster needs, as archives in $KUBE_IMAGES. Sourced by
# tools/kube-cluster and by the tests of the product's images.

# buildah with its storage in $KUBE_IMAGES, and no daemon or user namespace.
kube_buildah() {
  buildah --root "$KUBE_IMAGES/storage" --runroot "$KUBE_IMAGES/run" \
    --storage-driver vfs "$@"
}

# archive_of NAME TAG DIRECTORY ARCHIVE [CONFIG...]: an image of that root.
archive_of() {
  local name=$1 directory=$3 archive=$4 container
  local image=$name:$2
  shift 4
  container=$(kube_buildah from scratch)
  kube_buildah copy --quiet "$container" "$directory" / >/dev/null
  kube_buildah config "$@" "$container"
  kube_buildah commit --quiet --rm "$container" "$image" >/dev/null
  rm -f "$archive"
  kube_buildah push --quiet "$image" "oci-archive:$archive:$image"
  kube_buildah rmi "$image" >/dev/null
}

# What holds the namespaces of a pod.
build_pause() {
  [[ ! -e $KUBE_IMAGES/pause.tar ]] || return 0
  rm -rf "$KUBE_IMAGES/pause"
  mkdir -p "$KUBE_IMAGES/pause"
  cc -static -Os -s -o "$KUBE_IMAGES/pause/pause" -x c - <<'C'
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
static void end(int signal) { _exit(signal == SIGTERM ? 0 : 1); }
static void reap(int signal) { (void)signal; while (waitpid(-1, 0, WNOHANG) > 0); }
int main(void) {
  signal(SIGTERM, end);
  signal(SIGINT, end);
  signal(SIGCHLD, reap);
  for (;;) pause();
}
C
  archive_of plimsoll.test/pause 1 "$KUBE_IMAGES/pause" "$KUBE_IMAGES/pause.tar" \
    --entrypoint '["/pause"]'
}

# Debian with its python3 and prometheus_client: what the workloads run in.
build_python() {
  local root=$KUBE_IMAGES/python-root
  [[ ! -e $KUBE_IMAGES/python.tar ]] || return 0
  say "debootstrap ..."
  rm -rf --one-file-system "$root"
  nice debootstrap --variant=minbase \
    --include=python3,python3-prometheus-client bookworm "$root" \
    >"$PLIMSOLL_TOP/var/log/kube-debootstrap.log" 2>&1 ||
    die "debootstrap failed: see var/log/kube-debootstrap.log"
  rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/doc
  archive_of plimsoll.test/python 1 "$root" "$KUBE_IMAGES/python.tar" \
    --env PATH=/usr/sbin:/usr/bin --env LANG=C.UTF-8
  rm -rf --one-file-system "$root"
}

build_images() {
  mkdir -p "$KUBE_IMAGES"
  build_pause
  build_python
}

# import_image ARCHIVE: into the containerd of $KUBE_DIR.
import_image() {
  "$KUBE_DIR/inside" "$CONTAINERD/ctr" --address "$KUBE_DIR/containerd.sock" \
    --namespace k8s.io image import "$(realpath "$1")" >&2
}
