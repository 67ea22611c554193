// SPDX-License-Identifier: Apache-2.0
#include "engine/model/checkpoint.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/core/system_memory.h"
#include "engine/model/released_sizes.h"
#include "engine/model/transformer_checks.h"

namespace moescope {
namespace {

namespace fs = std::filesystem;

constexpr size_t kHashedTensorBytes = 16384;  // values of tensors up to this size may enter the fingerprint,
constexpr size_t kHashedTensors = 64;         // of so many of them, spread over the model

void hashBytes(uint64_t& hash, std::span<const std::byte> bytes) {  // FNV-1a
    for (const std::byte b : bytes) hash = (hash ^ static_cast<uint64_t>(b)) * 1099511628211ull;
}

std::vector<fs::path> filesEndingWith(const fs::path& folder, std::initializer_list<std::string_view> endings) {
    std::vector<fs::path> found;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
        const std::string name = entry.path().filename().string();
        if (!entry.is_directory(ignored) && std::any_of(endings.begin(), endings.end(), [&](auto e) { return name.ends_with(e); }))
            found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found;
}

std::string firstFew(const std::vector<std::string>& names) {
    constexpr size_t kShown = 4;
    const std::vector<std::string> shown(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(std::min(kShown, names.size())));
    const size_t rest = names.size() - shown.size();
    return fmt::format("{}{}", fmt::join(shown, ", "), rest ? fmt::format(" and {} more", rest) : "");
}

Result<WeightSet> chooseSet(const std::vector<WeightSet>& sets, const std::string& wanted, std::string& reason) {
    std::vector<std::string> names;
    for (const WeightSet& set : sets) names.push_back(set.name);
    if (!wanted.empty()) {
        for (const WeightSet& set : sets)
            if (set.name == wanted) {
                reason = fmt::format("'{}' as asked for", wanted);
                return set;
            }
        return EngineError{ErrorCode::InvalidArgument,
                           fmt::format("the file has no weight set '{}'; it holds {}", wanted, fmt::join(names, ", "))};
    }
    const bool averaged = names.front().find("ema") != std::string::npos;
    reason = sets.size() == 1 ? fmt::format("'{}', the only set of weights in the file", names.front())
                              : fmt::format("'{}' of {}{}", names.front(), fmt::join(names, ", "),
                                            averaged ? ": averaged weights give better pictures" : "");
    return sets.front();
}

}  // namespace

std::vector<fs::path> LoadableModel::companionFolders() const {
    const fs::path folder = files().front().parent_path();
    return {folder, folder.parent_path()};
}

Result<fs::path> resolveModelPath(const fs::path& path) {
    std::error_code code;
    if (!fs::exists(path, code))
        return EngineError{ErrorCode::NotFound, fmt::format("no file or folder '{}'; check the spelling, or use 'embedded' for the "
                                                            "built-in model", path.string())};
    if (!fs::is_directory(path, code)) return path;
    const std::vector<std::pair<fs::path, std::vector<std::string_view>>> places{
        {path, {".safetensors.index.json"}}, {path, {"diffusion_pytorch_model.safetensors"}},
        {path / "checkpoints", {".pt", ".pth", ".safetensors"}}, {path, {".pth", ".pt"}}, {path, {".safetensors"}}, {path, {".bin"}},
        // A folder of parts, each in a folder of its own.
        {path / "unet", {".safetensors.index.json"}}, {path / "unet", {".safetensors"}}, {path / "unet", {".bin"}}};
    for (const auto& [folder, endings] : places) {
        std::vector<fs::path> found;
        for (const std::string_view ending : endings) {
            const auto some = filesEndingWith(folder, {ending});
            found.insert(found.end(), some.begin(), some.end());
        }
        std::sort(found.begin(), found.end());
        if (!found.empty()) return found.back();  // step numbers sort by age; "checkpoint-last" comes after numbers
    }
    return EngineError{ErrorCode::NotFound, fmt::format("the folder '{}' holds no checkpoint: expected *.safetensors, *.pt or *.pth, "
                                                        "or checkpoints/*.pt", path.string())};
}

Checkpoint::Checkpoint(WeightView view, const FamilyDefinition& family, ModelDescription description)
    : m_view(std::move(view)), m_family(family) {
    m_description = std::move(description);
}

Result<std::shared_ptr<const Checkpoint>> Checkpoint::open(const fs::path& path, const CheckpointOptions& options) {
    const auto file = resolveModelPath(path);
    if (!file.ok()) return file.error();
    auto opened = openTensorSource(*file);
    if (!opened.ok()) return opened.error();
    return fromSource(std::move(*opened), options);
}

Result<std::shared_ptr<const Checkpoint>> Checkpoint::fromSource(std::shared_ptr<const TensorSource> source,
                                                                 const CheckpointOptions& options) {
    std::vector<WeightSet> sets = findWeightSets(*source);
    if (sets.empty() && options.weightSet.empty())  // a network of names of its own
        sets.push_back({"state_dict", "", static_cast<int64_t>(source->tensors().size())});
    if (sets.empty()) return EngineError{ErrorCode::Unsupported, describeUnknownArchitecture(*source)};
    std::string reason;
    const auto set = chooseSet(sets, options.weightSet, reason);
    if (!set.ok()) return set.error();
    WeightView view(source, *set);
    for (const FamilyDefinition* family : modelFamilies()) {
        if (!family->recognise(view)) continue;
        SettingBag settings;
        std::vector<std::string> notes = source->notes();
        settings.add(options.settings, "given by you");
        addCheckpointSettings(settings, *source, notes);
        auto description = family->describe(view, settings);
        if (!description.ok()) return description.error();
        description->settings = settings.used();
        std::shared_ptr<Checkpoint> made(new Checkpoint(std::move(view), *family, std::move(*description)));
        made->m_sets = sets;
        made->m_setName = set->name;
        made->m_setReason = std::move(reason);
        made->m_notes = std::move(notes);
        if (!made->m_description.notAlone.empty()) made->m_notes.push_back(made->m_description.notAlone);
        made->compareTensors();
        return std::shared_ptr<const Checkpoint>(std::move(made));
    }
    return EngineError{ErrorCode::Unsupported, describeUnknownArchitecture(*source)};
}

void Checkpoint::compareTensors() {
    std::set<std::string_view> expected;
    for (const ExpectedTensor& tensor : m_description.tensors) {
        expected.insert(tensor.name);
        const TensorInfo* found = m_view.find(tensor.name);
        if (!found) {
            if (tensor.role != ExpectedTensor::Role::OptionalBuffer) m_missing.push_back(tensor.name);
        } else if (found->shape != tensor.shape) {
            m_misshaped.push_back({tensor.name, tensor.shape, found->shape});
        }
    }
    for (const std::string& name : m_view.names())
        if (!expected.contains(name)) m_unused.push_back(name);
}

std::string Checkpoint::dtypes() const {
    std::map<DType, int64_t> elements;
    for (const std::string& name : m_view.names()) {
        const TensorInfo* tensor = m_view.find(name);
        elements[tensor->dtype] += tensor->elements();
    }
    std::vector<std::pair<int64_t, DType>> ranked;
    for (const auto& [dtype, count] : elements) ranked.push_back({-count, dtype});
    std::sort(ranked.begin(), ranked.end());
    std::string text;
    for (const auto& [count, dtype] : ranked) text += (text.empty() ? "" : ", ") + std::string(dtypeName(dtype));
    return text;
}

std::string Checkpoint::metadataText(std::string_view key) const {
    const nlohmann::json& metadata = source().metadata();
    const auto found = metadata.find(key);
    return found != metadata.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::shared_ptr<const ClassLabels> Checkpoint::ownLabels() const {
    const std::string text = metadataText("moescope.labels");
    if (!text.starts_with('[') && !text.starts_with('{')) return nullptr;  // none, or the name of a file
    auto labels = ClassLabels::parse(text);
    if (!labels.ok() || labels->size() != m_description.config.classes) return nullptr;
    return std::make_shared<const ClassLabels>(std::move(*labels));
}

std::string Checkpoint::name() const {
    if (const std::string name = metadataText("moescope.name"); !name.empty()) return name;
    if (!m_description.sizeName.empty()) return m_description.sizeName;
    const fs::path file = source().files().front();
    fs::path folder = file.parent_path();
    if (folder.filename() == "checkpoints" || folder.filename() == "unet") folder = folder.parent_path();
    const std::string stem = file.stem().string();
    bool says = stem.find_first_not_of("0123456789") != std::string::npos;  // a step number says nothing
    for (const char* usual : {"checkpoint", "ckpt", "model", "diffusion_pytorch_model", "pytorch_model"}) says = says && !stem.starts_with(usual);
    return says || !folder.has_filename() ? stem : folder.filename().string();
}

std::string Checkpoint::fingerprint() const {
    uint64_t hash = 14695981039346656037ull;
    std::vector<std::string> names = m_view.names();
    std::sort(names.begin(), names.end());
    std::vector<const TensorInfo*> small;
    for (const std::string& name : names) {
        const TensorInfo* tensor = m_view.find(name);
        const std::string line = fmt::format("{} {} {}\n", name, dtypeName(tensor->dtype), shapeText(tensor->shape));
        hashBytes(hash, std::as_bytes(std::span(line)));
        if (static_cast<size_t>(tensor->elements()) * dtypeSize(tensor->dtype) <= kHashedTensorBytes) small.push_back(tensor);
    }
    // Small tensors lie all over the file, and a disk takes its time for each place.
    const size_t count = std::min(small.size(), kHashedTensors);
    std::vector<std::byte> values;
    source().expectScatteredReads(true);
    for (size_t i = 0; i < count; ++i) {
        const TensorInfo& tensor = *small[i * small.size() / count];
        values.resize(static_cast<size_t>(tensor.elements()) * dtypeSize(tensor.dtype));
        if (source().readRaw(tensor, values).ok()) hashBytes(hash, values);
    }
    source().expectScatteredReads(false);
    return fmt::format("{:016x}", hash);
}

int64_t Checkpoint::memoryNeeded(MsDType storage) const {
    constexpr int64_t kFixed = 64ll << 20;
    return m_description.packedBytes(storage == MS_BF16 ? 2 : 4) * 115 / 100 + kFixed;
}

Status Checkpoint::runnable() const {
    const ModelDescription& d = m_description;
    if (!d.unknownSettings.empty()) {
        const std::string released = releasedNames(d.family);
        return {ErrorCode::Unsupported,
                fmt::format("{} can not be read from the tensors of this {}, and its shape is none of the released sizes ({}): put the "
                            "model's config beside the file or give --set {}=VALUE", fmt::join(d.unknownSettings, ", "), d.family,
                            released, fmt::join(d.unknownSettings, "=VALUE --set "))};
    }
    if (!m_missing.empty())
        return {ErrorCode::Format, fmt::format("{} of the {} tensors of a {} are missing: {}", m_missing.size(), d.tensors.size(),
                                               d.family, firstFew(m_missing))};
    if (!m_misshaped.empty()) {
        const MisshapedTensor& first = m_misshaped.front();
        return {ErrorCode::Format, fmt::format("{} tensor{} of another shape than the rest of the model asks for: '{}' should be {}, the "
                                               "file has {}", m_misshaped.size(), m_misshaped.size() == 1 ? " is" : "s are", first.name,
                                               shapeText(first.expected), shapeText(first.found))};
    }
    return d.details ? Status() : checkTransformer(d.config);  // details are checked by the family when it describes
}

Result<std::unique_ptr<Denoiser>> Checkpoint::load(Backend& backend, const LoadOptions& options) const {
    if (const Status status = runnable(); !status.ok()) return status.error();
    const int64_t needed = memoryNeeded(options.storage);
    const auto device = guarded([&] { return backend.deviceMemory(); });
    if (!device.ok()) return device.error();
    if (options.available < 0 && *device && needed > (*device)->free)
        return EngineError{ErrorCode::DeviceMemory,
                           fmt::format("{} needs {} of the memory of {} and {} are free; close other programs that use it{}", name(),
                                       bytesText(needed), backend.description(), bytesText((*device)->free),
                                       options.storage == MS_F32 ? ", or halve the need with --dtype bf16" : "")};
    const int64_t available = options.available >= 0 ? options.available : *device ? needed : availableMemory();
    if (needed > available)
        return EngineError{ErrorCode::OutOfMemory,
                           fmt::format("{} needs {} of memory and {} are available; close other programs{}", name(), bytesText(needed),
                                       bytesText(available), options.storage == MS_F32 ? ", or halve the need with --dtype bf16" : "")};
    int64_t total = 0;
    for (const ExpectedTensor& tensor : m_description.tensors)
        if (const TensorInfo* found = m_view.find(tensor.name))
            total += found->elements() * static_cast<int64_t>(dtypeSize(found->dtype));
    return guarded([&] {
        WeightLoader loader(backend, m_view, options.storage, options.stop, options.progress, total);
        return m_family.load(backend, loader, m_description);
    });
}

}  // namespace moescope
