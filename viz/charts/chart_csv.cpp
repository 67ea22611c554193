// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/charts/chart_csv.h"

namespace moescope {
namespace {

QString csvField(const QString& text) {
    const bool quote = text.contains(QLatin1Char(',')) || text.contains(QLatin1Char('"')) || text.contains(QLatin1Char('\n'));
    if (!quote) return text;
    QString inner = text;
    return QLatin1Char('"') + inner.replace(QLatin1Char('"'), QLatin1String("\"\"")) + QLatin1Char('"');
}

QString csvLine(const QStringList& fields) {
    QStringList quoted;
    for (const QString& field : fields) quoted << csvField(field);
    return quoted.join(QLatin1Char(',')) + QLatin1Char('\n');
}

}  // namespace

std::string chartCsv(const ChartSpec& chart) {
    const ChartTable table = tableOf(chart);
    if (table.header.isEmpty()) return {};
    QString text = csvLine(table.header);
    for (const QStringList& row : table.rows) text += csvLine(row);
    return text.toStdString();
}

}  // namespace moescope
