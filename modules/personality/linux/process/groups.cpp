// Moving between process groups and sessions. Spec: man 2 setpgid, man 2 setsid.
#include "personality/linux/process/groups.h"

#include <tenon/process/tree.h>

namespace tenon::personality {

using namespace process;

Result<void> set_group(i32 pid, i32 id) {
    Process& self = current_process();
    if (id < 0) return Err(Error::inval);
    if (pid == 0) pid = self.pid;
    if (id == 0) id = pid;
    if (pid < 0) return Err(Error::inval);
    Ref<Process> target = find_process(pid);
    if (!target) return Err(Error::srch);

    Ref<Session> session = session_of(self);
    TRY_ASSIGN(Ref<ProcessGroup> fresh, make_group(id, session));
    Ref<ProcessGroup> old;  // dropped after the lock
    Ref<ProcessGroup> existing;
    TreeGuard guard(tree_lock());
    if (target.get() != &self) {
        if (target->parent != &self) return Err(Error::srch);
        if (!target->group || !(target->group->session == session)) return Err(Error::perm);
        if (target->exec_done) return Err(Error::acces);
    }
    if (!target->group) return Err(Error::srch);
    if (target->group->session->leader == target.get()) return Err(Error::perm);
    ProcessGroup* to = fresh.get();
    if (id != pid) {
        auto* found = static_cast<ProcessGroup*>(pids::find(id, pids::Kind::group));
        if (found == nullptr || !(found->session == session)) return Err(Error::perm);
        existing = Ref(found);
        to = found;
    } else if (auto* found = static_cast<ProcessGroup*>(pids::find(id, pids::Kind::group))) {
        existing = Ref(found);
        to = found;
    }
    if (target->group.get() == to) return {};
    leave_group_locked(*target);
    old.swap(target->group);
    join_group_locked(*target, *to);
    return {};
}

Result<i32> new_session() {
    Process& self = current_process();
    auto session = adopt_ref(new (std::nothrow) Session);
    if (!session) return Err(Error::nomem);
    session->id = self.pid;
    TRY_ASSIGN(Ref<ProcessGroup> group, make_group(self.pid, session));
    Ref<ProcessGroup> old;
    TreeGuard guard(tree_lock());
    // A group leader may not leave its group.
    if (self.group->session->leader == &self) return Err(Error::perm);
    if (pids::find(self.pid, pids::Kind::group) != nullptr) return Err(Error::perm);
    session->leader = &self;
    leave_group_locked(self);
    old.swap(self.group);
    join_group_locked(self, *group);
    return self.pid;
}

}  // namespace tenon::personality
