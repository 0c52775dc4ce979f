// /dev/mem: physical memory by its address, as far as a strict kernel shows it: what is no RAM, and
// RAM of the first MiB as zeros that swallow what is written. /dev/port: I/O ports by their number.
//
// Deviates: /dev/mem cannot be mapped.
// Spec: man 4 mem; Linux drivers/char/mem.c, arch/x86/mm/init.c devmem_is_allowed().
#include "physical.h"

#include <tenon/arch/machine.h>
#include <tenon/boot/boot_info.h>
#include <tenon/process/process.h>
#include <tenon/process/signal.h>

#include <algorithm>

namespace tenon::mem {

namespace {

constexpr u64 kLowBytes = 1 << 20;
constexpr u64 kPorts = 65536;

enum class Kind : u8 { ram, other };

Kind kind_of_page(u64 address) {
    using enum boot::MemoryKind;
    for (const boot::MemoryRange& range : boot::boot_info().memory()) {
        if (range.kind == acpi_tables || range.kind == acpi_nvs || range.kind == reserved ||
            range.kind == bad)
            continue;
        if (address + kPageSize > range.start.value && address < range.end().value)
            return Kind::ram;
    }
    return Kind::other;
}

u64 end_of_ram() {
    u64 end = 0;
    for (const boot::MemoryRange& range : boot::boot_info().memory())
        if (range.kind == boot::MemoryKind::usable) end = std::max(end, range.end().value);
    return end;
}

// Any place up to the last 4 KiB of 64 bits; not from the end, which there is none of.
Result<u64> seek_address(vfs::File& file, i64 offset, vfs::FileOps::Whence whence) {
    u64 at = static_cast<u64>(offset);
    if (whence == vfs::FileOps::Whence::current)
        at += file.position();
    else if (whence != vfs::FileOps::Whence::set)
        return Err(Error::inval);
    if (at >= ~u64{0} - 4094) return Err(Error::overflow);
    return at;
}

class Memory final : public vfs::FileOps {
  public:
    explicit Memory(module::Context& context) : context_(context) {}
    Result<usize> read(vfs::File&, vfs::IoBuffer& buffer, u64& position) override {
        return each_page(buffer, position, false);
    }
    Result<usize> write(vfs::File&, vfs::IoBuffer& buffer, u64& position) override {
        return each_page(buffer, position, true);
    }
    Result<u64> seek(vfs::File& file, i64 offset, Whence whence) override {
        return seek_address(file, offset, whence);
    }

  private:
    Result<usize> each_page(vfs::IoBuffer& buffer, u64& position, bool write) {
        const u64 wanted = buffer.remaining(), end = end_of_ram();
        if (position > end || wanted > end - position) return Err(Error::fault);
        usize done = 0;
        while (done < wanted && (done == 0 || !process::signal_pending())) {
            const u64 in_page = position % kPageSize;
            const usize n = std::min<u64>(wanted - done, kPageSize - in_page);
            if (const Kind kind = kind_of_page(position - in_page); kind == Kind::ram) {
                if (position >= kLowBytes) return Err(Error::perm);
                if (write)
                    buffer.skip(n);
                else
                    TRY(buffer.put_zeros(n));
            } else {
                TRY(move(buffer, position - in_page, in_page, n, write));
            }
            position += n;
            done += n;
        }
        return done;
    }
    Result<void> move(vfs::IoBuffer& buffer, u64 page, u64 in_page, usize n, bool write) {
        TRY_ASSIGN(const module::Mmio window, context_.map_mmio(PhysAddr{page}, kPageSize));
        u8 chunk[128];
        for (usize at = 0; at < n;) {
            const usize part = std::min(n - at, sizeof(chunk));
            if (write) TRY(buffer.get(chunk, part));
            for (usize i = 0; i < part; ++i) {
                if (write)
                    window.write8(in_page + at + i, chunk[i]);
                else
                    chunk[i] = window.read8(in_page + at + i);
            }
            if (!write) TRY(buffer.put(chunk, part));
            at += part;
        }
        return {};
    }

    module::Context& context_;
};

class Ports final : public vfs::FileOps {
  public:
    Result<usize> read(vfs::File&, vfs::IoBuffer& buffer, u64& position) override {
        usize done = 0;
        while (buffer.remaining() != 0 && position < kPorts) {
            const u8 value = arch::port_in8(static_cast<u16>(position));
            TRY(buffer.put(&value, 1));
            ++position;
            ++done;
        }
        return done;
    }
    Result<usize> write(vfs::File&, vfs::IoBuffer& buffer, u64& position) override {
        usize done = 0;
        while (buffer.remaining() != 0 && position < kPorts) {
            u8 value = 0;
            if (Result<usize> got = buffer.get(&value, 1); !got) {
                if (done != 0) break;
                return got;
            }
            arch::port_out8(static_cast<u16>(position), value);
            ++position;
            ++done;
        }
        return done;
    }
    Result<u64> seek(vfs::File& file, i64 offset, Whence whence) override {
        return seek_address(file, offset, whence);
    }
};

Result<module::Gated<vfs::FileOps>> own(vfs::FileOps* made) {
    std::unique_ptr<vfs::FileOps> ops(made);
    if (!ops) return Err(Error::nomem);
    return module::Gated<vfs::FileOps>::own(std::move(ops));
}

}  // namespace

Result<module::Gated<vfs::FileOps>> open_memory(module::Context& context) {
    if (!process::capable(process::Capability::sys_rawio)) return Err(Error::perm);
    return own(new (std::nothrow) Memory(context));
}

Result<module::Gated<vfs::FileOps>> open_ports() {
    if (!process::capable(process::Capability::sys_rawio)) return Err(Error::perm);
    return own(new (std::nothrow) Ports);
}

}  // namespace tenon::mem
