#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# bundle.sh and run.sh with programs that do nothing, in a folder of their own: what is packed, what is run, what is said.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
box="$(mktemp -d)"
trap 'rm -rf "$box"' EXIT
fail() {
  echo "scripts_test.sh: $1" >&2
  exit 1
}

mkdir -p "$box/build/tests/engine/cuda" "$box/build/app" "$box/build/tests/bench" "$box/build/plugins" "$box/fake" "$box/there"
if "$here/bundle.sh" --build "$box/build" "$box/checks.tar.gz" 2>"$box/err"; then fail "an empty build was packed"; fi
grep -q "cuda_tests' is not there; build it first" "$box/err" || fail "what is missing was not said: $(cat "$box/err")"
if "$here/bundle.sh" --nonsense 2>/dev/null; then fail "an unknown option was taken"; fi

for program in tests/engine/cuda/cuda_tests app/moescope-cli tests/bench/cuda_products plugins/moescope_cuda.so; do
  cp "$(type -P true)" "$box/build/$program"
done
"$here/bundle.sh" --build "$box/build" "$box/checks.tar.gz" >/dev/null
tar -C "$box/there" -xzf "$box/checks.tar.gz"
for part in bin/cuda_tests bin/moescope-cli bin/plugins/moescope_cuda.so gpu/run.sh tests/golden/dsmoe-tiny/case.json tests/bench/compare.py; do
  [ -e "$box/there/$part" ] || fail "'$part' was not packed"
done

cd "$box"
printf '#!/bin/sh\nexit 9\n' >"$box/fake/nvidia-smi"
chmod +x "$box/fake/nvidia-smi"
export PATH="$box/fake:$PATH"
if "$box/there/gpu/run.sh" --logs "$box/none" products 2>"$box/err"; then fail "ran without a GPU"; fi
grep -q "finds no GPU here" "$box/err" || fail "the missing GPU was not said: $(cat "$box/err")"
printf '#!/bin/sh\necho a GPU\n' >"$box/fake/nvidia-smi"
"$box/there/gpu/run.sh" --logs "$box/logs" tests products >"$box/out" || fail "programs that succeed were not enough: $(cat "$box/out")"
grep -q "^tests  *exit 0" "$box/out" || fail "the tests were not run: $(cat "$box/out")"
grep -q "^verify-dsmoe-tiny-bf16  *exit 0" "$box/out" || fail "the reference cases were not run: $(cat "$box/out")"
grep -q "^products-portable  *exit 0" "$box/out" || fail "the portable products were not run: $(cat "$box/out")"
[ -f "$box/logs/tests.log" ] || fail "there is no log"
printf '#!/bin/sh\necho broken\nexit 3\n' >"$box/there/bin/cuda_products"
if "$box/there/gpu/run.sh" --logs "$box/logs" products >"$box/out"; then fail "a failure was not passed on"; fi
grep -q "^products  *exit 3" "$box/out" || fail "the failure was not named: $(cat "$box/out")"
grep -q "^    broken" "$box/out" || fail "the log's end was not shown: $(cat "$box/out")"
