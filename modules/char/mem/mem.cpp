#include <tenon/device/device.h>
#include <tenon/lib/random.h>
#include <tenon/linux/settings.h>
#include <tenon/module/module.h>
#include <tenon/process/process.h>
#include <tenon/process/signal.h>
#include <tenon/sched/scheduler.h>
#include <tenon/vfs/char_device.h>

#include <algorithm>

#include "physical.h"

namespace tenon::mem {
namespace {

constexpr u32 kMajor = 1;
enum Minor : u32 {
    kMemory = 1,
    kNull = 3,
    kPort = 4,
    kZero = 5,
    kFull = 7,
    kRandom = 8,
    kUrandom = 9,
    kKmsg = 11
};

class Null : public vfs::FileOps {
  public:
    Result<usize> read(vfs::File&, vfs::IoBuffer&, u64&) override { return usize{0}; }
    Result<usize> write(vfs::File&, vfs::IoBuffer& buffer, u64&) override {
        usize n = buffer.remaining();
        buffer.skip(n);
        return n;
    }
    // Seeking goes nowhere, and says so without an error.
    Result<u64> seek(vfs::File&, i64, Whence) override { return u64{0}; }
};

class Zero : public Null {
  public:
    Result<usize> read(vfs::File&, vfs::IoBuffer& buffer, u64&) override {
        return buffer.put_zeros(buffer.remaining());
    }
    // A private mapping of it is anonymous memory; a shared one is shared anonymous memory.
    Result<void> map(vfs::File&, mm::MapRequest& request) override {
        request.file = nullptr;
        request.file_offset = 0;
        return {};
    }
};

class Full final : public Zero {
  public:
    Result<usize> write(vfs::File&, vfs::IoBuffer&, u64&) override { return Err(Error::nospc); }
};

class Random final : public vfs::FileOps {
  public:
    Result<usize> read(vfs::File&, vfs::IoBuffer& buffer, u64&) override {
        u8 block[256];
        usize done = 0;
        while (buffer.remaining() > 0) {
            usize n = std::min(sizeof(block), buffer.remaining());
            random::fill({block, n});
            Result<usize> put = buffer.put(block, n);
            if (!put) {
                if (done == 0) return put;
                break;
            }
            done += *put;
            if (*put < n || process::signal_pending()) break;
        }
        return done;
    }
    Result<usize> write(vfs::File&, vfs::IoBuffer& buffer, u64&) override {
        u8 block[256];
        usize done = 0;
        while (buffer.remaining() > 0) {
            TRY_ASSIGN(usize n, buffer.get(block, std::min(sizeof(block), buffer.remaining())));
            if (n == 0) break;
            random::mix({block, n});
            done += n;
        }
        return done;
    }
    Result<u64> seek(vfs::File&, i64, Whence) override { return u64{0}; }
};

// Each open file reads the log from its own place. Format: "prefix,sequence,microseconds,-;text\n".
class Kmsg final : public vfs::FileOps {
  public:
    Kmsg() : next_(log::first_sequence()) {}
    Result<usize> read(vfs::File& file, vfs::IoBuffer& buffer, u64&) override {
        log::Record record;
        if (!log::read(next_, record)) {
            if (file.nonblocking()) return Err(Error::again);
            // The log has no wait queue (it is written in any context); a reader looks again.
            while (!log::read(next_, record))
                TRY(sched::sleep_until(sync::Deadline::after_ns(100'000'000)));
        }
        if (record.sequence > next_) {
            next_ = record.sequence;
            return Err(Error::pipe);  // records were overwritten in between
        }
        constexpr usize kBytes = 4 * log::kMaxLineBytes + 64;  // each byte may be written as \xNN
        std::unique_ptr<char[]> line(new (std::nothrow) char[kBytes]);
        if (!line) return Err(Error::nomem);
        fmt::BufferSink sink({line.get(), kBytes});
        fmt::print(sink, "{},{},{},-;", static_cast<u32>(record.level), record.sequence,
                   record.time_ns / 1000);
        for (char c : std::string_view(record.text, record.length_bytes)) {
            if (c >= ' ' && c < 127 && c != '\\')
                sink.write({&c, 1});
            else
                fmt::print(sink, "\\x{:02x}", static_cast<u8>(c));
        }
        sink.write("\n");
        if (sink.text().size() > buffer.remaining()) return Err(Error::inval);
        next_ = record.sequence + 1;
        return buffer.put(sink.text().data(), sink.text().size());
    }
    Result<usize> write(vfs::File&, vfs::IoBuffer& buffer, u64&) override {
        char text[log::kMaxLineBytes];
        const usize whole = buffer.remaining();
        if (whole > kMaxRecordBytes) return Err(Error::inval);
        TRY_ASSIGN(usize n, buffer.get(text, std::min(whole, sizeof(text))));
        if (n < whole) buffer.skip(whole - n);
        std::string_view line(text, n);
        // "<11>text": facility times 8, and level. Nobody here speaks for the kernel (facility 0).
        u32 prefix = kUserFacility | static_cast<u32>(log::Level::warning);
        if (line.starts_with('<')) {
            usize close = 1;
            u32 value = 0;
            while (close < line.size() && line[close] >= '0' && line[close] <= '9')
                value = value * 10 + static_cast<u32>(line[close++] - '0');
            if (close < line.size() && line[close] == '>') {
                const u32 facility = value & 0xf8;
                prefix = (value & 7) | (facility != 0 ? facility : kUserFacility);
                line.remove_prefix(close + 1);
            }
        }
        log::write(static_cast<log::Level>(prefix), "{}", line);
        return whole;
    }
    u32 poll(vfs::File&, vfs::PollTable*) override {
        return next_ < log::next_sequence() ? vfs::kPollIn | vfs::kPollRdNorm : 0;
    }
    Result<u64> seek(vfs::File&, i64 offset, Whence whence) override {
        if (offset != 0) return Err(Error::spipe);
        if (whence == Whence::set)
            next_ = log::first_sequence();
        else if (whence == Whence::end)
            next_ = log::next_sequence();
        else if (whence == Whence::data)
            next_ = log::cleared_sequence();
        else
            return Err(Error::inval);
        return u64{0};
    }

