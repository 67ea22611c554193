# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2034 # sourced; the lists are used by install.sh
# The Debian packages of this project, each stated once as "package: what it is for".

# Needed to configure and build the engine, the programs and the tests.
MOESCOPE_BUILD_PACKAGES=(
  "g++: C++20 compiler"
  "cmake: configures the build and runs the tests"
  "ninja-build: runs the build"
  "pkg-config: finds libraries that bring no CMake package"
  "nlohmann-json3-dev: reads and writes JSON"
  "libyaml-cpp-dev: reads the config files beside checkpoints"
  "libfmt-dev: formats text"
  "libhwy-dev: SIMD kernels chosen at run time"
  "libpng-dev: reads and writes pictures"
  "libjpeg-dev: reads JPEG pictures of data sets"
  "libwebp-dev: reads WebP pictures of data sets"
  "libarchive-dev: reads and writes tar shards of data sets"
  "libfreetype-dev: draws the emoji of 'dataset emoji'"
  "libexpat1-dev: reads the names of emoji"
  "zlib1g-dev: inflates checkpoint entries and pictures"
  "libminizip-dev: opens .pt and .pth archives"
  "libsentencepiece-dev: cuts prompts into pieces of words"
  "libcli11-dev: parses the command line"
  "libgtest-dev: test framework; configuring looks for it"
  "qt6-base-dev: the window"
  "qt6-svg-dev: icons, and charts as SVG"
  "libqt6svg6: draws icons when the program runs"
  "qt6-tools-dev: translations in the build"
  "qt6-tools-dev-tools: translations in the build"
  "qt6-l10n-tools: translations in the build"
  "libqcustomplot-dev: charts"
  "fonts-dejavu-core: a font for charts where there is none"
)

# Needed in addition to run every test: one opens a session file from Python, some draw emoji.
MOESCOPE_TEST_PACKAGES=(
  "python3: runs the session reader in its test"
  "python3-numpy: arrays of the session reader"
  "fonts-noto-color-emoji: the pictures of 'dataset emoji'"
  "unicode-cldr-core: the names of 'dataset emoji'"
)

# Needed in addition to make the Debian package.
MOESCOPE_PACKAGING_PACKAGES=(
  "dpkg-dev: finds the libraries that the programs need"
  "file: tells programs from data"
  "fakeroot: files in the package belong to root"
)

# Make repeated builds cheaper. Used when present; installed only on a build server (CI=true).
MOESCOPE_OPTIONAL_PACKAGES=(
  "ccache: reuses compiled files"
)
