// SPDX-License-Identifier: Apache-2.0
#include "engine/verify/case_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace moescope {
namespace {

using nlohmann::json;
using verify::KeyReport;

constexpr size_t kShownFailures = 6;

std::string placeText(const SmallestMargin& m) {
    const std::string evaluation = m.evaluation < 0 ? "" : fmt::format("evaluation {}, ", m.evaluation);
    const std::string token = m.token < 0 ? "" : fmt::format(", token {}", m.token);
    const std::string expert = m.expert < 0 ? "" : fmt::format(", expert {}", m.expert);
    return fmt::format("{}block {}{}{}", evaluation, m.block, token, expert);
}

std::string marginText(const SmallestMargin& m) {
    return std::isinf(m.margin) ? std::string("none") : fmt::format("{:.2e} ({})", m.margin, placeText(m));
}

std::string differenceText(const RoutingDifference& d) {
    const std::string evaluation =
        d.evaluation < 0 ? "" : fmt::format("evaluation {}, {}, ", d.evaluation, branchName(d.branch));
    return fmt::format("first difference: {}block {}, token {}: experts {{{}}} expected, {{{}}} chosen, margin {:.2e}",
                       evaluation, d.block, d.token, fmt::join(d.expected, " "), fmt::join(d.found, " "), d.margin);
}

std::string replayText(const RoutingReport& routing) {
    std::string text =
        fmt::format("     the values are of a run with the stored choices, which overruled {} of the engine's",
                    routing.overruled.size());
    for (size_t i = 0; i < std::min(kShownFailures, routing.overruled.size()); ++i)
        text += fmt::format("{}{}", i ? "; " : ": by ", marginText(routing.overruled[i]));
    return text + (routing.overruled.size() > kShownFailures ? "; ...\n" : "\n");
}

std::string failureText(const KeyReport& key) {
    const std::string error = !key.compared ? "not compared"
                              : key.exact   ? fmt::format("{:.0f} differ", key.error)
                                            : fmt::format("error {:.2e}, limit {:.0e}", key.error, key.limit);
    return fmt::format("{}: {}{}", key.key, error, key.problem.empty() ? "" : ": " + key.problem);
}

std::string fileText(const FileReport& file) {
    std::string text = fmt::format("{} {}{}: {}/{} compared", file.passed() ? "ok  " : "FAIL", file.file,
                                   file.weights.empty() ? "" : " [" + file.weights + "]", file.compared, file.total());
    if (const KeyReport* worst = file.worst())
        text += fmt::format(", largest error {:.2e} at {} (limit {:.0e})", worst->error, worst->key, worst->limit);
    text += "\n";
    const RoutingReport& routing = file.routing;
    if (routing.sets)
        text += fmt::format("     routing: {} of {} expert sets equal, smallest margin {}\n",
                            routing.sets - routing.differing, routing.sets, marginText(routing.smallest));
    else if (!std::isinf(routing.smallest.margin))
        text += fmt::format("     routing: none stored, smallest margin {}\n", marginText(routing.smallest));
    if (routing.first) text += fmt::format("     {}\n", differenceText(*routing.first));
    if (routing.replayed) text += replayText(routing);
    if (const auto& beyond = file.firstBeyond)
        text += fmt::format(
            "     first evaluation beyond its limit: {} (step {}, stage {}, t {:.6g}), key {}, error {:.2e}; smallest "
            "margin there {}\n",
            beyond->info.index, beyond->info.step, beyond->info.stage, beyond->info.timestep, beyond->key,
            beyond->error, marginText(beyond->smallest));
    for (const std::string& problem : file.problems) text += fmt::format("     {}\n", problem);
    for (const std::string& note : file.notes) text += fmt::format("     note: {}\n", note);
    size_t failures = 0;
    for (const KeyReport& key : file.keys)
        if (!key.passed && ++failures <= kShownFailures) text += fmt::format("     {}\n", failureText(key));
    if (failures > kShownFailures) text += fmt::format("     and {} more keys\n", failures - kShownFailures);
    return text;
}

json marginJson(const SmallestMargin& m) {
    if (std::isinf(m.margin)) return nullptr;
    json made{{"margin", m.margin}, {"block", m.block}};
    if (m.token >= 0) made["token"] = m.token;
    if (m.expert >= 0) made["expert"] = m.expert;
    if (m.evaluation >= 0) made["evaluation"] = m.evaluation;
    return made;
}

json routingJson(const RoutingReport& routing) {
    json made{{"sets", routing.sets},
              {"differing", routing.differing},
              {"replayed", routing.replayed},
              {"overruled", json::array()},
              {"smallest_margin", marginJson(routing.smallest)}};
    for (const SmallestMargin& choice : routing.overruled) made["overruled"].push_back(marginJson(choice));
    if (const auto& first = routing.first) {
        made["first_difference"] = {{"block", first->block},
                                    {"token", first->token},
                                    {"expected", first->expected},
                                    {"chosen", first->found},
                                    {"margin", first->margin}};
        if (first->evaluation >= 0) {
            made["first_difference"]["evaluation"] = first->evaluation;
            made["first_difference"]["branch"] = branchName(first->branch);
        }
    }
    return made;
}

json fileJson(const FileReport& file) {
    json made{{"file", file.file},
              {"weights", file.weights},
              {"passed", file.passed()},
              {"compared", file.compared},
              {"total", file.total()},
              {"limit", file.limit},
              {"problems", file.problems},
              {"notes", file.notes},
              {"routing", routingJson(file.routing)},
              {"not_checked", file.notChecked},
              {"keys", json::array()}};
    for (const KeyReport& key : file.keys) {
        json entry{{"key", key.key}, {"compared", key.compared}, {"passed", key.passed}};
        if (key.compared) entry[key.exact ? "differing" : "error"] = key.error;
        if (!key.problem.empty()) entry["problem"] = key.problem;
        made["keys"].push_back(std::move(entry));
    }
    if (const KeyReport* worst = file.worst()) made["largest_error"] = {{"key", worst->key}, {"error", worst->error}};
    if (const auto& beyond = file.firstBeyond)
        made["first_beyond_limit"] = {{"evaluation", beyond->info.index},
                                      {"step", beyond->info.step},
                                      {"stage", beyond->info.stage},
                                      {"t", beyond->info.timestep},
                                      {"key", beyond->key},
                                      {"error", beyond->error},
                                      {"smallest_margin", marginJson(beyond->smallest)}};
    return made;
}

}  // namespace

