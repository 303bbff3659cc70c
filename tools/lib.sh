# shellcheck shell=bash
# Shared by the scripts of this directory: where the tree is, how to speak.
# Source it first; it sets strict mode and changes to the top of the tree.
set -euo pipefail
PLIMSOLL_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$PLIMSOLL_TOP"

# Progress goes to stderr, so that stdout holds results only.
say() { printf '%s\n' "$*" >&2; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# usage_of FILE: the comment block that opens a script is its help.
usage_of() { sed -n '2,/^[^#]/{/^#/!q;s/^# \{0,1\}//p}' "$1"; }

# 75 -> 1m15s
duration() {
  if (($1 < 60)); then printf '%ds' "$1"; else printf '%dm%02ds' $(($1 / 60)) $(($1 % 60)); fi
}

# The packages of the named sections of packages.txt, one a line.
packages_of() {
  local section
  for section in "$@"; do
    grep -qxF "[$section]" tools/packages.txt ||
      die "tools/packages.txt has no section [$section]"
    awk -v want="[$section]" '
      /^\[/ { inside = ($0 == want); next }
      inside && NF && $1 !~ /^#/ { print $1 }' tools/packages.txt
  done | sort -u
}

# Compilers at once: one per core, but no more than fit in memory. A source
# that includes gRPC takes about a gigabyte.
build_jobs() {
  local cores memory_gib
  cores=$(nproc)
  memory_gib=$(awk '/^MemAvailable/ { print int($2 / 1048576) }' /proc/meminfo)
  ((memory_gib >= 1)) || memory_gib=1
  echo $((cores < memory_gib ? cores : memory_gib))
}
