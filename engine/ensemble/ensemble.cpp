// SPDX-License-Identifier: Apache-2.0
#include "engine/ensemble/ensemble.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/core/system_memory.h"
#include "engine/ensemble/ensemble_denoiser.h"
#include "engine/model/companion_files.h"

namespace moescope {
namespace {

namespace fs = std::filesystem;

constexpr uintmax_t kLargestHashedRouter = 256u << 20;

[[noreturn]] void refuse(ErrorCode code, std::string sentence) { throw EngineException(code, std::move(sentence)); }

fs::path canonicalOf(const fs::path& path) {
    std::error_code code;
    fs::path canonical = fs::weakly_canonical(path, code);
    return code ? path.lexically_normal() : canonical;
}

/// Whether the ensemble `path`, or one that it names as an expert, names one of `above`.
bool leadsTo(const fs::path& path, std::set<fs::path> above) {
    const auto file = readEnsembleFile(path);
    if (!file.ok()) return false;
    above.insert(canonicalOf(path));
    for (const EnsembleExpert& expert : file->experts) {
        const fs::path named = path.parent_path() / expert.file;
        if (above.contains(canonicalOf(named))) return true;
        if (isEnsembleFile(named) && leadsTo(named, above)) return true;
    }
    return false;
}

void refuseEnsemble(const EnsembleExpert& expert, const fs::path& named, const fs::path& self) {
    const std::string own = self.filename().string(), other = named.filename().string();
    if (canonicalOf(named) == canonicalOf(self))
        refuse(ErrorCode::Format, fmt::format("'{}' names itself as its expert '{}'; name a checkpoint there", own, expert.name));
    if (leadsTo(named, {canonicalOf(self)}))
        refuse(ErrorCode::Format, fmt::format("'{}' names '{}' as its expert '{}', which leads back to where it began; name a checkpoint there", own,
                                              other, expert.name));
    refuse(ErrorCode::Unsupported, fmt::format("the expert '{}' of '{}' is an ensemble itself; name the experts of '{}' one by one", expert.name, own,
                                               other));
}

std::string pictureText(const ModelDescription& d) {
    return fmt::format("{} channels of {} x {} {}", d.config.inChannels, d.config.inputSide(), d.config.inputSide(),
                       d.space == PictureSpace::Pixels ? "pixels" : "latent pixels");
}

void hashBytes(uint64_t& hash, std::string_view bytes) {  // FNV-1a
    for (const char b : bytes) hash = (hash ^ static_cast<unsigned char>(b)) * 1099511628211ull;
}

}  // namespace

Result<std::shared_ptr<const Ensemble>> Ensemble::open(const fs::path& path) {
    auto file = readEnsembleFile(path);
    if (!file.ok()) return file.error();
    return make(std::move(*file), path);
}

Result<std::shared_ptr<const Ensemble>> Ensemble::make(EnsembleFile file, const fs::path& path) {
    return guarded([&] {
        std::shared_ptr<Ensemble> made(new Ensemble(std::move(file), path));
        made->openExperts();
        made->checkPictures();
        std::vector<std::string> names;
        for (const EnsembleExpert& expert : made->m_file.experts) names.push_back(expert.name);
        auto router = loadRouter(made->m_file.router, path.parent_path(), names);
        if (!router.ok()) refuse(router.error().code, fmt::format("'{}': {}", path.filename().string(), router.error().message));
        made->m_router = std::move(*router);
        made->checkBatchWideRouting();
        made->readSchedules();
        std::vector<ExpertClasses> classes;
        for (size_t e = 0; e < names.size(); ++e) {
            auto labels = labelsBeside(*made->m_experts[e]);
            classes.push_back({names[e], made->m_experts[e]->description().config.classes,
                               labels ? std::make_shared<const ClassLabels>(std::move(*labels)) : nullptr});
        }
        made->m_classes = joinClasses(classes).orThrow();
        made->describe();
        return std::shared_ptr<const Ensemble>(std::move(made));
    });
}

void Ensemble::openExperts() {
    std::map<std::string, std::shared_ptr<const Checkpoint>> opened;  // by file, weight set and settings
    for (const EnsembleExpert& expert : m_file.experts) {
        const fs::path named = m_path.parent_path() / expert.file;
        std::error_code code;
        if (!fs::exists(named, code))
            refuse(ErrorCode::NotFound, fmt::format("the expert '{}' should be in '{}' beside '{}', and nothing is there; put it there or correct "
                                                    "its \"file\"", expert.name, expert.file.generic_string(), m_path.filename().string()));
        if (isEnsembleFile(named)) refuseEnsemble(expert, named, m_path);
        auto& checkpoint = opened[fmt::format("{}\n{}\n{}", canonicalOf(named).string(), expert.weightSet, expert.settings.dump())];
        if (!checkpoint) {
            auto made = Checkpoint::open(named, {expert.weightSet, expert.settings});
            if (!made.ok()) refuse(made.error().code, fmt::format("the expert '{}': {}", expert.name, made.error().message));
            checkpoint = std::move(*made);
        }
        m_experts.push_back(checkpoint);
        for (const std::string& note : checkpoint->notes())
            if (std::ranges::find(m_notes, note) == m_notes.end()) m_notes.push_back(note);
    }
}

void Ensemble::checkPictures() const {
    const ModelDescription& first = m_experts.front()->description();
    const std::string& firstName = m_file.experts.front().name;
    for (size_t e = 1; e < m_experts.size(); ++e) {
        const ModelDescription& d = m_experts[e]->description();
        const std::string& name = m_file.experts[e].name;
        if (d.space != first.space || d.config.inChannels != first.config.inChannels || d.config.inputSide() != first.config.inputSide())
            refuse(ErrorCode::Unsupported, fmt::format("the experts of an ensemble share one picture, but '{}' works on {} and '{}' on {}; "
                                                       "choose experts of one kind of picture", firstName, pictureText(first), name, pictureText(d)));
        if (d.defaults.noiseScale != first.defaults.noiseScale)
            refuse(ErrorCode::Unsupported, fmt::format("the experts of an ensemble share one noise, but '{}' was trained with noise of strength {} "
                                                       "and '{}' of {}", firstName, first.defaults.noiseScale, name, d.defaults.noiseScale));
    }
}

void Ensemble::checkBatchWideRouting() const {
    if (!m_file.eachBranch) return;
    for (size_t e = 0; e < m_experts.size(); ++e)
        if (m_experts[e]->description().config.moe.rule == RouterRule::PoolThreshold)
            refuse(ErrorCode::Unsupported, fmt::format("'{}' distributes the tokens of all pictures of a branch together, so both branches need the "
                                                       "same pictures; remove \"each_branch\" or that expert", m_file.experts[e].name));
}

int64_t Ensemble::promptWidth() const {
    int64_t width = m_router->promptWidth();
    std::string who = "the router";
    for (size_t e = 0; e < m_experts.size(); ++e) {
        const int64_t own = m_experts[e]->description().promptWidth;
        if (own && width && own != width)
            refuse(ErrorCode::Unsupported, fmt::format("prompts reach all experts as one embedding, but {} takes {} numbers and '{}' {}", who, width,
                                                       m_file.experts[e].name, own));
        if (own && !width) {
            width = own;
            who = fmt::format("'{}'", m_file.experts[e].name);
        }
    }
    return width;
}

void Ensemble::readSchedules() {
    for (size_t e = 0; e < m_experts.size(); ++e) {
        m_schedules.emplace_back();
        if (m_experts[e]->description().prediction != Prediction::Noise) continue;
        const EnsembleExpert& expert = m_file.experts[e];
        auto schedule = findNoiseSchedule(m_experts[e]->files().front().parent_path());
        if (schedule.ok() && !schedule->has_value() && !expert.schedule.is_null()) {
            auto given = parseNoiseSchedule(expert.schedule, m_path.filename().string());
            if (given.ok())
                *schedule = std::move(*given);
            else
                schedule = given.error();
        }
        if (!schedule.ok()) refuse(schedule.error().code, fmt::format("the expert '{}': {}", expert.name, schedule.error().message));
        if (schedule->has_value())
            m_schedules.back() = std::make_shared<const NoiseSchedule>(std::move(**schedule));
        else
            refuse(ErrorCode::Unsupported, fmt::format("'{}' predicts noise, and its noise schedule is not known; put its scheduler_config.json beside "
                                                       "it, or give \"schedule\": {{\"beta_schedule\": \"linear\", \"beta_start\": 0.0001, \"beta_end\": "
                                                       "0.02}} (the numbers it was trained with) in the ensemble file", expert.name));
    }
}

void Ensemble::describe() {
    ModelDescription& d = m_description;
    d.family = "Ensemble";
    const auto most = [&](auto of) {
        int64_t largest = 0;
        for (const auto& expert : m_experts) largest = std::max<int64_t>(largest, of(expert->description().config));
        return largest;
    };
    const TransformerConfig& first = m_experts.front()->description().config;
    TransformerConfig& c = d.config;
    c.inChannels = c.outChannels = first.inChannels;
    c.classes = m_classes.classes;
    c.grid = most([](const TransformerConfig& own) { return own.grid; });
    c.patch = c.grid ? first.inputSide() / c.grid : 0;
    if (!c.grid || c.inputSide() != first.inputSide()) {
        c.grid = first.inputSide();
        c.patch = 1;
    }
    c.width = most([](const TransformerConfig& own) { return own.width; });
    c.depth = most([](const TransformerConfig& own) { return own.depth; });
    c.denseWidth = most([](const TransformerConfig& own) { return std::max(own.denseWidth, own.moe.expertWidth * own.moe.topK); });
    c.contextTokens = most([](const TransformerConfig& own) { return own.contextTokens; });

    d.space = m_experts.front()->description().space;
    // Clean pictures of equal smallest span blend as their velocities do, and the sampler ends with them as it does alone.
    const double tEps = m_experts.front()->description().defaults.tEps;
    const auto clean = [](const auto& expert) { return expert->description().prediction == Prediction::CleanImage; };
    const bool allClean = std::ranges::all_of(m_experts, [&](const auto& expert) {
        return clean(expert) && expert->description().defaults.tEps == tEps;
    });
    d.prediction = allClean ? Prediction::CleanImage : Prediction::Velocity;
    d.defaults.tEps = tEps;
    // At the data's own time the velocity of a clean picture is a division by almost nothing: Heun's last stage makes no sense there.
    if (!allClean && std::ranges::any_of(m_experts, clean)) d.samplers = {SamplerKind::Euler};
    d.promptWidth = promptWidth();
    const auto reads = [](const auto& expert) { return expert->description().conditioning == Conditioning::Prompt; };
    if (!c.classes && std::ranges::any_of(m_experts, reads)) d.conditioning = Conditioning::Prompt;
    const auto flow = std::ranges::find_if(m_experts, [](const auto& expert) { return expert->description().prediction != Prediction::Noise; });
    const SamplingDefaults& like = (flow == m_experts.end() ? m_experts.front() : *flow)->description().defaults;
    d.defaults.steps = like.steps;
    d.defaults.cfgScale = like.cfgScale;
    d.defaults.cfgLow = like.cfgLow;
    d.defaults.cfgHigh = like.cfgHigh;
    d.defaults.noiseScale = like.noiseScale;
    d.defaults.pool = like.pool;
    d.defaults.sampler = like.sampler == SamplerKind::Heun && std::ranges::find(d.samplers, SamplerKind::Heun) != d.samplers.end()
                             ? SamplerKind::Heun
                             : SamplerKind::Euler;

    MoeLayerDescriptor mixture;
    mixture.block = -1;
    mixture.policy = RoutingPolicy::NetworkMixture;
    mixture.experts = static_cast<int64_t>(m_experts.size());
    mixture.topK = m_file.topK;
    mixture.tokenGroups = {{TokenKind::Picture, 1, 0, 0}};
    d.moeLayers = {mixture};
    std::set<int> blocks;
    std::set<const Checkpoint*> counted;
    std::vector<std::string> conditions;
    for (size_t e = 0; e < m_experts.size(); ++e) {
        const ModelDescription& own = m_experts[e]->description();
        d.networks.push_back(m_file.experts[e].name);
        for (MoeLayerDescriptor layer : own.moeLayers) {
            layer.network = static_cast<int>(e);
            d.moeLayers.push_back(std::move(layer));
        }
        blocks.insert(own.config.moeBlocks.begin(), own.config.moeBlocks.end());
        conditions.push_back(conditionOf(e));
        if (!counted.insert(m_experts[e].get()).second) continue;
        for (ExpectedTensor tensor : own.tensors) {
            tensor.name = fmt::format("{}/{}", m_file.experts[e].name, tensor.name);
            d.tensors.push_back(std::move(tensor));
        }
    }
    c.moeBlocks.assign(blocks.begin(), blocks.end());
    if (std::ranges::adjacent_find(conditions, std::not_equal_to<>()) != conditions.end()) {
        std::vector<std::string> each;
        for (size_t e = 0; e < conditions.size(); ++e) each.push_back(fmt::format("'{}' takes {}", d.networks[e], conditions[e]));
        m_notes.push_back(fmt::format("the experts are told different things: {}", fmt::join(each, ", ")));
    }
    m_notes.insert(m_notes.end(), m_classes.notes.begin(), m_classes.notes.end());
}

ExpertConditions Ensemble::conditionsOf(size_t expert) const {
    const ModelDescription& d = m_experts[expert]->description();
    return {d.config.classes, d.promptWidth > 0, d.conditioning == Conditioning::Text};
}

std::string Ensemble::conditionOf(size_t expert) const {
    const ExpertConditions told = conditionsOf(expert);
    if (told.encodedText) return "encoded text";
    if (told.classes && told.prompt) return fmt::format("a class of {} and the prompt", told.classes);
    if (told.classes) return fmt::format("a class of {}", told.classes);
    return told.prompt ? "the prompt" : "nothing";
}

RouterFacts Ensemble::routerFacts() const {
    RouterFacts facts;
    const std::string kind = m_file.router.value("kind", "");  // a text, since the router was read
    if (kind == "prototypes") facts.kind = RouterFacts::Kind::Prototypes;
    if (kind != "learned") return facts;
    facts.kind = RouterFacts::Kind::Learned;
    facts.picture = m_router->needsPicture();
    facts.time = m_file.router.value("time_width", int64_t{0}) > 0;
    return facts;
}

std::string Ensemble::routerText() const {
    const RouterFacts facts = routerFacts();
    if (facts.kind == RouterFacts::Kind::Prototypes) return "the likeness of the prompt to one example direction per expert";
    if (facts.kind == RouterFacts::Kind::Rules) return "rules by hand";
    return fmt::format("a learned router over {}{}", facts.picture ? "the noisy picture" : "the prompt", facts.time ? " and the time" : "");
}

std::string Ensemble::name() const {
    if (!m_file.name.empty()) return m_file.name;
    std::string stem = m_path.filename().string();
    if (stem.ends_with(ensembleEnding)) return stem.substr(0, stem.size() - ensembleEnding.size());
    return fs::path(stem).stem().string();
}

std::string Ensemble::fingerprint() const {
    uint64_t hash = 14695981039346656037ull;
    EnsembleFile told = m_file;
    for (EnsembleExpert& expert : told.experts) expert.file = expert.file.filename();  // where the files lie does not count
    hashBytes(hash, toJson(told).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    std::map<const Checkpoint*, std::string> known;
    for (const auto& expert : m_experts) {
        std::string& text = known[expert.get()];
        if (text.empty()) text = expert->fingerprint();
        hashBytes(hash, text);
    }
    if (const auto named = m_file.router.find("file"); named != m_file.router.end() && named->is_string()) {
        const fs::path path = m_path.parent_path() / named->get<std::string>();
        std::error_code code;
        std::ifstream stream(path, std::ios::binary);
        if (const auto size = fs::file_size(path, code); !code && size <= kLargestHashedRouter) {
            std::string bytes(size, '\0');
            stream.read(bytes.data(), static_cast<std::streamsize>(size));
            hashBytes(hash, bytes);
        }
    }
    return fmt::format("{:016x}", hash);
}

std::string Ensemble::format() const { return fmt::format("ensemble of {} networks", m_experts.size()); }

std::string Ensemble::dtypes() const {
    std::vector<std::string> all;
    for (const auto& expert : m_experts)
        if (const std::string own = expert->dtypes(); std::ranges::find(all, own) == all.end()) all.push_back(own);
    return fmt::format("{}", fmt::join(all, "; "));
}

std::vector<fs::path> Ensemble::files() const {
    std::vector<fs::path> all{m_path};
    for (const auto& expert : m_experts)
        for (const fs::path& file : expert->files())
            if (std::ranges::find(all, file) == all.end()) all.push_back(file);
    return all;
}

std::vector<fs::path> Ensemble::companionFolders() const {
    std::vector<fs::path> folders{m_path.parent_path()};
    for (const auto& expert : m_experts)
        for (const fs::path& folder : expert->companionFolders())
            if (std::ranges::find(folders, folder) == folders.end()) folders.push_back(folder);
    return folders;
}

int64_t Ensemble::memoryNeeded(MsDType storage) const {
    int64_t largest = 0;
    for (const auto& expert : m_experts) largest = std::max(largest, expert->memoryNeeded(storage));
    return largest;
}

int64_t Ensemble::memoryOfAll(MsDType storage) const {
    int64_t all = 0;
    std::set<const Checkpoint*> counted;
    for (const auto& expert : m_experts)
        if (counted.insert(expert.get()).second) all += expert->memoryNeeded(storage);
    return all;
}

Status Ensemble::runnable() const {
    for (size_t e = 0; e < m_experts.size(); ++e) {
        if (const Status status = m_experts[e]->runnable(); !status.ok())
            return {status.error().code, fmt::format("the expert '{}': {}", m_file.experts[e].name, status.error().message)};
        if (conditionsOf(e).encodedText)
            return {ErrorCode::Unsupported, fmt::format("the expert '{}' follows encoded text, and this version runs no text encoder; choose experts "
                                                        "that take a class, or nothing", m_file.experts[e].name)};
    }
    return {};
}

Result<std::unique_ptr<Denoiser>> Ensemble::load(Backend& backend, const LoadOptions& options) const {
    if (const Status status = runnable(); !status.ok()) return status.error();
    const int64_t available = options.available < 0 ? availableMemory() : options.available, needed = memoryNeeded(options.storage);
    if (needed > available)
        return EngineError{ErrorCode::OutOfMemory,
                           fmt::format("the largest expert of {} needs {} of memory and {} are available; close other programs{}", name(),
                                       bytesText(needed), bytesText(available),
                                       options.storage == MS_F32 ? ", or halve the need with --dtype bf16" : "")};
    return guarded([&]() -> std::unique_ptr<Denoiser> {
        std::vector<std::shared_ptr<const Checkpoint>> networks;
        std::vector<MixtureExpert> experts;
        MixtureSettings settings{m_file.topK, m_file.eachBranch, {}, {}};
        int layer = 1;
        for (size_t e = 0; e < m_experts.size(); ++e) {
            const ModelDescription& d = m_experts[e]->description();
            auto place = std::ranges::find(networks, m_experts[e]);
            const auto network = static_cast<size_t>(place - networks.begin());
            if (place == networks.end()) networks.push_back(m_experts[e]);
            const int layers = static_cast<int>(d.moeLayers.size());
            experts.push_back({network, ExpertVelocity(d, m_schedules[e]), m_classes.own[e], d.promptWidth > 0, layer, layers});
            layer += layers;
            settings.factors.push_back(m_file.experts[e].weight);
            settings.biases.push_back(m_file.experts[e].bias);
        }
        auto resident = std::make_unique<ResidentNetworks>(backend, std::move(networks), options.storage, options.available);
        return std::make_unique<EnsembleDenoiser>(backend, m_description, std::move(experts), m_router, std::move(settings), std::move(resident));
    });
}

}  // namespace moescope