bool FileReport::passed() const {
    const double differing =
        routing.sets ? static_cast<double>(routing.differing) / static_cast<double>(routing.sets) : 0;
    return problems.empty() && !keys.empty() && differing <= differingShare &&
           std::all_of(keys.begin(), keys.end(), [](const KeyReport& key) { return key.passed; });
}

const KeyReport* FileReport::worst() const {
    const KeyReport* worst = nullptr;
    for (const KeyReport& key : keys) {
        if (!key.compared || key.exact) continue;
        if (std::isnan(key.error)) return &key;
        if (!worst || key.error > worst->error) worst = &key;
    }
    return worst;
}

int64_t CaseReport::compared() const {
    int64_t sum = 0;
    for (const FileReport& file : files) sum += file.compared;
    return sum;
}

int64_t CaseReport::total() const {
    int64_t sum = 0;
    for (const FileReport& file : files) sum += file.total();
    return sum;
}

int64_t CaseReport::notChecked() const {
    int64_t sum = 0;
    for (const FileReport& file : files) sum += file.notChecked;
    return sum;
}

bool CaseReport::passed() const {
    return !files.empty() && std::all_of(files.begin(), files.end(), [](const FileReport& f) { return f.passed(); });
}

std::string reportText(const CaseReport& report) {
    std::string text = fmt::format("{}: {} on {}\n", report.name, report.family, report.device);
    for (const FileReport& file : report.files) text += fileText(file);
    for (const std::string& note : report.notes) text += fmt::format("note: {}\n", note);
    const auto failed =
        std::count_if(report.files.begin(), report.files.end(), [](const auto& f) { return !f.passed(); });
    const std::string beside =
        report.notChecked() ? fmt::format("; {} more keys not checked", report.notChecked()) : std::string();
    if (report.passed())
        text += fmt::format("PASS {}: {}/{} outputs compared, all within their limits{}\n", report.name,
                            report.compared(), report.total(), beside);
    else
        text += fmt::format("FAIL {}: {}/{} outputs compared, {} of {} files failed{}\n", report.name,
                            report.compared(), report.total(), failed, report.files.size(), beside);
    return text;
}

json reportJson(const CaseReport& report) {
    json made{{"case", report.name},
              {"family", report.family},
              {"device", report.device},
              {"passed", report.passed()},
              {"compared", report.compared()},
              {"total", report.total()},
              {"not_checked", report.notChecked()},
              {"notes", report.notes},
              {"files", json::array()}};
    for (const FileReport& file : report.files) made["files"].push_back(fileJson(file));
    return made;
}

}  // namespace moescope
