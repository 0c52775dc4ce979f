#include "agent/agent.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <new>

#include "agent/link.h"
#include "agent/session.h"

namespace tenon::agent {

namespace {

constexpr int kMaxSessions = 16;
constexpr std::size_t kMaxRequestBytes = 2 * 1024 * 1024;

class Agent {
  public:
    After serve(const char* line_path, const char* problems);

  private:
    void handle(const Frame& frame);
    void begin_session(std::uint16_t id);
    void reap();
    void drop_finished();

    Link link_;
    Session* sessions_ = nullptr;
    int session_count_ = 0;
    unsigned char* request_ = nullptr;  // an exec request that arrives in pieces
    std::size_t request_bytes_ = 0;
    const char* problems_ = nullptr;
    bool shutdown_ = false;
    After after_ = After::power_off;
};

void Agent::begin_session(std::uint16_t id) {
    Session* session = nullptr;
    if (session_count_ < kMaxSessions) {
        void* place = malloc(sizeof(Session));
        if (place != nullptr) session = new (place) Session(link_, id);
    }
    if (session == nullptr) {
        unsigned char payload[5] = {static_cast<unsigned char>(ExitKind::exec_failed)};
        const int error = EAGAIN;
        memcpy(payload + 1, &error, sizeof(error));
        link_.send(FrameType::exit, id, 0, payload, sizeof(payload));
        return;
    }
    session->next = sessions_;
    sessions_ = session;
    ++session_count_;
    session->start({request_, request_bytes_});
}

void Agent::handle(const Frame& frame) {
    switch (frame.type) {
    case FrameType::hello:
        // The ack tells the host that its hello arrived and that counting starts here.
        link_.send_u32(FrameType::ack, 0, 0, 0);
        if (problems_ != nullptr && *problems_ != '\0')
            link_.send(FrameType::log, 0, 0, problems_, strlen(problems_));
        return;
    case FrameType::exec: {
        const std::size_t total = request_bytes_ + frame.payload.size();
        auto* grown = total <= kMaxRequestBytes
                          ? static_cast<unsigned char*>(realloc(request_, total + 1))
                          : nullptr;
        if (grown != nullptr) {
            request_ = grown;
            memcpy(request_ + request_bytes_, frame.payload.data(), frame.payload.size());
            request_bytes_ = total;
        }
        if (frame.stream == 0) {
            begin_session(frame.session);
            free(request_);
            request_ = nullptr;
            request_bytes_ = 0;
        }
        return;
    }
    case FrameType::shutdown:
        shutdown_ = true;
        if (!frame.payload.empty() && frame.payload[0] == 1) after_ = After::restart;
        return;
    default:
        for (Session* session = sessions_; session != nullptr; session = session->next)
            if (session->id() == frame.session) session->handle(frame);
        return;
    }
}

void Agent::reap() {
    int wait_status = 0;
    pid_t pid;
    while ((pid = ::waitpid(-1, &wait_status, WNOHANG)) > 0)
        for (Session* session = sessions_; session != nullptr; session = session->next)
            if (session->pid() == pid) session->exited(wait_status);
}

void Agent::drop_finished() {
    for (Session** at = &sessions_; *at != nullptr;) {
        Session* session = *at;
        if (!session->finished()) {
            at = &session->next;
            continue;
        }
        *at = session->next;
        session->~Session();
        free(session);
        --session_count_;
    }
}

void on_child(int) {}

After Agent::serve(const char* line_path, const char* problems) {
    problems_ = problems;
    if (!link_.open(line_path)) return After::power_off;

    // SIGCHLD stays blocked except inside ppoll, so that no exit is missed between reap and sleep.
    struct sigaction action{};
    action.sa_handler = on_child;
    ::sigaction(SIGCHLD, &action, nullptr);
    action.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &action, nullptr);
    sigset_t blocked, waiting;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &blocked, &waiting);
    sigdelset(&waiting, SIGCHLD);

    link_.send_hello();
    const timespec hello_interval{2, 0};
    while (!shutdown_) {
        reap();
        drop_finished();
        pollfd entries[1 + 3 * kMaxSessions];
        int counts[kMaxSessions];
        entries[0] = {link_.fd(), POLLIN, 0};
        int total = 1;
        int index = 0;
        for (Session* s = sessions_; s != nullptr; s = s->next) {
            counts[index] = s->poll_entries(entries + total);
            total += counts[index++];
        }
        const int ready = ::ppoll(entries, static_cast<nfds_t>(total),
                                  link_.connected() ? nullptr : &hello_interval, &waiting);
        if (ready == 0) link_.send_hello();
        if (ready <= 0) continue;
        // Sessions first: the line may add and end sessions, which would shift the entries.
        int at = 1;
        index = 0;
        for (Session* s = sessions_; s != nullptr; s = s->next) {
            s->poll_results(entries + at, counts[index]);
            at += counts[index++];
        }
        if (entries[0].revents != 0) {
            if (!link_.fill() && !link_.reopen()) return After::power_off;
            Frame frame;
            while (!shutdown_ && link_.next(frame)) handle(frame);
        }
    }
    return after_;
}

}  // namespace

After serve(const char* line_path, const char* problems) {
    static Agent agent;
    return agent.serve(line_path, problems);
}

}  // namespace tenon::agent