  private:
    // Of one write. Spec: Linux kernel/printk/printk.c, LOG_LINE_MAX.
    static constexpr usize kMaxRecordBytes = 992;
    static constexpr u32 kUserFacility = 1 << 3;
    u64 next_;
};

// May the caller read the log? kernel.dmesg_restrict keeps it for those who may change it.
bool may_read_log() {
    if (process::capable(process::Capability::syslog) ||
        process::capable(process::Capability::sys_admin))
        return true;
    using linux_settings::Settings;
    auto settings = module::find_service<Settings>(linux_settings::kService);
    return settings && settings->call(&Settings::get, linux_settings::Setting::dmesg_restrict) == 0;
}

template <typename T>
Result<module::Gated<vfs::FileOps>> make_ops() {
    std::unique_ptr<vfs::FileOps> ops(new (std::nothrow) T);
    if (!ops) return Err(Error::nomem);
    return module::Gated<vfs::FileOps>::own(std::move(ops));
}

class Opener final : public vfs::DeviceOpener {
  public:
    explicit Opener(module::Context& context) : context_(context) {}
    Result<module::Gated<vfs::FileOps>> open(vfs::DeviceNumber number, u32 flags) override {
        switch (number.minor) {
            case kNull:
                return make_ops<Null>();
            case kZero:
                return make_ops<Zero>();
            case kFull:
                return make_ops<Full>();
            case kRandom:
            case kUrandom:
                return make_ops<Random>();
            case kKmsg:
                if ((flags & vfs::kOpenRead) && !may_read_log()) return Err(Error::perm);
                return make_ops<Kmsg>();
            case kMemory:
                return open_memory(context_);
            case kPort:
                return open_ports();
            default:
                return Err(Error::nxio);
        }
    }

  private:
    module::Context& context_;
};

class Mem final : public module::Instance {
  public:
    static Result<std::unique_ptr<Mem>> create(module::Context& context) {
        std::unique_ptr<Mem> self(new (std::nothrow) Mem);
        std::unique_ptr<Opener> opener(new (std::nothrow) Opener(context));
        if (!self || !opener) return Err(Error::nomem);
        TRY_ASSIGN(self->numbers_,
                   context.register_char_device(kMajor, 0, 16, "mem", std::move(opener)));
        struct {
            const char* name;
            u32 minor, mode;
        } static const kDevices[] = {{"null", kNull, 0666},       {"zero", kZero, 0666},
                                     {"full", kFull, 0666},       {"random", kRandom, 0666},
                                     {"urandom", kUrandom, 0666}, {"kmsg", kKmsg, 0644},
                                     {"mem", kMemory, 0600},      {"port", kPort, 0600}};
        usize i = 0;
        for (const auto& d : kDevices) {
            TRY_ASSIGN(Ref<device::Device> device,
                       device::Device::create(
                           {.name = d.name,
                            .class_name = "mem",
                            .node = {.major = kMajor, .minor = d.minor, .mode = d.mode}}));
            TRY_ASSIGN(self->devices_[i++],
                       context.add_device(std::move(device), nullptr, nullptr));
        }
        return self;
    }

  private:
    module::CharDevice numbers_;
    module::Held devices_[8];
};

}  // namespace
}  // namespace tenon::mem

TENON_MODULE(tenon::mem::Mem,
             {
                 .name = "mem",
                 .version = "1.0",
                 .description = "/dev/null, zero, full, random, urandom, kmsg, mem, port",
             });
