// The I/O ports that ioperm(2) opened to a task.
#pragma once

#include <tenon/arch/user_regs.h>
#include <tenon/lib/ref.h>

#include <bitset>

namespace tenon::personality {

// Shared by a task and its children until one of them changes its own; the object itself is changed
// only while one task has it, by that task.
class PortSet : public RefCounted<PortSet> {
  public:
    static constexpr u32 kPorts = 1u << 16;
    std::bitset<kPorts> open;
};

// A general protection trap of the current task at `regs`: if the instruction is one of IN, OUT,
// INS and OUTS at ports that are open to the task, does what it does and steps over it. False: the
// trap has another reason. May sleep (user memory). Spec: Intel SDM 1 19.5.2, 2A IN, INS; 2B OUT,
// OUTS.
bool run_port_instruction(arch::UserRegs& regs);

}  // namespace tenon::personality
