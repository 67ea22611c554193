// SPDX-License-Identifier: Apache-2.0
#include "engine/train/metrics_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/io/atomic_file.h"

namespace moescope::train {
namespace {

using nlohmann::json;

/// Enough digits for a curve, few enough for a small file.
json rounded(std::span<const float> shares) {
    json list = json::array();
    for (const float share : shares) list.push_back(std::round(share * 1e5) / 1e5);
    return list;
}

json toJson(const MetricsLine& line) {
    json object{{"step", line.step},           {"loss", line.loss}, {"grad_norm", line.gradientNorm}, {"rate", line.rate},
                {"auxiliary", line.auxiliary}, {"z", line.z},       {"seconds", line.seconds}};
    for (const LayerLoad& layer : line.routing.layers()) {
        object["block"].push_back(layer.block);
        object["load"].push_back(rounded(loadShares(layer.pairs)));
        object["imbalance"].push_back(std::round(layer.imbalance() * 1e4) / 1e4);
        json thirds = json::array();
        for (const auto& third : layer.pairsByTime) thirds.push_back(rounded(loadShares(third)));
        object["load_by_time"].push_back(std::move(thirds));
    }
    if (line.heldOutLoss >= 0) {
        object["held_out_loss"] = line.heldOutLoss;
        object["held_out_imbalance"] = line.heldOutImbalance;
    }
    return object;
}

double numberIn(const json& object, const char* key, double otherwise = 0) {
    const auto found = object.find(key);
    return found != object.end() && found->is_number() ? found->get<double>() : otherwise;
}

std::vector<double> numbersIn(const json& list) {
    std::vector<double> numbers;
    if (list.is_array())
        for (const json& each : list) numbers.push_back(each.is_number() ? each.get<double>() : 0);
    return numbers;
}

MetricsLine fromJson(const json& object) {
    MetricsLine line{static_cast<int64_t>(numberIn(object, "step")), numberIn(object, "loss"), numberIn(object, "grad_norm"),
                     numberIn(object, "rate"), numberIn(object, "auxiliary"), numberIn(object, "z"), numberIn(object, "seconds"), {},
                     numberIn(object, "held_out_loss", -1), numberIn(object, "held_out_imbalance", -1)};
    const auto blocks = object.find("block"), loads = object.find("load"), thirds = object.find("load_by_time");
    if (blocks == object.end() || loads == object.end() || !blocks->is_array() || !loads->is_array()) return line;
    for (size_t i = 0; i < std::min(blocks->size(), loads->size()); ++i) {
        LayerLoad layer;
        layer.block = (*blocks)[i].is_number_integer() ? (*blocks)[i].get<int>() : 0;
        layer.pairs = numbersIn((*loads)[i]);
        for (size_t third = 0; third < kTimeThirds; ++third) {
            layer.pairsByTime[third].resize(layer.pairs.size());
            if (thirds == object.end() || i >= thirds->size() || third >= (*thirds)[i].size()) continue;
            std::vector<double> part = numbersIn((*thirds)[i][third]);
            part.resize(layer.pairs.size());
            layer.pairsByTime[third] = std::move(part);
        }
        line.routing.add(std::move(layer));
    }
    return line;
}

EngineError failure(const std::string& name, const char* what) {
    const int code = errno;
    return {code == ENOSPC ? ErrorCode::NoSpace : ErrorCode::Io,
            fmt::format("'{}' could not be {} ({}); {}", name, what, std::strerror(code),
                        code == ENOSPC ? "free some space and resume the run" : "check the folder and resume the run")};
}

}  // namespace

Result<std::unique_ptr<MetricsFile>> MetricsFile::open(const std::filesystem::path& path, int64_t lastStep) {
    std::error_code code;
    if (std::filesystem::exists(path, code)) {
        std::ifstream old(path, std::ios::binary);
        std::string kept, line;
        while (std::getline(old, line)) {
            const json object = json::parse(line, nullptr, false);
            if (object.is_object() && numberIn(object, "step") <= static_cast<double>(lastStep)) kept += line + "\n";
        }
        auto file = AtomicFile::create(path);
        if (!file.ok()) return file.error();
        if (const Status written = file->write(std::string_view(kept)); !written.ok()) return written.error();
        if (const Status committed = file->commit(); !committed.ok()) return committed.error();
    }
    std::FILE* file = std::fopen(path.c_str(), "ab");
    if (!file) return failure(path.filename().string(), "opened");
    return std::unique_ptr<MetricsFile>(new MetricsFile(file, path.filename().string()));
}

MetricsFile::~MetricsFile() { std::fclose(m_file); }

Status MetricsFile::append(const MetricsLine& line) {
    const std::string text = toJson(line).dump() + "\n";
    if (std::fwrite(text.data(), 1, text.size(), m_file) != text.size() || std::fflush(m_file) != 0) return failure(m_name, "written");
    return {};
}

Result<std::vector<MetricsLine>> readMetrics(const std::filesystem::path& path) {
    std::ifstream stream(path, std::ios::binary);
    if (!stream) return EngineError{ErrorCode::NotFound, fmt::format("no '{}'; give the folder of a training run", path.string())};
    std::vector<MetricsLine> lines;
    std::string text;
    while (std::getline(stream, text))
        if (const json object = json::parse(text, nullptr, false); object.is_object()) lines.push_back(fromJson(object));
    return lines;
}

}  // namespace moescope::train
