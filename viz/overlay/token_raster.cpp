// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/overlay/token_raster.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace moescope {
namespace {

/// A pattern that repeats every `period` pixels; its numbers choose one of a paint's three colours.
struct Tile {
    int period = 1;
    std::vector<uint8_t> numbers;
};

enum TileKind { Plain, BackSlash, Flat, Slash, Upright, Dots, Cross, Hole, TileKinds };

Tile tileOf(TileKind kind, double scale) {
    const int thick = std::max(1, static_cast<int>(std::lround(scale)));
    const int period = std::max(6, 2 * static_cast<int>(std::lround(3 * scale)));
    Tile tile{period, std::vector<uint8_t>(static_cast<size_t>(period * period), 0)};
    const int half = period / 2, middle = (period - thick) / 2;
    for (int y = 0; y < period; ++y)
        for (int x = 0; x < period; ++x) {
            const int down = (x - y + period) % period, up = (x + y) % period;
            const bool flat = y >= middle && y < middle + thick, upright = x >= middle && x < middle + thick;
            uint8_t number = 0;
            switch (kind) {
                case BackSlash: number = up < thick; break;
                case Slash: number = down < thick; break;
                case Flat: number = flat; break;
                case Upright: number = upright; break;
                case Cross: number = flat || upright; break;
                case Dots: number = (x % half < thick + 1 && y % half < thick + 1) && ((x < half) == (y < half)); break;
                case Hole: number = up < thick || down < thick ? 1 : up < 2 * thick || down < 2 * thick ? 2 : 0; break;
                default: break;
            }
            tile.numbers[static_cast<size_t>(y * period + x)] = number;
        }
    return tile;
}

TileKind kindOf(Qt::BrushStyle style) {
    switch (style) {
        case Qt::BDiagPattern: return BackSlash;
        case Qt::HorPattern: return Flat;
        case Qt::FDiagPattern: return Slash;
        case Qt::VerPattern: return Upright;
        case Qt::Dense6Pattern: return Dots;
        case Qt::CrossPattern: return Cross;
        default: return Plain;
    }
}

/// What a token is filled with; premultiplied colours.
struct Paint {
    TileKind tile = Plain;
    std::array<QRgb, 3> colours{};  // all transparent: nothing
};

QRgb faded(QRgb colour) { return qPremultiply(qRgba(qRed(colour), qGreen(colour), qBlue(colour), 56)); }

Paint paintOf(const QColor& colour) { return {Plain, {colour.rgb(), colour.rgb(), colour.rgb()}}; }

Paint paintOf(const ExpertLook& look) {
    const QColor line = contrastingColour(look.colour);
    const auto mixed = [&](int a, int b) { return (2 * a + b) / 3; };
    const QRgb hatch = qRgb(mixed(line.red(), look.colour.red()), mixed(line.green(), look.colour.green()),
                            mixed(line.blue(), look.colour.blue()));
    return {kindOf(look.hatch), {look.colour.rgb(), hatch, hatch}};
}

Paint holePaint() {
    return {Hole, {qPremultiply(qRgba(128, 128, 128, 120)), qRgb(255, 255, 255), qRgb(40, 40, 40)}};
}

/// Paints of all values that a map can have, looked up by token.
class MapPaints {
public:
    explicit MapPaints(const OverlayMap& map) : m_map(map) {
        if (map.kind == OverlayKind::Dominant)
            for (int expert = 0; expert < map.experts; ++expert) m_looks.push_back(paintOf(expertLook(expert, map.experts)));
    }

    Paint grid(size_t token) const {
        const double weight = token < m_map.weight.values.size() ? m_map.weight.values[token] : noData;
        return shown(m_map.dominant.grid[token], weight, m_map.marked, token);
    }
    Paint outside(size_t index) const {
        const double weight = index < m_map.outsideWeight.size() ? m_map.outsideWeight[index].second : noData;
        return shown(m_map.dominant.outside[index].value, weight, m_map.markedOutside, index);
    }

private:
    Paint shown(int32_t value, double weight, const std::vector<uint8_t>& marked, size_t place) const {
        Paint paint = whole(value, weight);
        if (place < marked.size() && !marked[place])
            for (QRgb& colour : paint.colours) colour = colour ? faded(colour) : 0;
        return paint;
    }
    Paint whole(int32_t value, double weight) const {
        switch (m_map.kind) {
            case OverlayKind::Dominant:
                return value >= 0 && static_cast<size_t>(value) < m_looks.size() ? m_looks[static_cast<size_t>(value)] : holePaint();
            case OverlayKind::HowMany: return value > 0 ? paintOf(sequentialColour(value / m_map.high)) : holePaint();
            case OverlayKind::OneExpert:
                if (value < 0) return holePaint();
                return hasData(weight) ? paintOf(sequentialColour(weightShare(m_map, weight))) : Paint{};
            case OverlayKind::None: break;
        }
        return {};
    }

