// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/export_view.h"

#include <fmt/format.h>

#include <QApplication>
#include <QLocale>
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "app/cli/console.h"
#include "app/cli/output_files.h"
#include "app/cli/view_drawing.h"
#include "viz/charts/chart_csv.h"
#include "viz/plots/chart_image.h"

namespace moescope::cli {
namespace {

/// Tells Qt's complaints in our way and keeps its chatter off stderr.
void onQtMessage(QtMsgType type, const QMessageLogContext&, const QString& message) {
    if (type != QtFatalMsg) return;
    Console().note("moescope-cli: no picture can be drawn here: " + message.simplified().toStdString());
    std::_Exit(ExitFailed);
}

}  // namespace

Painting::Painting() {
    if (!qEnvironmentVariableIsSet("QT_QPA_PLATFORM")) qputenv("QT_QPA_PLATFORM", "offscreen");
    qInstallMessageHandler(onQtMessage);
    m_application = std::make_unique<QApplication>(m_count, m_arguments);
    QLocale::setDefault(QLocale::c());  // the texts are English, and so are the numbers in them
}

Painting::~Painting() = default;

std::string extensionOf(const std::string& path) {
    std::string extension = std::filesystem::path(path).extension().string();
    std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return std::tolower(c); });
    return extension;
}

