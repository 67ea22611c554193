// SPDX-License-Identifier: GPL-3.0-or-later
// What leaves the device of a layer's decisions where there are fewer pairs than room for them.
#include <algorithm>

#include "engine/verify/routing_probe.h"
#include "tests/engine/cuda/moe_case.h"

namespace moescope::test {
namespace {

class CudaRecords : public OnCuda {};

TEST_P(CudaRecords, HoldNothingBehindTheirPairs) {
    const auto backend = open();
    MoeOptions options;
    options.policy = MS_POLICY_POOL_THRESHOLD;
    options.samplesPerPool = options.samples;
    MoeCase c(*backend, options);
    ModelDescription description;
    MoeLayerDescriptor& layer = description.moeLayers.emplace_back();
    layer.policy = RoutingPolicy::BatchPool;
    layer.experts = options.experts;
    layer.tokenGroups.resize(1);
    layer.tokenGroups[0].count = options.tokens / options.samples;
    verify::RoutingProbe probe(*backend, description);
    probe.begin(options.samples);
    ASSERT_EQ(table().moe_layer(backend->context(), c.m_input.get(), &c.m_desc, probe.routingFor(0), c.m_out.get()),
              MS_OK)
        << table().last_error(backend->context());
    probe.routed(0);
    const auto& found = probe.finish().front();
    const auto pairs = found.start.back();
    ASSERT_LT(pairs, static_cast<int32_t>(found.expert.size())) << "there is room behind the pairs";
    EXPECT_EQ(std::count(found.expert.begin() + pairs, found.expert.end(), 0), std::ssize(found.expert) - pairs);
    EXPECT_EQ(std::count(found.gate.begin() + pairs, found.gate.end(), 0.0f), std::ssize(found.gate) - pairs);
}

MOESCOPE_ON_CUDA(CudaRecords);

}  // namespace
}  // namespace moescope::test
