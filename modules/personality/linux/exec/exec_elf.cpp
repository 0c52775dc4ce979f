// From an ELF file to a running program. Spec: man 2 execve.
//
// Everything that can be checked is checked while the old program can still be told; from
// become_single_threaded() on there is no way back, and a failure kills the process as Linux does.
#include <tenon/arch/context.h>
#include <tenon/lib/random.h>
#include <tenon/vfs/dentry.h>
#include <tenon/vfs/lookup.h>

#include "personality/linux/dispatch.h"
#include "personality/linux/exec/credentials.h"
#include "personality/linux/exec/elf.h"
#include "personality/linux/exec/stack.h"
#include "personality/linux/exec/vdso.h"
#include "personality/linux/hooks.h"
#include "personality/linux/linux_task.h"
#include "personality/linux/personality.h"
#include "personality/linux/process/exec_process.h"
#include "personality/linux/system/settings.h"

namespace tenon::personality::elf {

namespace {

// Entropy in pages, as Linux has it on this machine.
constexpr u64 kStackPages = 0x3fffff, kBrkPages = 0x2000;
constexpr u64 kDynamicBase = 0x5555'5555'4000;  // two thirds of user space
// PER_CLEAR_ON_SETID, whose macro names its parts without our namespace.
constexpr u32 kClearOnSetId = uapi::READ_IMPLIES_EXEC | uapi::ADDR_NO_RANDOMIZE |
                              uapi::ADDR_COMPAT_LAYOUT | uapi::MMAP_PAGE_ZERO;
constexpr u64 kMinGap = 128ull << 20;

u64 random_pages(bool randomize, u64 pages) {
    return randomize ? (random::next64() % pages) << kPageShift : 0;
}

u64 mmap_pages() {
    return u64{1} << setting(linux_settings::Setting::mmap_rnd_bits);
}

struct Program {
    Image image, interpreter;
    Ref<vfs::File> interpreter_file;
    bool has_interpreter = false;
    bool executable_stack = false;
};

Result<void> open_interpreter(vfs::File& file, const uapi::Elf64_Phdr& header, Program& program) {
    char path[256];
    if (header.p_filesz < 2 || header.p_filesz > sizeof(path)) return Err(Error::noexec);
    auto buffer = vfs::IoBuffer::kernel(static_cast<void*>(path), header.p_filesz);
    TRY_ASSIGN(const usize done, file.read_at(buffer, header.p_offset));
    if (done != header.p_filesz || path[done - 1] != '\0') return Err(Error::noexec);
    vfs::OpenRequest open{.flags = vfs::kOpenRead | vfs::kOpenExec};
    TRY_ASSIGN(program.interpreter_file, vfs::open(vfs::lookup_start_of_current(), path, open));
    u8 head[256] = {};
    auto head_buffer = vfs::IoBuffer::kernel(static_cast<void*>(head), sizeof(head));
    TRY_ASSIGN(const usize got, program.interpreter_file->read_at(head_buffer, 0));
    if (got < sizeof(uapi::Elf64_Ehdr)) return Err(Error::io);
    auto r = Image::read(*program.interpreter_file, head, program.interpreter);
    if (!r) return Err(r.error() == Error::noexec ? Error::io : r.error());  // ELIBBAD's kin
    program.has_interpreter = true;
    return {};
}

Result<void> inspect(process::ExecRequest& request, Program& program) {
    TRY(Image::read(*request.file, request.head, program.image));
    for (const auto& segment : program.image.segments()) {
        if (segment.p_type == PT_INTERP && !program.has_interpreter)
            TRY(open_interpreter(*request.file, segment, program));
        if (segment.p_type == PT_GNU_STACK) program.executable_stack = segment.p_flags & PF_X;
    }
    return {};
}

void lay_out(mm::AddressSpace& space, bool randomize, u64 stack_limit) {
    auto& layout = space.layout;
    layout.stack_top = arch::kUserLimit - random_pages(randomize, kStackPages);
    layout.stack_limit_bytes = stack_limit;
    const u64 max_gap = arch::kUserLimit / 6 * 5;
    // Room for the stack, its entropy and its guard.
    u64 gap =
        stack_limit == ~u64{0} ? max_gap : stack_limit + (kStackPages << kPageShift) + (1 << 20);
    gap = std::clamp(gap, kMinGap, max_gap);
    layout.mmap_base =
        align_down(arch::kUserLimit - gap, kPageSize) - random_pages(randomize, mmap_pages());
}

Result<void> map_stack(mm::AddressSpace& space, u64 needed, bool executable) {
    auto& layout = space.layout;
    // What the arguments take and the customary first extent below; the rest grows on faults.
    const u64 length = align_up(needed, kPageSize) + 132 * 1024;
    mm::MapRequest request;
    request.address = layout.stack_top - length;
    request.length = length;
    request.prot = mm::Prot::read | mm::Prot::write;
    if (executable) request.prot = request.prot | mm::Prot::exec;
    request.flags = mm::VmaFlags::stack;
    request.place = mm::MapRequest::Place::fixed;
    TRY(space.map(request));
    return {};
}

Result<void> load(process::ExecRequest& request, Program& program, mm::AddressSpace& space,
                  const CredentialChange& change, bool randomize) {
    auto& layout = space.layout;
    const auto& arguments = arguments_of(request);
    const u64 pointers = (arguments.argc + arguments.envc + 64) * 8ull;
    TRY(map_stack(space, arguments.used() + pointers + request.path.size() + 256,
                  program.executable_stack));

    const u64 base =
        program.image.is_dynamic() ? kDynamicBase + random_pages(randomize, mmap_pages()) : 0;
    TRY_ASSIGN(Placement main, map_image(space, request.file, program.image, base));
    Placement start = main;
    u64 interpreter_base = 0;
    if (program.has_interpreter) {
        TRY_ASSIGN(start, map_image(space, program.interpreter_file, program.interpreter, 0));
        interpreter_base = start.bias;
    }
    layout.code_start = main.code_start, layout.code_end = main.code_end;
    layout.data_start = main.data_start, layout.data_end = main.data_end;
    layout.brk_start = layout.brk =
        align_up(main.end, kPageSize) +
        random_pages(
            randomize && setting(linux_settings::Setting::randomize_va_space) > 1, kBrkPages);
    if (auto r = vdso::map(space); !r && r.error() != Error::nosys) return r;

    const StackInput input{arguments,        request.path,     program.image, main,
                           interpreter_base, layout.stack_top, change.secure};
    TRY_ASSIGN(const u64 sp, build_stack(space, input));

    Task& self = *current();
    arch::fpu_reset(self);
    arch::set_user_tls(self, 0);
    arch::set_user_gs(self, 0);
    arch::UserRegs& regs = arch::user_regs(self);
    const u64 call = regs.original_rax;  // a tracer still sees which it was
    regs = arch::UserRegs::at_entry(start.entry, sp);
    regs.original_rax = call;
    if (regs.in_syscall()) regs.set_syscall_result(static_cast<u64>(-i64{ENOSYS}));
    return {};
}

void name_task(Task& self, const process::ExecRequest& request) {
    std::string_view name = request.path;
    if (usize slash = name.rfind('/'); slash != std::string_view::npos)
        name.remove_prefix(slash + 1);
    const usize n = std::min(name.size(), sizeof(self.name) - 1);
    std::memcpy(self.name, name.data(), n);
    self.name[n] = '\0';
}

Result<void> ensure_extension(Task& self) {
    if (!self.extension) {
        self.extension.reset(new (std::nothrow) LinuxTask);
        if (!self.extension) return Err(Error::nomem);
    }
    return {};
}

}  // namespace

Result<void> exec(process::ExecRequest& request) {
    Task& self = *current();
    process::Process& process = *self.process;
    Program program;
    TRY(inspect(request, program));
    CredentialChange change;
    TRY(ensure_extension(self));
    TRY(prepare_credentials(*request.file, change));
    if (program.has_interpreter) note_readable(*program.interpreter_file, change);
    TRY_ASSIGN(Ref<mm::AddressSpace> space, mm::AddressSpace::create());

    LinuxTask& task = linux_task();
    if (change.clears_persona) task.persona &= ~kClearOnSetId;
    const bool randomize = (task.persona & uapi::ADDR_NO_RANDOMIZE) == 0 &&
                           setting(linux_settings::Setting::randomize_va_space) != 0;
    lay_out(*space, randomize, process.limit(process::Limits::stack));
    space->limit_total = process.limit(process::Limits::as);
    space->limit_data = process.limit(process::Limits::data);
    space->limit_locked = process.limit(process::Limits::memlock);

    const i32 old_tid = self.tid;
    TRY(become_single_threaded());
    name_task(self, request);
    leave_memory(self, false);
    task.forget_program();
    arch::debug_regs_reset();
    self.notify_on_switch = false;
    process::replace_space(space);
    {
        Ref<vfs::File> file = request.file;
        sync::IrqSpinGuard guard(process::tree_lock());
        process.executable.swap(file);  // the old one goes after the lock
    }
    process.personality = &g_personality;
    choose_entry(self);
    apply_credentials(change);
    finish_exec();
    if (auto r = load(request, program, *space, change, randomize); !r) {
        process::exit_group(process::kSigSegv);
    }
    trace::exec_event(old_tid);
    return {};
}

}  // namespace tenon::personality::elf
