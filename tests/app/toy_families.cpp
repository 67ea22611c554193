// SPDX-License-Identifier: GPL-3.0-or-later
// Linked beside the command line's main function: its commands then know the toy networks of the tests as well.
#include "tests/support/mixer_network.h"

namespace {

const bool kRegistered = [] {
    moescope::test::registerMixerFamily();
    return true;
}();

}  // namespace
