#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Builds the Debian package of MoEscope.
set -euo pipefail
# shellcheck source=installer/install.sh
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"

if [[ "${1:-}" == --help || "${1:-}" == -h ]]; then
  echo "Usage: installer/package.sh [--no-install]

Installs missing packages, builds the programs and writes moescope_VERSION_amd64.deb into out/."
  exit 0
fi
install=yes
if [[ "${1:-}" == --no-install ]]; then
  install=no
elif (($#)); then
  usageError "unknown option '$1'; --help lists the options"
fi
prepare "$install" "${MOESCOPE_BUILD_PACKAGES[@]}" "${MOESCOPE_PACKAGING_PACKAGES[@]}"
configure release
build release "$(defaultJobs)" moescope moescope-cli
mkdir -p "$root/out"
rm -rf "$root/build/release/package"
(cd "$root" && cpack --config build/release/CPackConfig.cmake -B build/release/package >build/release/cpack.log 2>&1) ||
  fail "the package could not be made: $(tail -n 3 "$root/build/release/cpack.log")"
rm -f "$root"/out/moescope_*.deb
cp "$root"/build/release/package/moescope_*.deb "$root/out/"
package=("$root"/out/moescope_*.deb)
say "Package: ${package[0]}"
say "Install it with: sudo apt install ${package[0]}"
