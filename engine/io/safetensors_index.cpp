// SPDX-License-Identifier: Apache-2.0
#include "engine/io/safetensors_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace moescope {
namespace {

using Json = nlohmann::json;

constexpr size_t kLargestIndex = 64 << 20;
constexpr size_t kMostTensors = 300'000;
constexpr size_t kMostShards = 4096;  // every shard is one mapping
constexpr size_t kMostMetadata = 1000;
constexpr int kDeepest = 16;

[[noreturn]] void refuse(const std::string& file, const std::string& what) {
    throw EngineException(ErrorCode::Format, fmt::format("{}: {}; fetch the model's files again", file, what));
}

bool isPlainFileName(const std::string& name) {
    return !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
           name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
}

/// Keeps what lies directly in "weight_map" and the plain values directly in "metadata"; everything else is passed
/// over.
class IndexEvents {
public:
    IndexEvents(const std::string& file, SafetensorsIndex& index) : m_file(file), m_index(index) {}

    bool start_object(size_t) {
        if (m_depth == 1 && m_member == "weight_map") m_inMap = true;
        if (m_depth == 1 && m_member == "metadata") m_inMetadata = true;
        if (m_depth >= 2 && m_inMap) refuse(m_file, fmt::format("the weight_map names no file for {}", m_key));
        return deeper();
    }
    bool end_object() { return shallower(); }
    bool start_array(size_t) {
        if (m_depth == 0 || m_inMap || (m_depth == 1 && m_member == "weight_map"))
            refuse(m_file, "expected a JSON object with a weight_map, found a list");
        return deeper();
    }
    bool end_array() { return shallower(); }
    bool key(std::string& name) {
        if (m_depth == 1) {
            if (name == "weight_map" && std::exchange(m_sawMap, true))
                refuse(m_file, "the index holds weight_map twice");
            m_member = std::move(name);
        } else if (m_depth == 2) {
            m_key = std::move(name);
        }
        return true;
    }
    bool string(std::string& text) {
        if (m_inMap && m_depth == 2) {
            if (m_index.weightMap.size() == kMostTensors)
                refuse(m_file, fmt::format("the index names more than {} tensors", kMostTensors));
            if (!isPlainFileName(text))
                refuse(m_file,
                       fmt::format("tensor {} is said to be in {:?}, but a shard must be a plain file name beside the "
                                   "index",
                                   m_key, text.substr(0, 200)));
            m_index.weightMap.emplace_back(std::move(m_key), std::move(text));
            return true;
        }
        return plain(std::move(text));
    }
    bool number_unsigned(uint64_t value) { return plain(value); }
    bool number_integer(int64_t value) { return plain(value); }
    bool number_float(double value, const std::string&) { return plain(value); }
    bool boolean(bool value) { return plain(value); }
    bool null() { return plain(nullptr); }
    bool binary(Json::binary_t&) { return true; }
    bool parse_error(size_t position, const std::string&, const Json::exception&) {
        refuse(m_file, fmt::format("the index is not valid JSON at its byte {}", position));
    }

private:
    bool plain(Json value) {
        if (m_depth == 0) refuse(m_file, "expected a JSON object with a weight_map, found a single value");
        if (m_inMap || (m_depth == 1 && m_member == "weight_map"))
            refuse(m_file, fmt::format("the weight_map names no file for {}", m_key));
        if (m_inMetadata && m_depth == 2 && m_index.metadata.size() < kMostMetadata)
            m_index.metadata[m_key] = std::move(value);
        return true;
    }
    bool deeper() {
        if (++m_depth > kDeepest) refuse(m_file, "the index is nested too deeply");
        return true;
    }
    bool shallower() {
        if (--m_depth == 1) m_inMap = m_inMetadata = false;
        return true;
    }

    const std::string& m_file;
    SafetensorsIndex& m_index;
    std::string m_member, m_key;
    int m_depth = 0;
    bool m_inMap = false, m_inMetadata = false, m_sawMap = false;
};

}  // namespace

SafetensorsIndex readSafetensorsIndex(std::span<const std::byte> text, const std::string& fileName) {
    if (text.size() > kLargestIndex)
        refuse(fileName,
               fmt::format("the index has {} bytes where at most {} are sensible", text.size(), kLargestIndex));
    SafetensorsIndex index;
    IndexEvents events(fileName, index);
    const auto* first = reinterpret_cast<const char*>(text.data());
    if (!Json::sax_parse(first, first + text.size(), &events)) refuse(fileName, "the index is not valid JSON");
    if (index.weightMap.empty()) refuse(fileName, "expected a JSON object with a weight_map of tensors, found none");
    std::vector<std::string_view> names;
    for (const auto& [name, shard] : index.weightMap) names.push_back(name);
    std::ranges::sort(names);
    if (const auto twice = std::ranges::adjacent_find(names); twice != names.end())
        refuse(fileName, fmt::format("the weight_map names tensor {} twice", *twice));
    return index;
}

