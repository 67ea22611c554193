// SPDX-License-Identifier: Apache-2.0
// Says whether a picture shows what a description says: for pictures that a model made of captions of scenes.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/data/picture_set.h"
#include "engine/data/scene.h"

namespace moescope {

/// A shape that was found; its size and place are in the object. `misfit`: mean squared difference of coverage to the
/// ideal shape, relative to its area; 0 is exact.
struct FoundObject {
    SceneObject object;
    double misfit = 0;
    bool known = true;  // false: something is there, but no shape of the list
};

struct FoundScene {
    SceneBackground background = SceneBackground::White;  // the nearest of the list
    std::vector<FoundObject> objects;                     // from the largest to the smallest
};

/// What is in a picture of at least 8 pixels a side. The background is the median of the edge; what differs is split by
/// the nearest colour of the list as seen through a smooth edge, into connected parts; each part is compared with every
/// shape drawn at its own centre and size (second moments), so that blur hardly counts. Any thread.
FoundScene findScene(const Picture8& picture);

struct SceneVerdict {
    bool count = false;                                        // as many objects as described
    bool shapes = false;                                       // the same shapes, whatever their colours
    bool colours = false;                                      // the same colours, whatever their shapes
    bool objects = false;                                      // every shape in its colour, each as often as described
    bool relations = false;                                    // all that are described hold; true where none is
    bool sizes = false, position = false, background = false;  // likewise

    /// Shapes, colours, counts and relations: what scores count.
    bool holds() const { return count && objects && relations; }
    bool holdsInEveryDetail() const { return holds() && sizes && position && background; }
};

/// Objects of one kind are interchangeable: a relation between kinds has to hold for all of them.
SceneVerdict checkScene(const FoundScene& found, const Scene& described);
SceneVerdict checkScene(const Picture8& picture, const Scene& described);

}  // namespace moescope
