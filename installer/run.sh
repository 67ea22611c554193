#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Installs what is missing, builds MoEscope and runs it on the embedded model.
set -euo pipefail
# shellcheck source=installer/install.sh
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"

usage() {
  cat <<'TEXT'
Usage: installer/run.sh [--no-install] [--jobs N] [-- ARGUMENTS OF moescope-cli]

Installs missing packages and builds. With a display it then opens the window on the embedded model. Without one it makes a
picture of "a red heart": the picture, the session file and the routing report are written to out/ in this checkout; a second
run replaces them.

  --no-install   leave packages alone
  --jobs N       compile N files at a time (default: one per processor)
  --help         show this text

For CUDA: the GPU's part is built too where nvcc is found. Install an NVIDIA driver and the CUDA Toolkit (13 or newer, from
NVIDIA's or your distribution's packages), put nvcc in the PATH, and run this again.

Arguments after -- replace that job, for example:
  installer/run.sh -- generate -m embedded -p pizza -o pizza.png
  installer/run.sh -- info embedded
TEXT
}

install=yes
jobs="$(defaultJobs)"
while (($#)); do
  case "$1" in
    --no-install) install=no ;;
    --jobs | -j)
      (($# >= 2)) || usageError "$1 needs a number"
      checkJobs "$2"
      jobs="$2"
      shift
      ;;
    --help | -h)
      usage
      exit 0
      ;;
    --)
      shift
      break
      ;;
    *) usageError "unknown option '$1'; --help lists the options" ;;
  esac
  shift
done

prepare "$install" "${MOESCOPE_BUILD_PACKAGES[@]}"
configure release
cudaHint
plugin=()
if hasTarget release moescope_cuda; then
  plugin=(moescope_cuda)
fi

# The window, where it is part of this checkout, there is a display, and no other job was asked for.
if (($# == 0)) && [[ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]] && hasTarget release moescope; then
  build release "$jobs" moescope "${plugin[@]}"
  say "Starting the window"
  exec "$root/build/release/app/moescope"
fi

build release "$jobs" moescope-cli "${plugin[@]}"
program="$root/build/release/app/moescope-cli"
if (($#)); then
  exec "$program" "$@"
fi

prompt="a red heart"
out="$root/out"
mkdir -p "$out"
picture="$out/red-heart.png" session="$out/red-heart.moescope" report="$out/red-heart-routing.txt"
say "Generating \"$prompt\" with the embedded model"
"$program" generate -m embedded -p "$prompt" -o "$picture" --session "$session" --report "$report"
say "Picture:        $picture"
say "Session file:   $session"
say "Routing report: $report"
say "The program:    $program (try --help)"
