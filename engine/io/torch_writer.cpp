// SPDX-License-Identifier: Apache-2.0
#include "engine/io/torch_writer.h"

#include <fmt/format.h>

#include <bit>
#include <string_view>

#include "engine/io/pickle_writer.h"
#include "engine/io/torch_archive.h"

namespace moescope {
namespace {

static_assert(std::endian::native == std::endian::little,
              "storages are written in the machine's byte order, said to be little");

void putText(TorchArchiveWriter& zip, const std::string& name, std::string_view text) {
    zip.begin(name, text.size());
    zip.write(std::as_bytes(std::span(text)));
    zip.end();
}

void putStorage(TorchArchiveWriter& zip, const std::string& name, const TorchTensor& tensor) {
    zip.begin(name, static_cast<uint64_t>(elementCount(tensor.shape)) * dtypeSize(tensor.dtype));
    if (tensor.write) tensor.write([&](std::span<const std::byte> bytes) { zip.write(bytes); }).orThrow();
    zip.end();
}

bool writeAll(const std::filesystem::path& path, const TorchValue& root) {
    const PickledValue pickled = pickle(root);
    TorchArchiveWriter zip(path);
    putText(zip, "archive/data.pkl", pickled.bytes);
    putText(zip, "archive/byteorder", "little");
    for (size_t i = 0; i < pickled.tensors.size(); ++i)
        putStorage(zip, fmt::format("archive/data/{}", i), *pickled.tensors[i]);
    putText(zip, "archive/version", "3\n");
    zip.commit();
    return true;
}

}  // namespace

void TorchDict::add(TorchValue key, TorchValue value) {
    items.emplace_back(std::move(key), std::move(value));
}

TorchValue TorchValue::fromJson(const nlohmann::json& value) {
    if (value.is_boolean()) return value.get<bool>();
    if (value.is_number_integer()) return value.get<int64_t>();
    if (value.is_number()) return value.get<double>();
    if (value.is_string()) return value.get<std::string>();
    if (value.is_array()) {
        TorchList list;
        for (const auto& item : value) list.items.push_back(fromJson(item));
        return list;
    }
    if (!value.is_object()) return {};
    TorchDict dict;
    for (const auto& [key, item] : value.items()) dict.add(key, fromJson(item));
    return dict;
}

Status writeTorchFile(const std::filesystem::path& path, const TorchValue& root) {
    const auto written = guarded([&] { return writeAll(path, root); });
    return written.ok() ? Status() : Status(written.error());
}

}  // namespace moescope
