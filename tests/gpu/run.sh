#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Checks and times the CUDA plugin from an unpacked bundle (see bundle.sh). One folder of logs, a summary at the end.
set -uo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

usage() {
  cat <<'TEXT'
Usage: gpu/run.sh [--logs FOLDER] [--python PROGRAM] [--pairs N] [JOB ...]

Jobs, in this order unless some are named:
  tests      every test on the device, and verify of the reference cases in fp32 and bf16
  sanitize   the tests but whole models under compute-sanitizer: memcheck, racecheck, initcheck, synccheck
  products   the experts' products alone against cuBLASLt, with the device's own kernels and with the portable ones
  bench      forward passes, their operations against the device's limits, 50 steps, loading, what capture costs
  compare    forward passes against PyTorch, N pairs of processes each (default 20)

  --logs FOLDER      where the logs go (default: gpu-logs)
  --python PROGRAM   a Python with torch, for compare (default: python3)
TEXT
}

logs=gpu-logs python=python3 pairs=20 jobs=()
while (($#)); do
  case "$1" in
    --logs | --python | --pairs)
      (($# >= 2)) || { echo "run.sh: $1 needs a value" >&2; exit 2; }
      declare "${1#--}=$2"
      shift
      ;;
    --help | -h) usage; exit 0 ;;
    tests | sanitize | products | bench | compare) jobs+=("$1") ;;
    *) echo "run.sh: unknown argument '$1'; --help lists them" >&2; exit 2 ;;
  esac
  shift
done
((${#jobs[@]})) || jobs=(tests sanitize products bench compare)

mkdir -p "$logs"
export LD_LIBRARY_PATH="$here/lib:${CUDA_HOME:-/usr/local/cuda}/lib64${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export MOESCOPE_TEST_GOLDEN="$here/tests/golden" MOESCOPE_TEST_CUDA_PLUGIN="$here/bin/plugins/moescope_cuda.so"
export MOESCOPE_PLUGIN_DIR="$here/bin/plugins"
cli="$here/bin/moescope-cli" cudaTests="$here/bin/cuda_tests"
failed=0

# step NAME COMMAND...: runs it with a log of its own and says how it went.
step() {
  local name="$1" start code
  shift
  start="$(date +%s)"
  "$@" >"$logs/$name.log" 2>&1
  code=$?
  printf '%-28s exit %d, %d s\n' "$name" "$code" "$(($(date +%s) - start))"
  ((code == 0)) || { failed=1; tail -n 5 "$logs/$name.log" | sed 's/^/    /'; }
}

nvidia-smi >"$logs/device.log" 2>&1 || { echo "run.sh: nvidia-smi finds no GPU here" >&2; exit 1; }
for job in "${jobs[@]}"; do
  case "$job" in
    tests)
      step tests "$cudaTests" --gtest_filter='Device/*'
      grep -E '^\[  (PASSED|SKIPPED|FAILED) +\] [0-9]+ test' "$logs/tests.log" | sed 's/^/    /'
      for dtype in f32 bf16; do
        for folder in "$MOESCOPE_TEST_GOLDEN"/{dsmoe,jitmoe,diffmoe,ecdit,tcdit,promoe}-tiny "$MOESCOPE_TEST_GOLDEN"/ditmoe-*; do
          step "verify-$(basename "$folder")-$dtype" "$cli" verify --device cuda --dtype "$dtype" "$folder"
        done
      done
      ;;
    sanitize)
      for tool in memcheck racecheck initcheck synccheck; do
        MOESCOPE_CUDA_POOL=0 step "$tool" compute-sanitizer --tool "$tool" --report-api-errors no --error-exitcode 9 "$cudaTests" \
          --gtest_filter='Device/*-*Golden*:*Runs*:*SurvivesEvery*'
      done
      ;;
    products)
      step products "$here/bin/cuda_products"
      MOESCOPE_CUDA_CAPABILITY=80 step products-portable "$here/bin/cuda_products"
      ;;
    bench)
      for dtype in f32 bf16; do
        step "forward-$dtype" "$cli" bench --device cuda --dtype "$dtype" --size DSMoE-S-E48 DSMoE-B-E48 DSMoE-L-E16 --batch 2 --repeat 50
        step "run-$dtype" "$cli" bench --case run --device cuda --dtype "$dtype" --size DSMoE-S-E48 --steps 50
        step "capture-$dtype" "$cli" bench --case capture --device cuda --dtype "$dtype" --size DSMoE-S-E48 --steps 50 --repeat 20
        step "operations-$dtype" "$cli" bench --case operations --device cuda --dtype "$dtype" --size DSMoE-S-E48 DSMoE-B-E48 --batch 2
      done
      step operations-batch32 "$cli" bench --case operations --device cuda --dtype bf16 --size DSMoE-L-E16 --batch 32
      step operations-3b "$cli" bench --case operations --device cuda --dtype bf16 --size DSMoE-3B-E16 --batch 2
      step load "$cli" bench --case load --device cuda --dtype bf16 --size DSMoE-L-E16 --repeat 3
      ;;
    compare)
      step compare "$python" "$here/tests/bench/compare.py" --cli "$cli" --python "$python" --device cuda --dtype f32 bf16 --pairs "$pairs" \
        --json "$logs/compare.json"
      ;;
  esac
done
exit $failed
