// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/golden_tensors.h"

namespace moescope::test {

GoldenTensors::GoldenTensors(const std::string& path)
    : m_tensors(readAllTensors(std::string(MOESCOPE_TEST_DATA) + "/golden/" + path).orThrow()) {}

std::vector<double> GoldenTensors::doubles(const std::string& key) const {
    const HostTensor values = tensor(key);
    return {values.data.begin(), values.data.end()};
}

reference::Matrix<double> GoldenTensors::matrix(const std::string& key) const {
    const HostTensor values = tensor(key);
    const int64_t columns = values.shape.empty() ? 1 : values.shape.back();
    return {columns ? values.size() / columns : 0, columns, values.data};
}

reference::Matrix<double> GoldenTensors::flatMatrix(const std::string& key) const {
    const HostTensor values = tensor(key);
    const int64_t rows = values.shape.empty() ? 1 : values.shape.front();
    return {rows, rows ? values.size() / rows : 0, values.data};
}

}  // namespace moescope::test
