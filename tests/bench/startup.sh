#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# How long a person waits: from starting the window to the model being listed, and from Ctrl+Enter to the first picture.
#   tests/bench/startup.sh [STARTS (10)] [RUNS (5)] [PROGRAM]
# The stopwatch is here: the program writes a word into a pipe when something has been painted (MOESCOPE_STARTUP_PROBE), and the clock
# is read when the word arrives. Needs xvfb and xdotool; uses a profile of its own.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
starts="${1:-10}" runs="${2:-5}" program="${3:-$root/build/release/app/moescope}"
for tool in xvfb-run xdotool; do
  command -v "$tool" >/dev/null || { echo "startup.sh: needs $tool" >&2; exit 1; }
done
if [[ -z "${MOESCOPE_BENCH_DISPLAY:-}" ]]; then
  MOESCOPE_BENCH_DISPLAY=1 exec xvfb-run -a -s "-screen 0 1280x900x24" "${BASH_SOURCE[0]}" "$starts" "$runs" "$program"
fi

folder="$(mktemp -d)"
pid=''
finish() {
  [[ -z "$pid" ]] || kill "$pid" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT
export XDG_CONFIG_HOME="$folder/config" XDG_DATA_HOME="$folder/data" XDG_CACHE_HOME="$folder/cache" XDG_RUNTIME_DIR="$folder"
chmod 700 "$folder"
mkfifo "$folder/probe"
exec 3<>"$folder/probe"

microseconds() { echo "${EPOCHREALTIME/[.,]/}"; }
# await WORD: until the program has said it; the time is then in `now`.
await() {
  local word
  while IFS= read -r -t 60 -u 3 word; do
    now="$(microseconds)"
    [[ "$word" == "$1" ]] && return
  done
  echo "startup.sh: the program did not say '$1' within a minute" >&2
  exit 1
}
start() {
  begun="$(microseconds)"
  MOESCOPE_STARTUP_PROBE="$folder/probe" "$program" 2>>"$folder/stderr" &
  pid=$!
}
stop() {
  kill "$pid"
  wait "$pid" 2>/dev/null || true
  pid=''
  while IFS= read -r -t 0.05 -u 3 _; do :; done
}
report() { # report NAME MICROSECONDS...
  local name="$1"
  shift
  printf '%s\n' "$@" | sort -n | awk -v name="$name" '{v[NR] = $1 / 1000} END {
    m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2
    printf "%-34s median %6.0f ms   least %6.0f   most %6.0f   of %d\n", name, m, v[1], v[NR], NR}'
}

echo "load average: $(cut -d' ' -f1-3 /proc/loadavg), processors: $(nproc)"
start
await weights
stop # the first start reads everything into the system's cache
model=() weights=()
for ((i = 0; i < starts; ++i)); do
  start
  await model
  model+=($((now - begun)))
  await weights
  weights+=($((now - begun)))
  stop
done
report "start to model listed" "${model[@]}"
report "start to weights in memory" "${weights[@]}"

preview=() picture=()
for ((i = 0; i < runs; ++i)); do
  start
  await weights
  window="$(xdotool search --sync --onlyvisible --pid "$pid" --name MoEscope | tail -1)"
  xdotool windowfocus --sync "$window" key alt+a
  xdotool type pizza
  sleep 0.5
  begun="$(microseconds)"
  xdotool key ctrl+Return
  await preview
  preview+=($((now - begun)))
  await picture
  picture+=($((now - begun)))
  stop
done
report "Ctrl+Enter to first preview" "${preview[@]}"
report "Ctrl+Enter to finished picture" "${picture[@]}"
