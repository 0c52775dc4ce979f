// linux.ko: registers the personality. Trusted: it passes the gate on registration only.
#include <tenon/module/module.h>
#include <tenon/sched/kthread.h>

#include "personality/linux/exec/vdso.h"
#include "personality/linux/file/hooks.h"
#include "personality/linux/ipc/files.h"
#include "personality/linux/ipc/mqueue.h"
#include "personality/linux/ipc/namespace.h"
#include "personality/linux/keys/files.h"
#include "personality/linux/keys/store.h"
#include "personality/linux/memory/oom.h"
#include "personality/linux/personality.h"
#include "personality/linux/process/task_facts.h"
#include "personality/linux/system/accounting.h"
#include "personality/linux/system/ctrl_alt_del.h"
#include "personality/linux/system/settings.h"
#include "personality/linux/system/unread_log.h"

namespace tenon::personality {

constinit LinuxPersonality g_personality;

namespace {

class LinuxModule final : public module::Instance {
  public:
    static Result<std::unique_ptr<module::Instance>> create(module::Context& context) {
        auto self = std::unique_ptr<LinuxModule>(new (std::nothrow) LinuxModule);
        if (!self) return Err(Error::nomem);
        TRY(vdso::init());
        TRY(ipc::init());
        TRY(keys::init());
        install_file_hooks();
        mm::set_oom_handler(out_of_memory);
        TRY_ASSIGN(self->registration_, context.register_personality(g_personality));
        TRY_ASSIGN(self->mqueue_, ipc::register_mqueue(context));
        TRY_ASSIGN(self->ipc_files_, ipc::offer_files(context));
        TRY_ASSIGN(self->key_files_, keys::offer_files(context));
        TRY_ASSIGN(self->task_facts_, offer_task_facts(context));
        TRY_ASSIGN(self->settings_, offer_settings(context));
        TRY_ASSIGN(self->ctrl_alt_del_, offer_ctrl_alt_del(context));
        TRY_ASSIGN(self->log_, unread_log::offer(context));
        return std::unique_ptr<module::Instance>(std::move(self));
    }
    ~LinuxModule() override {
        log_ = {};
        ctrl_alt_del_ = {};
        settings_ = {};
        task_facts_ = {};
        key_files_ = {};
        ipc_files_ = {};
        mqueue_ = {};
        ipc::forget_mqueue();
        registration_ = {};
        mm::set_oom_handler(nullptr);
        stop_accounting();
        remove_file_hooks();
        keys::exit();
        ipc::exit();
        vdso::exit();
    }

  private:
    module::Held registration_;
    module::Held ipc_files_;
    module::Held key_files_;
    module::Held task_facts_;
    module::Held settings_, ctrl_alt_del_;
    module::Held log_;
    module::Held mqueue_;
};

}  // namespace
}  // namespace tenon::personality

TENON_MODULE(tenon::personality::LinuxModule, {
                                                  .name = "linux",
                                                  .version = "1.0",
                                                  .license = "MIT",
                                                  .description = "The Linux system-call interface",
                                                  .restart = tenon::module::Restart::never,
                                                  .trusted = true,
                                              });
