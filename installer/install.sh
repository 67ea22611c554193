# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# Sourced by run.sh and test.sh: installs missing packages and prepares the build.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
# shellcheck source=installer/packages.sh
source "$root/installer/packages.sh"

say() { printf '== %s\n' "$*"; }
fail() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}
usageError() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 2
}

# One job per processor, and at least 1 GiB of memory for each compiler.
defaultJobs() {
  local jobs gib
  jobs="$(nproc)"
  gib="$(awk '/^MemAvailable:/ {print int($2 / 1048576)}' /proc/meminfo 2>/dev/null || true)"
  if [[ -n "$gib" ]] && ((gib < jobs)); then
    jobs=$((gib > 0 ? gib : 1))
  fi
  echo "$jobs"
}

checkJobs() { [[ "$1" =~ ^[1-9][0-9]*$ ]] || usageError "--jobs needs a whole number from 1, got '$1'"; }

osField() { # osField ID: the value of a field of os-release, empty when it is not there
  local key value
  while IFS='=' read -r key value; do
    if [[ "$key" == "$1" ]]; then
      value="${value%\"}"
      echo "${value#\"}"
      return
    fi
  done < <(cat /etc/os-release 2>/dev/null)
}

isDebianLike() {
  case " $(osField ID) $(osField ID_LIKE) " in
    *" debian "* | *" ubuntu "*) command -v apt-get >/dev/null && command -v dpkg-query >/dev/null ;;
    *) false ;;
  esac
}

isInstalled() { [[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]; }

# Runs a command as root; the caller has made sure that this is possible.
asRoot() {
  if ((EUID == 0)); then
    env DEBIAN_FRONTEND=noninteractive "$@"
  else
    sudo env DEBIAN_FRONTEND=noninteractive "$@"
  fi
}

requireTools() {
  local tool absent=()
  for tool in g++ cmake ninja pkg-config; do
    command -v "$tool" >/dev/null || absent+=("$tool")
  done
  ((${#absent[@]} == 0)) || fail "cannot build without: ${absent[*]}. $1"
}

# installPackages "package: reason"...: installs those that are missing.
installPackages() {
  local entry name missing=() names=()
  for entry in "$@"; do
    names+=("${entry%%:*}")
  done
  if ! isDebianLike; then
    say "$(osField PRETTY_NAME) is neither Debian nor Ubuntu, so nothing is installed. Needed is what these Debian packages hold:"
    printf '     %s\n' "$@"
    requireTools "Install them and run this again."
    say "The build tools are here, so going on."
    return
  fi
  local id version
  id="$(osField ID)"
  version="$(osField VERSION_ID)"
  if [[ "$id $version" != "debian 12" ]]; then
    say "Only Debian 12 is tested; trying the same packages on $(osField PRETTY_NAME)."
  fi
  for entry in "$@"; do
    name="${entry%%:*}"
    isInstalled "$name" || missing+=("$entry")
  done
  if ((${#missing[@]} == 0)); then
    say "All ${#names[@]} packages are installed."
    return
  fi
  names=("${missing[@]%%:*}")
  say "Installing ${#missing[@]} of $# packages with apt-get:"
  printf '     %s\n' "${missing[@]}"
  if ((EUID != 0)) && ! command -v sudo >/dev/null; then
    fail "installing needs root and there is no sudo. As root: apt-get install ${names[*]}; then run this again with --no-install."
  fi
  asRoot apt-get -q -o DPkg::Lock::Timeout=300 update ||
    say "apt-get update reported an error; trying with the package lists that are here."
  asRoot apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 install --no-install-recommends "${names[@]}" ||
    fail "apt-get could not install: ${names[*]}. See its message above."
}

# prepare INSTALL(yes|no) "package: reason"...: packages, then the tools that must be there either way.
prepare() {
  local install="$1"
  shift
  if [[ "$(uname -s)-$(uname -m)" != Linux-x86_64 ]]; then
    say "This system is $(uname -s) on $(uname -m); MoEscope is built and tested on Linux x86-64 only. Trying."
  fi
  if [[ "$install" == yes ]]; then
    installPackages "$@"
  fi
  requireTools "Run without --no-install, or install these Debian packages or their like: ${MOESCOPE_BUILD_PACKAGES[*]%%:*}"
  # With these, files compiled for one checkout serve another one in a different folder.
  export CCACHE_BASEDIR="${CCACHE_BASEDIR:-$root}" CCACHE_NOHASHDIR="${CCACHE_NOHASHDIR:-1}"
}

# One line where there is an NVIDIA GPU that this build will not use.
cudaHint() {
  if [[ -e /proc/driver/nvidia/version || -e /dev/nvidia0 ]] && ! command -v nvcc >/dev/null && [[ ! -x /usr/local/cuda/bin/nvcc ]]; then
    say "There is an NVIDIA driver but no nvcc: building for the CPU only. With the CUDA Toolkit (13 or newer) installed, run this again."
  fi
}

# configure PRESET [-DNAME=VALUE...]
configure() {
  local output
  say "Configuring (preset $1)"
  output="$(cd "$root" && cmake --preset "$@" 2>&1)" || {
    printf '%s\n' "$output" >&2
    fail "cmake could not configure preset $1; the first error above names what is missing."
  }
}

# build PRESET JOBS [TARGET...]: everything when no target is named.
build() {
  local preset="$1" jobs="$2"
  shift 2
  say "Building (preset $preset, $jobs at a time)"
  (cd "$root" && cmake --build --preset "$preset" -j "$jobs" ${1:+--target "$@"}) ||
    fail "the build of preset $preset failed; see the first error above."
}

hasTarget() { # hasTarget PRESET TARGET
  # Without -q: grep must read to the end, or the writer dies of the closed pipe and pipefail reports it.
  (cd "$root" && cmake --build --preset "$1" --target help) | grep "^$2: " >/dev/null
}
