#include "pkg/tests/host_tools.h"

#include <stdio.h>
#include <sys/wait.h>

namespace tenon::pkg::test {

std::string slurp(const std::string& path) {
    std::string out;
    if (FILE* f = fopen(path.c_str(), "rb")) {
        char buffer[4096];
        while (size_t n = fread(buffer, 1, sizeof(buffer), f)) out.append(buffer, n);
        fclose(f);
    }
    return out;
}

int shell(const std::string& command, std::string* output) {
    fflush(stdout);
    FILE* p = popen(("{ " + command + "\n} 2>&1").c_str(), "r");
    if (!p) return -1;
    char buffer[4096];
    std::string text;
    while (size_t n = fread(buffer, 1, sizeof(buffer), p)) text.append(buffer, n);
    int status = pclose(p);
    if (output) *output = text;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

}  // namespace tenon::pkg::test
