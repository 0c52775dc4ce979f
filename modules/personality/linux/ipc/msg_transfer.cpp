// msgsnd, msgrcv. Spec: man 2 msgop.
#include <tenon/mm/slab.h>
#include <tenon/mm/user_copy.h>
#include <tenon/process/process.h>

#include <algorithm>
#include <cstring>

#include "personality/linux/generated/syscalls.h"
#include "personality/linux/ipc/msg.h"

namespace tenon::personality::ipc {

namespace {

// A sleep that a signal ended: it goes on when no handler ran.
Error interrupted(Error why) {
    return why == Error::restart ? Error::restart_no_hand : why;
}

Result<void> send(Namespace& ns, i32 id, MessagePtr message, i32 flags) {
    Ref<MessageQueue> queue;
    {
        TRY_ASSIGN(auto locked, lock_object<MessageQueue>(ns.msg, id));
        TRY(locked->may(0222));
        if (locked->has_room(message->length)) {
            locked->put(std::move(message));
            return {};
        }
        if (flags & IPC_NOWAIT) return Err(Error::again);
        queue = Ref(&*locked);
    }
    for (;;) {
        MessageSender sender;
        sender.length = message->length;
        {
            sync::SpinGuard guard(queue->lock);
            TRY(queue->may(0222));
            if (queue->removed) return Err(Error::idrm);
            if (queue->has_room(message->length)) {
                queue->put(std::move(message));
                return {};
            }
            queue->sleep(sender);
        }
        auto waited = sender.done.wait(sync::WaitMode::interruptible);
        if (waited) continue;
        sync::SpinGuard guard(queue->lock);
        queue->take_off(sender);
        if (queue->removed) return Err(Error::idrm);
        return Err(interrupted(waited.error()));
    }
}

// MSG_COPY: the message stays. The text goes through memory of the caller's size.
Result<usize> copy_out(Message& from, Message& to) {
    if (from.length > to.length) return Err(Error::inval);
    to.type = from.type;
    std::memcpy(to.text(), from.text(), from.length);
    return from.length;
}

struct Wanted {
    Selection selection;
    usize room;
    i32 flags;
};

// What is there at once; null (with the receiver on the list) when it has to wait for it.
Result<MessagePtr> try_receive(MessageQueue& queue, const Wanted& wanted,
                               MessageReceiver& receiver) {
    TRY(queue.may(0444));
    if (queue.removed) return Err(Error::idrm);
    if (Message* found = queue.find(wanted.selection)) {
        if (wanted.room < found->length && !(wanted.flags & MSG_NOERROR)) return Err(Error::toobig);
        return queue.take(*found);
    }
    if (wanted.flags & IPC_NOWAIT) return Err(Error::nomsg);
    receiver.selection = wanted.selection;
    receiver.room = wanted.flags & MSG_NOERROR ? INT32_MAX : wanted.room;
    receiver.pid = own_pid();
    queue.sleep(receiver);
    return MessagePtr();
}

Result<MessagePtr> receive(Namespace& ns, i32 id, const Wanted& wanted) {
    Ref<MessageQueue> queue;
    for (;;) {
        MessageReceiver receiver;
        if (!queue) {
            TRY_ASSIGN(auto locked, lock_object<MessageQueue>(ns.msg, id));
            TRY_ASSIGN(MessagePtr message, try_receive(*locked, wanted, receiver));
            if (message) return message;
            queue = Ref(&*locked);
        } else {
            sync::SpinGuard guard(queue->lock);
            TRY_ASSIGN(MessagePtr message, try_receive(*queue, wanted, receiver));
            if (message) return message;
        }
        auto waited = receiver.done.wait(sync::WaitMode::interruptible);
        if (!waited) {
            sync::SpinGuard guard(queue->lock);
            if (receiver.hook.is_linked()) {
                queue->take_off(receiver);
                return Err(interrupted(waited.error()));
            }
        }
        if (receiver.message != nullptr) return MessagePtr(receiver.message);
        if (receiver.result != Error::again) return Err(receiver.result);
    }
}

// Message number `selection.type` of the queue, which keeps it.
Result<MessagePtr> copy(Namespace& ns, i32 id, const Wanted& wanted, u64 buffer, usize& length) {
    const usize room = std::min<usize>(wanted.room, static_cast<usize>(ns.msg_max.load()));
    TRY_ASSIGN(Message * fresh, Message::make(room));
    MessagePtr out(fresh);
    // Linux reads the buffer first, to have its size of memory.
    TRY(mm::copy_from_user(out->text(), UserAddr{buffer}, room));
    TRY_ASSIGN(auto queue, lock_object<MessageQueue>(ns.msg, id));
    TRY(queue->may(0444));
    Message* found = queue->find(wanted.selection);
    if (found == nullptr) return Err(Error::nomsg);
    if (wanted.room < found->length && !(wanted.flags & MSG_NOERROR)) return Err(Error::toobig);
    TRY_ASSIGN(length, copy_out(*found, *out));
    return out;
}

}  // namespace

}  // namespace tenon::personality::ipc

namespace tenon::personality {

using namespace ipc;

Result<i64> sys_msgsnd(i32 id, u64 msgp, u64 size, i32 flags) {
    Namespace& ns = current_namespace();
    TRY_ASSIGN(const i64 type, mm::UserIn<i64>(msgp).read());
    if (size > static_cast<u64>(ns.msg_max.load()) || id < 0 || type < 1) return Err(Error::inval);
    TRY_ASSIGN(Message * fresh, Message::make(size));
    MessagePtr message(fresh);
    message->type = type;
    TRY(mm::copy_from_user(message->text(), UserAddr{msgp + sizeof(i64)}, size));
    TRY(send(ns, id, std::move(message), flags));
    return 0;
}

Result<i64> sys_msgrcv(i32 id, u64 msgp, u64 size, i64 type, i32 flags) {
    Namespace& ns = current_namespace();
    if (id < 0 || static_cast<i64>(size) < 0) return Err(Error::inval);
    const Wanted wanted{Selection::from(type, flags), size, flags};
    MessagePtr message;
    usize length = 0;
    if (flags & MSG_COPY) {
        if ((flags & MSG_EXCEPT) || !(flags & IPC_NOWAIT)) return Err(Error::inval);
        TRY_ASSIGN(message, copy(ns, id, wanted, msgp, length));
    } else {
        TRY_ASSIGN(message, receive(ns, id, wanted));
        length = message->length;
    }
    length = std::min<usize>(size, length);
    TRY(mm::UserOut<i64>(msgp).write(message->type));
    TRY(mm::copy_to_user(UserAddr{msgp + sizeof(i64)}, message->text(), length));
    return static_cast<i64>(length);
}

}  // namespace tenon::personality
