// SPDX-License-Identifier: Apache-2.0
#include "engine/data/scene_checker.h"

#include <algorithm>
#include <cmath>

#include "engine/data/scene_drawing.h"
#include "engine/data/scene_parts.h"

namespace moescope {
namespace {

constexpr double kWorstMisfit = 0.25;        // above, a part is none of the shapes
constexpr double kPixelVariance = 1.0 / 12;  // along each axis, of light that falls anywhere on a pixel
constexpr double kLeastOffset = 0.1;         // of the side: what "left of" needs at least
constexpr double kSlant = 0.8;               // and that much of the offset across

constexpr double kBlurs[] = {0, 0.12, 0.25};  // weights of neighbours that are tried
constexpr int kPoints = 4;                    // of a pixel's side

struct Moments {
    double area = 0, x = 0, y = 0, spread = 0;  // spread: mean squared distance from the middle
};

/// Of weights [height, width] on the middles of pixels.
Moments momentsOf(const std::vector<double>& weights, int64_t width) {
    Moments m;
    const auto place = [&](size_t i) {
        return std::pair(static_cast<double>(static_cast<int64_t>(i) % width) + 0.5,
                         static_cast<double>(static_cast<int64_t>(i) / width) + 0.5);
    };
    for (size_t i = 0; i < weights.size(); ++i) {
        const auto [x, y] = place(i);
        m.area += weights[i];
        m.x += weights[i] * x;
        m.y += weights[i] * y;
    }
    m.x /= std::max(m.area, 1e-9);
    m.y /= std::max(m.area, 1e-9);
    for (size_t i = 0; i < weights.size(); ++i) {
        const auto [x, y] = place(i);
        m.spread += weights[i] * ((x - m.x) * (x - m.x) + (y - m.y) * (y - m.y)) / std::max(m.area, 1e-9);
    }
    return m;
}

/// Moments of the shape of radius 1, measured once on a fine grid.
const Moments& unitMoments(SceneShape shape) {
    static const std::array<Moments, sceneShapes> all = [] {
        std::array<Moments, sceneShapes> made;
        constexpr int cells = 400;
        for (int i = 0; i < sceneShapes; ++i) {
            std::vector<double> weights;
            for (int y = 0; y < cells; ++y)
                for (int x = 0; x < cells; ++x)
                    weights.push_back(
                        covers(static_cast<SceneShape>(i), 2.2 * (x + 0.5) / cells - 1.1, 2.2 * (y + 0.5) / cells - 1.1)
                            ? 1
                            : 0);
            Moments m = momentsOf(weights, cells);
            const double scale = 2.2 / cells;
            made[static_cast<size_t>(i)] = {m.area * scale * scale, m.x * scale - 1.1, m.y * scale - 1.1,
                                            m.spread * scale * scale};
        }
        return made;
    }();
    return all[static_cast<size_t>(shape)];
}

/// Neighbours along both axes with the weight `b`, the pixel itself with 1 - 2 b: variance 2 b along each axis.
std::vector<double> blurred(const std::vector<double>& values, int64_t width, double b) {
    const auto n = static_cast<int64_t>(values.size());
    const auto along = [&](const std::vector<double>& from, int64_t stride, auto&& outside) {
        std::vector<double> to(from.size());
        for (int64_t i = 0; i < n; ++i) {
            const auto at = [&](int64_t step) {
                return outside(i, step) ? 0.0 : from[static_cast<size_t>(i + step * stride)];
            };
            to[static_cast<size_t>(i)] = b * (at(-1) + at(1)) + (1 - 2 * b) * at(0);
        }
        return to;
    };
    const auto rows =
        along(values, 1, [&](int64_t i, int64_t step) { return i % width + step < 0 || i % width + step >= width; });
    return along(rows, width, [&](int64_t i, int64_t step) { return i + step * width < 0 || i + step * width >= n; });
}

/// The part as that shape, blurred by that much: placed and sized by its moments, compared pixel by pixel at the
/// strength that fits best.
FoundObject asShape(const ScenePart& part, const Moments& measured, SceneShape shape, double blur, int64_t side) {
    const Moments& unit = unitMoments(shape);
    const double spread = std::max(measured.spread - 2 * (kPixelVariance + 2 * blur), 0.05);
    FoundObject found;
    SceneObject& object = found.object;
    object.shape = shape;
    object.colour = part.colour;
    const double radius = std::sqrt(spread / unit.spread);  // in pixels
    object.radius = radius / static_cast<double>(side);
    object.x = (static_cast<double>(part.left) + measured.x - unit.x * radius) / static_cast<double>(side);
    object.y = (static_cast<double>(part.top) + measured.y - unit.y * radius) / static_cast<double>(side);
    std::vector<double> ideal;
    for (int64_t y = 0; y < part.height; ++y)
        for (int64_t x = 0; x < part.width; ++x)
            ideal.push_back(coverage(object, side, part.left + x, part.top + y, kPoints));
    if (blur > 0) ideal = blurred(ideal, part.width, blur);
    double both = 0, idealSquares = 0, squares = 0, area = 0;
    for (size_t i = 0; i < ideal.size(); ++i) {
        both += ideal[i] * part.cover[i];
        idealSquares += ideal[i] * ideal[i];
    }
    const double strength = std::clamp(both / std::max(idealSquares, 1e-9), 0.8, 1.5);
    for (size_t i = 0; i < ideal.size(); ++i) {
        const double difference = part.cover[i] - strength * ideal[i];
        squares += difference * difference;
        area += ideal[i];
    }
    found.misfit = squares / std::max(area, 1.0);
    return found;
}

SceneBackground nearestBackground(const std::array<double, 3>& colour) {
    SceneBackground best = SceneBackground::White;
    double least = 1e9;
    for (int i = 0; i < sceneBackgrounds; ++i) {
        const SceneRgb rgb = rgbOf(static_cast<SceneBackground>(i));
        double distance = 0;
        for (size_t channel = 0; channel < 3; ++channel)
            distance += (rgb[channel] - colour[channel]) * (rgb[channel] - colour[channel]);
        if (distance < least) best = static_cast<SceneBackground>(i);
        least = std::min(least, distance);
    }
    return best;
}

bool holdsBetween(const SceneObject& from, const SceneObject& to, SceneRelationKind kind) {
    const bool across = kind == SceneRelationKind::LeftOf || kind == SceneRelationKind::RightOf;
    const bool forward = kind == SceneRelationKind::LeftOf || kind == SceneRelationKind::Above;
    const double dx = to.x - from.x, dy = to.y - from.y;
    const double along = (across ? dx : dy) * (forward ? 1 : -1), beside = std::abs(across ? dy : dx);
    return along >= kLeastOffset && along >= kSlant * beside;
}

template <class Key>
bool sameMultiset(const FoundScene& found, const Scene& described, Key key) {
    std::vector<int> a, b;
    for (const FoundObject& one : found.objects) a.push_back(one.known ? key(one.object) : -1);
    for (const SceneObject& one : described.objects) b.push_back(key(one));
    std::ranges::sort(a);
    std::ranges::sort(b);
    return a == b;
}

int cellOf(double place) {
    return place < 0.4 ? 0 : place > 0.6 ? 2 : 1;
}

SceneSize sizeOf(const SceneObject& object) {
    return 2 * object.radius < sceneSizeLimit ? SceneSize::Small : SceneSize::Large;
}

}  // namespace

FoundScene findScene(const Picture8& picture) {
    FoundScene found;
    const SceneParts split = splitScene(picture);
    found.background = nearestBackground(split.background);
    for (const ScenePart& part : split.parts) {
        const Moments measured = momentsOf(part.cover, part.width);
        std::vector<FoundObject> fits;
        for (int shape = 0; shape < sceneShapes; ++shape)
            for (const double blur : kBlurs)
                fits.push_back(asShape(part, measured, static_cast<SceneShape>(shape), blur, picture.width));
        FoundObject best = *std::ranges::min_element(fits, {}, &FoundObject::misfit);
        best.known = best.misfit <= kWorstMisfit;
        best.object.size = sizeOf(best.object);
        found.objects.push_back(best);
    }
    std::ranges::stable_sort(
        found.objects, [](const FoundObject& a, const FoundObject& b) { return a.object.radius > b.object.radius; });
    return found;
}

SceneVerdict checkScene(const FoundScene& found, const Scene& described) {
    SceneVerdict verdict;
    verdict.count = found.objects.size() == described.objects.size();
    verdict.shapes =
        sameMultiset(found, described, [](const SceneObject& object) { return static_cast<int>(object.shape); });
    verdict.colours =
        sameMultiset(found, described, [](const SceneObject& object) { return static_cast<int>(object.colour); });
    verdict.objects = sameMultiset(found, described, [](const SceneObject& object) {
        return static_cast<int>(object.shape) * sceneColours + static_cast<int>(object.colour);
    });
    const auto ofKind = [&](const SceneObject& kind) {
        std::vector<SceneObject> objects;
        for (const FoundObject& one : found.objects)
            if (one.known && one.object.sameKind(kind)) objects.push_back(one.object);
        return objects;
    };
    verdict.relations = verdict.objects || described.relations.empty();
    for (const SceneRelation& relation : described.relations)
        for (const SceneObject& from : ofKind(described.objects[static_cast<size_t>(relation.from)]))
            for (const SceneObject& to : ofKind(described.objects[static_cast<size_t>(relation.to)]))
                verdict.relations = verdict.relations && holdsBetween(from, to, relation.kind);
    verdict.sizes = verdict.position = true;
    for (const SceneObject& object : described.objects)
        if (object.size) {
            const std::vector<SceneObject> alike = ofKind(object);
            verdict.sizes = verdict.sizes && !alike.empty() &&
                            std::ranges::all_of(alike, [&](const SceneObject& one) { return one.size == object.size; });
        }
    if (described.position)
        verdict.position =
            found.objects.size() == 1 &&
            ScenePosition{cellOf(found.objects[0].object.x), cellOf(found.objects[0].object.y)} == *described.position;
    verdict.background = !described.background || *described.background == found.background;
    return verdict;
}

SceneVerdict checkScene(const Picture8& picture, const Scene& described) {
    return checkScene(findScene(picture), described);
}

}  // namespace moescope
