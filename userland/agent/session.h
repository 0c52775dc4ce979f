// One command that the host asked for: its process, its pipes or its pseudo terminal.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <cstdint>
#include <span>

#include "agent/link.h"

namespace tenon::agent {

class Session {
  public:
    Session(Link& link, std::uint16_t id) : link_(link), id_(id) {}
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // Starts the command that an exec request describes; reports the failure itself and returns false.
    bool start(std::span<const unsigned char> request);

    std::uint16_t id() const { return id_; }
    pid_t pid() const { return pid_; }

    void handle(const Frame& frame);
    // The process ended with this wait status.
    void exited(int wait_status);
    bool finished() const { return finished_; }

    // Fills in up to three entries; returns how many.
    int poll_entries(pollfd* entries);
    void poll_results(const pollfd* entries, int count);

    Session* next = nullptr;

  private:
    struct Output {
        int fd = -1;
        std::uint32_t credit = 0;
        std::uint8_t stream = 0;
    };

    void report_failure(int error);
    void pump_out(Output& output);
    void pump_in();
    void close_output(Output& output);
    void close_stdin();
    void finish();

    Link& link_;
    std::uint16_t id_;
    pid_t pid_ = -1;
    bool tty_ = false;
    bool ended_ = false;     // the process is gone
    bool finished_ = false;  // and the host has been told
    int wait_status_ = 0;

    int stdin_fd_ = -1;
    bool stdin_eof_ = false;
    std::uint32_t stdin_begin_ = 0;
    std::uint32_t stdin_end_ = 0;
    std::uint32_t stdin_owed_ = 0;  // credit to give back
    Output outputs_[2];
    unsigned char stdin_buffer_[kStdinCreditBytes];
};

}  // namespace tenon::agent
