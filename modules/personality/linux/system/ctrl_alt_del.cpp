// Spec: man 2 reboot (LINUX_REBOOT_CMD_CAD_ON, _OFF), Linux Documentation/admin-guide/sysctl/kernel.rst.
#include "personality/linux/system/ctrl_alt_del.h"

#include <tenon/arch/machine.h>
#include <tenon/mm/slab.h>
#include <tenon/process/process.h>
#include <tenon/process/signal.h>
#include <tenon/trace/log.h>

#include <atomic>

#include "personality/linux/system/settings.h"

namespace tenon::personality {

namespace {

class OwnCtrlAltDel final : public linux_cad::CtrlAltDel {
  public:
    void pressed() override {
        if (setting(linux_settings::Setting::ctrl_alt_del) != 0) {
            log::notice("Restarting system");
            arch::reboot();
        }
        if (auto told = process::find_process(pid()))
            (void)process::send_to_process(*told, process::kernel_signal(process::kSigInt));
    }
    i32 pid() override { return pid_.load(std::memory_order_relaxed); }
    Result<void> set_pid(i32 pid) override {
        if (pid <= 0 || !process::find_process(pid)) return Err(Error::srch);
        pid_.store(pid, std::memory_order_relaxed);
        return {};
    }

  private:
    std::atomic<i32> pid_{1};
};

}  // namespace

Result<module::Held> offer_ctrl_alt_del(module::Context& context) {
    return module::offer(context, linux_cad::kService,
                         std::unique_ptr<linux_cad::CtrlAltDel>(mm::make<OwnCtrlAltDel>()));
}

}  // namespace tenon::personality
