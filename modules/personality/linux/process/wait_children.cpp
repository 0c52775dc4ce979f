#include "personality/linux/process/wait_children.h"

#include <tenon/process/tree.h>

#include "personality/linux/trace/wait.h"

namespace tenon::personality {

using namespace process;

namespace {

bool matches(Process& child, const WaitRequest& request, i32 tid) {
    switch (request.who) {
        case WaitRequest::Who::any:
            break;
        case WaitRequest::Who::pid:
            if (request.child != nullptr ? &child != request.child : child.pid != request.id)
                return false;
            break;
        case WaitRequest::Who::group:
            if (!child.group || child.group->id != request.id) return false;
            break;
    }
    if (request.this_thread_only && child.creator_tid != tid) return false;
    // "Clone children" are those that do not send SIGCHLD.
    return request.all_children || trace::traces_locked(child) ||
           (child.exit_signal != kSigChld) == request.clones_only;
}

void fill_common(WaitAnswer& answer, Process& child) {
    answer.pid = child.pid;
    answer.uid = child.leader->credentials->uid;
}

void fill_exited(WaitAnswer& answer, Process& child) {
    fill_common(answer, child);
    const i32 code = child.wait_code;
    answer.wait_status = code;
    if ((code & 0x7f) == 0) {
        answer.code = kCodeExited;
        answer.status = (code >> 8) & 0xff;
    } else {
        answer.code = (code & 0x80) ? kCodeDumped : kCodeKilled;
        answer.status = code & 0x7f;
    }
}

// A stop or continuation that was not reported yet. Tree lock held.
// One's own tracee's stops are reported thread by thread.
bool take_stop_event(Process& child, bool traced, const WaitRequest& request, WaitAnswer& answer) {
    SignalLock lock(child);
    if (request.stopped && !traced && child.stop_event == Process::StopEvent::stopped) {
        fill_common(answer, child);
        answer.code = kCodeStopped;
        answer.status = static_cast<i32>(child.stop_signal);
        answer.wait_status = 0x7f | (static_cast<i32>(child.stop_signal) << 8);
    } else if (request.continued && child.stop_event == Process::StopEvent::continued) {
        fill_common(answer, child);
        answer.code = kCodeContinued;
        answer.status = kSigCont;
        answer.wait_status = 0xffff;
    } else {
        return false;
    }
    if (!request.no_wait) child.stop_event = Process::StopEvent::none;
    return true;
}

enum class Scan : u8 { found, none_ready, no_child };

// One pass over the children. `reaped` is a zombie that left the tree.
Scan scan(const WaitRequest& request, WaitAnswer& answer, Process*& reaped) {
    Ref<trace::Tracee> gone;
    Process& self = current_process();
    const i32 tid = current()->tid;
    bool any = false;
    TreeGuard guard(tree_lock());
    for (Process& child : self.children->list) {
        if (!matches(child, request, tid)) continue;
        const bool traced = trace::traces_locked(child);
        if (child.zombie) {
            // As Linux: a zombie is a child only for those who ask for exits, or while another
            // process's tracer holds it back.
            const bool held = trace::is_held(child);
            any |= request.exited || (held && !traced);
            if (!request.exited || held) continue;
            fill_exited(answer, child);
            answer.usage = child.dead_usage;
            answer.usage.add(child.children_usage);
            if (!request.no_wait) {
                self.children_usage.add(answer.usage);
                unlink_zombie_locked(child);
                reaped = &child;
            }
            return Scan::found;
        }
        any = true;
        if ((request.stopped || request.continued) &&
            take_stop_event(child, traced, request, answer)) {
            answer.usage = child.dead_usage;
            return Scan::found;
        }
    }
    const trace::Found traced = trace::find_tracee_locked(request, answer, gone, reaped);
    if (traced == trace::Found::answer) return Scan::found;
    return any || traced == trace::Found::waiting ? Scan::none_ready : Scan::no_child;
}

}  // namespace

Result<WaitAnswer> wait_for_child(const WaitRequest& request) {
    WaitAnswer answer;
    Process* reaped = nullptr;
    Scan state = scan(request, answer, reaped);
    if (state == Scan::none_ready && !request.no_hang) {
        TRY(current_process().child_wait.wait([&] {
            state = scan(request, answer, reaped);
            return state != Scan::none_ready;
        }));
    }
    if (state == Scan::no_child) return Err(Error::child);
    if (reaped != nullptr) drop_zombie(*reaped);
    return answer;
}

}  // namespace tenon::personality
