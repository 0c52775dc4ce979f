#include "pkg/lib/rpm/relation.h"

#include <algorithm>
#include <iterator>

#include "pkg/lib/text.h"

namespace tenon::pkg::rpm {

namespace {

constexpr int kMaxNesting = 32;

// What an expression below another one forbids its parents to be.
struct Bans {
    bool set_operator = false;  // it is none of those that make sets of packages
    bool and_like = false;      // it holds an "unless"
    bool or_like = false;       // it holds an "if"
};

class Parser {
  public:
    explicit Parser(std::string_view text) : text_(text) {}

    Result<RichDependency> whole(RichContext context) {
        Bans bans;
        TRY_SET(RichDependency d, group(0, bans));
        skip_blanks();
        if (at_ != text_.size()) return wrong("has something behind its last parenthesis");
        RichOp outer = context == RichContext::must_hold ? RichOp::and_ : RichOp::or_;
        TRY(allowed(outer, bans));
        return d;
    }

  private:
    std::unexpected<Error> wrong(const char* what) const {
        return fail("the rich dependency '%s' %s", std::string(text_).c_str(), what);
    }

    void skip_blanks() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) at_++;
    }

    Status allowed(RichOp op, const Bans& below) const {
        if ((op == RichOp::with_ || op == RichOp::without_) && below.set_operator)
            return wrong("has other operators than with, without and or below a with or without");
        if ((op == RichOp::and_ || op == RichOp::if_) && below.and_like)
            return wrong("has an 'unless' in the place of an 'or'");
        if ((op == RichOp::or_ || op == RichOp::unless_) && below.or_like)
            return wrong("has an 'if' in the place of an 'and'");
        return {};
    }

    // A name may hold balanced parentheses: foo(x86-64).
    std::string_view word() {
        size_t start = at_;
        int open = 0;
        for (; at_ < text_.size(); at_++) {
            char c = text_[at_];
            if (is_space(c) || c == ',') break;
            if (c == '(') open++;
            if (c == ')' && open-- == 0) break;
        }
        return text_.substr(start, at_ - start);
    }

    static SenseFlags comparison(std::string_view w) {
        if (w == "<") return kLess;
        if (w == "<=" || w == "=<") return kLess | kEqual;
        if (w == "=" || w == "==") return kEqual;
        if (w == ">=" || w == "=>") return kGreater | kEqual;
        if (w == ">") return kGreater;
        return 0;
    }

    Result<RichDependency> simple() {
        RichDependency d;
        d.leaf.name = word();
        if (d.leaf.name.empty()) return wrong("lacks a name");
        size_t before = at_;
        skip_blanks();
        size_t start = at_;
        while (at_ < text_.size() && std::string_view("<>=").contains(text_[at_])) at_++;
        if (at_ == start) {
            at_ = before;
            return d;
        }
        d.leaf.flags = comparison(text_.substr(start, at_ - start));
        if (!d.leaf.flags) return wrong("has an unknown comparison");
        skip_blanks();
        d.leaf.evr = word();
        if (d.leaf.evr.empty()) return wrong("lacks a version behind a comparison");
        return d;
    }

    Result<std::string_view> operator_word() {
        size_t start = at_;
        while (at_ < text_.size() && is_alpha(text_[at_])) at_++;
        std::string_view w = text_.substr(start, at_ - start);
        if (w.empty()) return wrong("lacks an operator");
        return w;
    }

    static RichOp op_of(std::string_view w) {
        if (w == "and") return RichOp::and_;
        if (w == "or") return RichOp::or_;
        if (w == "if") return RichOp::if_;
        if (w == "unless") return RichOp::unless_;
        if (w == "with") return RichOp::with_;
        if (w == "without") return RichOp::without_;
        return RichOp::none;
    }

    // An operand; a group below a condition (op if_ or unless_, operand 1) bans nothing.
    Result<RichDependency> operand(int depth, RichOp op, Bans& bans) {
        skip_blanks();
        if (at_ >= text_.size() || text_[at_] != '(') return simple();
        Bans below;
        TRY_SET(RichDependency d, group(depth + 1, below));
        if (op == RichOp::if_ || op == RichOp::unless_) below.and_like = below.or_like = false;
        bans.set_operator |= below.set_operator;
        bans.and_like |= below.and_like;
        bans.or_like |= below.or_like;
        return d;
    }