namespace {

using MakeChart = ChartSpec (*)(const Drawing&);

template <MakeChart makeChart>
void writeChart(const Drawing& drawing) {
    const ChartSpec chart = makeChart(drawing);
    if (chart.empty()) refuse(chart.emptyText.toStdString());
    const ViewOptions& options = drawing.options;
    const std::string extension = extensionOf(options.output);
    if (extension == ".csv") return writeTextFile(options.output, chartCsv(chart)).orThrow();
    const Painting painting;
    const QPalette palette = exportPalette(options.dark);
    if (extension == ".svg") return writeChartSvg(options.output, chart, palette, drawing.size).orThrow();
    writeChartPng(options.output, chart, palette, drawing.size, options.scale).orThrow();
}

// Marks of what is chosen are of use only where a person chose it.

ChartInput withChosenLayer(const Drawing& drawing) {
    ChartInput input = drawing.input;
    if (!drawing.options.layer) input.layer = -1;
    return input;
}

ChartInput withChosenEvaluation(ChartInput input, const ViewOptions& options) {
    if (!options.evaluation) input.evaluation = -1;
    return input;
}

ChartSpec layerExpert(const Drawing& drawing) {
    return layerExpertChart(withChosenLayer(drawing));
}

ChartSpec expertTime(const Drawing& drawing) {
    return expertTimeChart(withChosenEvaluation(drawing.input, drawing.options));
}

ChartSpec expertLoad(const Drawing& drawing) {
    return expertLoadChart(drawing.input);
}

ChartSpec balance(const Drawing& drawing) {
    const auto measure = named<BalanceMeasure>("--balance", drawing.options.balance,
                                               {{"entropy", BalanceMeasure::Entropy},
                                                {"max-over-mean", BalanceMeasure::MaxOverMean},
                                                {"unused", BalanceMeasure::UnusedExperts}});
    const bool overTime = named<bool>("--over", drawing.options.over.empty() ? "time" : drawing.options.over, {{"time", true}, {"layers", false}});
    const ChartInput input = withChosenLayer(drawing);
    return overTime ? balanceOverTimeChart(withChosenEvaluation(input, drawing.options), measure) : balanceByLayerChart(input, measure);
}

ChartSpec change(const Drawing& drawing) {
    return routingChangeChart(withChosenEvaluation(withChosenLayer(drawing), drawing.options));
}

ChartSpec expertsPerToken(const Drawing& drawing) {
    const std::string& over = drawing.options.over;
    const bool overTime = named<bool>("--over", over.empty() ? "evaluation" : over, {{"time", true}, {"evaluation", false}});
    return overTime ? expertsPerTokenOverTimeChart(withChosenEvaluation(drawing.input, drawing.options)) : expertsPerTokenChart(drawing.input);
}

ChartSpec words(const Drawing& drawing) {
    const std::string& over = drawing.options.over;
    const bool overRun = named<bool>("--over", over.empty() ? "evaluation" : over, {{"time", true}, {"evaluation", false}});
    ChartInput input = drawing.input;
    input.expert = -1;
    return wordExpertsChart(input, overRun);
}

ChartSpec capacity(const Drawing& drawing) {
    using Make = ChartSpec (*)(const ChartInput&);
    const Make make = named<Make>("--of", drawing.options.of,
                                  {{"taken", capacityChart}, {"experts-per-token", expertsPerTokenLinesChart}, {"unrouted", unroutedLinesChart}});
    return make(withChosenEvaluation(make == capacityChart ? drawing.input : withChosenLayer(drawing), drawing.options));
}

ChartSpec networks(const Drawing& drawing) {
    const auto form = named<SeriesSpec::Form>("--form", drawing.options.form, {{"stacked", SeriesSpec::Form::Stacked}, {"lines", SeriesSpec::Form::Lines}});
    return networkWeightsChart(withChosenEvaluation(drawing.input, drawing.options), form);
}

/// One row per view: its name, the kinds of file it can become, and how it is written there.
struct View {
    const char* name;
    std::vector<const char*> extensions;
    void (*write)(const Drawing&);
};

const std::vector<View>& views() {
    static const std::vector<const char*> chart{".png", ".svg", ".csv"};
    static const std::vector<View> all{
        {"layer-expert", chart, writeChart<layerExpert>},
        {"expert-time", chart, writeChart<expertTime>},
        {"balance", chart, writeChart<balance>},
        {"change", chart, writeChart<change>},
        {"load", chart, writeChart<expertLoad>},
        {"words", chart, writeChart<words>},
        {"experts-per-token", chart, writeChart<expertsPerToken>},
        {"capacity", chart, writeChart<capacity>},
        {"networks", chart, writeChart<networks>},
        {"overlay", chart, writeOverlay},
        {"filmstrip", chart, writeFilmstrip},
    };
    return all;
}

QSize parsedSize(const ViewOptions& options) {
    constexpr int least = 100;
    constexpr double most = 16384;
    const std::string& text = options.size;
    const size_t cross = text.find('x');
    int width = 0, height = 0;
    const auto number = [](std::string_view digits, int& value) {
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        return error == std::errc() && end == digits.data() + digits.size();
    };
    if (cross == std::string::npos || !number(std::string_view(text).substr(0, cross), width) ||
        !number(std::string_view(text).substr(cross + 1), height))
        refuse(fmt::format("--size is WIDTHxHEIGHT in pixels, as 1200x800, and not \"{}\"", text));
    if (!(options.scale >= 0.5 && options.scale <= 8))
        refuse(fmt::format("--scale is between 0.5 and 8 device pixels per pixel, and not {}", options.scale));
    if (std::min(width, height) < least || std::max(width, height) * std::max(options.scale, 1.0) > most)
        refuse(fmt::format("a picture of {} at scale {} is not possible: each side needs at least {} pixels and at most {} with the scale", text,
                           options.scale, least, most));
    return {width, height};
}

ChartInput inputOf(const std::shared_ptr<const RunRecord>& run, const ViewOptions& options) {
    ChartInput input;
    input.routing = std::shared_ptr<const RoutingTrace>(run, &run->routing);
    for (const EvaluationRecord& record : run->evaluations) input.evaluations.push_back(record.info);
    const auto count = static_cast<int>(run->evaluations.size());
    input.plannedEvaluations = count;
    if (options.evaluation && (*options.evaluation < 1 || *options.evaluation > count))
        refuse(fmt::format("the session has evaluations 1 to {}; there is no evaluation {}", count, *options.evaluation));
    input.evaluation = options.evaluation.value_or(count) - 1;
    const auto layers = static_cast<int>(run->routing.layers.size());
    if (options.layer && layers > 0 && (*options.layer < 0 || *options.layer >= layers))
        refuse(fmt::format("the session has MoE layers 0 to {}; there is no layer {}", layers - 1, *options.layer));
    input.layer = options.layer.value_or(0);
    if (options.image && (*options.image < 0 || *options.image >= run->images))
        refuse(fmt::format("the session has pictures 0 to {}; there is no picture {}", run->images - 1, *options.image));
    input.image = options.image.value_or(-1);
    input.branch = named<BranchChoice>("--branch", options.branch,
                                       {{"cond", BranchChoice::Cond},
                                        {"uncond", BranchChoice::Uncond},
                                        {"both", BranchChoice::Both},
                                        {"difference", BranchChoice::Difference}});
    input.measure = options.measure.empty() ? usualMeasure(run->routing)
                                            : named<LoadMeasure>("--measure", options.measure, {{"counts", LoadMeasure::Counts}, {"gate-mass", LoadMeasure::GateMass}});
    return input;
}

}  // namespace

