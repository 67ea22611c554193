#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Packs what checks and times the CUDA plugin into one file, for a machine that has a GPU but not what it takes to build.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"

usage() {
  cat <<'TEXT'
Usage: tests/gpu/bundle.sh [--build FOLDER] [OUT.tar.xz]

Needs a build with nvcc: cmake --preset release && cmake --build --preset release --target cuda_tests moescope_cuda moescope-cli cuda_products
There, unpack the file and run its gpu/run.sh; it needs an NVIDIA driver, cuBLAS of CUDA 13 and, for comparisons, a Python with torch.

  --build FOLDER   where that was built (default: build/release)
  OUT.tar.xz       what to write (default: out/gpu-checks.tar.xz)
TEXT
}

build="$root/build/release" out=
while (($#)); do
  case "$1" in
    --build)
      (($# >= 2)) || { echo "bundle.sh: --build needs a folder" >&2; exit 2; }
      build="$(cd "$2" && pwd)"
      shift
      ;;
    --help | -h) usage; exit 0 ;;
    -*) echo "bundle.sh: unknown option '$1'; --help lists the options" >&2; exit 2 ;;
    *) out="$1" ;;
  esac
  shift
done
[ -n "$out" ] || out="$root/out/gpu-checks.tar.xz"

programs=(tests/engine/cuda/cuda_tests app/moescope-cli tests/bench/cuda_products plugins/moescope_cuda.so)
for program in "${programs[@]}"; do
  [ -e "$build/$program" ] || { echo "bundle.sh: '$build/$program' is not there; build it first (--help says how)" >&2; exit 1; }
done

box="$(mktemp -d)"
trap 'rm -rf "$box"' EXIT
mkdir -p "$box/bin/plugins" "$box/lib" "$box/tests"
for program in "${programs[@]}"; do
  target="$box/bin/$(basename "$program")"
  [ "${program##*.}" = so ] && target="$box/bin/plugins/$(basename "$program")"
  strip -o "$target" "$build/$program"
done
# The other machine brings its C and C++ libraries and CUDA.
mapfile -t binaries < <(find "$box/bin" -type f)
ldd "${binaries[@]}" | awk '$2 == "=>" && $3 ~ /^\// {print $3}' | sort -u | while read -r library; do
  case "$(basename "$library")" in
    libc.so.* | libm.so.* | libdl.so.* | librt.so.* | libpthread.so.* | libstdc++.so.* | libgcc_s.so.* | libcublas* | libcuda*) ;;
    *) cp -L "$library" "$box/lib/" ;;
  esac
done
cp -r "$root/tests/golden" "$box/tests/golden"
cp -r "$root/tests/bench" "$box/tests/bench"
cp -r "$root/tests/gpu" "$box/gpu"
mkdir -p "$(dirname "$out")"
tar -C "$box" -caf "$out" .
echo "$out: $(du -h "$out" | cut -f1)"
