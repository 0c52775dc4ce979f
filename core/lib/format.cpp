#include <tenon/lib/error.h>
#include <tenon/lib/format.h>

#include <algorithm>
#include <cstring>

namespace tenon::fmt {

namespace {

// What stands between the colon and the closing brace.
struct Spec {
    bool hex = false;
    bool octal = false;
    bool prefix = false;
    bool zero_pad = false;
    bool left = false;
    bool right = false;
    usize width = 0;
};

Spec parse_spec(std::string_view text) {
    Spec spec;
    usize i = 0;
    if (i < text.size() && (text[i] == '<' || text[i] == '>')) {
        spec.left = text[i] == '<';
        spec.right = text[i] == '>';
        ++i;
    }
    if (i < text.size() && text[i] == '#') {
        spec.prefix = true;
        ++i;
    }
    if (i < text.size() && text[i] == '0') {
        spec.zero_pad = true;
        ++i;
    }
    while (i < text.size() && text[i] >= '0' && text[i] <= '9')
        spec.width = std::min<usize>(spec.width * 10 + static_cast<usize>(text[i++] - '0'), 256);
    spec.hex = i < text.size() && text[i] == 'x';
    spec.octal = i < text.size() && text[i] == 'o';
    return spec;
}

void pad(Sink& sink, char fill, usize count) {
    char block[32];
    std::memset(block, fill, sizeof(block));
    while (count > 0) {
        usize n = std::min(count, sizeof(block));
        sink.write({block, n});
        count -= n;
    }
}

void write_padded(Sink& sink, std::string_view text, const Spec& spec, bool right_by_default) {
    usize missing = spec.width > text.size() ? spec.width - text.size() : 0;
    bool right = spec.right || (right_by_default && !spec.left);
    if (right) pad(sink, ' ', missing);
    sink.write(text);
    if (!right) pad(sink, ' ', missing);
}

void write_number(Sink& sink, u64 value, bool negative, const Spec& spec) {
    char digits[72];
    char* const end = digits + sizeof(digits);
    char* p = end;
    const u64 base = spec.hex ? 16 : spec.octal ? 8 : 10;
    do {
        *--p = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    usize sign_length = (negative ? 1u : 0u) + (spec.prefix && spec.hex ? 2u : 0u);
    if (spec.zero_pad && !spec.left) {
        usize want = std::min<usize>(spec.width, 64);
        while (static_cast<usize>(end - p) + sign_length < want) *--p = '0';
    }
    if (spec.prefix && spec.hex) {
        *--p = 'x';
        *--p = '0';
    }
    if (negative) *--p = '-';
    write_padded(sink, {p, static_cast<usize>(end - p)}, spec, true);
}

void write_arg(Sink& sink, const Arg& arg, const Spec& spec) {
    switch (arg.kind) {
        case Arg::Kind::boolean:
            write_padded(sink, arg.value ? "true" : "false", spec, false);
            break;
        case Arg::Kind::character: {
            char c = static_cast<char>(arg.value);
            write_padded(sink, {&c, 1}, spec, false);
            break;
        }
        case Arg::Kind::string:
            write_padded(sink, {reinterpret_cast<const char*>(arg.value), arg.length}, spec, false);
            break;
        case Arg::Kind::pointer: {
            Spec hex = spec;
            hex.hex = hex.prefix = true;
            write_number(sink, arg.value, false, hex);
            break;
        }
        case Arg::Kind::signed_int: {
            i64 v = static_cast<i64>(arg.value);
            bool negative = v < 0 && !spec.hex && !spec.octal;
            write_number(sink, negative ? 0 - arg.value : arg.value, negative, spec);
            break;
        }
        case Arg::Kind::unsigned_int:
            write_number(sink, arg.value, false, spec);
            break;
    }
}

}  // namespace

void BufferSink::write(std::string_view text) {
    if (buffer_.empty()) {
        truncated_ |= !text.empty();
        return;
    }
    usize room = buffer_.size() - 1 - used_;
    usize n = std::min(room, text.size());
    std::memcpy(buffer_.data() + used_, text.data(), n);
    used_ += n;
    truncated_ |= n < text.size();
}

void vprint(Sink& sink, std::string_view format, std::span<const Arg> args) {
    usize next = 0;
    usize i = 0;
    while (i < format.size()) {
        usize brace = format.find_first_of("{}", i);
        if (brace == std::string_view::npos) brace = format.size();
        if (brace > i) sink.write(format.substr(i, brace - i));
        if (brace == format.size()) return;
        // "{{" and "}}" are literal braces; a lone "}" is taken as it is.
        if (brace + 1 < format.size() && format[brace + 1] == format[brace]) {
            sink.write(format.substr(brace, 1));
            i = brace + 2;
            continue;
        }
        if (format[brace] == '}') {
            sink.write("}");
            i = brace + 1;
            continue;
        }
        usize close = format.find('}', brace);
        if (close == std::string_view::npos) {
            sink.write(format.substr(brace));
            return;
        }
        std::string_view inside = format.substr(brace + 1, close - brace - 1);
        if (!inside.empty() && inside.front() == ':') inside.remove_prefix(1);
        if (next < args.size())
            write_arg(sink, args[next++], parse_spec(inside));
        else
            sink.write("{?}");
        i = close + 1;
    }
}

}  // namespace tenon::fmt

namespace tenon {

const char* error_name(Error error) {
    switch (error) {
        case Error::none:
            return "none";
#define TENON_ERROR_CASE(name) \
    case Error::name:          \
        return #name;
            TENON_ERRORS(TENON_ERROR_CASE)
#undef TENON_ERROR_CASE
        case Error::restart:
            return "restart";
        case Error::restart_no_hand:
            return "restart_no_hand";
        case Error::restart_no_intr:
            return "restart_no_intr";
        case Error::restart_block:
            return "restart_block";
        case Error::count_:
            break;
    }
    return "unknown";
}

}  // namespace tenon
