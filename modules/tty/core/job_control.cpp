// Controlling terminals and foreground groups. Spec: POSIX 11.1; man 4 tty_ioctl.
//
// A session holds its terminal as a ControllingTerminal (a small object with a reference); the
// terminal holds the session and its foreground group. All under the process-tree lock, so that
// nothing with a last reference is dropped there: what goes is carried out of it first.
#include <tenon/mm/slab.h>

#include "terminals.h"

namespace tenon::tty {

namespace {

class Control final : public process::ControllingTerminal {
  public:
    explicit Control(Tty& tty) : tty_(&tty) {}
    vfs::DeviceNumber number() const override { return tty_->number(); }
    void session_leader_exited() override { tty_->leader_exited(); }
    i32 foreground_group() const override { return tty_->foreground_group(); }
    Tty& tty() const { return *tty_; }

  private:
    Ref<Tty> tty_;
};

Tty* terminal_of_locked(process::Session* session) {
    if (session == nullptr || !session->terminal) return nullptr;
    return &static_cast<Control*>(session->terminal.object())->tty();
}

}  // namespace

class JobControl {
  public:
    // What the calling process is to the terminal.
    struct Place {
        bool controlled = false;  // this is its controlling terminal
        bool background = false, orphaned = false;
        Ref<process::ProcessGroup> group;
    };
    // Nobody outside the group, but in its session, is the parent of a member: nobody would notice
    // that it stopped. Spec: POSIX, "orphaned process group".
    static bool is_orphaned(process::ProcessGroup& group) {
        bool orphaned = true;
        process::for_each_member(
            group,
            [](process::Process& member, void* context) {
                const process::Process* parent = member.parent;
                if (member.zombie || parent == nullptr || !parent->group || parent->pid == 1)
                    return;
                if (parent->group.get() != member.group.get() &&
                    parent->group->session.get() == member.group->session.get())
                    *static_cast<bool*>(context) = false;
            },
            &orphaned);
        return orphaned;
    }
    static Place place_of(Tty& tty) {
        Place place;
        process::Process& self = process::current_process();
        {
            sync::IrqSpinGuard guard(process::tree_lock());
            if (!self.group) return place;
            place.controlled = terminal_of_locked(self.group->session.get()) == &tty;
            place.group = self.group;
            place.background =
                place.controlled && tty.foreground_ && tty.foreground_.get() != self.group.get();
        }
        if (place.background) place.orphaned = is_orphaned(*place.group);
        return place;
    }

    static Result<void> make_controlling(Tty& tty, bool steal) {
        auto control = mm::make<Control>(tty);
        if (!control) return Err(Error::nomem);
        module::Gated<process::ControllingTerminal> gated =
            module::Gated<process::ControllingTerminal>::own(
                std::unique_ptr<process::ControllingTerminal>(control.release()));
        Ref<process::Session> old_session;
        Ref<process::ProcessGroup> old_group;
        module::Gated<process::ControllingTerminal> stolen;
        process::Process& self = process::current_process();
        {
            sync::IrqSpinGuard guard(process::tree_lock());
            process::Session* session = self.group ? self.group->session.get() : nullptr;
            if (session == nullptr || session->leader != &self) return Err(Error::perm);
            if (terminal_of_locked(session) == &tty) return {};
            if (session->terminal) return Err(Error::perm);
            if (tty.session_) {
                if (!steal) return Err(Error::perm);
                stolen = std::move(tty.session_->terminal);
            }
            old_session = std::move(tty.session_);
            old_group = std::move(tty.foreground_);
            tty.session_ = self.group->session;
            tty.foreground_ = self.group;
            session->terminal = std::move(gated);
        }
        return {};
    }

    // The session has let go (or does here); what its foreground group is told.
    enum class Tell : u8 { nothing, hang_up, hang_up_and_continue };
    static void release(Tty& tty, Tell tell) {
        Ref<process::Session> session;
        Ref<process::ProcessGroup> group;
        module::Gated<process::ControllingTerminal> terminal;
        {
            sync::IrqSpinGuard guard(process::tree_lock());
            session = std::move(tty.session_);
            group = std::move(tty.foreground_);
            if (session && terminal_of_locked(session.get()) == &tty)
                terminal = std::move(session->terminal);
        }
        if (!group || tell == Tell::nothing) return;
        (void)process::send_to_group(*group, process::kernel_signal(process::kSigHup));
        if (tell == Tell::hang_up_and_continue)
            (void)process::send_to_group(*group, process::kernel_signal(process::kSigCont));
    }

    static Ref<process::Process> leader_of(Tty& tty) {
        sync::IrqSpinGuard guard(process::tree_lock());
        if (!tty.session_ || tty.session_->leader == nullptr) return nullptr;
        return Ref<process::Process>(tty.session_->leader);
    }

