// Rules. Spec: Linux net/core/fib_rules.c.
#include "messages.h"

namespace tenon::net::rtnetlink {

namespace {

using inet::Family;

enum Attribute : u16 {
    kDestination = 1,
    kSource = 2,
    kPriority = 6,
    kSuppressPrefix = 14,
    kTable = 15,
    kProtocol = 21,
};
// Others, a rule may be made of as well; who asks for them is told so.
constexpr std::initializer_list<u16> kKnown = {kDestination,    kSource, kPriority,
                                               kSuppressPrefix, kTable,  kProtocol};
constexpr Rule kRules[] = {
    {kPriority, 4, 4}, {kSuppressPrefix, 4, 4}, {kTable, 4, 4}, {kProtocol, 1, 1}};

struct Context {
    const Request& request;
    Answer& answer;
};

}  // namespace

void write_rule(Writer& out, const inet::Rule& rule, Header header) {
    const u32 n = inet::address_bytes(rule.family);
    out.begin(header);
    out.body(RuleBody{.family = static_cast<u8>(rule.family),
                      .destination_length = rule.destination_length,
                      .source_length = rule.source_length,
                      .tos = rule.tos,
                      .table = static_cast<u8>(rule.table < 256 ? rule.table : 252),
                      .action = rule.action,
                      .flags = rule.flags});
    out.number<u32>(kTable, rule.table);
    out.number<u32>(kSuppressPrefix, ~u32{0});
    out.number<u8>(kProtocol, rule.protocol);
    if (rule.priority != 0) out.number<u32>(kPriority, rule.priority);
    if (rule.destination_length != 0) out.attribute(kDestination, rule.destination.bytes, n);
    if (rule.source_length != 0) out.attribute(kSource, rule.source.bytes, n);
    out.end();
}

Result<void> dump_rules(const Request& request, Answer& answer) {
    answer.is_dump = true;
    const u8 family = family_of(request);
    if (request.strict) {
        RuleBody body;
        if (request.body().size() < sizeof body)
            return refuse(answer, "Invalid header for fib rule dump request");
        std::memcpy(&body, request.body().data(), sizeof body);
        if (body.destination_length != 0 || body.source_length != 0 || body.tos != 0 ||
            body.table != 0 || body.action != 0 || body.flags != 0)
            return refuse(answer, "Invalid values in header for fib rule dump request");
        if (request.body().size() > sizeof body)
            return refuse(answer, "Invalid data after header in fib rule dump request");
    }
    if (family != kAny && family != kInet && family != kInet6) return Err(Error::afnosupport);
    Context context{request, answer};
    for (const Family f : {Family::v4, Family::v6}) {
        if (family != kAny && family != static_cast<u8>(f)) continue;
        inet::for_each_rule(
            f,
            [](const inet::Rule& rule, void* p) {
                auto& c = *static_cast<Context*>(p);
                write_rule(c.answer.out, rule, header_for(c.request, kNewRule, netlink::kMulti));
            },
            &context);
    }
    return {};
}

Result<void> change_rule(const Request& request, Answer& answer, Family family) {
    RuleBody body;
    TRY_ASSIGN(const auto a, Attributes::read(request, body, kRules, answer.why));
    const u32 n = inet::address_bytes(family);
    const auto bad = [&](u8 length, u16 type) {
        return length != 0 && (length > n * 8 || a.bytes(type).size() != n);
    };
    if (bad(body.source_length, kSource)) return refuse(answer, "Invalid src address");
    if (bad(body.destination_length, kDestination)) return refuse(answer, "Invalid dst address");
    if (a.has_other_than(kKnown)) return Err(Error::opnotsupp);
    inet::Rule rule;
    rule.family = family;
    rule.destination_length = body.destination_length;
    rule.source_length = body.source_length;
    rule.tos = body.tos;
    rule.action = body.action;
    rule.flags = body.flags;
    rule.table = a.number<u32>(kTable, body.table);
    rule.priority = a.number<u32>(kPriority);
    rule.protocol = a.number<u8>(kProtocol);
    rule.destination = inet::cut(a.address(kDestination, family), rule.destination_length);
    rule.source = inet::cut(a.address(kSource, family), rule.source_length);
    if (request.header.type == kDelRule) return inet::remove_rule(rule, asker_of(request));
    return inet::add_rule(rule, request.header.flags, asker_of(request));
}

}  // namespace tenon::net::rtnetlink
