// Message queues.
//
// One spin lock a queue guards its messages and its sleepers. A message for which a receiver sleeps
// is handed to it without standing in the queue; senders sleep until there is room and look again.
#pragma once

#include "personality/linux/ipc/namespace.h"

namespace tenon::personality::ipc {

// Header and text in one piece of memory.
struct Message {
    ListHook hook;
    i64 type = 0;
    usize length = 0;
    u8* text() { return reinterpret_cast<u8*>(this + 1); }

    static Result<Message*> make(usize length);  // error::nomem
    struct Free {
        void operator()(Message* message) const;
    };
};
using MessagePtr = std::unique_ptr<Message, Message::Free>;

// Which messages a receiver wants. Spec: man 2 msgrcv.
struct Selection {
    enum class Kind : u8 { any, equal, not_equal, at_most, number } kind = Kind::any;
    i64 type = 0;
    static Selection from(i64 type, i32 flags);
    bool takes(i64 message_type) const;
};

struct MessageReceiver {
    Selection selection;
    usize room = 0;
    i32 pid = 0;
    Message* message = nullptr;  // what it was given
    Error result = Error::none;  // again: look once more
    ListHook hook;
    sync::Completion done;
};
struct MessageSender {
    usize length = 0;
    ListHook hook;
    sync::Completion done;  // there may be room, or the queue is gone
};

class MessageQueue final : public Object {
  public:
    static Result<Ref<Object>> make(i32 key, u32 flags);
    ~MessageQueue() override;

    // --- all with Object::lock
    u64 bytes = 0, count = 0, limit_bytes;
    i64 send_time = 0, receive_time = 0, change_time;
    i32 send_pid = 0, receive_pid = 0;

    bool has_room(usize length) const {
        return length + bytes <= limit_bytes && 1 + count <= limit_bytes;
    }
    // To a receiver that sleeps, or to the end of the queue.
    void put(MessagePtr message);
    // Null: none of that kind.
    Message* find(Selection wanted);
    MessagePtr take(Message& message);
    void sleep(MessageReceiver& receiver) { receivers_.push_back(receiver); }
    void sleep(MessageSender& sender) { senders_.push_back(sender); }
    void take_off(MessageReceiver& receiver);
    void take_off(MessageSender& sender);
    void end_receivers(Error why);
    void uncount();  // its messages are in the name space's sums no more
    void wake_senders(bool all);

  private:
    MessageQueue(i32 key, u32 flags) : Object(key, flags) {}
    bool hand_over(MessagePtr& message);
    void finish(MessageReceiver& receiver, Message* message, Error result);

    List<Message, &Message::hook> messages_;
    List<MessageReceiver, &MessageReceiver::hook> receivers_;
    List<MessageSender, &MessageSender::hook> senders_;
};

}  // namespace tenon::personality::ipc
