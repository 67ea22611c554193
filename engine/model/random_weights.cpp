// SPDX-License-Identifier: Apache-2.0
#include "engine/model/random_weights.h"

#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "engine/model/family.h"
#include "engine/model/released_sizes.h"

namespace moescope {
namespace {

uint64_t mix(uint64_t x) {  // splitmix64
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

class RandomSource final : public TensorSource {
public:
    explicit RandomSource(const ModelDescription& description) {
        for (const ExpectedTensor& tensor : description.tensors) m_tensors.push_back({tensor.name, DType::F32, tensor.shape, m_tensors.size()});
        m_format = "random weights";
        m_files = {std::string(description.sizeName)};
        indexNames();
    }

    Status readRaw(const TensorInfo& tensor, std::span<std::byte> target) const override {
        std::vector<float> values(static_cast<size_t>(tensor.elements()));
        if (const Status drawn = readFloat(tensor, values); !drawn.ok()) return drawn;
        std::memcpy(target.data(), values.data(), target.size());
        return {};
    }

    Status readFloat(const TensorInfo& tensor, std::span<float> target) const override {
        uint64_t seed = 14695981039346656037ull;
        for (const char c : tensor.name) seed = (seed ^ static_cast<unsigned char>(c)) * 1099511628211ull;
        const bool norm = tensor.shape.size() == 1 && tensor.name.find("norm") != std::string::npos;
        const int64_t inputs = tensor.shape.size() > 1 ? tensor.elements() / tensor.shape[0] : 1;
        // A predicted probability passes 0.7 about once in sixteen times: experts get the load that training would give them.
        const bool threshold = tensor.name.ends_with("threshold");
        const float middle = norm ? 1.0f : threshold ? 0.7f : 0.0f;
        // Uniform numbers of this half width have the variance 1/inputs that keeps a layer's outputs near its inputs.
        const float half = tensor.shape.size() == 1 ? 0.08f : std::sqrt(3.0f / static_cast<float>(inputs));
        for (size_t i = 0; i < target.size(); ++i) {
            const float unit = static_cast<float>(mix(seed + i) >> 40) * 0x1p-24f;  // [0, 1)
            target[i] = middle + half * (2.0f * unit - 1.0f);
        }
        return {};
    }

    void releasePages(const TensorInfo&) const override {}
};

}  // namespace

Result<ModelDescription> describeReleased(std::string_view sizeName) {
    std::string names;
    for (const FamilyDefinition* family : modelFamilies()) {
        for (const ReleasedSize& size : releasedSizes())
            if (size.family == family->name && size.name == sizeName) return family->released(size);
        const std::string some = releasedNames(family->name);
        if (!some.empty()) names += (names.empty() ? "" : ", ") + some;
    }
    return EngineError{ErrorCode::InvalidArgument, fmt::format("no released size is called '{}'; there are {}", sizeName, names)};
}

std::shared_ptr<const TensorSource> makeRandomWeights(const ModelDescription& description) {
    return std::make_shared<RandomSource>(description);
}

}  // namespace moescope
