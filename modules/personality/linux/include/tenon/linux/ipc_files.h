// What /proc shows of interprocess communication: the service "linux-ipc".
#pragma once

#include <tenon/lib/format.h>
#include <tenon/module/service.h>

namespace tenon::linux_ipc {

// The files of /proc/sysvipc.
enum class Listing : u8 { shm, sem, msg };

// Those below /proc/sys/kernel and /proc/sys/fs/mqueue.
enum class Setting : u8 {
    shmmax,
    shmall,
    shmmni,
    shm_rmid_forced,
    shm_next_id,
    sem,
    sem_next_id,
    msgmax,
    msgmnb,
    msgmni,
    msg_next_id,
    auto_msgmni,
    mq_queues_max,
    mq_msg_max,
    mq_msgsize_max,
    mq_msg_default,
    mq_msgsize_default,
};

// Thread context; may sleep. Of the calling task's name space.
class Files : public module::Service {
  public:
    static constexpr u32 kInterfaceVersion = 1;  // of this class and the enums above
    // Writes the whole text.
    virtual Result<void> list(Listing what, fmt::Sink& out) = 0;
    virtual Result<void> show(Setting which, fmt::Sink& out) = 0;
    // Takes one line. Error::inval.
    virtual Result<void> store(Setting which, std::string_view text) = 0;
};

// The name that the service is found by (tenon/module/service.h).
inline constexpr std::string_view kService = "linux-ipc";

}  // namespace tenon::linux_ipc
