// SPDX-License-Identifier: GPL-3.0-or-later
// A chart's numbers as CSV.
#pragma once

#include <string>

#include "viz/charts/chart_spec.h"

namespace moescope {

/// tableOf as UTF-8 CSV (RFC 4180, lines end with \n): a header row, then numbers in full precision; an empty field is a cell without
/// data. An empty chart gives an empty text.
std::string chartCsv(const ChartSpec& chart);

}  // namespace moescope
