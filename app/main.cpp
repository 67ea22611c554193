// SPDX-License-Identifier: GPL-3.0-or-later
// `moescope`: the desktop program.
#include "app/application.h"

int main(int argc, char** argv) {
    return moescope::runApplication(argc, argv);
}
