// Messages to the kernel: each is answered before send() returns. Spec: netlink(7), RFC 3549; Linux
// net/netlink/af_netlink.c for who is answered how.
#include <algorithm>
#include <cstring>

#include "list.h"
#include "options.h"

namespace tenon::net::netlink {

namespace {

enum : u16 { kCapped = 0x100, kHasReason = 0x200 };
enum : u16 { kReasonText = 1, kReasonOffset = 2, kReasonPolicy = 4 };
enum : u16 { kPolicyKind = 1, kPolicyMin = 4, kPolicyMax = 5, kPolicyPad = 12 };

void write_reason(Writer& out, const Reason& why, bool is_error) {
    if (why.text != nullptr) out.text(kReasonText, why.text);
    if (!is_error) return;
    if (why.offset != 0) out.number<u32>(kReasonOffset, why.offset);
    if (why.kind == 0) return;
    const usize at = out.nest(u16{kReasonPolicy} | kNested);
    out.number<u64>(kPolicyMin, 0);
    out.number<u64>(kPolicyMax, why.largest);
    out.number<u32>(kPolicyKind, why.kind);
    out.end_nest(at);
}

}  // namespace

Result<void> NetlinkSocket::ask_kernel(std::span<const u8> messages, bool may_change) {
    const fmt::Line<24> name("netlink-{}", protocol());
    auto kernel = module::find_service<KernelSide>(name.view());
    if (!kernel) return Err(Error::connrefused);
    Request request;
    request.may_change = may_change;
    request.strict = options_set_.load(std::memory_order_relaxed) & (1u << kStrict);
    while (messages.size() >= kHeaderBytes) {
        std::memcpy(&request.header, messages.data(), kHeaderBytes);
        const usize length = request.header.length;
        if (length < kHeaderBytes || length > messages.size()) break;
        request.message = messages.first(length);
        TRY(one_request(*kernel, request));
        messages = messages.subspan(std::min(aligned(length), messages.size()));
    }
    return {};
}

Result<void> NetlinkSocket::one_request(module::Gated<KernelSide>& kernel, const Request& request) {
    const Header& h = request.header;
    Answer answer;
    Request asked = request;
    {
        sync::MutexGuard guard(list_lock());
        asked.header.port = port_;
    }
    Error error = Error::none;
    if ((h.flags & kRequest) != 0 && h.type >= kFirstType) {
        auto done = kernel.call(&KernelSide::request, asked, answer);
        if (!done) error = done.error();
        if (answer.out.failed()) error = Error::nobufs;
    }
    if (answer.is_dump) {
        auto queued = answer_dump(asked, answer, error);
        if (queued) return {};
        error = queued.error();
        answer.why = {};
    } else if (error == Error::none) {
        TRY(answer_messages(answer.out.bytes()));
    }
    if (error == Error::none && (h.flags & kAcknowledge) == 0) return {};
    return acknowledge(asked, error, answer.why);
}

Result<void> NetlinkSocket::acknowledge(const Request& request, Error error, const Reason& why) {
    const u32 set = options_set_.load(std::memory_order_relaxed);
    const bool tells = set & (1u << kExtAck), is_error = error != Error::none;
    const bool caps = !is_error || (set & (1u << kCapAck));
    const bool has_reason =
        tells && (why.text != nullptr || (is_error && (why.offset != 0 || why.kind != 0)));
    Writer out;
    Header h{.type = kTypeError, .sequence = request.header.sequence, .port = request.header.port};
    h.flags = static_cast<u16>((caps ? kCapped : 0) | (has_reason ? kHasReason : 0));
    out.begin(h);
    out.body(wire_error(error));
    // The request as it came, its sender's port and all.
    out.bytes_of(caps ? request.message.first(kHeaderBytes) : request.message);
    if (has_reason) write_reason(out, why, is_error);
    out.end();
    if (out.failed()) return Err(Error::nobufs);
    send_back(out.bytes());
    return {};
}

// Each goes by itself.
Result<void> NetlinkSocket::answer_messages(std::span<const u8> bytes) {
    while (bytes.size() >= kHeaderBytes) {
        u32 length;
        std::memcpy(&length, bytes.data(), sizeof length);
        if (length < kHeaderBytes || length > bytes.size()) break;
        send_back(bytes.first(length));
        bytes = bytes.subspan(std::min(aligned(length), bytes.size()));
    }
    return {};
}

// All of it as of now, in packets; the end, with its error, in one of its own.
Result<void> NetlinkSocket::answer_dump(const Request& request, const Answer& answer, Error error) {
    if (dump_runs()) return Err(Error::busy);
    Queue chunks;
    const auto dispose = [](Entry* entry) { delete entry; };
    const auto add = [&](std::span<const u8> bytes) -> Result<void> {
        TRY_ASSIGN(auto payload, Payload::make(bytes.size()));
        std::memcpy(payload->bytes.get(), bytes.data(), bytes.size());
        payload->credentials = {0, 0, 0};
        std::unique_ptr<Entry> entry(new (std::nothrow) Entry);
        if (!entry) return Err(Error::nobufs);
        entry->payload = std::move(payload);
        chunks.push_back(*entry.release());
        return {};
    };
    const usize limit = std::max<usize>(kMinDumpPacket, longest_receive_);
    const std::span<const u8> all = answer.out.bytes();
    u32 next_break = 0;
    usize from = 0, at = 0;
    Result<void> result;
    while (result && at < all.size()) {
        u32 length;
        std::memcpy(&length, all.data() + at, sizeof length);
        const bool breaks = next_break < answer.break_count && answer.breaks[next_break] == at;
        if (breaks) ++next_break;
        if (at != from && (breaks || at + length - from > limit)) {
            result = add(all.subspan(from, at - from));
            from = at;
        }
        at += aligned(length);
    }
    if (result && at != from) result = add(all.subspan(from, at - from));
    if (result) {
        const bool tells = answer.why.text != nullptr && error != Error::none &&
                           (options_set_.load(std::memory_order_relaxed) & (1u << kExtAck));
        Writer done;
        Header h{.type = kTypeDone,
                 .flags = kMulti,
                 .sequence = request.header.sequence,
                 .port = request.header.port};
        if (answer.filtered) h.flags |= kFiltered;
        if (tells) h.flags |= kHasReason;
        done.begin(h);
        done.body(wire_error(error));
        if (tells) done.text(kReasonText, answer.why.text);
        done.end();
        result = done.failed() ? Result<void>(Err(Error::nobufs)) : add(done.bytes());
    }
    if (result) result = queue_dump(chunks);
    chunks.clear_and_dispose(dispose);
    return result;
}

i32 wire_error(Error error) {
    switch (error) {
        case Error::none:
            return 0;
        case Error::perm:
            return -1;
        case Error::noent:
            return -2;
        case Error::srch:
            return -3;
        case Error::nomem:
            return -12;
        case Error::acces:
            return -13;
        case Error::busy:
            return -16;
        case Error::exist:
            return -17;
        case Error::nodev:
            return -19;
        case Error::range:
            return -34;
        case Error::opnotsupp:
            return -95;
        case Error::afnosupport:
            return -97;
        case Error::addrnotavail:
            return -99;
        case Error::netdown:
            return -100;
        case Error::netunreach:
            return -101;
        case Error::nobufs:
            return -105;
        case Error::hostunreach:
            return -113;
        default:
            return -22;
    }
}

}  // namespace tenon::net::netlink
