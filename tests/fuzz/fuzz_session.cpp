// SPDX-License-Identifier: GPL-3.0-or-later
// Session files of any content: opening and reading everything ends in a run or in a sentence.
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/io/session_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace moescope;
    const auto reader = SessionReader::open(MappedFile::borrow(std::as_bytes(std::span(data, size)), "input"));
    if (!reader) return 0;
    for (size_t record = 0; record < (*reader)->records().size(); ++record) (void)(*reader)->recordLoad(record);
    (void)(*reader)->preview(0, 0);
    (void)(*reader)->readAll();
    return 0;
}
