// The notes of a core file. Spec: Linux fs/binfmt_elf.c, <sys/procfs.h>.
#include <tenon/arch/context.h>
#include <tenon/mm/address_space.h>
#include <tenon/vfs/dentry.h>
#include <tenon/vfs/lookup.h>

#include "personality/linux/signal/siginfo.h"
#include "personality/linux/trace/core_dump.h"
#include "personality/linux/x86_64/user_area.h"

namespace tenon::personality::trace {

using namespace process;

namespace {

struct Prstatus {
    i32 signo, code, error;
    i16 cursig;
    u64 pending, held;
    i32 pid, ppid, group, session;
    i64 user[2], system[2], children_user[2], children_system[2];  // struct timeval
    u64 registers[kRegCount];
    i32 float_valid;
};
static_assert(sizeof(Prstatus) == 336 && offsetof(Prstatus, registers) == 112);

struct Prpsinfo {
    char state, state_name, zombie, nice;
    u64 flags;
    u32 uid, gid;
    i32 pid, ppid, group, session;
    char name[16];
    char arguments[80];
};
static_assert(sizeof(Prpsinfo) == 136 && offsetof(Prpsinfo, name) == 40);

void to_timeval(u64 ns, i64 (&out)[2]) {
    out[0] = static_cast<i64>(ns / 1'000'000'000);
    out[1] = static_cast<i64>(ns % 1'000'000'000 / 1000);
}

void add_status(NoteBuffer& notes, Task& task, const SignalInfo& info) {
    auto* s = static_cast<Prstatus*>(notes.add("CORE", NT_PRSTATUS, sizeof(Prstatus)));
    if (s == nullptr) return;
    Process& process = *task.process;
    s->signo = s->cursig = static_cast<i16>(info.signal);
    s->pending = task.pending.set.bits();
    s->held = task.blocked.bits();
    s->pid = task.tid;
    s->ppid = parent_pid(process);
    s->group = group_id(process);
    s->session = session_id(process);
    to_timeval(task.user_ns, s->user);
    to_timeval(task.system_ns, s->system);
    to_timeval(process.children_usage.user_ns, s->children_user);
    to_timeval(process.children_usage.system_ns, s->children_system);
    fill_general(task, s->registers);
    s->float_valid = 1;
}

void add_process(NoteBuffer& notes) {
    auto* p = static_cast<Prpsinfo*>(notes.add("CORE", NT_PRPSINFO, sizeof(Prpsinfo)));
    if (p == nullptr) return;
    Task& self = *current();
    Process& process = *self.process;
    const Credentials& cred = current_credentials();
    // Of the leader, which waits for the dump unless it writes it.
    const bool waits = process.leader != &self;
    p->state = waits ? 2 : 0;
    p->state_name = waits ? 'D' : 'R';
    p->nice = static_cast<char>(sched::params(self).nice);
    p->uid = cred.uid;
    p->gid = cred.gid;
    p->pid = process.pid;
    p->ppid = parent_pid(process);
    p->group = group_id(process);
    p->session = session_id(process);
    std::memcpy(p->name, self.name, sizeof(p->name));
    const auto& layout = self.space->layout;
    const usize n = std::min<u64>(layout.arg_end - layout.arg_start, sizeof(p->arguments) - 1);
    auto got = self.space->access(layout.arg_start, p->arguments, n, false, true);
    for (usize i = 0; got && i < *got; ++i)
        if (p->arguments[i] == '\0') p->arguments[i] = ' ';
}

void add_siginfo(NoteBuffer& notes, const SignalInfo& info) {
    void* place = notes.add("CORE", NT_SIGINFO, sizeof(uapi::siginfo_t));
    if (place != nullptr) to_siginfo(info, *static_cast<uapi::siginfo_t*>(place));
}

void add_auxv(NoteBuffer& notes) {
    const auto& layout = current()->space->layout;
    const usize bytes = std::min<usize>(layout.aux_count * 16, sizeof(layout.aux));
    if (void* place = notes.add("CORE", NT_AUXV, bytes)) std::memcpy(place, layout.aux, bytes);
}

// Two passes over the mappings: how much, then what. Names are NUL-terminated.
Result<void> add_files(NoteBuffer& notes) {
    constexpr usize kMost = 1024;  // mappings; more are left out
    constexpr usize kTextBytes = 64 * 1024;
    struct Mapped {
        u64 start, end, page;
        usize name_at;
    };
    std::unique_ptr<Mapped[]> list(new (std::nothrow) Mapped[kMost]);
    std::unique_ptr<char[]> text(new (std::nothrow) char[kTextBytes]);
    std::unique_ptr<char[]> buffer(new (std::nothrow) char[PATH_MAX]);
    if (!list || !text || !buffer) return Err(Error::nomem);
    usize count = 0, used = 0;
    mm::AddressSpace& space = *current()->space;
    {
        sync::ReadGuard guard(space.lock);
        for (mm::Vma* vma = space.first(); vma != nullptr && count < kMost;
             vma = space.next(*vma)) {
            if (!vma->file) continue;
            auto path = vfs::path_text(vma->file->path(), {}, {buffer.get(), PATH_MAX});
            if (!path || used + path->size() + 1 > kTextBytes) continue;
            std::memcpy(text.get() + used, path->data(), path->size());
            text[used + path->size()] = '\0';
            list[count++] = {vma->range.start, vma->range.end, vma->file_offset >> kPageShift,
                             used};
            used += path->size() + 1;
        }
    }
    auto* out = static_cast<u64*>(notes.add("CORE", NT_FILE, (2 + count * 3) * 8 + used));
    if (out == nullptr) return {};
    *out++ = count;
    *out++ = kPageSize;
    for (usize i = 0; i < count; ++i) {
        *out++ = list[i].start;
        *out++ = list[i].end;
        *out++ = list[i].page;
    }
    std::memcpy(out, text.get(), used);
    return {};
}

Result<void> add_float(NoteBuffer& notes, Task& task) {
    const usize whole = arch::fpu_state_size();
    std::unique_ptr<u8[]> area(new (std::nothrow) u8[whole]);
    if (!area) return Err(Error::nomem);
    TRY(fill_float(task, {area.get(), whole}));
    if (void* place = notes.add("CORE", NT_PRFPREG, kLegacyBytes))
        std::memcpy(place, area.get(), kLegacyBytes);
    if (whole <= kLegacyBytes) return {};
    if (void* place = notes.add("LINUX", NT_X86_XSTATE, whole))
        std::memcpy(place, area.get(), whole);
    return {};
}

// The next thread of the process after `tid`, by number, that stands still.
Ref<Task> next_thread(i32 tid) {
    TreeGuard guard(tree_lock());
    Task* best = nullptr;
    for (Task& task : current_process().threads)
        if (task.tid > tid && &task != current() && side(task).in_dump &&
            (best == nullptr || task.tid < best->tid))
            best = &task;
    return Ref<Task>(best);
}

}  // namespace

bool NoteBuffer::reserve(usize more) {
    if (failed_ || used_ + more <= room_) return !failed_;
    const usize room = std::max(room_ * 2, used_ + more + 4096);
    std::unique_ptr<u8[]> bigger(new (std::nothrow) u8[room]());
    failed_ = !bigger;
    if (failed_) return false;
    if (used_ != 0) std::memcpy(bigger.get(), data_.get(), used_);
    data_ = std::move(bigger);
    room_ = room;
    return true;
}

void* NoteBuffer::add(const char* name, u32 type, usize length) {
    const usize name_bytes = std::strlen(name) + 1;
    const usize head = sizeof(uapi::Elf64_Nhdr) + align_up(name_bytes, 4);
    if (!reserve(head + align_up(length, 4))) return nullptr;
    uapi::Elf64_Nhdr h{};
    h.n_namesz = static_cast<u32>(name_bytes);
    h.n_descsz = static_cast<u32>(length);
    h.n_type = type;
    std::memcpy(data_.get() + used_, &h, sizeof(h));
    std::memcpy(data_.get() + used_ + sizeof(h), name, name_bytes);
    void* contents = data_.get() + used_ + head;
    used_ += head + align_up(length, 4);
    return contents;
}

Result<void> add_notes(NoteBuffer& notes, const SignalInfo& info) {
    Task& self = *current();
    add_status(notes, self, info);
    add_process(notes);
    add_siginfo(notes, info);
    add_auxv(notes);
    TRY(add_files(notes));
    TRY(add_float(notes, self));
    for (Ref<Task> task = next_thread(0); task; task = next_thread(task->tid)) {
        while (task->sched.on_cpu.load(std::memory_order_acquire)) sched::yield();
        add_status(notes, *task, info);
        TRY(add_float(notes, *task));
    }
    return {};
}

}  // namespace tenon::personality::trace
