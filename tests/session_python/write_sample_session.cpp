// SPDX-License-Identifier: GPL-3.0-or-later
// Writes the sample run as a session file and prints its counts and pairs, one line per record and token.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <span>

#include "engine/io/session_file.h"
#include "tests/support/sample_run.h"

int main(int argc, char** argv) {
    using namespace moescope;
    if (argc != 2) {
        fmt::print(stderr, "expected one argument, the file to write\n");
        return 2;
    }
    const RunRecord run = test::sampleRun();
    if (const Status saved = saveSession(run, argv[1]); !saved.ok()) {
        fmt::print(stderr, "{}\n", saved.error().message);
        return 1;
    }
    for (const auto& record : run.routing.records) {
        fmt::print("{} {} {} counts {} mass {}\n", record->evaluation, branchName(record->branch), record->layer,
                   fmt::join(record->counts, " "), fmt::join(record->mass, " "));
        for (size_t token = 0; token + 1 < record->rowPtr.size(); ++token) {
            const size_t begin = record->rowPtr[token], count = record->rowPtr[token + 1] - begin;
            fmt::print("token {} experts {} gates {}\n", token,
                       fmt::join(std::span(record->expert).subspan(begin, count), " "),
                       fmt::join(std::span(record->gate).subspan(begin, count), " "));
        }
    }
    for (const EvaluationRecord& evaluation : run.evaluations)
        fmt::print("evaluation {} timestep {} velocity {} preview {}\n", evaluation.info.index,
                   evaluation.info.timestep, fmt::join(unpackLatents(evaluation.velocity, run.precision), " "),
                   fmt::join(evaluation.preview, " "));
    for (size_t image = 0; image < run.pictures.size(); ++image)
        fmt::print("picture {} {}\n", image, fmt::join(run.pictures[image].rgb, " "));
    return 0;
}
