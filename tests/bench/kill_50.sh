#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Kills the real window at random moments of generating and saving, then looks at what is left of History.
#   tests/bench/kill_50.sh [KILLS (50)] [BUILD FOLDER]
# Every round starts the window with the same private profile, orders many runs with Ctrl+Enter and sends SIGKILL after 0 to 2 s.
# Sessions that were there at a kill must be there afterwards, byte for byte, and every session must open. Needs xvfb and xdotool.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
kills="${1:-50}" build="${2:-$root/build/release}"
program="$build/app/moescope" check="$build/tests/bench/kill_50_check"
for tool in xvfb-run xdotool "$program" "$check"; do
  command -v "$tool" >/dev/null || { echo "kill_50.sh: needs $tool (build the targets moescope and kill_50_check)" >&2; exit 1; }
done
if [[ -z "${MOESCOPE_BENCH_DISPLAY:-}" ]]; then
  MOESCOPE_BENCH_DISPLAY=1 exec xvfb-run -a -s "-screen 0 1280x900x24" "${BASH_SOURCE[0]}" "$kills" "$build"
fi

folder="$(mktemp -d)"
pid= keys=
finish() {
  [[ -z "$keys" ]] || kill "$keys" 2>/dev/null || true
  [[ -z "$pid" ]] || kill -KILL "$pid" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT
export XDG_CONFIG_HOME="$folder/config" XDG_DATA_HOME="$folder/data" XDG_CACHE_HOME="$folder/cache" XDG_RUNTIME_DIR="$folder"
chmod 700 "$folder"
mkdir -p "$folder/config/moescope"
history="$folder/data/moescope/history"
mkfifo "$folder/probe"
exec 3<>"$folder/probe"
await() {
  local word
  while IFS= read -r -t 60 -u 3 word; do
    [[ "$word" == "$1" ]] && return
  done
  echo "kill_50.sh: the program did not say '$1' within a minute" >&2
  exit 1
}

missing=0 unfinished=0 going=0
declare -A seen=()
for ((round = 1; round <= kills; ++round)); do
  # Small runs are saved many times a second; larger ones are killed while they are made.
  if ((round % 3)); then pictures=1 steps=3; else pictures=4 steps=25; fi
  "$check" --settings "$folder/config/moescope/moescope.ini" "$pictures" "$steps"
  MOESCOPE_STARTUP_PROBE="$folder/probe" "$program" 2>>"$folder/stderr" &
  pid=$!
  await weights
  window="$(xdotool search --sync --onlyvisible --pid "$pid" --name MoEscope | tail -1)"
  xdotool windowfocus --sync "$window" key --repeat 200 --delay 5 ctrl+Return 2>/dev/null &
  keys=$!
  await preview
  sleep "$(awk -v r="$RANDOM" 'BEGIN {printf "%.3f", 2 * r / 32767}')"
  kill -KILL "$pid"
  wait "$pid" 2>/dev/null || true
  kill "$keys" 2>/dev/null || true
  wait "$keys" 2>/dev/null || true
  pid= keys=
  while IFS= read -r -t 0.05 -u 3 _; do :; done

  # What the kill left, before anything cleans up.
  if compgen -G "$history/*.part" >/dev/null || compgen -G "$history/*.claim" >/dev/null; then unfinished=$((unfinished + 1)); fi
  before=${#seen[@]}
  for name in "${!seen[@]}"; do
    [[ -f "$history/$name" && "$(cksum <"$history/$name")" == "${seen[$name]}" ]] || { echo "LOST $name" && missing=$((missing + 1)); }
  done
  for file in "$history"/*.moescope; do
    [[ -e "$file" ]] || continue
    name="$(basename "$file")"
    [[ -n "${seen[$name]:-}" ]] || seen[$name]="$(cksum <"$file")"
  done
  ((${#seen[@]} == before)) || going=$((going + 1))
done
echo "$kills kills: $going of them after sessions had been saved in that round, $unfinished with a file half written; ${#seen[@]} sessions, $missing lost or changed"
status=0
"$check" --look "$history" || status=1
((missing == 0)) || status=1
((status == 0)) && echo "History is intact." || echo "History is NOT intact."
exit "$status"
