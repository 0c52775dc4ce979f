// POSIX message queues: files of the file system "mqueue", of which there is one instance.
//
// A queue is its inode's data. One spin lock guards its messages and its sleepers, which stand in
// the order of their priority. Who sends while a receiver sleeps gives it the message; who takes
// one from a full queue lets the first sleeping sender put its own.
#pragma once

#include <tenon/module/context.h>
#include <tenon/process/process.h>
#include <tenon/vfs/inode.h>

#include "personality/linux/ipc/msg.h"

namespace tenon::personality::ipc {

struct QueueSleeper {
    MessagePtr message;  // to send, or what was received
    i32 priority = 0;    // the task's: smaller is sooner
    ListHook hook;
    sync::Completion done;
};

// What mq_notify() left.
struct Notification {
    Ref<process::Process> owner;  // null: none
    i32 kind = 0;                 // SIGEV_*
    i32 signal = 0;
    u64 value = 0;
    Ref<vfs::File> socket;  // SIGEV_THREAD: where the cookie goes
    u8 cookie[NOTIFY_COOKIE_LEN] = {};
    // Sends the cookie with its last byte telling why. No locks held.
    void tell(u8 why);
};

class PosixQueue final : public vfs::InodeData {
  public:
    // Charged to the caller's user. Errors: inval, overflow, mfile, nomem, nospc.
    static Result<std::unique_ptr<PosixQueue>> make(const uapi::mq_attr* wanted);
    ~PosixQueue() override;

    const i64 max_messages, max_bytes;  // of the queue; of one message

    // `nonblocking` and the absolute real-time `deadline_ns` say how long to wait. Errors: again,
    // timedout, restart.
    Result<void> send(MessagePtr message, bool nonblocking, std::optional<i64> deadline_ns);
    Result<MessagePtr> receive(bool nonblocking, std::optional<i64> deadline_ns);
    i64 count();
    u32 poll(vfs::PollTable* table);
    // The line that reading the file gives.
    void describe(fmt::Sink& out);
    // Error::busy when somebody has one.
    Result<void> set_notification(Notification notification);
    // If it is the calling process's: true.
    bool drop_notification();

  private:
    using Sleepers = List<QueueSleeper, &QueueSleeper::hook>;
    PosixQueue(i64 messages, i64 bytes, u32 uid, u64 charge)
        : max_messages(messages), max_bytes(bytes), uid_(uid), charge_(charge) {}
    void insert(MessagePtr message);
    MessagePtr take_first();
    Result<void> sleep(Sleepers& list, QueueSleeper& sleeper, std::optional<i64> deadline_ns);
    void enqueue(Sleepers& list, QueueSleeper& sleeper);

    sync::SpinLock lock_{sync::LockRank::spin_outer};
    List<Message, &Message::hook> messages_;  // highest priority first, then oldest
    i64 count_ = 0;
    u64 bytes_ = 0;
    Sleepers senders_, receivers_;
    Notification notification_;
    sync::WaitQueue polled_;
    const u32 uid_;
    const u64 charge_;  // bytes against RLIMIT_MSGQUEUE
};

// Null: the file is no queue.
PosixQueue* queue_of(vfs::File& file);
// Opens or makes a queue; `attributes` (may be null) are of one that is made. open_flags: kOpen*.
Result<Ref<vfs::File>> open_queue(std::string_view name, u32 open_flags, u32 mode,
                                  const uapi::mq_attr* attributes);
Result<void> unlink_queue(std::string_view name);

// Module load and unload: the file system type and its one instance.
Result<module::Held> register_mqueue(module::Context& context);
void forget_mqueue();

}  // namespace tenon::personality::ipc
