# shellcheck shell=bash
# Starting and ending programs so that nothing is left behind; for tools/run.
# Every program runs in a session of its own, so that Ctrl-C reaches only the
# script, which then ends them in the reverse order of their start. Should the
# script be killed outright, the kernel ends them (parent-death signal).

started_pids=()
started_names=()

# start NAME COMMAND...: in the background, output to var/log/NAME.log.
start() {
  local name=$1
  shift
  setsid setpriv --pdeathsig TERM -- "$@" >"var/log/$name.log" 2>&1 </dev/null &
  started_pids+=($!)
  started_names+=("$name")
}

# attend COMMAND...: runs it to its end. A signal ends the wait at once, which a
# command in the foreground would delay.
attend() {
  setsid setpriv --pdeathsig TERM -- "$@" </dev/null &
  attended=$!
  local status=0
  wait "$attended" || status=$?
  attended=
  return "$status"
}
attended=

is_running() { kill -0 "$1" 2>/dev/null; }

# Names the first started program that is gone, with the end of its log.
check_started() {
  local i
  for i in "${!started_pids[@]}"; do
    is_running "${started_pids[$i]}" || {
      tail -n 20 "var/log/${started_names[$i]}.log" >&2
      die "${started_names[$i]} ended (whole output: var/log/${started_names[$i]}.log)"
    }
  done
}

# The process group is signalled: a session leader's group is its own pid.
stop_started() {
  local i pid deadline
  [[ -z $attended ]] || kill -TERM -- "-$attended" 2>/dev/null || true
  for ((i = ${#started_pids[@]} - 1; i >= 0; i--)); do
    pid=${started_pids[$i]}
    kill -TERM -- "-$pid" 2>/dev/null || true
  done
  deadline=$((SECONDS + 8))
  for ((i = ${#started_pids[@]} - 1; i >= 0; i--)); do
    pid=${started_pids[$i]}
    while is_running "$pid" && ((SECONDS < deadline)); do sleep 0.1; done
    kill -KILL -- "-$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  started_pids=()
  started_names=()
}

# port_holder PORT: "pid 12 (nginx)" of who listens on the TCP port, or nothing.
port_holder() {
  local inode fd pid
  inode=$(awk -v port="$(printf ':%04X' "$1")" \
    '$4 == "0A" && substr($2, length($2) - 4) == port { print $10; exit }' \
    /proc/net/tcp /proc/net/tcp6 2>/dev/null)
  [[ -n $inode ]] || return 0
  for fd in /proc/[0-9]*/fd/*; do
    if [[ $(readlink "$fd" 2>/dev/null) == "socket:[$inode]" ]]; then
      pid=${fd#/proc/}
      pid=${pid%%/*}
      echo "pid $pid ($(tr '\0' ' ' <"/proc/$pid/cmdline" | cut -c1-80))"
      return 0
    fi
  done
  echo "a process that cannot be named from here"
}

# require_ports PORT...: they are free, or an error that says who holds them.
require_ports() {
  local port holder busy=0
  for port in "$@"; do
    holder=$(port_holder "$port")
    [[ -z $holder ]] || { say "port $port is held by $holder"; busy=1; }
  done
  [[ $busy -eq 0 ]] || die "these ports must be free; end what holds them first"
}

# wait_listening NAME PORT SECONDS: until someone listens, or a program ended.
wait_listening() {
  local deadline=$((SECONDS + $3))
  until [[ -n $(port_holder "$2") ]]; do
    check_started
    ((SECONDS < deadline)) || die "$1 does not listen on port $2 after $3 s" \
      "(output: var/log/$1.log)"
    sleep 0.2
  done
}