void addViewOptions(CLI::App& command, ViewOptions& options) {
    std::string names;
    for (const View& view : views()) names += (names.empty() ? "" : ", ") + std::string(view.name);
    CLI::Option* view = command.add_option("--view", options.view, "Draw a view of the routing: " + names);
    command.add_option("-o,--output", options.output, "File of the view: .png, .svg or .csv")->needs(view);
    command.add_option("--evaluation", options.evaluation, "Evaluation of the sampler, from 1 (default: the last)")->needs(view);
    command.add_option("--layer", options.layer, "MoE layer, from 0 (default: 0)")->needs(view);
    command.add_option("--branch", options.branch, "cond, uncond, both or difference (cond minus uncond)")->needs(view)->capture_default_str();
    command.add_option("--measure", options.measure, "counts (tokens) or gate-mass (sum of gate weights); default: counts, but gate-mass where every expert takes the same number of "
                       "tokens by construction")->needs(view);
    command.add_option("--balance", options.balance, "entropy, max-over-mean or unused, for --view balance")->needs(view)->capture_default_str();
    command.add_option("--over", options.over, "time (default) or layers, for --view balance; evaluation (default) or time, for --view experts-per-token and words")
        ->needs(view);
    command.add_option("--of", options.of, "taken (by each expert), experts-per-token or unrouted (tokens), for --view capacity")->needs(view)->capture_default_str();
    command.add_option("--form", options.form, "stacked or lines, for --view networks")->needs(view)->capture_default_str();
    command.add_option("--map", options.map, "dominant, one-expert (its weights) or how-many (experts), for --view overlay")->needs(view)->capture_default_str();
    command.add_option("--expert", options.expert, "Whose weights, from 0, for --map one-expert")->needs(view);
    command.add_option("--opacity", options.opacity, "Of the map over the picture, in percent, for --view overlay")->needs(view)->capture_default_str();
    command.add_option("--size", options.size, "Size of the picture in pixels (overlay and filmstrip: the most that they take)")->needs(view)->capture_default_str();
    command.add_option("--scale", options.scale, "Device pixels per pixel of a PNG")->needs(view)->capture_default_str();
    command.add_flag("--dark", options.dark, "Light on dark")->needs(view);
}

void exportView(std::shared_ptr<const RunRecord> run, const ViewOptions& options) {
    Names<const View*> names;
    for (const View& view : views()) names.emplace_back(view.name, &view);
    const View& view = *named<const View*>("--view", options.view, names);
    if (options.output.empty()) refuse("say where to write the view: -o FILE.png, .svg or .csv");
    const std::string extension = extensionOf(options.output);
    if (std::find(view.extensions.begin(), view.extensions.end(), extension) == view.extensions.end())
        refuse(fmt::format("the view {} can be written as {}, and not as \"{}\"", view.name, fmt::join(view.extensions, ", "), options.output));
    view.write({*run, options, inputOf(run, options), parsedSize(options)});
}

}  // namespace moescope::cli
