# shellcheck shell=bash
# Programs that no Debian release has, built by Go from its module proxy. To be
# sourced after tools/lib.sh.

# These builds take long: they leave the machine to others.
PLIMSOLL_GO=(nice -n 15 env GOFLAGS=-mod=mod CGO_ENABLED=0 go)

need_go() {
  command -v go >/dev/null || die "Go is not here: install Go 1.26 or later"
}

# module_dir PATH@VERSION: where the module's source is, which is fetched first.
module_dir() {
  "${PLIMSOLL_GO[@]}" mod download -json "$1" |
    sed -n 's/.*"Dir": "\(.*\)",/\1/p'
}

# go_program TARGET PACKAGE PATH@VERSION [LDFLAGS [LINE...]]: builds PACKAGE
# into the file TARGET, in a module of its own that requires PATH@VERSION; LINEs
# are added to its go.mod. PACKAGE may be a file of ours. TARGET.version says
# what it was built from, and nothing is done where it says the same.
go_program() {
  local target=$1 package=$2 module=$3 ldflags=${4:-} stamp log work
  shift 3
  [[ $# -eq 0 ]] || shift
  stamp="$package $module $ldflags $*"
  if [[ -x $target && $(cat "$target.version" 2>/dev/null) == "$stamp" ]]; then
    return 0
  fi
  log=$PLIMSOLL_TOP/var/log/go-${target##*/}.log
  mkdir -p "${target%/*}" "${log%/*}"
  say "building ${target##*/} of $module (output: $log) ..."
  work=$(mktemp -d)
  if ! (
    printf '%s\n' 'module built' 'go 1.26' \
      "require ${module%@*} ${module#*@}" "$@" >"$work/go.mod"
    if [[ $package == *.go ]]; then
      cp "$package" "$work/main.go"
      package=.
    fi
    cd "$work"
    "${PLIMSOLL_GO[@]}" build -p "${PLIMSOLL_GO_JOBS:-$(nproc)}" \
      -ldflags "-s -w $ldflags" -o "$target.new" "$package"
  ) >"$log" 2>&1; then
    rm -rf "$work"
    tail -n 20 "$log" >&2
    die "building ${target##*/} failed"
  fi
  rm -rf "$work"
  mv "$target.new" "$target"
  printf '%s\n' "$stamp" >"$target.version"
}
