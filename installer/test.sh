#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Installs what is missing, builds everything and runs every test; on a build server also under sanitizers.
set -euo pipefail
# shellcheck source=installer/install.sh
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"

# Which tests run under sanitizers: extended regular expressions for ctest. The labels named here are left out.
: "${MOESCOPE_SANITIZE_TESTS:=.}"
: "${MOESCOPE_SANITIZE_EXCLUDE:=^(Emulated|Reversed)/}" # kernels on a stand-in for CUDA, whose fibers sanitizers do not follow
: "${MOESCOPE_SANITIZE_EXCLUDE_LABELS:=slow}"

usage() {
  cat <<'TEXT'
Usage: installer/test.sh [--no-install] [--jobs N] [--sanitize | --no-sanitize]

Installs missing packages, builds everything and runs every test. The last lines are ctest's summary; the exit status
is 0 only when everything passed.

  --no-install    leave packages alone
  --jobs N        compile N files and run N tests at a time (default: one per processor)
  --sanitize      also build engine and readers with AddressSanitizer and UndefinedBehaviorSanitizer and run their
                  tests first (default when CI=true)
  --no-sanitize   do not, even when CI=true
  --help          show this text

MOESCOPE_SANITIZE_TESTS, MOESCOPE_SANITIZE_EXCLUDE and MOESCOPE_SANITIZE_EXCLUDE_LABELS (regular expressions on test
names and labels) choose what runs under sanitizers; tests labelled "slow" are left out by default.
TEXT
}

install=yes
jobs="$(defaultJobs)"
sanitize=no
if [[ "${CI:-}" == true ]]; then
  sanitize=yes
fi
while (($#)); do
  case "$1" in
    --no-install) install=no ;;
    --sanitize) sanitize=yes ;;
    --no-sanitize) sanitize=no ;;
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
    *) usageError "unknown option '$1'; --help lists the options" ;;
  esac
  shift
done

packages=("${MOESCOPE_BUILD_PACKAGES[@]}" "${MOESCOPE_TEST_PACKAGES[@]}")
if [[ "${CI:-}" == true ]]; then
  packages+=("${MOESCOPE_OPTIONAL_PACKAGES[@]}")
fi
prepare "$install" "${packages[@]}"

configure release
build release "$jobs"

sanitizersPassed=yes
if [[ "$sanitize" == yes ]]; then
  configure dev-asan -DMOESCOPE_APP=OFF
  build dev-asan "$jobs"
  say "Running engine and reader tests under AddressSanitizer and UndefinedBehaviorSanitizer"
  (
    export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"
    ctest --test-dir "$root/build/dev-asan" --output-on-failure --no-tests=error -j "$jobs" \
      -R "$MOESCOPE_SANITIZE_TESTS" -LE "$MOESCOPE_SANITIZE_EXCLUDE_LABELS" \
      ${MOESCOPE_SANITIZE_EXCLUDE:+-E "$MOESCOPE_SANITIZE_EXCLUDE"}
  ) || sanitizersPassed=no
fi

say "Running every test"
testsPassed=yes
ctest --test-dir "$root/build/release" --output-on-failure --no-tests=error -j "$jobs" || testsPassed=no

if [[ "$sanitizersPassed" == no ]]; then
  fail "the tests above that ran under sanitizers failed."
fi
[[ "$testsPassed" == yes ]]
