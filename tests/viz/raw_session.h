// SPDX-License-Identifier: GPL-3.0-or-later
// A session file taken apart by hand after resources/help/session-format.md: nothing here knows the engine's reader or viz.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace moescope::test {

struct RawSession {
    struct Record {
        int evaluation, branch, layer;
        size_t counts, rowPtr, pairs, pairCount;
        bool assignments;
    };
    int64_t images = 0;
    nlohmann::json layers;
    std::vector<Record> records;
    std::vector<int32_t> counts;
    std::vector<float> mass, gate;
    std::vector<uint32_t> rowPtr;
    std::vector<uint16_t> expert;

    explicit RawSession(const std::filesystem::path& path) {
        std::ifstream file(path, std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(file), {}};
        uint64_t length = 0;
        for (size_t i = 0; i < 8; ++i) length |= uint64_t{static_cast<unsigned char>(bytes.at(i))} << (8 * i);
        const auto header = nlohmann::json::parse(bytes.substr(8, length));
        const auto manifest = nlohmann::json::parse(header.at("__metadata__").at("manifest").get<std::string>());
        images = manifest.at("images").get<int64_t>();
        layers = manifest.at("layers");
        const std::string data = bytes.substr(8 + length);
        const auto take = [&]<class T>(const char* name, std::vector<T>& values) {
            if (!header.contains(name)) return;
            const auto begin = header[name]["data_offsets"][0].get<size_t>(), end = header[name]["data_offsets"][1].get<size_t>();
            values.resize((end - begin) / sizeof(T));
            if (!values.empty()) std::memcpy(values.data(), data.substr(begin, end - begin).data(), end - begin);
        };
        std::vector<int32_t> places;
        std::vector<int64_t> index;
        take("routing.records", places);
        take("routing.index", index);
        take("routing.counts", counts);
        take("routing.mass", mass);
        take("routing.row_ptr", rowPtr);
        take("routing.expert", expert);
        take("routing.gate", gate);
        if (places.size() / 5 != index.size() / 8) throw std::runtime_error("records and index differ in length");
        for (size_t i = 0; i < places.size() / 5; ++i) {
            const int64_t* at = &index[8 * i];
            records.push_back({places[5 * i], places[5 * i + 1], places[5 * i + 3], size_t(at[0]), size_t(at[1]), size_t(at[2]),
                               size_t(at[3]), at[1] >= 0});
        }
    }

    int64_t experts(int layer) const { return layers.at(size_t(layer)).at("experts").get<int64_t>(); }
    int64_t tokens(int layer) const {
        int64_t sum = 0;
        for (const auto& group : layers.at(size_t(layer)).at("token_groups")) sum += group.at("count").get<int64_t>();
        return sum;
    }
    /// nullptr when it was not recorded.
    const Record* find(int evaluation, int branch, int layer) const {
        for (const Record& record : records)
            if (record.evaluation == evaluation && record.branch == branch && record.layer == layer) return &record;
        return nullptr;
    }
    bool chooses(int layer) const { return layers.at(size_t(layer)).at("policy") == "networks"; }
    /// Whether the record's network worked on an image: what the record of the choice of networks beside it says.
    bool ran(const Record& record, int64_t image) const {
        if (chooses(record.layer)) return true;
        const auto network = layers.at(size_t(record.layer)).at("network").get<size_t>();
        for (const Record& choice : records)
            if (chooses(choice.layer) && choice.evaluation == record.evaluation && choice.branch == record.branch)
                return this->counts.at(choice.counts + size_t(image * experts(choice.layer)) + network) > 0;
        return true;
    }
    struct Pair {
        int expert;
        float gate;
    };
    /// Of one token of one image.
    std::vector<Pair> pairsOf(const Record& record, int64_t image, int64_t token) const {
        const size_t row = record.rowPtr + size_t(image * tokens(record.layer) + token);
        std::vector<Pair> pairs;
        for (uint32_t i = rowPtr.at(row); i < rowPtr.at(row + 1); ++i)
            pairs.push_back({expert.at(record.pairs + i), gate.at(record.pairs + i)});
        return pairs;
    }
    int evaluations() const {
        int count = 0;
        for (const Record& record : records) count = std::max(count, record.evaluation + 1);
        return count;
    }
};

}  // namespace moescope::test