    const OverlayMap& m_map;
    std::vector<Paint> m_looks;
};

/// Pixels of an image whose top left lies at `origin` of the target.
class Canvas {
public:
    Canvas(QSize size, QPoint origin, double scale)
        : m_image(size, QImage::Format_ARGB32_Premultiplied), m_origin(origin), m_scale(scale) {
        m_image.fill(Qt::transparent);
        m_bits = reinterpret_cast<QRgb*>(m_image.bits());
        m_stride = m_image.bytesPerLine() / static_cast<qsizetype>(sizeof(QRgb));
        for (int kind = 0; kind < TileKinds; ++kind) m_tiles[static_cast<size_t>(kind)] = tileOf(static_cast<TileKind>(kind), scale);
    }

    void fill(QRect rect, const Paint& paint, bool hatched) {
        rect = rect.translated(-m_origin) & m_image.rect();
        if (rect.isEmpty()) return;
        const Tile& tile = m_tiles[paint.tile];
        const bool plain = paint.tile == Plain || !hatched;
        for (int y = rect.top(); y <= rect.bottom(); ++y) {
            QRgb* line = m_bits + y * m_stride;
            if (plain) {
                std::fill(line + rect.left(), line + rect.right() + 1, paint.colours[0]);
                continue;
            }
            const uint8_t* numbers = tile.numbers.data() + modulo(y + m_origin.y(), tile.period) * tile.period;
            int phase = modulo(rect.left() + m_origin.x(), tile.period);
            for (int x = rect.left(); x <= rect.right(); ++x) {
                line[x] = paint.colours[numbers[phase]];
                if (++phase == tile.period) phase = 0;
            }
        }
    }

    /// A light frame in a dark one, just inside.
    void frame(const QRect& rect) {
        const int thick = std::max(1, static_cast<int>(std::lround(m_scale)));
        if (std::min(rect.width(), rect.height()) < 6 * thick) return;
        const auto border = [&](const QRect& outer, const QColor& colour) {
            const Paint paint = paintOf(colour);
            fill(QRect(outer.left(), outer.top(), outer.width(), thick), paint, false);
            fill(QRect(outer.left(), outer.bottom() - thick + 1, outer.width(), thick), paint, false);
            fill(QRect(outer.left(), outer.top(), thick, outer.height()), paint, false);
            fill(QRect(outer.right() - thick + 1, outer.top(), thick, outer.height()), paint, false);
        };
        border(rect, Qt::black);
        border(rect.adjusted(thick, thick, -thick, -thick), Qt::white);
    }

    QImage take() { return std::move(m_image); }

private:
    static int modulo(int value, int period) { return (value % period + period) % period; }

    QImage m_image;
    QPoint m_origin;
    double m_scale;
    QRgb* m_bits;
    qsizetype m_stride;
    std::array<Tile, TileKinds> m_tiles;
};

QImage sample(const Paint& paint, QSize size, double scale) {
    Canvas canvas(size, {}, scale);
    canvas.fill(QRect({}, size), paint, true);
    return canvas.take();
}

}  // namespace

QRect tokenRect(const QRect& target, int64_t rows, int64_t columns, int64_t row, int64_t column) {
    const auto edge = [](int start, int length, int64_t i, int64_t n) { return start + static_cast<int>(i * length / n); };
    const int left = edge(target.left(), target.width(), column, columns), top = edge(target.top(), target.height(), row, rows);
    return QRect(QPoint(left, top), QPoint(edge(target.left(), target.width(), column + 1, columns) - 1,
                                           edge(target.top(), target.height(), row + 1, rows) - 1));
}

QImage rasterOverlay(const OverlayMap& map, const QRect& target, const QRect& clip, double scale) {
    const int64_t rows = map.height(), columns = map.width();
    Canvas canvas(clip.size(), clip.topLeft() - target.topLeft(), scale);
    if (rows <= 0 || columns <= 0 || target.isEmpty()) return canvas.take();
    const bool hatched = std::min(target.width() / static_cast<double>(columns), target.height() / static_cast<double>(rows)) >= 8 * scale;
    const MapPaints paints(map);
    const QRect whole({}, target.size()), visible = clip.translated(-target.topLeft());
    for (int64_t row = 0; row < rows; ++row)
        for (int64_t column = 0; column < columns; ++column) {
            const QRect rect = tokenRect(whole, rows, columns, row, column);
            if (!rect.intersects(visible)) continue;
            const auto token = static_cast<size_t>(row * columns + column);
            canvas.fill(rect, paints.grid(token), hatched);
            if (token < map.marked.size() && map.marked[token]) canvas.frame(rect);
        }
    return canvas.take();
}

QImage rasterOutside(const OverlayMap& map, size_t index, QSize size, double scale) {
    Canvas canvas(size, {}, scale);
    if (index >= map.dominant.outside.size()) return canvas.take();
    canvas.fill(QRect({}, size), MapPaints(map).outside(index), true);
    if (index < map.markedOutside.size() && map.markedOutside[index]) canvas.frame(QRect({}, size));
    return canvas.take();
}

QImage rasterLook(const ExpertLook& look, QSize size, double scale) { return sample(paintOf(look), size, scale); }

QImage rasterHole(QSize size, double scale) { return sample(holePaint(), size, scale); }

}  // namespace moescope
