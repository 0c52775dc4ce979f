#include "agent/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/spawn.h"

namespace tenon::agent {

namespace {

// An exec request: u8 tty, u8 0, u16 rows, u16 columns, u16 argc, u16 envc, then NUL-ended strings:
// cwd (empty: stay), the arguments, the environment.
class RequestReader {
  public:
    explicit RequestReader(std::span<const unsigned char> bytes) : bytes_(bytes) {}

    std::uint16_t u16() {
        if (bytes_.size() - at_ < 2) return fail();
        const auto value = static_cast<std::uint16_t>(bytes_[at_] | bytes_[at_ + 1] << 8);
        at_ += 2;
        return value;
    }

    char* string() {
        const auto rest = bytes_.subspan(at_);
        const void* end = rest.empty() ? nullptr : memchr(rest.data(), 0, rest.size());
        if (end == nullptr) {
            ok_ = false;
            return nullptr;
        }
        at_ = static_cast<std::size_t>(static_cast<const unsigned char*>(end) - bytes_.data()) + 1;
        return reinterpret_cast<char*>(const_cast<unsigned char*>(rest.data()));
    }

    char** strings(std::size_t count) {
        auto** list = static_cast<char**>(calloc(count + 1, sizeof(char*)));
        if (list == nullptr) ok_ = false;
        for (std::size_t i = 0; ok_ && i < count; ++i) list[i] = string();
        return list;
    }

    bool ok() const { return ok_; }

  private:
    std::uint16_t fail() {
        ok_ = false;
        return 0;
    }

