// Message queues; msgget, msgctl. Spec: man 2 msgctl; Linux ipc/msg.c for the order of the checks.
#include "personality/linux/ipc/msg.h"

#include <tenon/mm/slab.h>
#include <tenon/mm/user_copy.h>
#include <tenon/mm/vmalloc.h>
#include <tenon/process/process.h>

#include <algorithm>

#include "personality/linux/generated/syscalls.h"

namespace tenon::personality::ipc {

namespace {
constexpr usize kLargest = 64 << 10;  // in one piece of physical memory
}

Result<Message*> Message::make(usize length) {
    const usize size = sizeof(Message) + length;
    void* memory;
    if (size <= kLargest) {
        memory = mm::kmalloc(size);
        if (memory == nullptr) return Err(Error::nomem);
    } else {
        TRY_ASSIGN(memory, mm::vmalloc(size));
    }
    auto* message = new (memory) Message;
    message->length = length;
    return message;
}

void Message::Free::operator()(Message* message) const {
    const bool small = sizeof(Message) + message->length <= kLargest;
    message->~Message();
    if (small)
        mm::kfree(message);
    else
        mm::vfree(message);
}

Selection Selection::from(i64 type, i32 flags) {
    if (flags & MSG_COPY) return {Kind::number, type};
    if (type == 0) return {Kind::any, 0};
    if (type < 0) return {Kind::at_most, type == INT64_MIN ? INT64_MAX : -type};
    return {flags & MSG_EXCEPT ? Kind::not_equal : Kind::equal, type};
}

bool Selection::takes(i64 message_type) const {
    switch (kind) {
        case Kind::any:
        case Kind::number:
            return true;
        case Kind::at_most:
            return message_type <= type;
        case Kind::equal:
            return message_type == type;
        case Kind::not_equal:
            return message_type != type;
    }
    return false;
}

Result<Ref<Object>> MessageQueue::make(i32 key, u32 flags) {
    auto* queue = new (std::nothrow) MessageQueue(key, flags);
    if (queue == nullptr) return Err(Error::nomem);
    queue->limit_bytes = static_cast<u64>(current_namespace().msg_mnb.load());
    queue->change_time = now_seconds();
    return adopt_ref<Object>(queue);
}

void MessageQueue::uncount() {
    Namespace& ns = current_namespace();
    ns.msg_bytes.fetch_sub(static_cast<i64>(bytes), std::memory_order_relaxed);
    ns.msg_count.fetch_sub(static_cast<i64>(count), std::memory_order_relaxed);
}

MessageQueue::~MessageQueue() {
    while (!messages_.empty()) {
        MessagePtr dead(&messages_.front());
        messages_.pop_front();
    }
}

// SAFETY: a sleeper may leave as soon as it is completed, so it is off the list before.
void MessageQueue::finish(MessageReceiver& receiver, Message* message, Error result) {
    receivers_.erase(receivers_.iterator_to(receiver));
    receiver.message = message;
    receiver.result = result;
    receiver.done.complete();
}

bool MessageQueue::hand_over(MessagePtr& message) {
    for (auto i = receivers_.begin(); i != receivers_.end();) {
        MessageReceiver& r = *i++;
        if (!r.selection.takes(message->type)) continue;
        if (r.room < message->length) {
            finish(r, nullptr, Error::toobig);
            continue;
        }
        receive_pid = r.pid;
        receive_time = now_seconds();
        finish(r, message.release(), Error::none);
        return true;
    }
    return false;
}

void MessageQueue::put(MessagePtr message) {
    send_pid = own_pid();
    send_time = now_seconds();
    if (!receivers_.empty() && hand_over(message)) return;
    Namespace& ns = current_namespace();
    bytes += message->length;
    ++count;
    ns.msg_bytes.fetch_add(static_cast<i64>(message->length), std::memory_order_relaxed);
    ns.msg_count.fetch_add(1, std::memory_order_relaxed);
    messages_.push_back(*message.release());
}

Message* MessageQueue::find(Selection wanted) {
    Message* found = nullptr;
    i64 number = 0;
    for (Message& m : messages_) {
        if (!wanted.takes(m.type)) continue;
        if (wanted.kind == Selection::Kind::at_most && m.type != 1) {
            wanted.type = m.type - 1;  // the lowest type wins, the first of it
            found = &m;
        } else if (wanted.kind != Selection::Kind::number || wanted.type == number) {
            return &m;
        }
        ++number;
    }
    return found;
}

MessagePtr MessageQueue::take(Message& message) {
    messages_.erase(messages_.iterator_to(message));
    receive_pid = own_pid();
    receive_time = now_seconds();
    Namespace& ns = current_namespace();
    bytes -= message.length;
    --count;
    ns.msg_bytes.fetch_sub(static_cast<i64>(message.length), std::memory_order_relaxed);
    ns.msg_count.fetch_sub(1, std::memory_order_relaxed);
    if (!senders_.empty()) wake_senders(false);
    return MessagePtr(&message);
}

void MessageQueue::take_off(MessageReceiver& receiver) {
    if (receiver.hook.is_linked()) receivers_.erase(receivers_.iterator_to(receiver));
}
void MessageQueue::take_off(MessageSender& sender) {
    if (sender.hook.is_linked()) senders_.erase(senders_.iterator_to(sender));
}

void MessageQueue::end_receivers(Error why) {
    while (!receivers_.empty()) finish(receivers_.front(), nullptr, why);
}

void MessageQueue::wake_senders(bool all) {
    for (auto i = senders_.begin(); i != senders_.end();) {
        MessageSender& s = *i++;
        if (!all && !has_room(s.length)) continue;
        senders_.erase(senders_.iterator_to(s));
        s.done.complete();
    }
}

}  // namespace tenon::personality::ipc

