// SPDX-License-Identifier: Apache-2.0
// openTensorSource for a file that is mapped already, or for bytes in memory (MappedFile::borrow).
#pragma once

#include <memory>

#include "engine/io/mapped_file.h"
#include "engine/io/tensor_source.h"

namespace moescope {

/// As openTensorSource(path). An index still opens its shards from the folder of file->path().
Result<std::shared_ptr<const TensorSource>> openTensorSource(const std::shared_ptr<const MappedFile>& file);

}  // namespace moescope