    Result<RichDependency> group(int depth, Bans& bans) {
        if (depth > kMaxNesting) return wrong("is nested too deeply");
        if (at_ >= text_.size() || text_[at_] != '(') return wrong("does not begin with '('");
        at_++;
        RichDependency d;
        TRY_SET(RichDependency first, operand(depth, RichOp::none, bans));
        d.operands.push_back(std::move(first));
        bool with_else = false;
        for (;;) {
            skip_blanks();
            if (at_ >= text_.size()) return wrong("lacks a ')'");
            if (text_[at_] == ')') break;
            TRY_SET(std::string_view w, operator_word());
            bool conditional = d.op == RichOp::if_ || d.op == RichOp::unless_;
            if (w == "else") {
                if (!conditional || with_else) return wrong("has an 'else' in a wrong place");
                with_else = true;
            } else {
                RichOp op = op_of(w);
                if (op == RichOp::none) return wrong("has an unknown operator");
                if (d.op != RichOp::none && op != d.op)
                    return wrong("mixes operators without parentheses");
                if (d.op != RichOp::none && op != RichOp::and_ && op != RichOp::or_ &&
                    op != RichOp::with_)
                    return wrong("repeats an operator other than and, or, with");
                d.op = op;
            }
            TRY_SET(RichDependency next, operand(depth, with_else ? RichOp::none : d.op, bans));
            d.operands.push_back(std::move(next));
        }
        at_++;
        TRY(allowed(d.op, bans));
        if (d.op == RichOp::if_) bans.or_like = true;
        if (d.op == RichOp::unless_) bans.and_like = true;
        if (d.op == RichOp::and_ || d.op == RichOp::or_) bans.and_like = bans.or_like = false;
        if (d.op != RichOp::none && d.op != RichOp::with_ && d.op != RichOp::without_ &&
            d.op != RichOp::or_)
            bans.set_operator = true;
        if (d.op == RichOp::none) {
            RichDependency only = std::move(d.operands.front());
            return only;
        }
        return d;
    }

    std::string_view text_;
    size_t at_ = 0;
};

const char* word_of(RichOp op) {
    constexpr const char* kWords[] = {"", "and", "or", "if", "unless", "with", "without"};
    return kWords[static_cast<int>(op)];
}

// The packages that fulfil an expression of with, without and or.
std::vector<int> packages_of(const RichDependency& d, const Providers& world) {
    if (d.op == RichOp::none) return world.of(d.leaf);
    std::vector<int> out = packages_of(d.operands[0], world);
    for (size_t i = 1; i < d.operands.size(); i++) {
        std::vector<int> right = packages_of(d.operands[i], world), joined;
        auto into = std::back_inserter(joined);
        if (d.op == RichOp::with_)
            std::set_intersection(out.begin(), out.end(), right.begin(), right.end(), into);
        else if (d.op == RichOp::without_)
            std::set_difference(out.begin(), out.end(), right.begin(), right.end(), into);
        else
            std::set_union(out.begin(), out.end(), right.begin(), right.end(), into);
        out = std::move(joined);
    }
    return out;
}

}  // namespace

std::string Relation::str() const {
    if (!(flags & kComparison) || evr.empty()) return name;
    return name + " " + comparison_text(flags) + " " + evr;
}

bool matches(const Relation& wanted, const Relation& provided) {
    if (wanted.name != provided.name) return false;
    if (!(wanted.flags & kComparison) || !(provided.flags & kComparison)) return true;
    if (wanted.evr.empty() || provided.evr.empty()) return true;
    return overlap(Evr::parse(wanted.evr), wanted.flags, Evr::parse(provided.evr), provided.flags);
}

std::string RichDependency::str() const {
    if (op == RichOp::none) return leaf.str();
    std::string out = "(" + operands[0].str();
    bool conditional = op == RichOp::if_ || op == RichOp::unless_;
    for (size_t i = 1; i < operands.size(); i++)
        out += std::string(" ") + (conditional && i == 2 ? "else" : word_of(op)) + " " +
               operands[i].str();
    return out + ")";
}

Result<RichDependency> parse_rich(std::string_view text, RichContext context) {
    return Parser(text).whole(context);
}

bool evaluate(const RichDependency& d, const Providers& world) {
    auto holds = [&](size_t i) { return evaluate(d.operands[i], world); };
    auto held = [&](const RichDependency& o) { return evaluate(o, world); };
    switch (d.op) {
        case RichOp::none:
            return !world.of(d.leaf).empty();
        case RichOp::and_:
            return std::all_of(d.operands.begin(), d.operands.end(), held);
        case RichOp::or_:
            return std::any_of(d.operands.begin(), d.operands.end(), held);
        case RichOp::if_:
            return holds(1) ? holds(0) : d.operands.size() < 3 || holds(2);
        case RichOp::unless_:
            return holds(1) ? d.operands.size() > 2 && holds(2) : holds(0);
        case RichOp::with_:
        case RichOp::without_:
            return !packages_of(d, world).empty();
    }
    return false;
}

}  // namespace tenon::pkg::rpm
