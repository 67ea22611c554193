// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/case_copy.h"

#include <cstdlib>
#include <fstream>
#include <map>
#include <stdexcept>

#include "engine/io/safetensors_writer.h"

namespace moescope::test {

namespace fs = std::filesystem;

CaseCopies::CaseCopies(const std::vector<std::string>& cases) {
    std::string name = (fs::temp_directory_path() / "moescope-case-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
    m_root = name;
    for (const std::string& one : cases)
        fs::copy(fs::path(MOESCOPE_TEST_DATA "/golden") / one, m_root / one, fs::copy_options::recursive);
}

CaseCopies::~CaseCopies() {
    std::error_code ignored;
    fs::remove_all(m_root, ignored);
}

fs::path CaseCopies::edit(const std::string& file, const std::function<void(moescope::NamedTensors&)>& change) const {
    fs::path path = m_root / file;
    moescope::NamedTensors all = readAllTensors(path).orThrow();
    change(all);
    std::vector<SafetensorsEntry> entries;
    for (const auto& [key, tensor] : all.tensors)
        entries.push_back(safetensorsEntry(key, tensor.dtype, tensor.shape, tensor.bytes));
    if (path.extension() != ".safetensors") path += ".safetensors";
    writeSafetensors(path, entries, {}).orThrow();
    return path;
}

void CaseCopies::editJson(const std::string& file, const std::function<void(nlohmann::json&)>& change) const {
    nlohmann::json object;
    std::ifstream(m_root / file) >> object;
    change(object);
    write(file, object.dump());
}

void CaseCopies::write(const std::string& file, const std::string& text) const {
    fs::create_directories((m_root / file).parent_path());
    std::ofstream(m_root / file, std::ios::trunc) << text;
}

float& floatAt(moescope::NamedTensors& tensors, const std::string& key, size_t index) {
    moescope::NamedTensor& tensor = tensors.tensors.at(key);
    if (tensor.dtype != DType::F32 || index >= tensor.bytes.size() / 4) throw std::out_of_range(key);
    return reinterpret_cast<float*>(tensor.bytes.data())[index];
}

int64_t& integerAt(moescope::NamedTensors& tensors, const std::string& key, size_t index) {
    moescope::NamedTensor& tensor = tensors.tensors.at(key);
    if (tensor.dtype != DType::I64 || index >= tensor.bytes.size() / 8) throw std::out_of_range(key);
    return reinterpret_cast<int64_t*>(tensor.bytes.data())[index];
}

}  // namespace moescope::test
