// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/console.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <system_error>

namespace moescope::cli {

namespace {

/// Writes what can be written: fmt::print would throw where the stream is full or closed.
bool writeText(std::FILE* stream, std::string_view text) {
    const bool written = std::fwrite(text.data(), 1, text.size(), stream) == text.size();
    return std::fflush(stream) == 0 && written;
}

}  // namespace

void Console::result(std::string_view line) const {
    if (!writeText(stdout, fmt::format("{}\n", line)) && errno != EPIPE) m_lost = errno;
}

void Console::resultJson(const nlohmann::ordered_json& value) const {
    result(value.dump(1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void Console::note(std::string_view sentence) const {
    say(fmt::format("{}\n", sentence));
}

int Console::fail(const EngineError& error) const {
    const bool device = error.code == ErrorCode::DeviceMemory || error.code == ErrorCode::DeviceLost;
    note(fmt::format("moescope-cli: {}{}", error.message, device ? "; --device cpu runs it on the CPU" : ""));
    return error.code == ErrorCode::InvalidArgument ? ExitUsage : ExitFailed;
}

void Console::say(std::string_view text) {
    writeText(stderr, text);
}

int Console::finish(int exitStatus) const {
    if (m_lost == 0) return exitStatus;
    note(fmt::format("moescope-cli: the results could not be written to the standard output ({}); free some space or "
                     "send them elsewhere",
                     std::generic_category().message(m_lost)));
    return exitStatus == ExitOk ? ExitFailed : exitStatus;
}

void openStandardStreams() {
    for (int fd = ::open("/dev/null", O_RDWR); fd >= 0; fd = ::dup(fd))
        if (fd > STDERR_FILENO) {
            ::close(fd);
            break;
        }
    std::signal(SIGPIPE, SIG_IGN);
}

CLI::App* addCommand(CLI::App& root, Console& console, int& exitStatus, const std::string& name, const std::string& description,
                     std::function<Action(CLI::App&)> define) {
    CLI::App* command = root.add_subcommand(name, description);
    command->add_flag("--json", console.json, "Print the result as JSON");
    Action action = define(*command);
    command->callback([action, &console, &exitStatus] {
        const auto status = guarded(action);
        exitStatus = status.ok() ? *status : console.fail(status.error());
    });
    return command;
}

}  // namespace moescope::cli
