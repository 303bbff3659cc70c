# shellcheck shell=bash
# One memory cgroup with a limit per service of the demo, under plimsoll-demo:
# cgroup v2 where its memory controller is, else v1.

cgroup_parent=

# Sets cgroup_parent and cgroup_version, or says why there can be none.
cgroup_prepare() {
  local unified v1 why=()
  unified=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
  v1=$(awk '$3 == "cgroup" && $4 ~ /(^|,)memory(,|$)/ { print $2; exit }' \
    /proc/self/mounts)
  if [[ -n $unified ]] && grep -qw memory "$unified/cgroup.controllers"; then
    cgroup_version=2 cgroup_parent=$unified/plimsoll-demo
    grep -qw memory "$unified/cgroup.subtree_control" ||
      echo +memory 2>/dev/null >"$unified/cgroup.subtree_control" ||
      why+=("cannot switch the memory controller on in $unified")
  elif [[ -n $v1 ]]; then
    cgroup_version=1 cgroup_parent=$v1/plimsoll-demo
  else
    die "the demo gives each service a memory limit, which needs a cgroup
  hierarchy with the memory controller: none is mounted here. In a chroot, bind
  /sys with what is mounted below it (mount --rbind /sys CHROOT/sys)"
  fi
  cgroup_remove
  if ! mkdir -p "$cgroup_parent" 2>/dev/null ||
    { [[ $cgroup_version == 2 ]] &&
      ! echo +memory 2>/dev/null >"$cgroup_parent/cgroup.subtree_control"; }; then
    cgroup_parent=
    die "cannot make the cgroup ${unified:-$v1}/plimsoll-demo${why[0]+ (${why[0]})}:
  the demo gives each service a memory limit; run it as root outside of a
  container, or in one whose cgroups can be written"
  fi
}

# cgroup_make NAME LIMIT_BYTES
cgroup_make() {
  local group=$cgroup_parent/$1
  mkdir -p "$group"
  if [[ $cgroup_version == 2 ]]; then
    echo "$2" >"$group/memory.max"
    [[ ! -e $group/memory.swap.max ]] || echo 0 >"$group/memory.swap.max"
  else
    echo "$2" >"$group/memory.limit_in_bytes"
  fi
}

# Ends what is still in the cgroups of the demo and removes them. Only processes
# that the demo put there are in them.
cgroup_remove() {
  [[ -n $cgroup_parent && -d $cgroup_parent ]] || return 0
  local group pid try
  for try in 1 2 3 4 5 6 7 8 9 10; do
    for group in "$cgroup_parent"/*/; do
      [[ -d $group ]] || continue
      while read -r pid; do
        kill -KILL "$pid" 2>/dev/null || true
      done <"$group/cgroup.procs"
      rmdir "$group" 2>/dev/null || true
    done
    rmdir "$cgroup_parent" 2>/dev/null && return 0
    sleep 0.2
  done
  say "could not remove the cgroup $cgroup_parent (tried $try times)"
}
