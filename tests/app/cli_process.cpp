// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/app/cli_process.h"

#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace moescope::test {

std::string readFile(const std::filesystem::path& path) {
    std::ifstream stream(path, std::ios::binary);
    std::stringstream content;
    content << stream.rdbuf();
    return content.str();
}

void CliTest::SetUp() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder = std::filesystem::temp_directory_path() / (std::string("moescope-cli-") + info->name() + "-" + std::to_string(getpid()));
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
}

CliResult runCli(const std::vector<std::string>& arguments, int interruptAfterMs) {
    char outName[] = "/tmp/moescope-out-XXXXXX", errName[] = "/tmp/moescope-err-XXXXXX";
    const int out = mkstemp(outName), err = mkstemp(errName);
    std::vector<std::string> words{MOESCOPE_CLI};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const pid_t child = fork();
    if (child == 0) {
        dup2(out, STDOUT_FILENO);
        dup2(err, STDERR_FILENO);
        execv(MOESCOPE_CLI, argv.data());
        _exit(127);
    }
    if (interruptAfterMs >= 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(interruptAfterMs));
        kill(child, SIGINT);
    }
    int status = 0;
    waitpid(child, &status, 0);
    CliResult result{WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), readFile(outName), readFile(errName)};
    for (const int fd : {out, err}) close(fd);
    for (const char* name : {outName, errName}) unlink(name);
    return result;
}

}  // namespace moescope::test
