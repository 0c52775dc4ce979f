// All that a System V IPC name space holds. There is one; a second needs only who points to it.
#pragma once

#include "personality/linux/ipc/object.h"

namespace tenon::personality::ipc {

struct Namespace {
    Table shm, sem, msg;
    // /proc/sys/kernel
    std::atomic<u64> shm_max{~u64{0} - (u64{1} << 24)};  // bytes of a segment
    std::atomic<u64> shm_all{~u64{0} - (u64{1} << 24)};  // pages of all
    std::atomic<i32> shm_mni{4096};
    std::atomic<i32> shm_rmid_forced{0};
    std::atomic<i32> sem_msl{SEMMSL}, sem_mns{SEMMNS}, sem_opm{SEMOPM}, sem_mni{SEMMNI};
    std::atomic<i32> msg_max{MSGMAX}, msg_mnb{MSGMNB}, msg_mni{MSGMNI};

    std::atomic<i64> msg_bytes{0}, msg_count{0};  // in all queues
    // /proc/sys/fs/mqueue
    std::atomic<i32> mq_queues_max{256}, mq_msg_max{10}, mq_msgsize_max{8192};
    std::atomic<i32> mq_msg_default{10}, mq_msgsize_default{8192};
};

// Of the calling task.
Namespace& current_namespace();

// Module load and unload.
Result<void> init();
void exit();

}  // namespace tenon::personality::ipc
