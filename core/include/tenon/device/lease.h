// What a driver lends out while it is bound: a device node and the files opened on it.
//
// Theory. A Binding ends while descriptors on its device are open. So no descriptor holds the
// driver's own object: it holds a LentFile of the core's, which passes each call on (but map()) as
// long as the lease runs. Ending the lease refuses new calls (Error::nodev; poll says hang-up),
// waits for those in flight, then destroys the driver's objects, wherever the descriptors are. What
// a driver owes: before it ends the lease, it ends the sleeps of its own calls.
//
//     class Edu : public device::Binding {
//         ~Edu() override { gone_ = true; done_.wake_all(); node_.withdraw(); ... }
//         device::LentNode node_;
#pragma once

#include <tenon/device/device.h>
#include <tenon/module/context.h>
#include <tenon/vfs/char_device.h>

namespace tenon::device {

class LentFile;

// The time in which files are lent out; it outlives the binding while descriptors are open.
class Lease final : public RefCounted<Lease> {
  public:
    // A lease that runs. Error::nomem.
    TENON_API static Result<Ref<Lease>> create();
    // Wraps what a DeviceOpener of the driver made. Error::nodev when the lease has ended.
    TENON_API Result<module::Gated<vfs::FileOps>> lend(module::Gated<vfs::FileOps> file);
    // Returns when no call is in flight any more and the driver's files are destroyed.
    TENON_API void end();
    Revocation& calls() { return calls_; }
    // What a driver's poll() wakes: a queue of its own would go while pollers hang on it. The table
    // is given it already.
    sync::WaitQueue& poll_queue() { return poll_queue_; }

  private:
    friend class LentFile;
    Lease() = default;
    Revocation calls_;
    sync::WaitQueue poll_queue_;
    sync::Mutex lock_{sync::LockRank::socket};  // a driver's file may take its locks when it goes
    LentFile* files_ = nullptr;
};

// A character device of one binding: its number, its node, its files.
class LentNode {
  public:
    LentNode() = default;
    ~LentNode() { withdraw(); }
    TENON_NONCOPYABLE(LentNode);
    // options.node.major 0 asks for a free one; Error::busy when the number is taken. The node
    // comes last: who finds it can open it.
    TENON_API Result<void> publish(module::Context& context, DeviceOptions options, Device* parent,
                                   std::unique_ptr<vfs::DeviceOpener> opener);
    // The node goes, files answer nodev. May sleep; nothing to do when there is none.
    TENON_API void withdraw();
    Lease* lease() const { return lease_; }

  private:
    Lease* lease_ = nullptr;  // held by what opens files, which goes with the numbers
    module::CharDevice numbers_;
    module::Held node_;
};

}  // namespace tenon::device
