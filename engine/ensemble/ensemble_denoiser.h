// SPDX-License-Identifier: Apache-2.0
// A mixture of whole networks as one denoiser: a router chooses them for each picture at every evaluation, and their flow velocities
// are summed by weight in the order of the experts.
#pragma once

#include <memory>
#include <vector>

#include "engine/ensemble/expert_velocity.h"
#include "engine/ensemble/network_choice.h"
#include "engine/ensemble/network_router.h"
#include "engine/ensemble/resident_networks.h"

namespace moescope {

/// One expert as the mixture uses it.
struct MixtureExpert {
    size_t network = 0;                 // among the resident ones: experts of the same weights share them
    ExpertVelocity velocity;
    std::vector<int32_t> ownClasses;    // [classes + 1] of the mixture's classes (see ClassUnion)
    bool takesPrompt = false;
    int firstLayer = 0, layers = 0;     // of its MoE layers among all that are recorded
};

struct MixtureSettings {
    int64_t topK = 1;
    bool eachBranch = false;
    std::vector<float> factors, biases;  // [experts], see NetworkChooser
};

/// The first MoE layer of its description is the mixture itself. Networks are loaded when they are first chosen; one that is never
/// chosen takes no time and no memory. Each computes only the pictures that give it weight.
class EnsembleDenoiser final : public Denoiser {
public:
    EnsembleDenoiser(Backend& backend, ModelDescription description, std::vector<MixtureExpert> experts,
                     std::shared_ptr<const NetworkRouter> router, MixtureSettings settings, std::unique_ptr<ResidentNetworks> networks);
    ~EnsembleDenoiser() override;

    const ModelDescription& description() const override { return m_description; }
    Backend& backend() const override { return m_backend; }
    uint64_t packedBytes() const override;
    std::unique_ptr<DenoiserWorkspace> makeWorkspace(int64_t samples) const override;
    /// Velocities [samples, channels, side, side] of the flow with data at time 1; where all experts predict clean pictures (and the
    /// description says so) the blended clean picture, which stands for the same velocity. May load networks.
    void forward(DenoiserWorkspace& workspace, const DeviceTensor& x, const DeviceTensor& t, const Condition& condition,
                 DenoiserObserver* observer) const override;
    std::vector<NetworkUse> networkUse() const override;
    bool decidesOnHost() const override { return true; }

private:
    struct Workspace;
    void readInputs(Workspace& work, const DeviceTensor& x, const DeviceTensor& t, const Condition& condition) const;
    void readPrompts(Workspace& work, const Condition& condition) const;
    void choose(Workspace& work, const NetworkChooser& chooser, const Condition& condition) const;
    void askRouter(const Workspace& work, int64_t sample, float flowTime, std::span<float> logits) const;
    void run(Workspace& work, size_t expert, const Condition& condition, DenoiserObserver* observer) const;
    void record(Workspace& work, const NetworkChooser& chooser, DenoiserObserver& observer) const;
    void lookAhead(const Workspace& work, const NetworkChooser& chooser, const Condition& condition) const;

    Backend& m_backend;
    ModelDescription m_description;
    std::vector<MixtureExpert> m_experts;
    std::shared_ptr<const NetworkRouter> m_router;
    MixtureSettings m_settings;
    std::unique_ptr<ResidentNetworks> m_networks;
    struct Effort {
        int64_t samples = 0;
        double seconds = 0;
    };
    mutable std::vector<Effort> m_efforts;  // per expert
};

}  // namespace moescope
