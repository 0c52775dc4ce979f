// Starting a process with its three channels.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace tenon::agent {

struct SpawnRequest {
    char** argv;
    char** envp;
    const char* cwd;
    bool tty;
    std::uint16_t rows;
    std::uint16_t columns;
};

struct Spawned {
    pid_t pid;
    int stdin_fd;
    int stdout_fd;
    int stderr_fd;  // -1 on a terminal
};

// Returns 0, or the errno that stopped it (ENOENT when the program is not found on PATH).
int spawn(const SpawnRequest& request, Spawned& spawned);

}  // namespace tenon::agent
