// Process groups and sessions. Spec: man 2 setpgid, man 2 setsid; POSIX 2.4.3 (orphaned groups).
#include <tenon/process/tree.h>

namespace tenon::process {

ProcessGroup::ProcessGroup() = default;
ProcessGroup::~ProcessGroup() = default;

void ProcessGroup::on_last_ref() {
    sync::rcu_delete<offsetof(ProcessGroup, rcu)>(this);
}
// Under the tree lock at times (a group's last member leaves): the terminal has been let go before.
void Session::on_last_ref() {
    delete this;
}

bool ProcessGroup::orphaned_locked(const Process* without) const {
    for (const Process& member : members->list) {
        if (&member == without || member.zombie || member.parent == nullptr ||
            member.parent->pid == 1)
            continue;
        const Process& parent = *member.parent;
        if (parent.group && parent.group.get() != this && parent.group->session == session)
            return false;
    }
    return true;
}

Result<Ref<ProcessGroup>> make_group(i32 id, Ref<Session> session) {
    auto group = adopt_ref(new (std::nothrow) ProcessGroup);
    if (!group) return Err(Error::nomem);
    group->members.reset(new (std::nothrow) ProcessGroup::Members);
    if (!group->members) return Err(Error::nomem);
    group->id = id;
    group->session = std::move(session);
    return group;
}

// A group's number is attached while it has members.
void join_group_locked(Process& process, ProcessGroup& group) {
    if (group.members->list.empty() && group.id != 0)
        pids::attach(group.id, pids::Kind::group, &group);
    group.members->list.push_back(process);
    process.group = Ref(&group);
}

// The handle stays for the caller to drop without the lock.
void leave_group_locked(Process& process) {
    if (!process.group) return;
    ProcessGroup& group = *process.group;
    group.members->list.erase(group.members->list.iterator_to(process));
    if (group.members->list.empty() && group.id != 0) pids::detach(group.id, pids::Kind::group);
}

namespace {

bool has_stopped_member_locked(ProcessGroup& group) {
    for (Process& member : group.members->list) {
        SignalLock lock(member);
        if (member.stopping) return true;
    }
    return false;
}

void send_group_locked(ProcessGroup& group, u32 signal) {
    for (Process& member : group.members->list) {
        SignalLock lock(member);
        (void)send_locked(member, nullptr, kernel_signal(signal));
    }
}

}  // namespace

void orphan_check_locked(Process& process, Process* parent, bool is_exiting) {
    if (!process.group || parent == nullptr || !parent->group) return;
    ProcessGroup& group = *process.group;
    if (parent->group == process.group || !(parent->group->session == group.session)) return;
    // An exiting parent counts as gone already: its children's link is cut by the caller's view.
    bool orphaned = true;
    for (const Process& member : group.members->list) {
        if ((is_exiting && &member == &process) || member.zombie || member.parent == nullptr ||
            member.parent->pid == 1 || (!is_exiting && member.parent == parent))
            continue;
        const Process& p = *member.parent;
        if (p.group && p.group != process.group && p.group->session == group.session)
            orphaned = false;
    }
    if (!orphaned || !has_stopped_member_locked(group)) return;
    send_group_locked(group, kSigHup);
    send_group_locked(group, kSigCont);
}

Result<void> send_to_group(ProcessGroup& group, const SignalInfo& info) {
    Result<void> first = Err(Error::srch);
    bool any = false;
    TreeGuard guard(tree_lock());
    for (Process& member : group.members->list) {
        SignalLock lock(member);
        auto r = send_locked(member, nullptr, info);
        if (r)
            any = true;
        else if (!any)
            first = r;
    }
    if (any) return {};
    return first;
}

}  // namespace tenon::process
