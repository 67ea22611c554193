// SPDX-License-Identifier: GPL-3.0-or-later
// Every aggregation equals what plain loops over the arrays of the saved session file give: for a real run and for the sample.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "engine/io/session_file.h"
#include "tests/support/embedded_model.h"
#include "tests/support/policy_runs.h"
#include "tests/support/sample_run.h"
#include "tests/support/temporary_folder.h"
#include "tests/viz/raw_session.h"
#include "viz/aggregate/balance.h"
#include "viz/aggregate/load.h"
#include "viz/aggregate/network_choice.h"
#include "viz/aggregate/routing_change.h"
#include "viz/aggregate/token_cover.h"
#include "viz/aggregate/token_map.h"

namespace moescope::test {
namespace {

const double kNothing = std::nan("");

/// Sums of the same floats, in double: only their order may differ.
constexpr double kTolerance = 1e-12;

::testing::AssertionResult same(double got, double wanted) {
    if (std::isnan(got) || std::isnan(wanted)) {
        if (std::isnan(got) && std::isnan(wanted)) return ::testing::AssertionSuccess();
    } else if (std::abs(got - wanted) <= kTolerance * std::max(1.0, std::abs(wanted))) {
        return ::testing::AssertionSuccess();
    }
    return ::testing::AssertionFailure() << "got " << got << ", recomputed " << wanted;
}

/// What a record gave one expert, summed over one image or all (-1).
double recorded(const RawSession& raw, const RawSession::Record& record, LoadMeasure measure, int64_t image, int64_t expert) {
    double sum = 0;
    for (int64_t i = 0; i < raw.images; ++i) {
        if (image >= 0 && i != image) continue;
        const size_t cell = record.counts + size_t(i * raw.experts(record.layer) + expert);
        sum += measure == LoadMeasure::Counts ? double(raw.counts.at(cell)) : double(raw.mass.at(cell));
    }
    return sum;
}

/// Of one evaluation; nothing where the query's branches were not run.
double loadAt(const RawSession& raw, int layer, int evaluation, int64_t expert, const LoadQuery& query) {
    if (query.image >= raw.images) return kNothing;
    const RawSession::Record* cond = raw.find(evaluation, 0, layer);
    const RawSession::Record* uncond = raw.find(evaluation, 1, layer);
    if (query.image >= 0 && cond && !raw.ran(*cond, query.image)) cond = nullptr;
    if (query.image >= 0 && uncond && !raw.ran(*uncond, query.image)) uncond = nullptr;
    const auto of = [&](const RawSession::Record* record) { return recorded(raw, *record, query.measure, query.image, expert); };
    if (query.branch == BranchChoice::Cond) return cond ? of(cond) : kNothing;
    if (query.branch == BranchChoice::Uncond) return uncond ? of(uncond) : kNothing;
    if (query.branch == BranchChoice::Difference) return cond && uncond ? of(cond) - of(uncond) : kNothing;
    if (!cond && !uncond) return kNothing;
    return (cond ? of(cond) : 0) + (uncond ? of(uncond) : 0);
}

/// Over the evaluations of the query.
double loadOf(const RawSession& raw, int layer, int64_t expert, const LoadQuery& query) {
    double sum = kNothing;
    for (int e = 0; e < raw.evaluations(); ++e) {
        if (e < query.firstEvaluation || e >= query.endEvaluation) continue;
        const double here = loadAt(raw, layer, e, expert, query);
        if (!std::isnan(here)) sum = std::isnan(sum) ? here : sum + here;
    }
    return sum;
}

/// `load` of a layer; one that works without condition only does not count.
void expectBalance(const Balance& got, const RawSession& raw, int layer, std::vector<double> load, bool meaningful) {
    const int outside = raw.layers.at(size_t(layer)).value("unconditional_expert", -1);
    if (outside >= 0) load.erase(load.begin() + outside);
    if (!meaningful || std::isnan(load.at(0))) {
        EXPECT_FALSE(got.hasData());
        EXPECT_TRUE(std::isnan(got.maxOverMean));
        return;
    }
    const auto experts = double(load.size());
    double sum = 0, positive = 0, entropy = 0;
    for (const double value : load) sum += value, positive += std::max(value, 0.0);
    for (const double value : load)
        if (value > 0) entropy += value / positive * std::log(positive / value);
    EXPECT_TRUE(same(got.total, sum));
    EXPECT_EQ(got.unused, std::count(load.begin(), load.end(), 0.0));
    EXPECT_TRUE(same(got.entropy, positive > 0 ? (experts > 1 ? entropy / std::log(experts) : 1) : kNothing));
    EXPECT_TRUE(same(got.maxOverMean, positive > 0 ? *std::max_element(load.begin(), load.end()) / (positive / experts) : kNothing));
}

void expectLoads(const RoutingTrace& trace, const RawSession& raw, const LoadQuery& query) {
    const int layers = int(raw.layers.size());
    const bool signedLoad = query.branch == BranchChoice::Difference;
    const Matrix byLayer = loadByLayer(trace, query), byLayerShares = rowShares(byLayer);
    const std::vector<Balance> balances = balancePerLayer(trace, query);
    int64_t widest = 0;
    for (int layer = 0; layer < layers; ++layer) widest = std::max(widest, raw.experts(layer));
    ASSERT_EQ(byLayer.rows, layers);
    ASSERT_EQ(byLayer.cols, widest);
    ASSERT_EQ(balances.size(), size_t(layers));
    for (int layer = 0; layer < layers; ++layer) {
        SCOPED_TRACE("layer " + std::to_string(layer));
        std::vector<double> wanted;
        for (int64_t expert = 0; expert < raw.experts(layer); ++expert) wanted.push_back(loadOf(raw, layer, expert, query));
        const std::vector<double> single = layerLoad(trace, layer, query), singleShares = shares(single);
        ASSERT_EQ(single.size(), wanted.size());
        double sum = 0;
        for (const double value : wanted) sum += value;
        for (int64_t expert = 0; expert < widest; ++expert) {
            const bool exists = expert < raw.experts(layer);
            const double load = exists ? wanted[size_t(expert)] : kNothing;
            EXPECT_TRUE(same(byLayer.at(layer, expert), load));
            if (exists) {
                EXPECT_TRUE(same(single[size_t(expert)], load));
            }
            if (signedLoad) continue;
            const double share = sum > 0 ? load / sum : kNothing;
            EXPECT_TRUE(same(byLayerShares.at(layer, expert), share));
            if (exists) {
                EXPECT_TRUE(same(singleShares[size_t(expert)], share));
            }
        }
        expectBalance(balances[size_t(layer)], raw, layer, wanted, !signedLoad);

        const int first = std::max(query.firstEvaluation, 0), end = std::max(first, std::min(query.endEvaluation, raw.evaluations()));
        const Matrix over = loadOverEvaluations(trace, layer, query);
        const std::vector<Balance> overBalance = balanceOverEvaluations(trace, layer, query);
        ASSERT_EQ(over.rows, raw.experts(layer));
        ASSERT_EQ(over.cols, end - first);
        ASSERT_EQ(overBalance.size(), size_t(end - first));
        for (int e = first; e < end; ++e) {
            std::vector<double> column;
            for (int64_t expert = 0; expert < over.rows; ++expert) {
                column.push_back(loadAt(raw, layer, e, expert, query));
                EXPECT_TRUE(same(over.at(expert, e - first), column.back()));
            }
            expectBalance(overBalance[size_t(e - first)], raw, layer, column, !signedLoad);
        }
    }
}

std::string kindOf(const RawSession& raw, int layer, int64_t token) {
    for (const auto& group : raw.layers[size_t(layer)]["token_groups"]) {
        if (token < group["count"].get<int64_t>()) return group["kind"].get<std::string>();
        token -= group["count"].get<int64_t>();
    }
    return {};
}

void expectTokensPerExpertCount(const RoutingTrace& trace, const RawSession& raw, const LoadQuery& query) {
    if (query.branch == BranchChoice::Difference) return;
    for (int layer = 0; layer < int(raw.layers.size()); ++layer)
        for (const std::optional<TokenKind> kind : {std::optional<TokenKind>(), std::optional(TokenKind::Image), std::optional(TokenKind::ClassLabel)}) {
            std::vector<int64_t> wanted;
            for (const RawSession::Record& record : raw.records) {
                if (record.layer != layer || !record.assignments) continue;
                if (record.evaluation < query.firstEvaluation || record.evaluation >= query.endEvaluation) continue;
                if (query.branch == BranchChoice::Cond && record.branch != 0) continue;
                if (query.branch == BranchChoice::Uncond && record.branch != 1) continue;
                for (int64_t image = 0; image < raw.images; ++image) {
                    if ((query.image >= 0 && image != query.image) || !raw.ran(record, image)) continue;
                    wanted.resize(size_t(raw.experts(layer)) + 1);
                    for (int64_t token = 0; token < raw.tokens(layer); ++token)
                        if (!kind || kindOf(raw, layer, token) == tokenKindName(*kind)) ++wanted.at(raw.pairsOf(record, image, token).size());
                }
            }
            EXPECT_EQ(expertsPerToken(trace, layer, query, kind), wanted) << "layer " << layer;
        }
}

/// Share of the load that moved since the evaluation before.
void expectChange(const RoutingTrace& trace, const RawSession& raw, const LoadQuery& query) {
    const Matrix change = routingChange(trace, query);
    const int first = std::max(query.firstEvaluation, 0), end = std::max(first, std::min(query.endEvaluation, raw.evaluations()));
    ASSERT_EQ(change.rows, int64_t(raw.layers.size()));
    ASSERT_EQ(change.cols, end - first);
    for (int layer = 0; layer < int(raw.layers.size()); ++layer)
        for (int e = first; e < end; ++e) {
            const auto branches = [&](int evaluation) {
                return std::pair(raw.find(evaluation, 0, layer) != nullptr, raw.find(evaluation, 1, layer) != nullptr);
            };
            double moved = 0, now = 0, before = 0;
            bool known = e > 0 && query.branch != BranchChoice::Difference;
            if (known && query.branch == BranchChoice::Both) known = branches(e) == branches(e - 1);
            for (int64_t expert = 0; known && expert < raw.experts(layer); ++expert) {
                now += std::max(loadAt(raw, layer, e, expert, query), 0.0);  // a NaN as the first argument stays
                before += std::max(loadAt(raw, layer, e - 1, expert, query), 0.0);
            }
            known = known && now > 0 && before > 0;
            for (int64_t expert = 0; known && expert < raw.experts(layer); ++expert)
                moved += std::abs(std::max(loadAt(raw, layer, e, expert, query), 0.0) / now -
                                  std::max(loadAt(raw, layer, e - 1, expert, query), 0.0) / before) / 2;
            EXPECT_TRUE(same(change.at(layer, e - first), known ? moved : kNothing)) << "layer " << layer << ", evaluation " << e;
        }
}

/// What experts take of an even share, how many experts tokens have, and how many have none.
void expectCover(const RoutingTrace& trace, const RawSession& raw, LoadQuery query) {
    const int first = std::max(query.firstEvaluation, 0), end = std::max(first, std::min(query.endEvaluation, raw.evaluations()));
    for (int layer = 0; layer < int(raw.layers.size()); ++layer) {
        const Matrix capacity = capacityOverEvaluations(trace, layer, query);
        const Matrix numbers = expertsPerTokenOverEvaluations(trace, layer, query);
        const std::vector<TokenCover> cover = coverOverEvaluations(trace, layer, query);
        ASSERT_EQ(capacity.cols, end - first);
        ASSERT_EQ(numbers.cols, end - first);
        ASSERT_EQ(numbers.rows, raw.experts(layer) + 1);
        ASSERT_EQ(cover.size(), size_t(end - first));
        for (int e = first; e < end; ++e) {
            double tokens = 0, listed = 0, pairs = 0;
            std::vector<double> having(size_t(raw.experts(layer)) + 1), taken(size_t(raw.experts(layer)));
            for (int branch = 0; branch < 2; ++branch) {
                const RawSession::Record* record = raw.find(e, branch, layer);
                const bool wanted = query.branch == BranchChoice::Both || (query.branch == BranchChoice::Cond) == (branch == 0);
                if (!record || !wanted || query.branch == BranchChoice::Difference) continue;
                for (int64_t image = 0; image < raw.images; ++image) {
                    if ((query.image >= 0 && image != query.image) || !raw.ran(*record, image)) continue;
                    tokens += double(raw.tokens(layer));
                    for (size_t expert = 0; expert < taken.size(); ++expert)
                        taken[expert] += raw.counts.at(record->counts + size_t(image) * taken.size() + expert);
                    for (int64_t token = 0; record->assignments && token < raw.tokens(layer); ++token) {
                        ++having.at(raw.pairsOf(*record, image, token).size());
                        ++listed;
                    }
                }
            }
            for (const double one : taken) pairs += one;
            for (size_t expert = 0; expert < taken.size(); ++expert)
                EXPECT_TRUE(same(capacity.at(int64_t(expert), e - first),
                                 tokens > 0 ? taken[expert] / (tokens / double(taken.size())) : kNothing));
            for (size_t number = 0; number < having.size(); ++number)
                EXPECT_TRUE(same(numbers.at(int64_t(number), e - first), listed > 0 ? having[number] : kNothing));
            EXPECT_TRUE(same(cover[size_t(e - first)].expertsPerToken, tokens > 0 ? pairs / tokens : kNothing));
            EXPECT_TRUE(same(cover[size_t(e - first)].unrouted, listed > 0 ? having[0] / listed : kNothing));
        }
    }
}

void expectNetworks(const RoutingTrace& trace, const RawSession& raw, const LoadQuery& query) {
    const Matrix weights = networkWeights(trace, query);
    for (int layer = 0; layer < int(raw.layers.size()); ++layer) {
        if (!raw.chooses(layer)) continue;
        const int first = std::max(query.firstEvaluation, 0), end = std::max(first, std::min(query.endEvaluation, raw.evaluations()));
        ASSERT_EQ(weights.rows, raw.experts(layer));
        ASSERT_EQ(weights.cols, end - first);
        for (int e = first; e < end; ++e)
            for (int64_t network = 0; network < weights.rows; ++network) {
                double sum[2] = {0, 0}, images[2] = {0, 0}, chosen[2] = {0, 0};
                for (int branch = 0; branch < 2; ++branch)
                    if (const RawSession::Record* record = raw.find(e, branch, layer))
                        for (int64_t image = 0; image < raw.images; ++image) {
                            if (query.image >= 0 && image != query.image) continue;
                            const size_t cell = record->counts + size_t(image * weights.rows + network);
                            sum[branch] += double(raw.mass.at(cell));
                            chosen[branch] += raw.counts.at(cell);
                            ++images[branch];
                        }
                double wanted = kNothing;
                if (query.branch == BranchChoice::Cond && chosen[0] > 0) wanted = sum[0] / images[0];
                if (query.branch == BranchChoice::Uncond && chosen[1] > 0) wanted = sum[1] / images[1];
                if (query.branch == BranchChoice::Both && chosen[0] + chosen[1] > 0) wanted = (sum[0] + sum[1]) / (images[0] + images[1]);
                if (query.branch == BranchChoice::Difference && images[0] > 0 && images[1] > 0 && chosen[0] + chosen[1] > 0)
                    wanted = sum[0] / images[0] - sum[1] / images[1];
                EXPECT_TRUE(same(weights.at(network, e - first), wanted)) << "network " << network << ", evaluation " << e;
            }
        return;
    }
    EXPECT_EQ(weights.rows, 0);
}

/// Grid cells row by row, then the tokens outside, as one list.
std::vector<int32_t> flat(const TokenMap& map) {
    std::vector<int32_t> all = map.grid;
    for (const TokenMap::Outside& one : map.outside) all.push_back(one.value);
    return all;
}

void expectMaps(const RoutingTrace& trace, const RawSession& raw) {
    for (const RawSession::Record& at : raw.records) {
        SCOPED_TRACE("evaluation " + std::to_string(at.evaluation) + ", branch " + std::to_string(at.branch) + ", layer " + std::to_string(at.layer));
        const RoutingRecord* record = trace.find(at.evaluation, at.branch == 0 ? Branch::Cond : Branch::Uncond, at.layer);
        ASSERT_TRUE(record);
        const MoeLayerDescriptor& layer = trace.layers[size_t(at.layer)];
        EXPECT_FALSE(dominantExpertMap(layer, *record, raw.images));
        for (int64_t image = 0; image < raw.images; ++image) {
            const auto dominant = dominantExpertMap(layer, *record, image), count = expertCountMap(layer, *record, image);
            ASSERT_EQ(dominant.has_value(), at.assignments);
            ASSERT_EQ(count.has_value(), at.assignments);
            if (!at.assignments) continue;
            std::vector<int32_t> dominantGrid, dominantOutside, countGrid, countOutside;
            std::vector<std::vector<double>> gates(size_t(raw.experts(at.layer)));
            for (int64_t token = 0; token < raw.tokens(at.layer); ++token) {
                const auto pairs = raw.pairsOf(at, image, token);
                int best = -1;
                for (const auto& pair : pairs) {
                    bool beaten = false;  // by a larger weight, or the same of a smaller number
                    for (const auto& other : pairs)
                        beaten |= other.gate > pair.gate || (other.gate == pair.gate && other.expert < pair.expert);
                    if (!beaten) best = pair.expert;
                }
                const bool inPicture = kindOf(raw, at.layer, token) == "image";
                (inPicture ? dominantGrid : dominantOutside).push_back(best);
                (inPicture ? countGrid : countOutside).push_back(int32_t(pairs.size()));
                if (!inPicture) continue;
                for (auto& map : gates) map.push_back(kNothing);
                for (const auto& pair : pairs) gates.at(size_t(pair.expert)).back() = double(pair.gate);
            }
            dominantGrid.insert(dominantGrid.end(), dominantOutside.begin(), dominantOutside.end());
            countGrid.insert(countGrid.end(), countOutside.begin(), countOutside.end());
            EXPECT_EQ(flat(*dominant), dominantGrid);
            EXPECT_EQ(flat(*count), countGrid);
            for (int expert = 0; expert < int(gates.size()); ++expert) {
                const Matrix map = expertGateMap(layer, *record, image, expert);
                ASSERT_EQ(map.values.size(), gates[size_t(expert)].size());
                EXPECT_EQ(map.rows, dominant->height);
                for (size_t i = 0; i < map.values.size(); ++i) EXPECT_TRUE(same(map.values[i], gates[size_t(expert)][i]));
            }
        }
    }
}

/// The sums that the file carries beside the pairs say the same as the pairs. Gate mass: fp32 sums of at most T addends that the
/// engine rounds one by one, so at most T half units in the last place.
void expectSumsOfPairs(const RawSession& raw) {
    for (const RawSession::Record& record : raw.records) {
        if (!record.assignments) continue;
        for (int64_t image = 0; image < raw.images; ++image) {
            std::vector<int64_t> tokens(size_t(raw.experts(record.layer)));
            std::vector<double> mass(tokens.size()), size(tokens.size());
            for (int64_t token = 0; token < raw.tokens(record.layer); ++token)
                for (const auto& pair : raw.pairsOf(record, image, token)) {
                    ++tokens.at(size_t(pair.expert));
                    mass[size_t(pair.expert)] += double(pair.gate);
                    size[size_t(pair.expert)] += std::abs(double(pair.gate));
                }
            for (size_t expert = 0; expert < tokens.size(); ++expert) {
                const size_t cell = record.counts + size_t(image) * tokens.size() + expert;
                EXPECT_EQ(raw.counts.at(cell), tokens[expert]);
                EXPECT_LE(std::abs(double(raw.mass.at(cell)) - mass[expert]), 6e-8 * size[expert] * double(raw.tokens(record.layer)));
            }
        }
    }
}

void expectEverything(const RunRecord& run) {
    const TemporaryFolder folder;
    const auto path = folder / "run.moescope";
    ASSERT_TRUE(saveSession(run, path).ok());
    const RawSession raw(path);
    const auto reopened = openSession(path);
    ASSERT_TRUE(reopened.ok());
    ASSERT_FALSE(raw.records.empty());
    ASSERT_EQ(raw.records.size(), run.routing.records.size());
    EXPECT_EQ(evaluationCount(run.routing), raw.evaluations());
    const int all = std::numeric_limits<int>::max(), count = raw.evaluations();
    std::vector<std::pair<int, int>> stretches = {{0, all}, {1, 3}, {0, 0}, {count, all}, {-2, 2}};
    for (int e = 0; e < count; ++e) stretches.emplace_back(e, e + 1);
    for (const RoutingTrace* trace : {&run.routing, &(*reopened)->routing}) {
        for (const LoadMeasure measure : {LoadMeasure::Counts, LoadMeasure::GateMass})
            for (const BranchChoice branch : {BranchChoice::Cond, BranchChoice::Uncond, BranchChoice::Both, BranchChoice::Difference})
                for (int64_t image = -1; image <= raw.images; ++image)
                    for (const auto& [first, end] : stretches) {
                        SCOPED_TRACE("measure " + std::to_string(int(measure)) + ", branch " + std::to_string(int(branch)) + ", image " +
                                     std::to_string(image) + ", evaluations " + std::to_string(first) + " to " + std::to_string(end));
                        const LoadQuery query{measure, branch, first, end, image};
                        expectLoads(*trace, raw, query);
                        expectChange(*trace, raw, query);
                        if (measure == LoadMeasure::Counts) expectCover(*trace, raw, query);
                        if (measure == LoadMeasure::GateMass) expectNetworks(*trace, raw, query);
                        if (measure == LoadMeasure::Counts) expectTokensPerExpertCount(*trace, raw, query);
                        if (::testing::Test::HasFailure()) return;
                    }
        expectMaps(*trace, raw);
    }
    expectSumsOfPairs(raw);
}

TEST(Recomputation, of_the_sample_equals_every_aggregation) { expectEverything(sampleRun()); }

TEST(Recomputation, of_every_way_of_routing_equals_every_aggregation) {
    for (const RunRecord& run : {sampleExpertChoiceRun(), samplePoolRun(), samplePrototypeRun(), sampleNetworksRun()}) {
        SCOPED_TRACE(run.parameters.family);
        expectEverything(run);
    }
}

TEST(Recomputation, of_a_real_run_equals_every_aggregation) {
    const EmbeddedModel model = loadEmbedded(2);
    GenerationRequest request = quickRequest(*model.checkpoint, 24, 5, 3);
    request.classes = {24, 100};
    request.sampler.cfgLow = 0.3;  // guidance, and with it the unconditional branch, in a part of the run only
    request.sampler.cfgHigh = 0.8;
    expectEverything(*runToEnd(*model.denoiser, request));
}

TEST(Recomputation, of_a_run_without_assignments_equals_every_aggregation) {
    const EmbeddedModel model = loadEmbedded(2);
    GenerationRequest request = quickRequest(*model.checkpoint, 24, 5, 2);
    request.capture.level = CaptureLevel::Counts;
    expectEverything(*runToEnd(*model.denoiser, request));
}

}  // namespace
}  // namespace moescope::test
