#include "personality/linux/ipc/files.h"

#include <tenon/mm/slab.h>

#include <charconv>

#include "personality/linux/ipc/msg.h"
#include "personality/linux/ipc/sem.h"
#include "personality/linux/ipc/shm.h"

namespace tenon::personality::ipc {

namespace {

using linux_ipc::Listing;
using linux_ipc::Setting;

// A line for each object, made on the stack under its lock: a sink may allocate.
template <typename T, typename MakeLine>
void write_lines(Table& table, fmt::Sink& out, MakeLine&& make_line) {
    sync::ReadGuard guard(table.lock);
    table.for_each([&](Object& o) {
        auto& object = static_cast<T&>(o);
        object.lock.lock();
        const auto line = make_line(object);
        object.lock.unlock();
        out.write(line.view());
    });
}

void list_shm(Namespace& ns, fmt::Sink& out) {
    out.write(
        "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  "
        "cgid      atime      dtime      ctime                   rss                  swap\n");
    write_lines<Segment>(ns.shm, out, [](Segment& s) {
        return fmt::Line<320>(
            "{:10} {:10}  {:4o} {:21} {:5} {:5}  {:5} {:5} {:5} {:5} {:5} {:10} {:10} {:10} {:21} "
            "{:21}\n",
            s.key, s.id, s.mode, s.size_bytes, s.creator_pid, s.last_pid, s.attached, s.uid, s.gid,
            s.cuid, s.cgid, s.attach_time, s.detach_time, s.change_time,
            s.resident_pages() << kPageShift, 0);
    });
}

void list_sem(Namespace& ns, fmt::Sink& out) {
    out.write(
        "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n");
    write_lines<SemaphoreArray>(ns.sem, out, [](SemaphoreArray& s) {
        return fmt::Line<256>("{:10} {:10}  {:4o} {:10} {:5} {:5} {:5} {:5} {:10} {:10}\n", s.key,
                              s.id, s.mode, s.count(), s.uid, s.gid, s.cuid, s.cgid,
                              s.operation_time, s.change_time);
    });
}

void list_msg(Namespace& ns, fmt::Sink& out) {
    out.write(
        "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid   "
        "   stime      rtime      ctime\n");
    write_lines<MessageQueue>(ns.msg, out, [](MessageQueue& q) {
        return fmt::Line<256>(
            "{:10} {:10}  {:4o}  {:10} {:10} {:5} {:5} {:5} {:5} {:5} {:5} {:10} {:10} {:10}\n",
            q.key, q.id, q.mode, q.bytes, q.count, q.send_pid, q.receive_pid, q.uid, q.gid, q.cuid,
            q.cgid, q.send_time, q.receive_time, q.change_time);
    });
}

// Numbers separated by white space, as sysctl files take them. Fewer than there is room: what was
// there stays. Error::inval.
class Numbers {
  public:
    explicit Numbers(std::string_view text) : rest_(text) {}
    // Null: the text is at its end.
    Result<std::optional<i64>> next() {
        const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\n'; };
        while (!rest_.empty() && (blank(rest_.front()) || rest_.front() == '\0'))
            rest_.remove_prefix(1);
        if (rest_.empty()) return std::optional<i64>();
        const bool negative = rest_.front() == '-';
        if (negative) rest_.remove_prefix(1);
        u64 value = 0;
        auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value, 10);
        if (error == std::errc::result_out_of_range)
            value = ~u64{0};
        else if (error != std::errc())
            return Err(Error::inval);
        rest_.remove_prefix(static_cast<usize>(end - rest_.data()));
        if (!rest_.empty() && !blank(rest_.front()) && rest_.front() != '\0')
            return Err(Error::inval);
        return std::optional<i64>(static_cast<i64>(negative ? -value : value));
    }

