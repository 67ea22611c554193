// SPDX-License-Identifier: Apache-2.0
// A loaded U-Net as a denoiser.
#pragma once

#include "engine/model/denoiser.h"
#include "engine/model/unet/tensor_pool.h"
#include "engine/model/unet/unet_weights.h"

namespace moescope::unet {

/// Condition::labels are read where the network has classes, context (with pooledText and timeIds where it adds them)
/// where it has cross-attention; EngineException where one of these is missing or of another shape.
class UnetDenoiser final : public Denoiser {
public:
    /// Throws EngineException: a device without the operations, a tensor that can not be used.
    UnetDenoiser(Backend& backend, WeightLoader& loader, const ModelDescription& description);

    const ModelDescription& description() const override { return m_description; }
    Backend& backend() const override { return m_backend; }
    uint64_t packedBytes() const override { return m_packedBytes; }
    std::unique_ptr<DenoiserWorkspace> makeWorkspace(int64_t samples) const override;
    /// Allocates during the first passes of a workspace.
    void forward(DenoiserWorkspace& workspace, const DeviceTensor& x, const DeviceTensor& t, const Condition& condition,
                 DenoiserObserver* observer) const override;
    /// Its memory is taken and texts are uploaded during the pass.
    bool recordable() const override { return false; }

private:
    struct Workspace;

    /// Time, class and added text -> work.activated; gives the time's own part to the observer.
    void embed(Workspace& work, const DeviceTensor& t, const Condition& condition, DenoiserObserver* observer) const;
    void addText(Workspace& work, const Condition& condition) const;
    TensorPool::Lease uploadContext(Workspace& work, const Condition& condition) const;

    Backend& m_backend;
    ModelDescription m_description;
    const Config& m_config;  // inside m_description.details
    Network m_network;
    uint64_t m_packedBytes = 0;
};

}  // namespace moescope::unet