Result<std::shared_ptr<const ShardedSource>> ShardedSource::open(const std::shared_ptr<const MappedFile>& index) {
    return guarded([&]() -> std::shared_ptr<const ShardedSource> {
        SafetensorsIndex parsed = readSafetensorsIndex(index->bytes(), index->name());
        std::map<std::string, std::string, std::less<>> shardOf;
        std::set<std::string> shards;
        for (auto& [name, shard] : parsed.weightMap) {
            shards.insert(shard);
            shardOf.emplace(std::move(name), std::move(shard));
        }
        parsed.weightMap = {};
        if (shards.size() > kMostShards)
            refuse(index->name(),
                   fmt::format("the index names {} files where at most {} are sensible", shards.size(), kMostShards));

        auto source = std::make_shared<ShardedSource>();
        source->m_files.push_back(index->path());
        size_t found = 0;
        for (const std::string& name : shards) {
            auto file = MappedFile::open(index->path().parent_path() / name).orThrow();
            source->m_files.push_back(file->path());
            source->addShard(SafetensorsSource::open(std::move(file)).orThrow(), name, shardOf, found);
        }
        if (found != shardOf.size()) source->refuseMissing(index->name(), shardOf, shards);
        for (auto& [key, value] : parsed.metadata.items()) source->m_metadata[key] = value;
        source->m_format = fmt::format("safetensors ({} files)", shards.size());
        source->indexNames();
        return source;
    });
}

void ShardedSource::refuseMissing(const std::string& indexName,
                                  const std::map<std::string, std::string, std::less<>>& shardOf,
                                  const std::set<std::string>& shards) const {
    for (const auto& [name, shard] : shardOf) {
        const auto at = static_cast<size_t>(std::distance(shards.begin(), shards.find(shard)));
        if (!m_shards[at]->find(name))
            refuse(indexName, fmt::format("tensor {} is not in {}, where the index says it is", name, shard));
    }
}

void ShardedSource::addShard(std::shared_ptr<const SafetensorsSource> shard, const std::string& shardName,
                             const std::map<std::string, std::string, std::less<>>& shardOf, size_t& found) {
    size_t extra = 0;
    const auto shardIndex = static_cast<uint32_t>(m_shards.size());
    for (size_t i = 0; i < shard->tensors().size(); ++i) {
        const TensorInfo& tensor = shard->tensors()[i];
        const auto place = shardOf.find(tensor.name);
        if (place == shardOf.end() || place->second != shardName) {
            ++extra;
            continue;
        }
        ++found;
        m_tensors.push_back({tensor.name, tensor.dtype, tensor.shape, m_places.size()});
        m_places.emplace_back(shardIndex, static_cast<uint32_t>(i));
    }
    if (extra > 0)
        m_notes.push_back(fmt::format("{} holds {} tensors that the index does not take from it", shardName, extra));
    for (const auto& [key, value] : shard->metadata().items())
        if (!m_metadata.contains(key)) m_metadata[key] = value;
    m_shards.push_back(std::move(shard));
}

std::pair<const SafetensorsSource*, const TensorInfo*> ShardedSource::locate(const TensorInfo& tensor) const {
    if (tensor.handle >= m_places.size()) return {nullptr, nullptr};
    const auto [shard, index] = m_places[tensor.handle];
    return {m_shards[shard].get(), &m_shards[shard]->tensors()[index]};
}

Result<std::span<const std::byte>> ShardedSource::contiguousBytes(const TensorInfo& tensor) const {
    const auto [shard, own] = locate(tensor);
    if (!shard) return {ErrorCode::InvalidArgument, fmt::format("tensor {} belongs to another file", tensor.name)};
    return shard->contiguousBytes(*own);
}

Status ShardedSource::readRaw(const TensorInfo& tensor, std::span<std::byte> target) const {
    const auto [shard, own] = locate(tensor);
    if (!shard) return {ErrorCode::InvalidArgument, fmt::format("tensor {} belongs to another file", tensor.name)};
    return shard->readRaw(*own, target);
}

void ShardedSource::expectScatteredReads(bool scattered) const {
    for (const auto& shard : m_shards) shard->expectScatteredReads(scattered);
}

void ShardedSource::releasePages(const TensorInfo& tensor) const {
    const auto [shard, own] = locate(tensor);
    if (shard) shard->releasePages(*own);
}

}  // namespace moescope