namespace tenon::personality {

using namespace ipc;

Result<i64> sys_msgget(i32 key, i32 flags) {
    Namespace& ns = current_namespace();
    return get(
        ns.msg, key, flags, static_cast<u32>(ns.msg_mni.load()),
        [](Object&) -> Result<void> { return {}; },
        [&] { return MessageQueue::make(key, static_cast<u32>(flags)); },
        [](Object&) -> Result<void> { return {}; });
}

namespace {

Result<i64> information(Namespace& ns, i32 cmd, u64 to) {
    uapi::msginfo out{};
    out.msgmni = ns.msg_mni.load();
    out.msgmax = ns.msg_max.load();
    out.msgmnb = ns.msg_mnb.load();
    out.msgssz = MSGSSZ;
    out.msgseg = static_cast<u16>(MSGSEG);
    out.msgmap = MSGMAP;
    out.msgpool = MSGPOOL;
    out.msgtql = MSGTQL;
    i32 highest;
    {
        sync::ReadGuard guard(ns.msg.lock);
        highest = ns.msg.highest_slot();
        if (cmd == MSG_INFO) {
            out.msgpool = static_cast<i32>(ns.msg.count());
            out.msgmap = static_cast<i32>(ns.msg_count.load());
            out.msgtql = static_cast<i32>(ns.msg_bytes.load());
        }
    }
    TRY(mm::UserOut<uapi::msginfo>(to).write(out));
    return std::max(highest, 0);
}

Result<i64> status(Namespace& ns, i32 id, i32 cmd, u64 to) {
    return tell_status<MessageQueue, uapi::msqid64_ds>(
        ns.msg, id, cmd != IPC_STAT, cmd == MSG_STAT_ANY, to,
        [](const MessageQueue& queue, uapi::msqid64_ds& out) {
            out.msg_perm = queue.describe();
            out.msg_stime = queue.send_time;
            out.msg_rtime = queue.receive_time;
            out.msg_ctime = queue.change_time;
            out.msg_cbytes = queue.bytes;
            out.msg_qnum = queue.count;
            out.msg_qbytes = queue.limit_bytes;
            out.msg_lspid = queue.send_pid;
            out.msg_lrpid = queue.receive_pid;
        });
}

Result<i64> set(Namespace& ns, i32 id, u64 from) {
    TRY_ASSIGN(const auto in, mm::UserIn<uapi::msqid64_ds>(from).read());
    sync::WriteGuard guard(ns.msg.lock);
    TRY_ASSIGN(auto queue, lock_object<MessageQueue>(ns.msg, id));
    TRY(queue->may_control());
    if (in.msg_qbytes > static_cast<u64>(ns.msg_mnb.load()) &&
        !process::capable(process::Capability::sys_resource))
        return Err(Error::perm);
    TRY(queue->set_owner(in.msg_perm));
    queue->limit_bytes = in.msg_qbytes;
    queue->change_time = now_seconds();
    // Who sleeps may be allowed less now, or may have room.
    queue->end_receivers(Error::again);
    queue->wake_senders(true);
    return 0;
}

Result<i64> remove(Namespace& ns, i32 id) {
    Ref<Object> dead;
    sync::WriteGuard guard(ns.msg.lock);
    TRY_ASSIGN(auto queue, lock_object<MessageQueue>(ns.msg, id));
    TRY(queue->may_control());
    dead = ns.msg.remove(*queue);
    queue->uncount();  // the messages go with the last who looks at the queue
    queue->end_receivers(Error::idrm);
    queue->wake_senders(true);
    return 0;
}

}  // namespace

Result<i64> sys_msgctl(i32 id, i32 cmd, u64 buf) {
    if (id < 0 || cmd < 0) return Err(Error::inval);
    Namespace& ns = current_namespace();
    switch (cmd) {
        case IPC_INFO:
        case MSG_INFO:
            return information(ns, cmd, buf);
        case IPC_STAT:
        case MSG_STAT:
        case MSG_STAT_ANY:
            return status(ns, id, cmd, buf);
        case IPC_SET:
            return set(ns, id, buf);
        case IPC_RMID:
            return remove(ns, id);
        default:
            return Err(Error::inval);
    }
}

}  // namespace tenon::personality
