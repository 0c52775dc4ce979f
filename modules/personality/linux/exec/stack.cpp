// Spec: System V ABI AMD64 supplement 3.4.1; Linux fs/binfmt_elf.c for what stands where.
#include "personality/linux/exec/stack.h"

#include <tenon/arch/machine.h>
#include <tenon/lib/random.h>
#include <tenon/mm/slab.h>
#include <tenon/mm/user_copy.h>

#include "personality/linux/x86_64/machine.h"

namespace tenon::personality::elf {

namespace {

constexpr u32 kMaxAux = 22;

class AuxWriter {
  public:
    explicit AuxWriter(u64* at) : at_(at) {}
    void put(u64 type, u64 value) {
        *at_++ = type;
        *at_++ = value;
    }
    u64* at() const { return at_; }

  private:
    u64* at_;
};

// Pointers to the strings of one kind, which lie one after the other.
void point_at_strings(u64*& to, const char*& text, u64 delta, u32 count) {
    for (u32 i = 0; i < count; ++i) {
        *to++ = reinterpret_cast<u64>(text) + delta;
        text += std::strlen(text) + 1;
    }
    *to++ = 0;
}

}  // namespace

Result<u64> build_stack(mm::AddressSpace& space, const StackInput& input) {
    const ArgumentBlock& arguments = input.arguments;
    auto& layout = space.layout;

    // From the top: eight zero bytes, the path, the strings.
    const u64 path_at = input.stack_top - 8 - (input.path.size() + 1);
    const u64 strings_at = path_at - arguments.used();
    const u64 platform_at = align_down(strings_at - sizeof(kPlatform), 16);
    const u64 random_at = platform_at - 16;
    const usize words = 1 + arguments.argc + 1 + arguments.envc + 1 + 2 * kMaxAux;
    const u64 sp = align_down(random_at - words * 8, 16);

    std::unique_ptr<u64[]> table(new (std::nothrow) u64[words]);
    if (!table) return Err(Error::nomem);
    u64* to = table.get();
    *to++ = arguments.argc;
    const char* text = arguments.bytes();
    const u64 delta = strings_at - reinterpret_cast<u64>(text);
    point_at_strings(to, text, delta, arguments.argc);
    layout.arg_start = strings_at;
    layout.arg_end = layout.env_start = reinterpret_cast<u64>(text) + delta;
    point_at_strings(to, text, delta, arguments.envc);
    layout.env_end = path_at;

    const process::Credentials& cred = process::current_credentials();
    u64* aux_start = to;
    AuxWriter aux(to);
    if (layout.vdso != 0) aux.put(AT_SYSINFO_EHDR, layout.vdso);
    aux.put(AT_MINSIGSTKSZ, min_signal_stack());
    aux.put(AT_HWCAP, arch::elf_hwcap());
    aux.put(AT_PAGESZ, kPageSize);
    aux.put(AT_CLKTCK, 100);
    aux.put(AT_PHDR, input.program.phdr);
    aux.put(AT_PHENT, sizeof(uapi::Elf64_Phdr));
    aux.put(AT_PHNUM, input.image.header.e_phnum);
    aux.put(AT_BASE, input.interpreter_base);
    aux.put(AT_FLAGS, 0);
    aux.put(AT_ENTRY, input.program.entry);
    aux.put(AT_UID, cred.uid);
    aux.put(AT_EUID, cred.euid);
    aux.put(AT_GID, cred.gid);
    aux.put(AT_EGID, cred.egid);
    aux.put(AT_SECURE, input.secure);
    aux.put(AT_RANDOM, random_at);
    aux.put(AT_HWCAP2, arch::elf_hwcap2());
    aux.put(AT_EXECFN, path_at);
    aux.put(AT_PLATFORM, platform_at);
    aux.put(AT_NULL, 0);
    const usize aux_words = aux.at() - aux_start;
    static_assert(sizeof(layout.aux) >= kMaxAux * 16);
    std::copy_n(aux_start, aux_words, layout.aux);
    layout.aux_count = aux_words;

    u8 random_bytes[16];
    random::fill(random_bytes);
    TRY(mm::copy_to_user(UserAddr{sp}, table.get(), (aux.at() - table.get()) * 8));
    TRY(mm::copy_to_user(UserAddr{random_at}, random_bytes, sizeof(random_bytes)));
    TRY(mm::copy_to_user(UserAddr{platform_at}, kPlatform, sizeof(kPlatform)));
    TRY(mm::copy_to_user(UserAddr{strings_at}, arguments.bytes(), arguments.used()));
    TRY(mm::copy_to_user(UserAddr{path_at}, input.path.data(), input.path.size()));
    return sp;
}

}  // namespace tenon::personality::elf
