// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/charts/chart_spec.h"

#include <QCoreApplication>
#include <QLocale>
#include <cmath>

namespace moescope {
namespace {

struct ChartText {
    Q_DECLARE_TR_FUNCTIONS(ChartText)
};

const HeatMapSpec* heatMap(const ChartSpec& chart) {
    return std::get_if<HeatMapSpec>(&chart.body);
}

const SeriesSpec& series(const ChartSpec& chart) {
    return std::get<SeriesSpec>(chart.body);
}

QString labelAt(const CategoryAxis& axis, int index) {
    return index < axis.labels.size() ? axis.labels[index] : QString::number(index);
}

/// "expert 3", "evaluation 12 (t = 0.48)".
QString placeOn(const CategoryAxis& axis, int index) {
    QString text = axis.title.isEmpty() ? labelAt(axis, index) : axis.title + QLatin1Char(' ') + labelAt(axis, index);
    if (!axis.unit.isEmpty()) text += QLatin1Char(' ') + axis.unit;
    QStringList said;
    if (index < axis.details.size()) said << axis.details[index];
    if (index == axis.marked) said << axis.markName;
    said.removeAll(QString());
    if (!said.isEmpty()) text += QStringLiteral(" (%1)").arg(said.join(QStringLiteral(", ")));
    return text;
}

/// A label in a table, where no sign is explained.
QString tableLabel(const CategoryAxis& axis, int index) {
    const QString label = labelAt(axis, index);
    return index == axis.marked && !axis.markName.isEmpty() ? QStringLiteral("%1 (%2)").arg(label, axis.markName) : label;
}

QString valueText(double value, const QString& quantity, const QString& unit, const QString& unitOne) {
    if (unit.isEmpty()) return quantity + QLatin1Char(' ') + numberText(value);
    return numberText(value) + QLatin1Char(' ') + (value == 1 && !unitOne.isEmpty() ? unitOne : unit);
}

QString exactText(double value) {
    if (!hasData(value)) return {};
    return QString::number(value == 0 ? 0.0 : value, 'g', QLocale::FloatingPointShortest);
}

QString placeText(const ChartSpec& chart, int row, int column) {
    if (const HeatMapSpec* map = heatMap(chart))
        return ChartText::tr("%1, %2", "two places: row, column").arg(placeOn(map->rows, row), placeOn(map->columns, column));
    const SeriesSpec& spec = series(chart);
    const QString& name = spec.series[static_cast<size_t>(row)].name;
    const QString x = placeOn(spec.x, column);
    return name.isEmpty() ? x : ChartText::tr("%1, %2", "two places: row, column").arg(name, x);
}

/// What one table is about, beside the name of its first column.
QString cornerText(const QString& title, const QString& quantity, const QString& unit) {
    const QString what = unit.isEmpty() || unit == quantity ? quantity : quantity + QStringLiteral(", ") + unit;
    return what.isEmpty() ? title : QStringLiteral("%1 (%2)").arg(title, what);
}

}  // namespace

QString shownLabel(const CategoryAxis& axis, int index) {
    return index == axis.marked ? labelAt(axis, index) + axis.markSign : labelAt(axis, index);
}

QString shownTitle(const CategoryAxis& axis) {
    if (axis.marked < 0 || axis.markSign.isEmpty()) return axis.title;
    return ChartText::tr("%1 (%2: %3)", "title of an axis, a sign, what the sign means").arg(axis.title, axis.markSign, axis.markName);
}

int layerNumber(const ChartSpec& chart, int row) {
    const bool known = row >= 0 && static_cast<size_t>(row) < chart.layerNumbers.size();
    return known ? chart.layerNumbers[static_cast<size_t>(row)] : row;
}

int chartRows(const ChartSpec& chart) {
    if (chart.empty()) return 0;
    const HeatMapSpec* map = heatMap(chart);
    return static_cast<int>(map ? map->values.rows : static_cast<int64_t>(series(chart).series.size()));
}

int chartColumns(const ChartSpec& chart) {
    if (chart.empty()) return 0;
    if (const HeatMapSpec* map = heatMap(chart)) return static_cast<int>(map->values.cols);
    size_t columns = static_cast<size_t>(series(chart).x.labels.size());
    for (const Series& one : series(chart).series) columns = std::max(columns, one.y.size());
    return static_cast<int>(columns);
}

double chartValue(const ChartSpec& chart, int row, int column) {
    if (row < 0 || column < 0 || row >= chartRows(chart) || column >= chartColumns(chart)) return noData;
    if (const HeatMapSpec* map = heatMap(chart)) return map->values.at(row, column);
    const std::vector<double>& y = series(chart).series[static_cast<size_t>(row)].y;
    return static_cast<size_t>(column) < y.size() ? y[static_cast<size_t>(column)] : noData;
}

ChartTable tableOf(const ChartSpec& chart) {
    ChartTable table;
    if (chart.empty()) return table;
    const int rows = chartRows(chart), columns = chartColumns(chart);
    if (const HeatMapSpec* map = heatMap(chart)) {
        table.header << cornerText(map->rows.title, map->quantity, map->unit);
        for (int column = 0; column < columns; ++column)
            table.header << map->columns.title + QLatin1Char(' ') + tableLabel(map->columns, column);
        const std::vector<double>& beside = map->beside.values;
        if (!beside.empty()) table.header.insert(1, map->beside.title);
        for (int row = 0; row < rows; ++row) {
            QStringList line{tableLabel(map->rows, row)};
            if (!beside.empty()) line << (static_cast<size_t>(row) < beside.size() ? exactText(beside[static_cast<size_t>(row)]) : QString());
            for (int column = 0; column < columns; ++column) line << exactText(chartValue(chart, row, column));
            table.rows.push_back(std::move(line));
        }
        return table;
    }
    const SeriesSpec& spec = series(chart);
    const bool named = rows != 1 || !spec.series.front().name.isEmpty();
    table.header << (named ? cornerText(spec.x.title, spec.quantity, spec.unit) : spec.x.title);
    for (const Series& one : spec.series)
        table.header << (one.name.isEmpty() ? quantityLabel(spec.quantity, spec.unit) : one.name);
    for (int column = 0; column < columns; ++column) {
        QStringList line{tableLabel(spec.x, column)};
        for (int row = 0; row < rows; ++row) line << exactText(chartValue(chart, row, column));
        table.rows.push_back(std::move(line));
    }
    return table;
}

QString numberText(double value) {
    if (!hasData(value)) return ChartText::tr("no data");
    QLocale locale;
    locale.setNumberOptions(QLocale::OmitGroupSeparator);
    const double size = std::abs(value);
    if ((value == std::round(value) && size < 1e15) || (size >= 100 && size < 1e15))
        return locale.toString(static_cast<qlonglong>(std::llround(value)));
    return locale.toString(value, 'g', 3);
}

QString quantityLabel(const QString& quantity, const QString& unit) {
    return unit.isEmpty() || unit == quantity ? quantity : QStringLiteral("%1 (%2)").arg(quantity, unit);
}

QString cellText(const ChartSpec& chart, int row, int column) {
    if (row < 0 || column < 0 || row >= chartRows(chart) || column >= chartColumns(chart)) return {};
    const QString place = placeText(chart, row, column);
    const double value = chartValue(chart, row, column);
    const HeatMapSpec* map = heatMap(chart);
    if (hasData(value)) {
        const QString text = map ? valueText(value, map->quantity, map->unit, map->unitOne)
                                 : valueText(value, series(chart).quantity, series(chart).unit, series(chart).unitOne);
        return ChartText::tr("%1: %2", "place: value").arg(place, text);
    }
    const int reached = map ? map->columnsReached : series(chart).xReached;
    const bool exists = !map || map->rowCells.empty() || column < map->rowCells[static_cast<size_t>(row)];
    const QString& missing = map ? map->missing : series(chart).missing;
    QString why = missing.isEmpty() ? ChartText::tr("no data") : missing;
    if (!exists)
        why = ChartText::tr("does not exist here");
    else if (reached >= 0 && column >= reached)
        why = ChartText::tr("still to come");
    return ChartText::tr("%1: %2", "place: value").arg(place, why);
}

QString summaryOf(const ChartSpec& chart) {
    if (chart.empty()) return chart.emptyText;
    const int rows = chartRows(chart), columns = chartColumns(chart);
    int least = -1, most = -1;  // row * columns + column
    for (int cell = 0; cell < rows * columns; ++cell) {
        const double value = chartValue(chart, cell / columns, cell % columns);
        if (!hasData(value)) continue;
        if (least < 0 || value < chartValue(chart, least / columns, least % columns)) least = cell;
        if (most < 0 || value > chartValue(chart, most / columns, most % columns)) most = cell;
    }
    const QString about =
        chart.subtitle.isEmpty() ? chart.title : ChartText::tr("%1, %2", "title, part of the run").arg(chart.title, chart.subtitle);
    const HeatMapSpec* map = heatMap(chart);
    QString size;
    if (map)
        size = ChartText::tr("a map of %1 rows (%2) and %3 columns (%4)")
                   .arg(QString::number(rows), map->rows.title, QString::number(columns), map->columns.title);
    else if (series(chart).form == SeriesSpec::Form::Bars && rows == 1)
        size = ChartText::tr("%1 bars (%2)").arg(QString::number(columns), series(chart).x.title);
    else if (series(chart).form == SeriesSpec::Form::Stacked)
        size = ChartText::tr("%1 parts over %2 values (%3)").arg(QString::number(rows), QString::number(columns), series(chart).x.title);
    else
        size = ChartText::tr("%1 lines over %2 values (%3)").arg(QString::number(rows), QString::number(columns), series(chart).x.title);
    if (most < 0) return ChartText::tr("%1: %2, without data.").arg(about, size);
    const QString text = ChartText::tr("%1: %2; largest at %3; smallest at %4.")
                             .arg(about, size, cellText(chart, most / columns, most % columns), cellText(chart, least / columns, least % columns));
    return chart.note.isEmpty() ? text : text + QLatin1Char(' ') + chart.note;
}

}  // namespace moescope
