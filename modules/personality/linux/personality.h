// The Linux personality as the core sees it.
#pragma once

#include <tenon/process/personality.h>

#include "personality/linux/trace/tracee.h"

namespace tenon::personality {

class LinuxPersonality final : public process::Personality {
  public:
    std::string_view name() const override { return "linux"; }
    Result<void> exec(process::ExecRequest& request) override;
    void deliver(arch::UserRegs& regs) override;
    void user_trap(const arch::TrapInfo& trap, arch::UserRegs& regs) override;
    void user_fault(const arch::PageFault& fault, Error why, arch::UserRegs& regs) override;
    Result<void> task_cloned(Task& child, const process::CloneOptions& options) override;
    void task_exiting(Task& task) override;
    void process_exiting(process::Process& process) override;
    void exec_done(Task& task) override;
    void thread_gone(Task& task) override { trace::thread_gone(task); }
    bool holds_zombie(process::Process& process) override { return trace::holds_zombie(process); }
};

extern LinuxPersonality g_personality;

}  // namespace tenon::personality
