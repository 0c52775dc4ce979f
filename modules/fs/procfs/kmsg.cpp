// /proc/kmsg: the log, taken out as it is read; shared with syslog(2). Spec: man 5 proc.
#include <tenon/linux/kernel_log.h>

#include "files.h"

namespace tenon::procfs {

namespace {

class KernelLog final : public vfs::FileOps {
  public:
    Result<usize> read(vfs::File& file, vfs::IoBuffer& buffer, u64&) override {
        TRY_ASSIGN(auto log, module::find_service<linux_log::Unread>(linux_log::kService));
        return log.call(&linux_log::Unread::read, buffer, !file.nonblocking());
    }
    u32 poll(vfs::File&, vfs::PollTable* table) override {
        auto log = module::find_service<linux_log::Unread>(linux_log::kService);
        return log ? log->call(&linux_log::Unread::poll, table) : 0;
    }
    Result<u64> seek(vfs::File& file, i64 offset, Whence whence) override {
        return seek_number(file, offset, whence);
    }
};

}  // namespace

Result<std::unique_ptr<vfs::FileOps>> open_kernel_log(const Node&, const Subject&) {
    TRY_ASSIGN(auto log, module::find_service<linux_log::Unread>(linux_log::kService));
    TRY(log.call(&linux_log::Unread::may_read));
    return std::unique_ptr<vfs::FileOps>(new (std::nothrow) KernelLog);
}

}  // namespace tenon::procfs