  private:
    std::string_view rest_;
};

// One int within bounds.
Result<void> store_int(std::atomic<i32>& to, i64 min, i64 max, std::string_view text) {
    Numbers numbers(text);
    TRY_ASSIGN(const auto value, numbers.next());
    if (!value) return {};
    if (*value < min || *value > max) return Err(Error::inval);
    to.store(static_cast<i32>(*value));
    return {};
}
Result<void> store_long(std::atomic<u64>& to, std::string_view text) {
    Numbers numbers(text);
    TRY_ASSIGN(const auto value, numbers.next());
    if (value) to.store(static_cast<u64>(*value));
    return {};
}

// Four at once: as many as the text has are taken.
Result<void> store_sem(Namespace& ns, std::string_view text) {
    std::atomic<i32>* const to[] = {&ns.sem_msl, &ns.sem_mns, &ns.sem_opm, &ns.sem_mni};
    Numbers numbers(text);
    for (auto* place : to) {
        TRY_ASSIGN(const auto value, numbers.next());
        if (!value) break;
        if (*value < INT32_MIN || *value > INT32_MAX) return Err(Error::inval);
        if (place == &ns.sem_mni && (*value < 0 || *value > i64{Table::kMaxObjects}))
            return Err(Error::range);
        place->store(static_cast<i32>(*value));
    }
    return {};
}

class IpcFiles final : public linux_ipc::Files {
  public:
    Result<void> list(Listing what, fmt::Sink& out) override {
        Namespace& ns = current_namespace();
        switch (what) {
            case Listing::shm:
                list_shm(ns, out);
                break;
            case Listing::sem:
                list_sem(ns, out);
                break;
            case Listing::msg:
                list_msg(ns, out);
                break;
        }
        return {};
    }

    Result<void> show(Setting which, fmt::Sink& out) override {
        Namespace& ns = current_namespace();
        switch (which) {
            case Setting::shmmax:
                fmt::print(out, "{}\n", ns.shm_max.load());
                return {};
            case Setting::shmall:
                fmt::print(out, "{}\n", ns.shm_all.load());
                return {};
            case Setting::sem:
                fmt::print(out, "{}\t{}\t{}\t{}\n", ns.sem_msl.load(), ns.sem_mns.load(),
                           ns.sem_opm.load(), ns.sem_mni.load());
                return {};
            case Setting::auto_msgmni:
                out.write("0\n");  // kept for who writes it, without effect since Linux 3.19
                return {};
            default:
                fmt::print(out, "{}\n", plain(ns, which).value->load());
                return {};
        }
    }

    Result<void> store(Setting which, std::string_view text) override {
        Namespace& ns = current_namespace();
        switch (which) {
            case Setting::shmmax:
                return store_long(ns.shm_max, text);
            case Setting::shmall:
                return store_long(ns.shm_all, text);
            case Setting::sem:
                return store_sem(ns, text);
            case Setting::auto_msgmni: {
                std::atomic<i32> ignored;
                return store_int(ignored, 0, 1, text);
            }
            default: {
                const Plain p = plain(ns, which);
                TRY(store_int(*p.value, p.min, p.max, text));
                if (which == Setting::shm_rmid_forced && ns.shm_rmid_forced.load() != 0)
                    destroy_orphans(ns);
                return {};
            }
        }
    }

  private:
    struct Plain {
        std::atomic<i32>* value;
        i32 min, max;
    };
    static Plain plain(Namespace& ns, Setting which) {
        constexpr i32 most = INT32_MAX, objects = Table::kMaxObjects;
        switch (which) {
            case Setting::shmmni:
                return {&ns.shm_mni, 0, objects};
            case Setting::shm_rmid_forced:
                return {&ns.shm_rmid_forced, 0, 1};
            case Setting::shm_next_id:
                return {&ns.shm.next_id, 0, most};
            case Setting::sem_next_id:
                return {&ns.sem.next_id, 0, most};
            case Setting::msg_next_id:
                return {&ns.msg.next_id, 0, most};
            case Setting::msgmax:
                return {&ns.msg_max, 0, most};
            case Setting::msgmnb:
                return {&ns.msg_mnb, 0, most};
            case Setting::mq_queues_max:
                return {&ns.mq_queues_max, INT32_MIN, most};
            case Setting::mq_msg_max:
                return {&ns.mq_msg_max, 1, 65536};
            case Setting::mq_msg_default:
                return {&ns.mq_msg_default, 1, 65536};
            case Setting::mq_msgsize_max:
                return {&ns.mq_msgsize_max, 128, 16 << 20};
            case Setting::mq_msgsize_default:
                return {&ns.mq_msgsize_default, 128, 16 << 20};
            default:
                return {&ns.msg_mni, 0, objects};
        }
    }
};

}  // namespace

Result<module::Held> offer_files(module::Context& context) {
    return module::offer(context, linux_ipc::kService,
                         std::unique_ptr<linux_ipc::Files>(mm::make<IpcFiles>()));
}

}  // namespace tenon::personality::ipc