    std::span<const unsigned char> bytes_;
    std::size_t at_ = 0;
    bool ok_ = true;
};

}  // namespace

Session::~Session() {
    close_stdin();
    for (Output& output : outputs_)
        if (output.fd >= 0) ::close(output.fd);
}

void Session::report_failure(int error) {
    unsigned char payload[5] = {static_cast<unsigned char>(ExitKind::exec_failed)};
    memcpy(payload + 1, &error, sizeof(error));
    link_.send(FrameType::exit, id_, 0, payload, sizeof(payload));
    finished_ = true;
}

bool Session::start(std::span<const unsigned char> request) {
    RequestReader reader(request);
    SpawnRequest spawn_request{};
    spawn_request.tty = reader.u16() != 0;
    spawn_request.rows = reader.u16();
    spawn_request.columns = reader.u16();
    const std::uint16_t argc = reader.u16();
    const std::uint16_t envc = reader.u16();
    spawn_request.cwd = reader.string();
    spawn_request.argv = reader.strings(argc);
    spawn_request.envp = reader.strings(envc);
    int error = EINVAL;
    Spawned spawned{};
    if (reader.ok() && argc > 0) error = spawn(spawn_request, spawned);
    free(spawn_request.argv);
    free(spawn_request.envp);
    if (error != 0) {
        report_failure(error);
        return false;
    }
    pid_ = spawned.pid;
    tty_ = spawn_request.tty;
    stdin_fd_ = spawned.stdin_fd;
    outputs_[0] = {spawned.stdout_fd, 0, kStdout};
    outputs_[1] = {spawned.stderr_fd, 0, kStderr};
    link_.send_u32(FrameType::started, id_, 0, static_cast<std::uint32_t>(pid_));
    link_.send_u32(FrameType::credit, id_, kStdin, kStdinCreditBytes);
    return true;
}

void Session::handle(const Frame& frame) {
    std::uint32_t value = 0;
    if (frame.payload.size() >= sizeof(value)) memcpy(&value, frame.payload.data(), sizeof(value));
    switch (frame.type) {
    case FrameType::data: {
        if (stdin_fd_ < 0) return;
        const auto size = static_cast<std::uint32_t>(frame.payload.size());
        if (stdin_begin_ == stdin_end_) stdin_begin_ = stdin_end_ = 0;
        if (stdin_end_ + size > sizeof(stdin_buffer_)) {
            memmove(stdin_buffer_, stdin_buffer_ + stdin_begin_, stdin_end_ - stdin_begin_);
            stdin_end_ -= stdin_begin_;
            stdin_begin_ = 0;
        }
        if (stdin_end_ + size > sizeof(stdin_buffer_)) return;  // beyond the credit: not our host
        memcpy(stdin_buffer_ + stdin_end_, frame.payload.data(), size);
        stdin_end_ += size;
        pump_in();
        return;
    }
    case FrameType::eof:
        stdin_eof_ = true;
        pump_in();
        return;
    case FrameType::credit:
        for (Output& output : outputs_)
            if (output.stream == frame.stream) output.credit += value;
        // The command may have ended before the first credit came, and a background process that
        // still holds the pipe keeps it from ever polling readable.
        finish();
        return;
    case FrameType::close:
        for (Output& output : outputs_)
            if (output.stream == frame.stream) close_output(output);
        finish();
        return;
    case FrameType::signal:
        if (!ended_) {
            if (::kill(-pid_, static_cast<int>(value)) != 0)
                ::kill(pid_, static_cast<int>(value));
        }
        return;
    case FrameType::winsize:
        if (tty_ && stdin_fd_ >= 0 && frame.payload.size() >= 4) {
            winsize size{};
            size.ws_row = static_cast<unsigned short>(value & 0xffff);
            size.ws_col = static_cast<unsigned short>(value >> 16);
            ::ioctl(stdin_fd_, TIOCSWINSZ, &size);
        }
        return;
    default:
        return;
    }
}

void Session::close_stdin() {
    if (stdin_fd_ >= 0) ::close(stdin_fd_);
    stdin_fd_ = -1;
}

void Session::close_output(Output& output) {
    if (output.fd < 0) return;
    ::close(output.fd);
    output.fd = -1;
    link_.send(FrameType::eof, id_, output.stream, nullptr, 0);
}

void Session::pump_in() {
    while (stdin_fd_ >= 0 && stdin_begin_ < stdin_end_) {
        const ssize_t n =
            ::write(stdin_fd_, stdin_buffer_ + stdin_begin_, stdin_end_ - stdin_begin_);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return;
        if (n < 0) {  // EPIPE: the command no longer reads
            close_stdin();
            link_.send(FrameType::close, id_, kStdin, nullptr, 0);
            return;
        }
        stdin_begin_ += static_cast<std::uint32_t>(n);
        stdin_owed_ += static_cast<std::uint32_t>(n);
        if (stdin_owed_ >= kStdinCreditBytes / 4) {
            link_.send_u32(FrameType::credit, id_, kStdin, stdin_owed_);
            stdin_owed_ = 0;
        }
    }
    // A terminal has no end of file; there the host's end of input is Ctrl-D, which it sends itself.
    if (stdin_eof_ && !tty_ && stdin_begin_ == stdin_end_) close_stdin();
}

void Session::pump_out(Output& output) {
    static unsigned char chunk[kMaxPayloadBytes];
    while (output.fd >= 0 && output.credit > 0) {
        const std::size_t limit = output.credit < sizeof(chunk) ? output.credit : sizeof(chunk);
        const ssize_t n = ::read(output.fd, chunk, limit);
        if (n > 0) {
            output.credit -= static_cast<std::uint32_t>(n);
            link_.send(FrameType::data, id_, output.stream, chunk, static_cast<std::size_t>(n));
            if (ended_) continue;
            return;  // let the other streams have their turn
        }
        if (n < 0 && errno == EINTR) continue;
        // EIO on a terminal's master: nobody holds the other side any more.
        if (n == 0 || errno != EAGAIN || ended_) close_output(output);
        return;
    }
}

void Session::exited(int wait_status) {
    ended_ = true;
    wait_status_ = wait_status;
    if (tty_) {
        // What still runs on the terminal gets a hang-up when the master closes.
        close_stdin();
    }
    finish();
}

// The command is over when its process has gone and what it wrote is with the host. A background
// process that still holds the pipes does not keep the run alive.
void Session::finish() {
    if (!ended_ || finished_) return;
    for (Output& output : outputs_) {
        pump_out(output);
        if (output.fd >= 0) return;  // waits for credit
    }
    const bool signalled = WIFSIGNALED(wait_status_);
    const std::uint32_t code = static_cast<std::uint32_t>(
        signalled ? WTERMSIG(wait_status_) : WEXITSTATUS(wait_status_));
    unsigned char payload[5];
    payload[0] = static_cast<unsigned char>(signalled ? ExitKind::signalled : ExitKind::exited);
    memcpy(payload + 1, &code, sizeof(code));
    link_.send(FrameType::exit, id_, 0, payload, sizeof(payload));
    finished_ = true;
}

int Session::poll_entries(pollfd* entries) {
    int count = 0;
    for (const Output& output : outputs_)
        if (output.fd >= 0 && output.credit > 0) entries[count++] = {output.fd, POLLIN, 0};
    if (stdin_fd_ >= 0) {
        // With nothing to write, only POLLERR (the reader has gone) is of interest.
        const short events = stdin_begin_ < stdin_end_ ? POLLOUT : 0;
        if (!tty_ || events != 0) entries[count++] = {stdin_fd_, events, 0};
    }
    return count;
}

void Session::poll_results(const pollfd* entries, int count) {
    for (int i = 0; i < count; ++i) {
        if (entries[i].revents == 0) continue;
        for (Output& output : outputs_)
            if (output.fd == entries[i].fd) pump_out(output);
        if (stdin_fd_ == entries[i].fd) {
            if ((entries[i].revents & POLLERR) != 0) {
                close_stdin();
                link_.send(FrameType::close, id_, kStdin, nullptr, 0);
            } else {
                pump_in();
            }
        }
    }
    finish();
}

}  // namespace tenon::agent
