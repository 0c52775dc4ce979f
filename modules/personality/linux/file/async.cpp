#include "personality/linux/file/async.h"

#include <tenon/process/tree.h>

#include "personality/linux/abi.h"

namespace tenon::personality {

namespace {

// Linux's band_table: what can be done now, by reason.
i64 band_of(i32 code) {
    switch (code) {
        case POLL_IN:
            return POLLIN | POLLRDNORM;
        case POLL_OUT:
            return POLLOUT | POLLWRNORM | POLLWRBAND;
        case POLL_MSG:
            return POLLIN | POLLRDNORM | POLLMSG;
        case POLL_ERR:
            return POLLERR;
        case POLL_PRI:
            return POLLPRI | POLLRDBAND;
        default:
            return POLLHUP | POLLERR;
    }
}

// As for kill(2), with the rights of who became the owner's setter.
bool may_tell(const vfs::File& file, const process::Credentials& target) {
    return file.owner_euid == 0 || file.owner_euid == target.suid ||
           file.owner_euid == target.uid || file.owner_uid == target.suid ||
           file.owner_uid == target.uid;
}

process::SignalInfo info_for(const vfs::File& file, i32 fd, i32 code) {
    if (file.owner_signal == 0) return process::kernel_signal(SIGIO);
    process::SignalInfo info{.signal = file.owner_signal, .code = code};
    uapi::siginfo_t raw{};
    raw.si_signo = static_cast<i32>(file.owner_signal);
    raw.si_code = code;
    raw.si_band = band_of(code);
    raw.si_fd = fd;
    std::memcpy(info.raw, &raw, sizeof(raw));
    info.has_raw = true;
    return info;
}

}  // namespace

void name_owner(vfs::File& file, i32 pid, u8 type) {
    const process::Credentials& cred = process::current_credentials();
    file.owner_uid = cred.uid;
    file.owner_euid = cred.euid;
    file.owner_type = type;
    file.owner_pid = pid;
}

void own_signals(vfs::File& file) {
    if (file.owner_pid == 0) name_owner(file, process::current_process().pid, F_OWNER_PID);
}

void signal_owner(vfs::File& file, i32 fd, i32 code) {
    if (file.owner_pid == 0) return;
    const process::SignalInfo info = info_for(file, fd, code);
    auto tell = [&](process::Process& process) {
        const auto target = process.leader ? process::credentials_of(*process.leader) : nullptr;
        if (target && may_tell(file, *target)) (void)process::send_to_process(process, info);
    };
    switch (file.owner_type) {
        case F_OWNER_TID:
            if (Ref<Task> task = process::find_task(file.owner_pid);
                task && may_tell(file, *process::credentials_of(*task)))
                (void)process::send_to_task(*task, info);
            break;
        case F_OWNER_PID:
            if (Ref<process::Process> one = process::find_process(file.owner_pid); one) tell(*one);
            break;
        default:
            // To those of the group that the setter may signal.
            for (auto one = process::next_process(1); one;
                 one = process::next_process(one->pid + 1))
                if (process::group_id(*one) == file.owner_pid) tell(*one);
            break;
    }
}

}  // namespace tenon::personality