    static Result<i32> session_id(Tty& tty) {
        sync::IrqSpinGuard guard(process::tree_lock());
        if (!tty.session_) return Err(Error::notty);
        return tty.session_->id;
    }
    static Ref<process::ProcessGroup> foreground(Tty& tty) {
        sync::IrqSpinGuard guard(process::tree_lock());
        return tty.foreground_;
    }
    static Result<void> set_foreground(Tty& tty, i32 id) {
        auto group = process::find_group(id);
        process::Process& self = process::current_process();
        Ref<process::ProcessGroup> old;
        sync::IrqSpinGuard guard(process::tree_lock());
        process::Session* session = self.group ? self.group->session.get() : nullptr;
        if (terminal_of_locked(session) != &tty || tty.session_.get() != session)
            return Err(Error::notty);
        if (!group) return Err(Error::srch);
        if (group->session.get() != session) return Err(Error::perm);
        old = std::move(tty.foreground_);
        tty.foreground_ = group;
        return {};
    }
};

Result<void> check_background_read(Tty& tty) {
    auto place = JobControl::place_of(tty);
    if (!place.background) return {};
    if (process::is_blocked_or_ignored(process::kSigTtin) || place.orphaned) return Err(Error::io);
    (void)process::send_to_group(*place.group, process::kernel_signal(process::kSigTtin));
    return Err(Error::restart);
}

Result<void> check_background_change(Tty& tty) {
    auto place = JobControl::place_of(tty);
    if (!place.background || process::is_blocked_or_ignored(process::kSigTtou)) return {};
    if (place.orphaned) return Err(Error::io);
    (void)process::send_to_group(*place.group, process::kernel_signal(process::kSigTtou));
    return Err(Error::restart);
}

void Tty::signal_foreground(u32 signal) {
    if (auto group = JobControl::foreground(*this); group)
        (void)process::send_to_group(*group, process::kernel_signal(signal));
}

i32 Tty::foreground_group() {
    auto group = JobControl::foreground(*this);
    return group ? group->id : -1;
}

void Tty::become_controlling_if_free() {
    (void)JobControl::make_controlling(*this, false);
}

Result<void> make_controlling(Tty& tty, bool steal, bool readable) {
    if (steal && !process::capable(process::Capability::sys_admin)) steal = false;
    if (!readable && !process::capable(process::Capability::sys_admin)) return Err(Error::perm);
    return JobControl::make_controlling(tty, steal);
}

void Tty::leader_exited() {
    // A pseudo-terminal stays open to those of the session that the leader leaves behind: its
    // master still reads what they write. Spec: Linux drivers/tty/tty_jobctrl.c,
    // disassociate_ctty(). (vhangup(2) comes here with a leader that lives.)
    if (!driver_.call(&Driver::has_line) && !JobControl::leader_of(*this)) {
        JobControl::release(*this, JobControl::Tell::hang_up);
        return;
    }
    generation_.fetch_add(1, std::memory_order_acq_rel);
    driver_.call(&Driver::hung_up, *this);
    JobControl::release(*this, JobControl::Tell::hang_up_and_continue);
    read_queue_.wake_all();
    write_queue_.wake_all();
}

void Tty::hang_up() {
    generation_.fetch_add(1, std::memory_order_acq_rel);
    auto leader = JobControl::leader_of(*this);
    auto group = JobControl::foreground(*this);
    if (leader) {
        (void)process::send_to_process(*leader, process::kernel_signal(process::kSigHup));
        (void)process::send_to_process(*leader, process::kernel_signal(process::kSigCont));
    }
    if (group) (void)process::send_to_group(*group, process::kernel_signal(process::kSigHup));
    JobControl::release(*this, JobControl::Tell::nothing);
    read_queue_.wake_all();
    write_queue_.wake_all();
}

Ref<Tty> controlling_terminal() {
    process::Process& self = process::current_process();
    sync::IrqSpinGuard guard(process::tree_lock());
    Tty* tty = self.group ? terminal_of_locked(self.group->session.get()) : nullptr;
    return Ref<Tty>(tty);
}

Result<void> give_up_controlling(Tty& tty) {
    if (controlling_terminal().get() != &tty) return Err(Error::notty);
    // Only the leader's going takes the terminal from the whole session.
    process::Process& self = process::current_process();
    bool leads;
    {
        sync::IrqSpinGuard guard(process::tree_lock());
        leads = self.group->session->leader == &self;
    }
    if (leads) JobControl::release(tty, JobControl::Tell::hang_up_and_continue);
    return {};
}

Result<i32> session_of_terminal(Tty& tty) {
    return JobControl::session_id(tty);
}
Result<void> set_foreground(Tty& tty, i32 group) {
    return JobControl::set_foreground(tty, group);
}

}  // namespace tenon::tty
