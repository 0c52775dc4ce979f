#include "messages.h"

namespace tenon::net::rtnetlink {

namespace {

// A number's kind by netlink's numbers; of others nothing is told.
u32 kind_of(const Rule& rule) {
    if (rule.least != rule.most) return 0;
    return rule.least == 1 ? 1 : rule.least == 2 ? 2 : rule.least == 4 ? 4 : 0;
}

Result<void> refuse_value(Reason& why, usize offset, const Rule& rule) {
    why.text = "Attribute failed policy validation";
    why.offset = static_cast<u32>(offset);
    why.kind = kind_of(rule);
    if (why.kind != 0) why.largest = (u64{1} << (rule.least * 8)) - 1;
    return Err(Error::range);
}

}  // namespace

Result<void> Attributes::load(std::span<const u8> from, usize offset, std::span<const Rule> rules,
                              Reason& why) {
    while (from.size() >= netlink::kAttributeHeaderBytes) {
        u16 head[2];
        std::memcpy(head, from.data(), sizeof head);
        const usize length = head[0];
        const u16 type = head[1] & netlink::kAttributeType;
        if (length < netlink::kAttributeHeaderBytes || length > from.size()) break;
        const auto value =
            from.subspan(netlink::kAttributeHeaderBytes, length - netlink::kAttributeHeaderBytes);
        const auto rule = std::ranges::find(rules, type, &Rule::type);
        if (rule != rules.end()) {
            // A text's NUL is not counted.
            const usize counted = rule->least == 0 && !value.empty() && value.back() == 0
                                      ? value.size() - 1
                                      : value.size();
            if (value.size() < rule->least || (rule->most != 0 && counted > rule->most))
                return refuse_value(why, offset, *rule);
        }
        if (type < kLast) {
            values_[type] = value;
            present_[type] = true;
        } else {
            beyond_ = true;
        }
        const usize step = std::min(netlink::aligned(length), from.size());
        from = from.subspan(step);
        offset += step;
    }
    return {};
}

}  // namespace tenon::net::rtnetlink
