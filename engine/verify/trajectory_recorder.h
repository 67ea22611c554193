// SPDX-License-Identifier: Apache-2.0
// Follows a sampler and keeps what a reference trajectory can hold: states, predictions, times, routing.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/io/named_tensors.h"
#include "engine/sampling/sampler.h"
#include "engine/verify/case_report.h"
#include "engine/verify/routing_probe.h"
#include "engine/verify/stored_routing.h"

namespace moescope::verify {

/// Keys: z.NN, z_mid.NN, t, eval_in.EE, moe.N.count_{cond,uncond}.EE, v_cond.EE / v_uncond.EE (velocity models: the
/// channels that the flow uses) or x_cond.EE / x_uncond.EE (clean-image models), v.EE as the network means velocity,
/// x0.EE (predicted data), model_out.EE (guided output of discrete diffusions),
/// {cond,uncond}.EE.moe.N.{token,expert,weight}. NN counts steps, EE evaluations.
class TrajectoryRecorder final : public SamplerObserver, public DenoiserObserver {
public:
    using Wanted = std::function<bool(const std::string& key)>;

    /// `stored` is compared with; where `replay`, its choices are used instead of the router's wherever it has those of
    /// all branches of an evaluation, and a difference is a choice with a negative margin.
    TrajectoryRecorder(Backend& backend, const ModelDescription& description, int64_t images, Wanted wanted,
                       const StoredRouting& stored, bool replay);

    /// The state that the run starts from.
    void start(const HostTensor& z);

    DenoiserObserver* beforeEvaluation(const EvaluationInfo& info, int64_t samples) override;
    void evaluated(const EvaluationView& view) override;
    void stepped(int step, const DeviceTensor& z) override;
    bool wants(Tap) const override { return false; }
    const MsRouting* routingFor(int layer) override { return m_probe.routingFor(layer); }
    const DeviceTensor* forcedExperts(int layer) override;
    void routed(int layer) override { m_probe.routed(layer); }

    NamedTensors outputs;
    RoutingReport routing;
    std::vector<std::pair<EvaluationInfo, SmallestMargin>> evaluations;
    /// The first evaluation that an output depends on besides those before it.
    std::map<std::string, int, std::less<>> evaluationOf;

private:
    void keep(const std::string& key, const HostTensor& values, int evaluation);
    void keepGuided(const EvaluationView& view);
    void keepPrediction(const EvaluationView& view);
    void keepRouting(const RoutingProbe::Layer& layer, Branch branch, int64_t firstToken, int64_t tokens);
    void keepCounts(const RoutingProbe::Layer& layer, Branch branch);

    Backend& m_backend;
    const ModelDescription& m_description;
    int64_t m_images;
    Wanted m_wanted;
    const StoredRouting& m_stored;
    bool m_replay;
    RoutingProbe m_probe;
    EvaluationInfo m_info;
    std::vector<DeviceTensor> m_forced;  // per MoE layer
    std::vector<float> m_times;
};

}  // namespace moescope::verify
