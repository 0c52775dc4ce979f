#include "pkg/tests/http_server.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pkg/lib/text.h"

namespace tenon::pkg::test {

std::string HttpServer::start(const std::string& directory, const std::string& log,
                              const std::vector<std::string>& more) {
    stop();
    for (const char* v : {"http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"})
        unsetenv(v);
    unlink(log.c_str());
    int pipe_ends[2];
    if (pipe2(pipe_ends, O_CLOEXEC) != 0) return "";
    pid_ = fork();
    if (pid_ == 0) {
        dup2(pipe_ends[1], STDOUT_FILENO);
        std::vector<std::string> words = {"python3", PKG_TESTS "/http_server.py", directory, log};
        words.insert(words.end(), more.begin(), more.end());
        std::vector<char*> argv;
        for (auto& w : words) argv.push_back(w.data());
        argv.push_back(nullptr);
        execv("/usr/bin/python3", argv.data());
        _exit(127);
    }
    close(pipe_ends[1]);
    std::string port;
    for (char c = 0; c != '\n'; port += c)
        if (read(pipe_ends[0], &c, 1) != 1) {
            close(pipe_ends[0]);
            return "";
        }
    close(pipe_ends[0]);
    return "http://127.0.0.1:" + std::string(trim(port)) + "/";
}

void HttpServer::stop() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

}  // namespace tenon::pkg::test
