// SPDX-License-Identifier: Apache-2.0
// A model spread over several safetensors files: the `*.safetensors.index.json` that lists them, and their
// TensorSource.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/error.h"
#include "engine/io/mapped_file.h"
#include "engine/io/safetensors_source.h"
#include "engine/io/tensor_source.h"

namespace moescope {

struct SafetensorsIndex {
    std::vector<std::pair<std::string, std::string>>
        weightMap;                                       // tensor name, shard's file name; in the order of the file
    nlohmann::json metadata = nlohmann::json::object();  // plain values of "metadata"
};

/// Throws EngineException. Shard names are plain file names (no folders), tensor names occur once.
SafetensorsIndex readSafetensorsIndex(std::span<const std::byte> text, const std::string& fileName);

class ShardedSource final : public TensorSource {
public:
    /// Opens the index and all its shards, which lie in the index's folder.
    static Result<std::shared_ptr<const ShardedSource>> open(const std::shared_ptr<const MappedFile>& index);

    Status readRaw(const TensorInfo& tensor, std::span<std::byte> target) const override;
    void expectScatteredReads(bool scattered) const override;
    void releasePages(const TensorInfo& tensor) const override;
    Result<std::span<const std::byte>> contiguousBytes(const TensorInfo& tensor) const override;

private:
    std::pair<const SafetensorsSource*, const TensorInfo*> locate(const TensorInfo& tensor) const;
    void refuseMissing(const std::string& indexName, const std::map<std::string, std::string, std::less<>>& shardOf,
                       const std::set<std::string>& shards) const;
    void addShard(std::shared_ptr<const SafetensorsSource> shard, const std::string& shardName,
                  const std::map<std::string, std::string, std::less<>>& shardOf, size_t& found);

    std::vector<std::shared_ptr<const SafetensorsSource>> m_shards;
    std::vector<std::pair<uint32_t, uint32_t>> m_places;  // by handle: shard, index of the tensor in it
};

}  // namespace moescope
