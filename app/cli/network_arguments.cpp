// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/network_arguments.h"

#include <algorithm>
#include <charconv>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/core/error.h"
#include "engine/core/name_list.h"
#include "engine/ensemble/json_fields.h"
#include "engine/ensemble/network_choice.h"

namespace moescope::cli {
namespace {

[[noreturn]] void refuse(std::string sentence) { throw EngineException(ErrorCode::InvalidArgument, std::move(sentence)); }

size_t indexOf(std::span<const std::string> names, const std::string& name, std::string_view option) {
    const auto found = std::ranges::find(names, name);
    if (found != names.end()) return static_cast<size_t>(found - names.begin());
    const std::string near = nearestName(name, names);
    refuse(fmt::format("{} names the expert '{}', which the ensemble does not have; {}", option, name,
                       near.empty() ? fmt::format("it has {}", quotedList(names, "and")) : fmt::format("did you mean '{}'?", near)));
}

/// "a=1,b=2" -> a number for each network, 0 for those that are not named.
std::vector<double> parseWeights(std::string_view text, std::span<const std::string> names) {
    std::vector<double> row(names.size());
    while (!text.empty()) {
        const size_t comma = text.find(',');
        const std::string_view pair = text.substr(0, comma);
        const size_t equals = pair.find('=');
        double value = 0;
        const std::string_view number = equals == std::string_view::npos ? "" : pair.substr(equals + 1);
        const auto [end, code] = std::from_chars(number.data(), number.data() + number.size(), value);
        if (code != std::errc() || end != number.data() + number.size() || equals == 0)
            refuse(fmt::format("--expert-weights expects pairs NAME=NUMBER with commas between them, such as a=1,b=2; found '{}'", pair));
        row[indexOf(names, std::string(pair.substr(0, equals)), "--expert-weights")] = value;
        text = comma == std::string_view::npos ? "" : text.substr(comma + 1);
    }
    return row;
}

/// A JSON list with an object {"name": weight, ...} for each step.
std::vector<std::vector<double>> readWeights(const std::string& path, std::span<const std::string> names) {
    std::ifstream stream(path, std::ios::binary);
    if (!stream) throw EngineException(ErrorCode::NotFound, fmt::format("the file of weights '{}' can not be read", path));
    const nlohmann::json json = parseShallowJson(stream);
    std::vector<std::vector<double>> rows;
    for (const nlohmann::json& entry : json.is_array() ? json : nlohmann::json::array()) {
        std::vector<double> row(names.size());
        if (!entry.is_object()) break;
        for (const auto& [name, value] : entry.items()) {
            if (!value.is_number()) refuse(fmt::format("the weight of '{}' in '{}' should be a number, found {}", name, path, jsonExcerpt(value)));
            row[indexOf(names, name, "the file of weights")] = value.get<double>();
        }
        rows.push_back(std::move(row));
    }
    if (rows.empty() || rows.size() != json.size())
        throw EngineException(ErrorCode::Format, fmt::format("'{}' should hold a JSON list with an object such as {{\"{}\": 1}} for each step", path,
                                                             names.empty() ? "name" : names.front()));
    return rows;
}

std::vector<std::string> separated(const std::vector<std::string>& lists) {
    std::vector<std::string> names;
    for (const std::string& list : lists)
        for (size_t start = 0; start <= list.size();) {
            const size_t comma = std::min(list.find(',', start), list.size());
            if (comma > start) names.push_back(list.substr(start, comma - start));
            start = comma + 1;
        }
    return names;
}

}  // namespace

void NetworkArguments::addTo(CLI::App& command) {
    auto* row = command.add_option("--expert-weights", weights, "Ensembles: weights by hand instead of the router's, NAME=NUMBER,...; others get 0");
    command.add_option("--expert-weights-file", weightsFile, "The same for each step: a JSON list with an object {\"NAME\": NUMBER} per step")
        ->excludes(row);
    command.add_option("--mute", muted, "Ensembles: experts that do not run, NAME,...; may be repeated")->allow_extra_args(false);
    command.add_option("--pin", pinned, "Ensembles: experts that always run; may be repeated")->allow_extra_args(false);
    command.add_option("--top-k", topK, "Ensembles: how many experts run for a picture; default: as the ensemble says");
}

NetworkEdits NetworkArguments::edits(std::span<const std::string> names, const NetworkEdits& repeated) const {
    NetworkEdits edits = names.empty() ? NetworkEdits() : repeated;
    const bool any = !weights.empty() || !weightsFile.empty() || !muted.empty() || !pinned.empty() || topK;
    if (any && names.empty())
        refuse("the model is a single network; --expert-weights, --mute, --pin and --top-k are for ensembles (*.moe.json)");
    if (!weights.empty()) edits.weights = {parseWeights(weights, names)};
    if (!weightsFile.empty()) edits.weights = readWeights(weightsFile, names);
    if (!muted.empty()) edits.muted = separated(muted);
    if (!pinned.empty()) edits.pinned = separated(pinned);
    if (topK) {
        if (*topK < 1) refuse(fmt::format("--top-k should be 1 to {}, found {}", names.size(), *topK));
        edits.topK = *topK;
    }
    checkEdits(names, edits, 0).orThrow();
    return edits;
}

}  // namespace moescope::cli
