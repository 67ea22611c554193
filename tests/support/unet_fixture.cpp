// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/unet_fixture.h"

#include <cstring>

#include "engine/io/safetensors_writer.h"
#include "engine/model/random_weights.h"
#include "engine/model/setting_bag.h"
#include "engine/model/unet/unet_config.h"
#include "engine/model/unet/unet_weights.h"

namespace moescope::test {
namespace {

std::vector<std::byte> storedAs(DType dtype, const std::vector<float>& values) {
    std::vector<std::byte> bytes(values.size() * dtypeSize(dtype));
    if (dtype == DType::F32) {
        std::memcpy(bytes.data(), values.data(), bytes.size());
        return bytes;
    }
    for (size_t i = 0; i < values.size(); ++i) {
        const uint16_t half = dtype == DType::F16 ? floatToHalf(values[i]) : floatToBfloat16(values[i]);
        std::memcpy(bytes.data() + 2 * i, &half, 2);
    }
    return bytes;
}

}  // namespace

UnetFolder::UnetFolder(const std::string& name, DType stored)
    : m_copies({"unet-hashed"}), m_inside("unet-hashed/" + name) {
    SettingBag settings;
    settings.add(readConfigFile(path() / "config.json").orThrow(), "config.json");
    unet::Config config = unet::readConfig(settings);
    config.oldAttentionNames = name == "early";
    unet::Assembler list(config);
    list.assemble();
    ModelDescription description;
    description.tensors = list.tensors();
    const auto source = makeRandomWeights(description);
    std::vector<std::vector<std::byte>> kept;
    std::vector<SafetensorsEntry> entries;
    for (const TensorInfo& tensor : source->tensors()) {
        std::vector<float> values(static_cast<size_t>(tensor.elements()));
        source->readFloat(tensor, values).orThrow();
        kept.push_back(storedAs(stored, values));
        entries.push_back(safetensorsEntry(tensor.name, stored, tensor.shape, kept.back()));
    }
    writeSafetensors(weights(), entries, {}).orThrow();
}

void UnetFolder::editConfig(const std::function<void(nlohmann::json&)>& change) const {
    m_copies.editJson(m_inside + "/config.json", change);
}

void UnetFolder::editWeights(const std::function<void(NamedTensors&)>& change) const {
    m_copies.edit(m_inside + "/diffusion_pytorch_model.safetensors", change);
}

NamedTensors UnetFolder::reference() const {
    return readAllTensors(path() / "forward.safetensors").orThrow();
}

}  // namespace moescope::test
